/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A region's report (the "report" property of a virtio-cma device, as JSON)
 * laid out for people. Knows nothing of where the report came from.
 */
#ifndef HVCMA_CLI_REPORT_H
#define HVCMA_CLI_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

/**
 * hvcma_report_print() - print @report for people.
 * @device: path or id of the device, for the title
 * @report: as read from QEMU; absent or mistyped members read as zero, empty
 *	or "?", ranges outside the region are left out of the map; its strings are
 *	printable. What is zero or empty is left out.
 */
void hvcma_report_print(FILE *out, const char *device,
			struct json_object *report);

/** hvcma_report_gpa() - of a granule of @region; of a device that tells no ranges, there is one. */
uint64_t hvcma_report_gpa(struct json_object *region, uint64_t granule);

/**
 * hvcma_report_mark() - the letter of a run of granules: '#' pinned, 'b' busy, 'l' online, '+' migratable,
 * 's' swapped, '.' unbacked.
 */
char hvcma_report_mark(struct json_object *run);

#endif /* HVCMA_CLI_REPORT_H */
