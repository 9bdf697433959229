// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A PCI device of a host, as sysfs has it: see host_pci.h.
 */
#include "hv/host/host_pci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEVICE		"/sys/bus/pci/devices/%s"
#define ANY_DEVICE	"/sys/bus/%s/devices/%s"

#define CONFIG_BYTES	256
#define STATUS_OFFSET	0x06
#define STATUS_HAS_LIST	0x10
#define LIST_OFFSET	0x34
#define CAP_MSI		0x05
#define CAP_MSIX	0x11
#define CAP_STEPS	48	/* as many as fit: a list that goes in circles ends */

static uint32_t number_of(const char *root, const char *name, const char *file)
{
	uint64_t value = 0;

	hvcma_host_number(root, &value, DEVICE "/%s", name, file);
	return (uint32_t)value;
}

/* Configuration space, as much as this process sees. */
static size_t read_config(const char *root, const char *name, uint8_t config[CONFIG_BYTES])
{
	char real[PATH_MAX];
	ssize_t got;
	int fd;

	if (hvcma_host_real(root, real, DEVICE "/config", name))
		return 0;
	fd = open(real, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	got = read(fd, config, CONFIG_BYTES);
	close(fd);
	return got > 0 ? (size_t)got : 0;
}

static enum hvcma_known find_msi(const char *root, const char *name)
{
	uint8_t config[CONFIG_BYTES];
	size_t bytes = read_config(root, name, config), at;

	if (bytes <= LIST_OFFSET)
		return HVCMA_NOT_KNOWN;
	if (!(config[STATUS_OFFSET] & STATUS_HAS_LIST))
		return HVCMA_IS_NOT;
	at = config[LIST_OFFSET];
	for (int i = 0; i < CAP_STEPS && at; i++) {
		at &= ~(size_t)3;
		if (at + 1 >= bytes)
			return HVCMA_NOT_KNOWN;
		if (config[at] == CAP_MSI || config[at] == CAP_MSIX)
			return HVCMA_IS;
		at = config[at + 1];
	}
	return HVCMA_IS_NOT;
}

static void read_group(const char *root, struct hvcma_pci *pci)
{
	char name[32];

	hvcma_host_link(root, pci->group, sizeof(pci->group), ANY_DEVICE "/iommu_group", pci->bus, pci->name);
	hvcma_host_read(root, name, sizeof(name), ANY_DEVICE "/iommu_group/name", pci->bus, pci->name);
	pci->is_noiommu_group = !strcmp(name, "vfio-noiommu");
	hvcma_host_link(root, pci->iommu, sizeof(pci->iommu), ANY_DEVICE "/iommu", pci->bus, pci->name);
}

static void read_driver(const char *root, struct hvcma_pci *p)
{
	hvcma_host_link(root, p->driver, sizeof(p->driver), ANY_DEVICE "/driver", p->bus, p->name);
	hvcma_host_read(root, p->driver_override, sizeof(p->driver_override), ANY_DEVICE "/driver_override", p->bus, p->name);
	if (!strcmp(p->driver_override, "(null)"))
		p->driver_override[0] = '\0';
}

int hvcma_pci_read(const char *root, const char *bdf, struct hvcma_pci *pci, struct hvcma_error *err)
{
	struct hvcma_pci p = { .bus = "pci" };
	char name[HVCMA_PCI_NAME_BYTES];
	int ret = hvcma_pci_name(bdf, name, err);

	if (ret)
		return ret;
	snprintf(p.name, sizeof(p.name), "%s", name);
	if (!hvcma_host_has(root, DEVICE "/vendor", p.name)) {
		hvcma_error_set(err, "there is no PCI device %s: no " DEVICE, p.name, p.name);
		return -ENOENT;
	}
	p.vendor = number_of(root, p.name, "vendor");
	p.device = number_of(root, p.name, "device");
	p.class = number_of(root, p.name, "class");
	read_driver(root, &p);
	read_group(root, &p);
	hvcma_host_read(root, p.reset_methods, sizeof(p.reset_methods), DEVICE "/reset_method", p.name);
	p.can_reset = hvcma_host_has(root, DEVICE "/reset", p.name);
	/* Without a driver, and with VFIO's, it is the 32 that every device begins with. */
	if (*p.driver && strcmp(p.driver, "vfio-pci"))
		p.dma_bits = number_of(root, p.name, "dma_mask_bits");
	p.has_msi = find_msi(root, p.name);
	*pci = p;
	return 0;
}

/* ---- platform devices ---- */

struct search {
	const char *root, *bus;
	const char *node;		/* its path in sysfs */
	char name[64];
	int nr;
};

static int is_of_node(const char *name, void *opaque)
{
	struct search *s = opaque;
	char real[PATH_MAX];

	if (hvcma_host_real(s->root, real, ANY_DEVICE "/of_node", s->bus, name) || strcmp(real, s->node))
		return 0;
	s->nr++;
	snprintf(s->name, sizeof(s->name), "%s", name);
	return 0;
}

static int search_bus(const char *root, const char *bus, const char *node, struct search *s)
{
	*s = (struct search){ .root = root, .bus = bus, .node = node };
	hvcma_host_list(root, is_of_node, s, "/sys/bus/%s/devices", bus);
	return s->nr;
}

/* Linux has these on a bus of their own. */
static int refuse_amba(const char *name, struct hvcma_error *err)
{
	hvcma_error_set(err, "'%s' is an AMBA device (/sys/bus/amba/devices), which takes vfio-amba: supported are PCI devices and those in /sys/bus/platform/devices",
			name);
	return -ENOENT;
}

static int find_by_node(const char *root, const char *node, char name[64], struct hvcma_error *err)
{
	char real[PATH_MAX];
	struct search s;

	if (hvcma_host_real(root, real, "/sys/firmware/devicetree/base%s", node)) {
		hvcma_error_set(err, "the device tree has no node %.200s", node);
		return -ENOENT;
	}
	if (search_bus(root, "platform", real, &s) == 1) {
		strcpy(name, s.name);
		return 0;
	}
	if (!s.nr && search_bus(root, "amba", real, &s))
		return refuse_amba(s.name, err);
	hvcma_error_set(err, "%s platform device%s of node %.200s", s.nr ? "there are several" : "there is no", s.nr ? "s" : "", node);
	return s.nr ? -ENOTUNIQ : -ENOENT;
}

int hvcma_platform_read(const char *root, const char *where, struct hvcma_pci *device, struct hvcma_error *err)
{
	struct hvcma_pci p = { .bus = "platform" };
	int ret = 0;

	if (*where == '/') {
		ret = find_by_node(root, where, p.name, err);
	} else if (!*where || strchr(where, '/') || strlen(where) >= sizeof(p.name)) {
		hvcma_error_set(err, "'%.200s' is no name of a device, limit: %zu bytes", where, sizeof(p.name) - 1);
		ret = -EINVAL;
	} else {
		strcpy(p.name, where);
	}
	if (ret)
		return ret;
	if (!hvcma_host_has(root, ANY_DEVICE, p.bus, p.name)) {
		if (hvcma_host_has(root, ANY_DEVICE, "amba", p.name))
			return refuse_amba(p.name, err);
		hvcma_error_set(err, "there is no device '%s', neither PCI (0000:01:00.0) nor in /sys/bus/platform/devices", p.name);
		return -ENOENT;
	}
	read_driver(root, &p);
	read_group(root, &p);
	*device = p;
	return 0;
}

int hvcma_device_read(const char *root, const char *where, struct hvcma_pci *device, struct hvcma_error *err)
{
	char name[HVCMA_PCI_NAME_BYTES];

	if (*where == '/' || (hvcma_pci_name(where, name, NULL) && strchr(where, '.') &&
			      (hvcma_host_has(root, ANY_DEVICE, "platform", where) ||
			       hvcma_host_has(root, ANY_DEVICE, "amba", where))))
		return hvcma_platform_read(root, where, device, err);
	return hvcma_pci_read(root, where, device, err);
}

const char *hvcma_vfio_driver(const struct hvcma_pci *device)
{
	return strcmp(device->bus, "platform") ? "vfio-pci" : "vfio-platform";
}

bool hvcma_pci_has_iommu(const struct hvcma_pci *pci)
{
	return *pci->group && !pci->is_noiommu_group;
}

const char *hvcma_pci_msi_copier(const struct hvcma_pci *pci)
{
	static const struct { uint32_t vendor, device; const char *family; } known[] = {
		{ 0x17cb, 0x1101, "ath11k (QCA6390)" }, { 0x17cb, 0x1103, "ath11k (WCN6855)" },
		{ 0x17cb, 0x1104, "ath11k (QCN9074)" }, { 0x17cb, 0x1107, "ath12k (WCN7850)" },
		{ 0x17cb, 0x1109, "ath12k (QCN9274)" }, { 0x17cb, 0x1112, "ath12k (QCC2072)" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].vendor == pci->vendor && known[i].device == pci->device)
			return known[i].family;
	return NULL;
}
