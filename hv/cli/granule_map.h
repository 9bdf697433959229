/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A region as a picture: its granules by guest-physical address, and beside that by host-physical address
 * (DMA address), for terminals and as SVG. Knows nothing of where the report came from.
 */
#ifndef HVCMA_CLI_GRANULE_MAP_H
#define HVCMA_CLI_GRANULE_MAP_H

#include <stdbool.h>
#include <stdio.h>

#include <json-c/json.h>

/**
 * hvcma_granule_map_print() - for a terminal: 32 granules to a line, at most @max_lines of them.
 * @report: of a device, its strings are printable
 * @colours: of the terminal
 */
void hvcma_granule_map_print(FILE *out, const char *title, struct json_object *report, unsigned int max_lines,
			     bool colours);

/** hvcma_granule_map_legend() - what the letters and colours are. */
void hvcma_granule_map_legend(FILE *out, bool colours);

/* A drawing of several regions, one below the other. */
struct hvcma_svg;

/** hvcma_svg_begin() - NULL without memory. */
struct hvcma_svg *hvcma_svg_begin(void);
void hvcma_svg_add(struct hvcma_svg *svg, const char *title, struct json_object *report);

/** hvcma_svg_end() - the text, the caller's to free; NULL without memory. */
char *hvcma_svg_end(struct hvcma_svg *svg);

#endif /* HVCMA_CLI_GRANULE_MAP_H */
