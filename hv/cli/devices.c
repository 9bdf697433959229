// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * virtio-cma devices of a running QEMU. See devices.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/cli/devices.h"

#define PERIPHERAL	"/machine/peripheral"
#define ANONYMOUS	"/machine/peripheral-anon"

static const char *text_of(struct json_object *obj, const char *key)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(obj, json_type_object) ||
	    !json_object_object_get_ex(obj, key, &value) ||
	    !json_object_is_type(value, json_type_string))
		return "";
	return json_object_get_string(value);
}

/* Adds the virtio-cma devices among the children of @parent to @devices. */
static int list_children(struct hvcma_qmp *qmp, const char *parent,
			 struct json_object *devices, struct hvcma_error *err)
{
	struct json_object *args = json_object_new_object(), *list;
	size_t nr;
	int ret;

	json_object_object_add(args, "path", json_object_new_string(parent));
	ret = hvcma_qmp_execute(qmp, "qom-list", args, &list, err);
	if (ret)
		return ret;
	nr = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
	for (size_t i = 0; i < nr; i++) {
		struct json_object *entry = json_object_array_get_idx(list, i);
		const char *name = text_of(entry, "name");
		char path[512];

		if (!*name || strncmp(text_of(entry, "type"), "child<virtio-cma-", 17))
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent, name);
		json_object_object_add(devices, name, json_object_new_string(path));
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
		snprintf(path, sizeof(path), "%s%s%s",
			 *device == '/' ? "" : strchr(device, '[') ? ANONYMOUS : PERIPHERAL,
			 *device == '/' ? "" : "/", device);
		json_object_object_add(devices, device, json_object_new_string(path));
		return 0;
	}
	ret = list_children(qmp, PERIPHERAL, devices, err);
	if (!ret)
		ret = list_children(qmp, ANONYMOUS, devices, err);
	return ret;
}

static int get(struct hvcma_qmp *qmp, const char *path, const char *property,
	       struct json_object **value, struct hvcma_error *err)
{
	struct json_object *args = json_object_new_object();

	json_object_object_add(args, "path", json_object_new_string(path));
	json_object_object_add(args, "property", json_object_new_string(property));
	return hvcma_qmp_execute(qmp, "qom-get", args, value, err);
}

int hvcma_device_report(struct hvcma_qmp *qmp, const char *path,
			struct json_object **report, struct hvcma_error *err)
{
	struct json_object *type;
	struct hvcma_error ignored;
	int ret = get(qmp, path, "report", report, err);

	/* QEMU says of what has no report only that. */
	if (ret != -EREMOTEIO || get(qmp, path, "type", &type, &ignored))
		return ret;
	if (json_object_is_type(type, json_type_string) &&
	    strncmp(json_object_get_string(type), "virtio-cma-", 11)) {
		hvcma_error_set(err, "'%s' is no virtio-cma device, but of type %s", path,
				json_object_get_string(type));
		ret = -ENOENT;
	}
	json_object_put(type);
	return ret;
}
