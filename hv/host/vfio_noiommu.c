// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * VFIO without IOMMU: see vfio_noiommu.h.
 */
#include "hv/host/vfio_noiommu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NOIOMMU_PARAMETER	"/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"
#define CONTAINER_PATH		"/dev/vfio/vfio"

/* The kernel refuses a reset while someone else holds the device's lock. */
#define RESET_TRIES		50
#define RESET_WAIT_US		10000

/* The first line of a small file, without its newline; false: it can't be read. */
static bool read_line(const char *path, char *line, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, line, room - 1);

	if (fd >= 0)
		close(fd);
	if (got < 0)
		return false;
	line[got] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return true;
}

int hvcma_vfio_group_of(const char *sysfs_path, struct hvcma_vfio_group *out)
{
	char path[PATH_MAX], target[PATH_MAX], name[64] = "", *end;
	const char *number;
	ssize_t bytes;
	long id;

	if (snprintf(path, sizeof(path), "%s/iommu_group", sysfs_path) >= (int)sizeof(path))
		return -ENOENT;
	bytes = readlink(path, target, sizeof(target) - 1);
	if (bytes < 0)
		return -ENOENT;
	target[bytes] = '\0';
	number = strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
	id = strtol(number, &end, 10);
	if (!*number || *end || id < 0 || id > INT_MAX)
		return -ENOENT;
	out->id = (int)id;
	out->is_noiommu = snprintf(path, sizeof(path), "%s/iommu_group/name", sysfs_path) < (int)sizeof(path) &&
			  read_line(path, name, sizeof(name)) && !strcmp(name, "vfio-noiommu");
	snprintf(out->path, sizeof(out->path), "/dev/vfio/%s%d", out->is_noiommu ? "noiommu-" : "", out->id);
	return 0;
}

void hvcma_vfio_no_group(const char *device, const char *driver, struct hvcma_error *err)
{
	char mode[8];

	if (!read_line(NOIOMMU_PARAMETER, mode, sizeof(mode)))
		hvcma_error_set(err, "the host's vfio module is not loaded or was built without "
				"CONFIG_VFIO_NOIOMMU (no " NOIOMMU_PARAMETER ")");
	else if (mode[0] != 'Y')
		hvcma_error_set(err, "the host's vfio module has no-IOMMU mode switched off: write Y to "
				NOIOMMU_PARAMETER ", then bind %s to %s", device, driver);
	else
		hvcma_error_set(err, "has no VFIO group: bind %s to %s", device, driver);
}

static int open_node(const char *path, struct hvcma_error *err)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), ret = -errno;

	if (fd >= 0)
		return fd;
	switch (ret) {
	case -EPERM:
		hvcma_error_set(err, "cannot open %s: CAP_SYS_RAWIO is needed", path);
		break;
	case -EBUSY:
		hvcma_error_set(err, "cannot open %s: in use by another process (hvcma-pin-keeper, if a QEMU has left the device running) or by another device of this VM",
				path);
		break;
	default:
		hvcma_error_set(err, "cannot open %s: %s", path, strerror(-ret));
		break;
	}
	return ret;
}

static int failed(struct hvcma_error *err, const char *path, const char *what)
{
	int ret = -errno;

	hvcma_error_set(err, "%s: %s: %s", path, what, strerror(-ret));
	return ret;
}

static int open_group(const char *path, struct hvcma_noiommu *g, struct hvcma_error *err)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	g->group_fd = open_node(path, err);
	if (g->group_fd < 0)
		return g->group_fd;
	if (ioctl(g->group_fd, VFIO_GROUP_GET_STATUS, &status))
		return failed(err, path, "cannot get its status");
	if (status.flags & VFIO_GROUP_FLAGS_VIABLE)
		return 0;
	hvcma_error_set(err, "%s is not viable: bind its device to vfio-pci", path);
	return -ENODEV;
}

static int open_container(const char *group_path, struct hvcma_noiommu *g, struct hvcma_error *err)
{
	int version;

	g->container_fd = open_node(CONTAINER_PATH, err);
	if (g->container_fd < 0)
		return g->container_fd;
	version = ioctl(g->container_fd, VFIO_GET_API_VERSION);
	if (version != VFIO_API_VERSION) {
		hvcma_error_set(err, CONTAINER_PATH ": API version is %d, not %d", version, VFIO_API_VERSION);
		return -ENODEV;
	}
	if (ioctl(g->group_fd, VFIO_GROUP_SET_CONTAINER, &g->container_fd))
		return failed(err, group_path, "cannot set its container");
	if (ioctl(g->container_fd, VFIO_SET_IOMMU, VFIO_NOIOMMU_IOMMU))
		return failed(err, group_path, "cannot set no-IOMMU mode");
	return 0;
}

int hvcma_noiommu_open(const char *group_path, struct hvcma_noiommu *out, struct hvcma_error *err)
{
	struct hvcma_noiommu g = { -1, -1 };
	int ret = open_group(group_path, &g, err);

	if (!ret)
		ret = open_container(group_path, &g, err);
	if (ret) {
		hvcma_noiommu_close(&g);
		return ret;
	}
	*out = g;
	return 0;
}

int hvcma_noiommu_device(const struct hvcma_noiommu *group, const char *name, struct hvcma_error *err)
{
	int fd = ioctl(group->group_fd, VFIO_GROUP_GET_DEVICE_FD, name), ret = -errno;

	if (fd >= 0)
		return fd;
	hvcma_error_set(err, "cannot get device %s from its group: %s", name, strerror(-ret));
	return ret;
}

void hvcma_noiommu_close(struct hvcma_noiommu *group)
{
	if (group->container_fd >= 0) {
		/* Fails if the group was never added; closing both ends it anyway. */
		ioctl(group->group_fd, VFIO_GROUP_UNSET_CONTAINER, &group->container_fd);
		close(group->container_fd);
	}
	if (group->group_fd >= 0)
		close(group->group_fd);
	*group = (struct hvcma_noiommu){ -1, -1 };
}

static int read_config(int fd, uint64_t config, unsigned int at, uint16_t *value, struct hvcma_error *err)
{
	ssize_t got = pread(fd, value, sizeof(*value), (off_t)(config + at));
	int ret = got < 0 ? -errno : -EIO;

	if (got == sizeof(*value))
		return 0;
	hvcma_error_set(err, "its configuration space can't be read: %s", strerror(-ret));
	return ret;
}

static int master_off(int fd, uint64_t config, struct hvcma_error *err)
{
	uint16_t vendor, command;
	int ret = read_config(fd, config, PCI_VENDOR_ID, &vendor, err);

	if (!ret)
		ret = read_config(fd, config, PCI_COMMAND, &command, err);
	if (ret)
		return ret;
	if (vendor == 0xffff && command == 0xffff) {
		hvcma_error_set(err, "it does not answer any more");
		return -ENODEV;
	}
	if (!(command & PCI_COMMAND_MASTER))
		return 0;
	command &= (uint16_t)~PCI_COMMAND_MASTER;
	if (pwrite(fd, &command, sizeof(command), (off_t)(config + PCI_COMMAND)) != sizeof(command)) {
		ret = -errno;
		hvcma_error_set(err, "its configuration space can't be written: %s", strerror(-ret));
		return ret;
	}
	return 0;
}

static int check_master_off(int fd, uint64_t config, struct hvcma_error *err)
{
	uint16_t command;
	int ret = read_config(fd, config, PCI_COMMAND, &command, err);

	if (ret || !(command & PCI_COMMAND_MASTER))
		return ret;
	hvcma_error_set(err, "it is a bus master still: its command register reads back 0x%04x", command);
	return -EBUSY;
}

static int reset(int fd, struct hvcma_error *err)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	int tries = RESET_TRIES, ret;

	if (ioctl(fd, VFIO_DEVICE_GET_INFO, &info))
		return failed(err, "vfio", "no information on it");
	if (!(info.flags & VFIO_DEVICE_FLAGS_RESET)) {
		hvcma_error_set(err, "it has no reset: whoever makes it a bus master again lets it go on with what it was told");
		return -EOPNOTSUPP;
	}
	do {
		ret = ioctl(fd, VFIO_DEVICE_RESET) ? -errno : 0;
		if (ret != -EAGAIN || !--tries)
			break;
		usleep(RESET_WAIT_US);
	} while (true);
	if (ret)
		hvcma_error_set(err, "its reset fails: %s", strerror(-ret));
	return ret;
}

/* Before the reset, as the kernel restores what it found, and after it. */
int hvcma_vfio_stop(int device_fd, struct hvcma_error *err)
{
	struct vfio_region_info region = {
		.argsz = sizeof(region), .index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	int ret;

	if (ioctl(device_fd, VFIO_DEVICE_GET_REGION_INFO, &region))
		return failed(err, "vfio", "no configuration space of it");
	ret = master_off(device_fd, region.offset, err);
	if (!ret)
		ret = check_master_off(device_fd, region.offset, err);
	if (!ret)
		ret = reset(device_fd, err);
	if (!ret)
		ret = check_master_off(device_fd, region.offset, err);
	return ret;
}

bool hvcma_vfio_can_reset(int device_fd)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };

	return !ioctl(device_fd, VFIO_DEVICE_GET_INFO, &info) && info.flags & VFIO_DEVICE_FLAGS_RESET;
}

int hvcma_vfio_users(const char *name)
{
	char path[128], count[16];

	snprintf(path, sizeof(path), HVCMA_PCI_DEVICES "/%s/enable", name);
	return read_line(path, count, sizeof(count)) ? atoi(count) : -ENOENT;
}

int hvcma_vfio_platform_users(const char *name)
{
	struct hvcma_vfio_group group;
	char path[128];
	int fd;

	snprintf(path, sizeof(path), HVCMA_PLATFORM_DEVICES "/%s", name);
	if (hvcma_vfio_group_of(path, &group))
		return -ENOENT;
	fd = open(group.path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ENODEV || errno == ENXIO ? -ENOENT : 1;
	close(fd);
	return 0;
}
