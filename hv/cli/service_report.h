/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the host's service, hvcmad, has: asked for and laid out. Knows no option.
 */
#ifndef HVCMA_CLI_SERVICE_REPORT_H
#define HVCMA_CLI_SERVICE_REPORT_H

#include <stdio.h>

#include <json-c/json.h>

#include "hv/host/provider.h"

/**
 * hvcma_service_report() - all regions and devices of all VMs.
 * @path: of the service's socket
 * @report: out: an object, owned by the caller: version ("": it does not say), memory-bytes, pinned-bytes, quota-memory-bytes,
 *	quota-pinned-bytes and regions, a list of objects: vm, name, number, pid, bytes,
 *	granule-bytes, backed-bytes, pinned-bytes; and devices, the same: vm, device, number, pid, state,
 *	kept-bytes, why; and turns, the same of regions that take turns: vm, name, number, pid, priority, offers, rests,
 *	surrendered-bytes, idle-bytes, asked-bytes, asked-ms, missed-bytes, wanted-bytes
 *
 * Return: 0, or as hvcma_service_open() and hvcma_service_ask(); @err says it in words.
 */
int hvcma_service_report(const char *path, unsigned int timeout_ms, struct json_object **report,
			 struct hvcma_error *err);

/** hvcma_service_report_print() - such a report for people; its strings are printable. */
void hvcma_service_report_print(FILE *out, struct json_object *report);

#endif /* HVCMA_CLI_SERVICE_REPORT_H */
