# SPDX-License-Identifier: GPL-2.0-or-later
#
# Results of benches as a page with pictures: see figures. A figure is a bar of ours and, below it, one of what it is
# beside, of a scale of its own; the goal is a line across both. Colours are those of "hvcma map --svg".
#
#	results, folder	where RESULTS/NAME.txt are and NAME.svg go; by which name the page links there
#	benches		their names

BEGIN {
	BAR = 12; GAP = 10; CHAR = 7; WIDTH = 360
	fill["PASS"] = "#27ae60"; fill["FAIL"] = "#c0392b"; fill["UNSURE"] = "#f39c12"; BESIDE = "#bbbbbb"

	nr_benches = split(benches, bench, " ")
	for (b = 1; b <= nr_benches; b++)
		read_bench(bench[b])
	print_page()
}

# ---- what was printed ----

# number(TEXT): without its unit
function number(text)
{
	match(text, /^-?[0-9]*\.?[0-9]*(e[-+]?[0-9]+)?/)
	return substr(text, 1, RLENGTH) + 0
}

function unit(text)
{
	match(text, /^-?[0-9]*\.?[0-9]*(e[-+]?[0-9]+)?/)
	return substr(text, RLENGTH + 1)
}

function read_bench(name,	file, line, got)
{
	file = results "/" name ".txt"
	while ((got = (getline line < file)) > 0) {
		if (line ~ /^machine: /)
			machine_of[name] = machine_number(substr(line, 10))
		else if (line ~ /^BENCH /)
			read_figure(name, line)
		else if (line ~ /^(skipped|failed): /)
			notes[name] = notes[name] (notes[name] ? "; " : "") line
	}
	if (got == 0)
		close(file)
}

function machine_number(text,	m)
{
	for (m = 1; m <= nr_machines; m++)
		if (machine[m] == text)
			return m
	machine[++nr_machines] = text
	return nr_machines
}

# read_figure(BENCH, LINE): "BENCH NAME ours=.. [WHOSE=..] [ratio=..] [spread=..] goal=.. PASS|FAIL|UNSURE ..."
function read_figure(name, line,	nr_words, word, i, at, key, value, f)
{
	nr_figures[name]++
	f = name SUBSEP nr_figures[name]
	nr_words = split(line, word, " ")
	figure[f, "name"] = word[2]
	for (i = 3; i <= nr_words; i++) {
		at = index(word[i], "=")
		if (word[i] ~ /^(PASS|FAIL|UNSURE)$/) {
			figure[f, "decision"] = word[i]
			nr_of[word[i]]++
		} else if (at) {
			key = substr(word[i], 1, at - 1)
			value = substr(word[i], at + 1)
			if (key ~ /^(ours|ratio|spread|goal|sure|pairs|rounds|waited)$/) {
				figure[f, key] = value
			} else if (!((f, "whose") in figure)) {
				figure[f, "whose"] = key
				figure[f, "theirs"] = value
			}
		}
	}
}

# ---- a picture ----

function escaped(text)
{
	gsub(/&/, "\\&amp;", text)
	gsub(/</, "\\&lt;", text)
	gsub(/>/, "\\&gt;", text)
	return text
}

function put_text(x, y, text)
{
	body = body sprintf("<text x=\"%d\" y=\"%d\">%s</text>\n", x, y, escaped(text))
}

function put_bar(x, y, value, full, colour, title)
{
	body = body sprintf("<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"><title>%s</title></rect>\n",
			    x, y, full > 0 ? value * WIDTH / full : 0, BAR, colour, escaped(title))
}

function put_line(x1, y1, x2, y2)
{
	body = body sprintf("<line x1=\"%.1f\" y1=\"%d\" x2=\"%.1f\" y2=\"%d\" stroke=\"#000\"/>\n", x1, y1, x2, y2)
}

function is_measured(f)
{
	return figure[f, "ours"] ~ /^[0-9.]/ && !((f, "theirs") in figure && figure[f, "theirs"] !~ /^[0-9.]/)
}

function goal_value(f,	text)
{
	text = figure[f, "goal"]
	sub(/^[<>=]+/, "", text)
	return number(text) * ((f, "theirs") in figure ? number(figure[f, "theirs"]) : 1)
}

# One figure, from y on; the y below it
function put_figure(f, x, y,	ours, theirs, goal, low, high, full, height, at)
{
	put_text(10, y + BAR - 2, figure[f, "name"])
	if (!is_measured(f)) {
		put_text(x, y + BAR - 2, "not measured (" figure[f, "decision"] ")")
		return y + BAR + GAP
	}
	ours = number(figure[f, "ours"])
	theirs = (f, "theirs") in figure ? number(figure[f, "theirs"]) : 1
	goal = goal_value(f)
	full = ours > goal ? ours : goal
	if ((f, "theirs") in figure && theirs > full)
		full = theirs
	put_bar(x, y, ours, full, fill[figure[f, "decision"]], "ours: " figure[f, "ours"] ", " figure[f, "decision"])
	put_text(x + WIDTH + 8, y + BAR - 2, figure[f, "ours"] (figure[f, "decision"] == "PASS" ? "" : " " figure[f, "decision"]))
	height = BAR
	if ((f, "theirs") in figure) {
		put_bar(x, y + BAR, theirs, full, BESIDE, figure[f, "whose"] ": " figure[f, "theirs"])
		put_text(x + WIDTH + 8, y + 2 * BAR - 2, figure[f, "theirs"] " " figure[f, "whose"])
		height += BAR
	}
	# From the tenth to the ninetieth of a hundred, as far as there is room.
	if (full > 0 && (at = index(figure[f, "spread"], ".."))) {
		low = number(substr(figure[f, "spread"], 1, at - 1)) * theirs
		high = number(substr(figure[f, "spread"], at + 2)) * theirs
		put_line(x + (low < full ? low : full) * WIDTH / full, y + BAR / 2,
			 x + (high < full ? high : full) * WIDTH / full, y + BAR / 2)
	}
	if (full > 0)
		put_line(x + goal * WIDTH / full, y - 2, x + goal * WIDTH / full, y + height + 2)
	return y + height + GAP
}

function put_legend(x, y, colour, text)
{
	body = body sprintf("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x, y, BAR, BAR, colour)
	put_text(x + BAR + 4, y + BAR - 2, text)
	return x + BAR + 4 + (length(text) + 2) * CHAR
}

function draw(name,	i, x, y, longest, f, legend, file)
{
	for (i = 1; i <= nr_figures[name]; i++)
		if (length(figure[name, i, "name"]) > longest)
			longest = length(figure[name, i, "name"])
	body = ""
	x = 20 + longest * CHAR
	y = 14
	for (i = 1; i <= nr_figures[name]; i++)
		y = put_figure(name SUBSEP i, x, y)
	legend = put_legend(10, y, fill["PASS"], "ours, goal met")
	legend = put_legend(legend, y, fill["UNSURE"], "unsure")
	legend = put_legend(legend, y, fill["FAIL"], "missed")
	legend = put_legend(legend, y, BESIDE, "beside it")
	put_text(legend, y + BAR - 2, "| goal  - spread")
	file = results "/" name ".svg"
	printf "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->\n" \
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"monospace\" font-size=\"11\">\n" \
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n%s</svg>\n",
		max(x + WIDTH + 220, legend + 130), y + 2 * BAR + 4, body >file
	close(file)
}

function max(a, b)
{
	return a > b ? a : b
}

# ---- the page ----

function print_page(	b, m, name, missing)
{
	print "<!-- SPDX-License-Identifier: GPL-2.0-or-later -->"
	print "# Figures\n"
	print "Made by `make figures` out of the results of `make bench`; not to be edited. What each bench measures, how, and what"
	print "PASS, FAIL and UNSURE mean: [testing](testing.md#figures). Each figure has a scale of its own: the longest of ours, what it"
	print "is beside, and the goal. Who wants other figures runs both commands.\n"
	for (b = 1; b <= nr_benches; b++)
		if (!nr_figures[bench[b]])
			missing = missing "- `" bench[b] "`: " (bench[b] in machine_of ? \
				(notes[bench[b]] ? notes[bench[b]] : "ran, without a figure") : "not run") "\n"
	printf "%d figures: %d met their goal, %d missed it, %d unsure. ", nr_of["PASS"] + nr_of["FAIL"] + nr_of["UNSURE"],
		nr_of["PASS"], nr_of["FAIL"], nr_of["UNSURE"]
	print "Measured on:\n"
	for (m = 1; m <= nr_machines; m++)
		printf "%d. %s\n", m, machine[m]
	print ""
	if (missing)
		printf "Without figures here:\n\n%s\n", missing
	for (b = 1; b <= nr_benches; b++)
		if (nr_figures[bench[b]])
			print_bench(bench[b])
}

function cell(f, key)
{
	return (f, key) in figure ? figure[f, key] : ""
}

function print_bench(name,	i, f)
{
	draw(name)
	printf "## %s\n\n", name
	if (nr_machines > 1)
		printf "On machine %d.", machine_of[name]
	if (notes[name])
		printf "%sNot all of it: %s.", (nr_machines > 1 ? " " : ""), notes[name]
	if (nr_machines > 1 || notes[name])
		print "\n"
	printf "![%s](%s/%s.svg)\n\n", name, folder, name
	print "| figure | ours | beside it | ratio | spread | goal | | sure | waited |"
	print "|---|---|---|---|---|---|---|---|---|"
	for (i = 1; i <= nr_figures[name]; i++) {
		f = name SUBSEP i
		printf "| `%s` | %s | %s | %s | %s | %s | %s | %s | %s |\n", cell(f, "name"), cell(f, "ours"),
			(f, "whose") in figure ? cell(f, "whose") " " cell(f, "theirs") : "", cell(f, "ratio"),
			cell(f, "spread"), cell(f, "goal"), cell(f, "decision"), cell(f, "sure"), cell(f, "waited")
	}
	print ""
}
