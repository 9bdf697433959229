# SPDX-License-Identifier: GPL-2.0-or-later
#
# The folders of guest-driver: who uses whom. Reads the rules, then every .c and .h twice:
#
#	awk -v root=.../guest-driver -f folders.awk RULES FILE... FILE...
#
# A rule is "FOLDER: FOLDER...": what may be used, by name or by an included header; each was
# ruled before, so the arrows can't go in a circle. "." is the folder itself. Prints what is wrong, one a line. Knows the kernel's style, not C: a definition begins
# in the first column.

function say(what) { print name ": " what }

# What of the line is code.
function code(line,    at, out)
{
	out = ""
	gsub(/\\"/, "", line)
	if (!in_comment && line !~ /^#[ \t]*include/)
		gsub(/"[^"]*"/, "\"\"", line)
	while (line != "") {
		if (in_comment) {
			at = index(line, "*/")
			if (!at)
				return out
			line = substr(line, at + 2)
			in_comment = 0
		} else {
			at = index(line, "/*")
			if (!at)
				return out line
			out = out substr(line, 1, at - 1)
			line = substr(line, at + 2)
			in_comment = 1
		}
	}
	return out
}

function may(user, used) { return user == used || user == "." || (user, used) in allowed }

# A function or an object that others may use begins here, or may.
function define(line)
{
	if (line ~ /^(static|extern|typedef|struct vcma_[a-z0-9_]+ \{|#|[a-z_]+:)/)
		return
	if (match(line, /^DEFINE_[A-Z_]+\(vcma_[a-z0-9_]+\)/)) {
		line = substr(line, index(line, "(") + 1)
		sub(/\).*/, "", line)
	} else if (line ~ /^[a-z].*[ *]vcma_[a-z0-9_]+(\(|\[\]| =|;)/) {
		sub(/(\(|\[\]| =|;).*/, "", line)
		sub(/.*[ *]/, "", line)
	} else {
		return
	}
	if (line ~ /^vcma_/)
		defined[line] = folder
}

function use(line,    word)
{
	# Tags, trace events and their calls have names of their own.
	gsub(/(struct|enum|union) +vcma_[a-z0-9_]+|[a-z0-9_]+_vcma_[a-z0-9_]+/, "", line)
	sub(/^(TRACE|DEFINE)_EVENT\(.*/, "", line)
	while (match(line, /vcma_[a-z0-9_]+/)) {
		word = substr(line, RSTART, RLENGTH)
		line = substr(line, RSTART + RLENGTH)
		if (word in defined && !may(folder, defined[word]) && !((name, word) in said)) {
			said[name, word] = 1
			say(word " is " defined[word] "'s")
		}
	}
}

function include(header,    parts)
{
	if (header ~ /^(hv|uapi|include)\//)
		return
	if (split(header, parts, "/") == 1) {
		if (!((folder, header) in there))
			say("includes " header ", which is not in its folder")
	} else if (!may(folder, parts[1])) {
		say("includes " header)
	} else if (!((parts[1], parts[2]) in there)) {
		say("includes " header ", which is not there")
	}
}

FNR == 1 { nr_files++ }

nr_files == 1 && /^[a-z.]+:/ {
	name = "rules"
	folder = $1
	sub(/:$/, "", folder)
	for (i = 2; i <= NF; i++) {
		if (!($i in ruled))
			say(folder " may use " $i ", which comes later: a circle")
		allowed[folder, $i] = 1
	}
	ruled[folder] = 1
}
nr_files == 1 { next }

FNR == 1 {
	name = substr(FILENAME, length(root) + 2)
	folder = name
	if (!sub(/\/[^\/]*$/, "", folder))
		folder = "."
	file = name
	sub(/.*\//, "", file)
	second = FILENAME in seen
	seen[FILENAME] = 1
	there[folder, file] = 1
	in_comment = 0
	if (!second && folder !~ /^(uapi|include)$/ && !(folder in ruled)) {
		ruled[folder] = 1
		say("no rule for " folder)
	}
}

folder ~ /^(uapi|include)$/ { next }

{
	line = code($0)
	if (!second && file ~ /\.c$/)
		define(line)
	if (second && match(line, /^#[ \t]*include "[^"]*"/)) {
		sub(/^[^"]*"/, "", line)
		sub(/".*/, "", line)
		include(line)
	} else if (second) {
		use(line)
	}
}
