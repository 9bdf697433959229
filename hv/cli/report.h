/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A region's report (the "report" property of a virtio-cma device, as JSON)
 * laid out for people. Knows nothing of where the report came from.
 */
#ifndef HVCMA_CLI_REPORT_H
#define HVCMA_CLI_REPORT_H

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

#endif /* HVCMA_CLI_REPORT_H */
