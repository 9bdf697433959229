// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A region as a picture: see granule_map.h.
 */
#define _GNU_SOURCE			/* open_memstream() */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hv/cli/granule_map.h"
#include "hv/cli/json_get.h"
#include "hv/cli/report.h"

#define PER_LINE	32u
#define MAX_GRANULES	(UINT64_C(1) << 20)	/* more are not drawn: 1 TiB of 1 MiB */
#define CELL		12			/* SVG: pixels of a granule */
#define PANEL		(PER_LINE * CELL)
#define LABEL		110
#define LINE		(CELL + 2)

static const struct {
	char mark;
	const char *words, *ansi, *fill;
} kinds[] = {
	{ '#', "pinned", "\033[41m", "#c0392b" },
	{ '+', "migratable", "\033[42m", "#27ae60" },
	{ 'l', "online in the guest", "\033[46m", "#2980b9" },
	{ 'b', "busy", "\033[43m", "#f39c12" },
	{ 's', "swapped", "\033[45m", "#8e44ad" },
	{ '.', "unbacked", "", "#dddddd" },
	{ '?', "not in the report", "", "#ffffff" },
};

#define NR_KINDS	(sizeof(kinds) / sizeof(*kinds))

/* One line of a panel: granules from an address on; blanks are of others. */
struct line {
	uint64_t base;
	char marks[PER_LINE + 1];
};

struct panel {
	struct line *line;
	size_t nr;
};

struct picture {
	uint64_t granule_bytes, nr;
	char *marks;			/* of each granule, by its number in the region */
	struct panel guest, host;
};

static size_t kind_of(char mark)
{
	for (size_t i = 0; i < NR_KINDS; i++)
		if (kinds[i].mark == mark)
			return i;
	return NR_KINDS - 1;
}

/* ---- from a report ---- */

static bool take_marks(struct picture *p, struct json_object *report)
{
	struct json_object *runs = json_member(report, "granules");

	p->marks = malloc(p->nr);
	if (!p->marks)
		return false;
	memset(p->marks, '?', p->nr);
	for (size_t i = 0; i < json_length(runs); i++) {
		struct json_object *run = json_object_array_get_idx(runs, i);
		uint64_t first = json_number(run, "first"), nr = json_number(run, "nr");

		if (first < p->nr && nr <= p->nr - first)
			memset(p->marks + first, hvcma_report_mark(run), nr);
	}
	return true;
}

/* The line for an address; made if there is none: addresses of a run come in their order. */
static struct line *line_of(struct panel *panel, uint64_t base)
{
	struct line *more;

	for (size_t i = panel->nr; i > 0 && i + 4 > panel->nr; i--)
		if (panel->line[i - 1].base == base)
			return &panel->line[i - 1];
	more = realloc(panel->line, (panel->nr + 1) * sizeof(*more));
	if (!more)
		return NULL;
	panel->line = more;
	more = &panel->line[panel->nr++];
	more->base = base;
	memset(more->marks, ' ', PER_LINE);
	more->marks[PER_LINE] = '\0';
	return more;
}

static void put(struct panel *panel, uint64_t address, uint64_t granule_bytes, char mark)
{
	uint64_t width = granule_bytes * PER_LINE, base = address / width * width;
	struct line *line = line_of(panel, base);

	if (line)
		line->marks[(address - base) / granule_bytes] = mark;
}

static int by_base(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	return x->base < y->base ? -1 : x->base > y->base;
}

/* Lines of one address, made at different times, become one. */
static void sort(struct panel *panel)
{
	size_t nr = 0;

	if (panel->nr)
		qsort(panel->line, panel->nr, sizeof(*panel->line), by_base);
	for (size_t i = 0; i < panel->nr; i++) {
		if (!nr || panel->line[nr - 1].base != panel->line[i].base) {
			panel->line[nr++] = panel->line[i];
			continue;
		}
		for (unsigned int c = 0; c < PER_LINE; c++)
			if (panel->line[i].marks[c] != ' ')
				panel->line[nr - 1].marks[c] = panel->line[i].marks[c];
	}
	panel->nr = nr;
}

static void take_host(struct picture *p, struct json_object *report)
{
	struct json_object *region = json_member(report, "region"), *extents = json_member(report, "extents");
	uint64_t first = 0;

	if (!json_truth(region, "unsafe-noiommu"))
		return;
	for (size_t i = 0; i < json_length(extents); i++) {
		struct json_object *e = json_object_array_get_idx(extents, i);
		uint64_t gpa = json_number(e, "base-gpa"), dma = json_number(e, "base-dma"),
			 nr = json_number(e, "bytes") / p->granule_bytes;

		/* They are in the order of the granules: what is another's is behind the one before. */
		while (first < p->nr && hvcma_report_gpa(region, first) != gpa)
			first++;
		for (uint64_t g = 0; g < nr && first < p->nr; g++, first++)
			put(&p->host, dma + g * p->granule_bytes, p->granule_bytes, p->marks[first]);
	}
	sort(&p->host);
}

static bool picture_make(struct picture *p, struct json_object *report)
{
	struct json_object *region = json_member(report, "region");

	memset(p, 0, sizeof(*p));
	p->granule_bytes = json_number(region, "granule-bytes");
	p->nr = p->granule_bytes ? json_number(region, "bytes") / p->granule_bytes : 0;
	if (!p->nr || p->nr > MAX_GRANULES || !take_marks(p, report))
		return false;
	for (uint64_t g = 0; g < p->nr; g++)
		put(&p->guest, hvcma_report_gpa(region, g), p->granule_bytes, p->marks[g]);
	sort(&p->guest);
	take_host(p, report);
	return true;
}

static void picture_free(struct picture *p)
{
	free(p->marks);
	free(p->guest.line);
	free(p->host.line);
}

/* ---- terminals ---- */

/* @is_last: nothing comes behind it */
static void print_line(FILE *out, const struct panel *panel, size_t i, bool is_last, bool colours)
{
	size_t nr = PER_LINE;

	if (i >= panel->nr) {
		fprintf(out, "%*s", is_last ? 0 : (int)(PER_LINE + 16), "");
		return;
	}
	fprintf(out, "0x%-12" PRIx64 " ", panel->line[i].base);
	while (is_last && nr && panel->line[i].marks[nr - 1] == ' ')
		nr--;
	for (size_t c = 0; c < nr; c++) {
		char mark = panel->line[i].marks[c];
		const char *ansi = colours && mark != ' ' ? kinds[kind_of(mark)].ansi : "";

		fprintf(out, "%s%c%s", ansi, mark, *ansi ? "\033[m" : "");
	}
	fputs(is_last ? "" : " ", out);
}

void hvcma_granule_map_print(FILE *out, const char *title, struct json_object *report, unsigned int max_lines,
			     bool colours)
{
	struct picture p;
	size_t nr;

	fprintf(out, "%s\n", title);
	if (!picture_make(&p, report)) {
		fputs("  (no granules to be drawn)\n", out);
		picture_free(&p);
		return;
	}
	fprintf(out, "%-*s%s\n", (int)(PER_LINE + 16), "guest-physical", p.host.nr ? "host-physical (DMA)" : "");
	nr = p.guest.nr > p.host.nr ? p.guest.nr : p.host.nr;
	for (size_t i = 0; i < nr && i < max_lines; i++) {
		print_line(out, &p.guest, i, !p.host.nr, colours);
		if (p.host.nr)
			print_line(out, &p.host, i, true, colours);
		fputc('\n', out);
	}
	if (nr > max_lines)
		fprintf(out, "... and %zu more lines\n", nr - max_lines);
	picture_free(&p);
}

void hvcma_granule_map_legend(FILE *out, bool colours)
{
	for (size_t i = 0; i < NR_KINDS; i++)
		fprintf(out, "%s%s%c%s %s", i ? ", " : "", colours ? kinds[i].ansi : "", kinds[i].mark,
			colours && *kinds[i].ansi ? "\033[m" : "", kinds[i].words);
	fputc('\n', out);
}

/* ---- SVG ---- */

struct hvcma_svg {
	FILE *body;
	char *text;
	size_t bytes;
	unsigned int y;
};

struct hvcma_svg *hvcma_svg_begin(void)
{
	struct hvcma_svg *svg = calloc(1, sizeof(*svg));

	if (!svg)
		return NULL;
	svg->body = open_memstream(&svg->text, &svg->bytes);
	if (!svg->body) {
		free(svg);
		return NULL;
	}
	svg->y = 30;
	return svg;
}

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else
			fputc(*text, out);
	}
}

static void put_text(struct hvcma_svg *svg, unsigned int x, unsigned int y, const char *text)
{
	fprintf(svg->body, "<text x=\"%u\" y=\"%u\">", x, y);
	put_escaped(svg->body, text);
	fputs("</text>\n", svg->body);
}

/* Neighbours of one kind are one rectangle. */
static void put_panel(struct hvcma_svg *svg, const struct panel *panel, unsigned int x)
{
	char address[32];

	for (size_t i = 0; i < panel->nr; i++) {
		unsigned int y = svg->y + (unsigned int)i * LINE, c = 0;
		const char *marks = panel->line[i].marks;

		snprintf(address, sizeof(address), "0x%" PRIx64, panel->line[i].base);
		put_text(svg, x, y + CELL - 2, address);
		while (c < PER_LINE) {
			unsigned int nr = 1;

			while (c + nr < PER_LINE && marks[c + nr] == marks[c])
				nr++;
			if (marks[c] != ' ')
				fprintf(svg->body, "<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%d\" fill=\"%s\"><title>%s</title></rect>\n",
					x + LABEL + c * CELL, y, nr * CELL - 1, CELL, kinds[kind_of(marks[c])].fill,
					kinds[kind_of(marks[c])].words);
			c += nr;
		}
	}
}

void hvcma_svg_add(struct hvcma_svg *svg, const char *title, struct json_object *report)
{
	struct picture p;
	size_t nr;

	put_text(svg, 10, svg->y, title);
	svg->y += 2 * LINE;
	if (picture_make(&p, report)) {
		put_text(svg, 10, svg->y - 4, "guest-physical");
		if (p.host.nr)
			put_text(svg, 2 * LABEL + PANEL, svg->y - 4, "host-physical (DMA)");
		svg->y += 4;
		put_panel(svg, &p.guest, 10);
		put_panel(svg, &p.host, 2 * LABEL + PANEL);
		nr = p.guest.nr > p.host.nr ? p.guest.nr : p.host.nr;
		svg->y += (unsigned int)nr * LINE;
	}
	svg->y += 2 * LINE;
	picture_free(&p);
}

char *hvcma_svg_end(struct hvcma_svg *svg)
{
	unsigned int x = 10;
	char *text = NULL;
	size_t bytes;
	FILE *out;

	for (size_t i = 0; i < NR_KINDS; i++, x += 150) {
		fprintf(svg->body, "<rect x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\" fill=\"%s\" stroke=\"#888\"/>\n", x, svg->y, CELL,
			CELL, kinds[i].fill);
		put_text(svg, x + CELL + 4, svg->y + CELL - 2, kinds[i].words);
	}
	fclose(svg->body);
	out = open_memstream(&text, &bytes);
	if (out) {
		fprintf(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" font-family=\"monospace\" font-size=\"11\">\n"
			"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n%s</svg>\n",
			3 * LABEL + 2 * PANEL + 20, svg->y + 3 * LINE, svg->text ? svg->text : "");
		if (fclose(out)) {
			free(text);
			text = NULL;
		}
	}
	free(svg->text);
	free(svg);
	return text;
}
