// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio-cma devices of a running QEMU. See devices.h.
 */
#include <stdio.h>
#include <string.h>

#include "hv/cli/devices.h"

/* Adds the virtio-cma devices among the children of @parent to @devices. */
static int list_children(struct hvcma_qmp *qmp, const char *parent,
			 struct json_object *devices, struct hvcma_error *err)
{
	struct json_object *args = json_object_new_object(), *list;
	int ret;

	json_object_object_add(args, "path", json_object_new_string(parent));
	ret = hvcma_qmp_execute(qmp, "qom-list", args, &list, err);
	if (ret)
		return ret;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		struct json_object *name, *type;
		char path[512];

		if (!json_object_object_get_ex(entry, "name", &name) ||
		    !json_object_object_get_ex(entry, "type", &type) ||
		    strncmp(json_object_get_string(type), "child<virtio-cma-", 17))
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent,
			 json_object_get_string(name));
		json_object_object_add(devices, json_object_get_string(name),
				       json_object_new_string(path));
	}
	json_object_put(list);
	return 0;
}

int hvcma_devices_find(struct hvcma_qmp *qmp, const char *device,
		       struct json_object *devices, struct hvcma_error *err)
{
	char path[512];
	int ret;

	if (device) {
		snprintf(path, sizeof(path), "%s%s",
			 *device == '/' ? "" : "/machine/peripheral/", device);
		json_object_object_add(devices, device, json_object_new_string(path));
		return 0;
	}
	ret = list_children(qmp, "/machine/peripheral", devices, err);
	if (!ret)
		ret = list_children(qmp, "/machine/peripheral-anon", devices, err);
	return ret;
}

int hvcma_device_report(struct hvcma_qmp *qmp, const char *path,
			struct json_object **report, struct hvcma_error *err)
{
	struct json_object *args = json_object_new_object();

	json_object_object_add(args, "path", json_object_new_string(path));
	json_object_object_add(args, "property", json_object_new_string("report"));
	return hvcma_qmp_execute(qmp, "qom-get", args, report, err);
}
