/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-cma devices of a running QEMU: which there are, what they report.
 */
#ifndef HVCMA_CLI_DEVICES_H
#define HVCMA_CLI_DEVICES_H

#include "hv/cli/qmp.h"

/**
 * hvcma_devices_find() - add to @devices, a JSON object, id -> QOM path.
 * @device: only this one, by id, by name ("device[0]") or QOM path, whether it is
 *	there or not; NULL: all
 *
 * Return: 0, or as hvcma_qmp_execute().
 */
int hvcma_devices_find(struct hvcma_qmp *qmp, const char *device,
		       struct json_object *devices, struct hvcma_error *err);

/**
 * hvcma_device_report() - the "report" of a device.
 * @path: in QOM
 * @report: out, a reference owned by the caller
 *
 * Return: 0, or as hvcma_qmp_execute(): -ENOENT also if the device is there and is
 * no virtio-cma device, which @err says.
 */
int hvcma_device_report(struct hvcma_qmp *qmp, const char *path,
			struct json_object **report, struct hvcma_error *err);

#endif /* HVCMA_CLI_DEVICES_H */
