// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What differs between devices that are given to clients: see device_kind.h.
 */
#include "hv/service/device_kind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hv/core/service_wire.h"
#include "hv/host/vfio_noiommu.h"

#define INSTALLED_RULES		HVCMA_PLUGINDIR "/" HVCMA_PLATFORM_RULES_FILE
#define COMPATIBLE_BYTES	4096	/* a page of sysfs */

static int users(const struct hvcmad_device_kind *kind, const char *name)
{
	return kind->is_platform ? hvcma_vfio_platform_users(name) : hvcma_vfio_users(name);
}

/* The strings of its node, 0: it is in no tree, or not there. */
static size_t read_compatible(const char *name, char *compatible, size_t room)
{
	char path[160];
	ssize_t bytes;
	int fd;

	snprintf(path, sizeof(path), HVCMA_PLATFORM_DEVICES "/%s/of_node/compatible", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	bytes = read(fd, compatible, room);
	close(fd);
	return bytes < 0 ? 0 : (size_t)bytes;
}

int hvcmad_kind_of(const char *name, const char *rules, struct hvcmad_device_kind *out, struct hvcma_error *err)
{
	struct hvcmad_device_kind kind;
	char compatible[COMPATIBLE_BYTES];
	struct hvcma_error why = { "" };
	size_t bytes;
	int ret;

	memset(&kind, 0, sizeof(kind));
	kind.is_platform = !hvcma_service_is_device(name);
	bytes = kind.is_platform ? read_compatible(name, compatible, sizeof(compatible)) : 0;
	if (bytes) {
		ret = hvcma_platform_rule_search(rules, INSTALLED_RULES, compatible, bytes, &kind.rule, &why);
		if (ret && ret != -ENOENT) {
			hvcma_error_set(err, "device %s: %s", name, why.text);
			return ret;
		}
		kind.has_rule = !ret;
	}
	*out = kind;
	return 0;
}

int hvcmad_kind_open(const struct hvcmad_device_kind *kind, const char *name, struct hvcma_error *err)
{
	struct hvcma_error why = { "" };
	struct hvcma_vfio_group group;
	struct hvcma_noiommu opened;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", kind->is_platform ? HVCMA_PLATFORM_DEVICES : HVCMA_PCI_DEVICES, name);
	if (access(path, F_OK)) {
		hvcma_error_set(err, "device %s: this machine has none of that name", name);
		return -ENODEV;
	}
	if (hvcma_vfio_group_of(path, &group)) {
		hvcma_vfio_no_group(name, kind->is_platform ? "vfio-platform" : "vfio-pci", &why);
		hvcma_error_set(err, "device %s: %s", name, why.text);
		return -ENODEV;
	}
	if (!group.is_noiommu) {
		hvcma_error_set(err, "device %s: its group %s has an IOMMU, it needs no service", name, group.path);
		return -ENODEV;
	}
	fd = hvcma_noiommu_open(group.path, &opened, &why);
	if (!fd) {
		fd = hvcma_noiommu_device(&opened, name, &why);
		hvcma_noiommu_close(&opened);
	}
	if (fd < 0)
		hvcma_error_set(err, "device %s: %s", name, why.text);
	return fd;
}

bool hvcmad_kind_can_reset(const struct hvcmad_device_kind *kind, int fd)
{
	return kind->has_rule || hvcma_vfio_can_reset(fd);
}

int hvcmad_kind_stop(const struct hvcmad_device_kind *kind, const char *name, int fd, bool may_lack_reset,
		     struct hvcma_error *err)
{
	int ret;

	if (kind->is_platform)
		return hvcma_platform_quiet(fd, kind->has_rule ? &kind->rule : NULL, err);
	ret = hvcma_vfio_stop(fd, err);
	if (ret == -EOPNOTSUPP && may_lack_reset)
		return 0;
	/* it is no part of this machine any more */
	return ret == -ENODEV && users(kind, name) == -ENOENT ? 0 : ret;
}

bool hvcmad_kind_is_open(const struct hvcmad_device_kind *kind, const char *name)
{
	return users(kind, name) > 0;
}
