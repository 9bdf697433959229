// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What of a host uses a device: see host_pci.h. Disks and network interfaces are those whose
 * folder in sysfs lies below the device's; and disks of NVMe subsystems that it has a controller of.
 */
#define _GNU_SOURCE
#include "hv/host/host_pci.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASS_DISPLAY	0x03

struct search {
	const char *root;
	const struct hvcma_pci *pci;
	char folder[PATH_MAX];		/* the device's */
	char *mounts, *swaps, *routes, *routes6;
	struct hvcma_error *why;
	const char *disk;		/* the one that is looked at */
};

/* Is @real the folder, or in it? */
static bool is_below(const char *real, const char *folder)
{
	size_t length = strlen(folder);

	return !strncmp(real, folder, length) && (!real[length] || real[length] == '/');
}

/* Is there a word @word between blanks in a line of @text? */
static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	if (!text || !length)
		return false;
	for (const char *at = text; (at = strstr(at, word)) != NULL; at += length) {
		bool begins = at == text || isspace((unsigned char)at[-1]);

		if (begins && (!at[length] || isspace((unsigned char)at[length])))
			return true;
	}
	return false;
}

static int used(struct search *s, const char *what, const char *name, const char *how)
{
	hvcma_error_set(s->why, "%s %s %s", what, name, how);
	return 1;
}

/* ---- disks ---- */

static int holder(const char *name, void *opaque)
{
	struct search *s = opaque;

	hvcma_error_set(s->why, "disk %s is part of %s", s->disk, name);
	return 1;
}

/* A controller of an NVMe subsystem: nvme0 in /sys/class/nvme-subsystem/nvme-subsys0. */
static int controller(const char *name, void *opaque)
{
	struct search *s = opaque;
	char real[PATH_MAX];

	return !hvcma_host_real(s->root, real, "/sys/class/nvme/%s", name) && is_below(real, s->folder);
}

/* The folder of a disk: is it the device's, directly or by way of an NVMe subsystem? */
static bool is_of_device(struct search *s, const char *real)
{
	const char *subsystem = strstr(real, "/nvme-subsystem/");
	char name[64];

	if (is_below(real, s->folder))
		return true;
	if (!subsystem)
		return false;
	subsystem += strlen("/nvme-subsystem/");
	if (strcspn(subsystem, "/") >= sizeof(name))
		return false;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(subsystem, "/"), subsystem);
	return hvcma_host_list(s->root, controller, s, "/sys/class/nvme-subsystem/%s", name) == 1;
}

static int disk(const char *name, void *opaque)
{
	struct search *s = opaque;
	char real[PATH_MAX], number[32], file[300];
	int ret;

	if (hvcma_host_real(s->root, real, "/sys/class/block/%s", name) || !is_of_device(s, real))
		return 0;
	snprintf(file, sizeof(file), "/dev/%s", name);
	hvcma_host_read(s->root, number, sizeof(number), "/sys/class/block/%s/dev", name);
	if (has_word(s->mounts, number) || has_word(s->mounts, file))
		return used(s, "disk", name, "is mounted");
	if (has_word(s->swaps, file))
		return used(s, "disk", name, "is swapped to");
	s->disk = name;
	ret = hvcma_host_list(s->root, holder, s, "/sys/class/block/%s/holders", name);
	return ret == 1;
}

/* ---- network interfaces ---- */

/* Every interface that is up has routes to its link's own addresses: fe80::/10, ff00::/8. */
static bool has_route6(const char *routes, const char *name)
{
	for (const char *line = routes; line && *line; line = strchr(line, '\n')) {
		char copy[256];

		line += *line == '\n';
		snprintf(copy, sizeof(copy), "%.*s", (int)strcspn(line, "\n"), line);
		if (strncmp(copy, "fe8", 3) && strncmp(copy, "ff", 2) && has_word(copy, name))
			return true;
	}
	return false;
}

static int interface(const char *name, void *opaque)
{
	struct search *s = opaque;
	char real[PATH_MAX];

	if (hvcma_host_real(s->root, real, "/sys/class/net/%s", name) || !is_below(real, s->folder))
		return 0;
	if (has_word(s->routes, name) || has_route6(s->routes6, name))
		return used(s, "network interface", name, "has a route");
	if (hvcma_host_has(s->root, "/sys/class/net/%s/master", name))
		return used(s, "network interface", name, "is part of a bridge or bond");
	return 0;
}

/* ---- processes ---- */

struct opened {
	struct search *s;
	char group[64];			/* "noiommu-3" */
	const char *pid;
};

static int descriptor(const char *name, void *opaque)
{
	struct opened *o = opaque;
	char target[128], info[512], *at;

	if (hvcma_host_link(o->s->root, target, sizeof(target), "/proc/%s/fd/%s", o->pid, name))
		return 0;
	if (!strcmp(target, o->group))
		return 1;
	/* Linux 6.17 and later say which device a descriptor is of. */
	if (strcmp(target, "anon_inode:[vfio-device]"))
		return 0;
	hvcma_host_read(o->s->root, info, sizeof(info), "/proc/%s/fdinfo/%s", o->pid, name);
	at = strstr(info, "vfio-device-syspath:");
	if (at)
		at[strcspn(at, "\n")] = '\0';
	return at && strlen(at) > strlen(o->s->pci->name) &&
	       !strcmp(at + strlen(at) - strlen(o->s->pci->name), o->s->pci->name);
}

static int process(const char *name, void *opaque)
{
	struct opened *o = opaque;
	char program[64];

	o->pid = name;
	if (!isdigit((unsigned char)*name) || hvcma_host_list(o->s->root, descriptor, o, "/proc/%s/fd", name) != 1)
		return 0;
	hvcma_host_read(o->s->root, program, sizeof(program), "/proc/%s/comm", name);
	hvcma_error_set(o->s->why, "process %s (%s) has it open: a virtual machine", name, program);
	return 1;
}

static int find(struct search *s)
{
	struct opened opened = { .s = s };
	uint64_t is_screen = 0;
	int ret = hvcma_host_list(s->root, disk, s, "/sys/class/block");

	if (ret != 1)
		ret = hvcma_host_list(s->root, interface, s, "/sys/class/net");
	if (ret == 1)
		return 1;
	hvcma_host_number(s->root, &is_screen, "/sys/bus/%s/devices/%s/boot_vga", s->pci->bus, s->pci->name);
	if (s->pci->class >> 16 == CLASS_DISPLAY && is_screen && strcmp(s->pci->driver, "vfio-pci"))
		return used(s, "it is", "the screen", "that this machine was booted with");
	if (!s->pci->is_noiommu_group)
		return 0;
	snprintf(opened.group, sizeof(opened.group), "noiommu-%s", s->pci->group);
	return hvcma_host_list(s->root, process, &opened, "/proc") == 1;
}

int hvcma_pci_use(const char *root, const struct hvcma_pci *pci, struct hvcma_error *why)
{
	struct search s = { .root = root, .pci = pci, .why = why };
	int ret = hvcma_host_real(root, s.folder, "/sys/bus/%s/devices/%s", pci->bus, pci->name);

	s.mounts = hvcma_host_load(root, "/proc/self/mountinfo");
	s.swaps = hvcma_host_load(root, "/proc/swaps");
	s.routes = hvcma_host_load(root, "/proc/net/route");
	s.routes6 = hvcma_host_load(root, "/proc/net/ipv6_route");
	if (!ret && !s.mounts)
		ret = -EIO;
	if (ret)
		hvcma_error_set(why, "whether the host uses %s can't be told: no %s", pci->name,
				s.mounts ? "such device" : "/proc/self/mountinfo");
	else
		ret = find(&s);
	free(s.mounts);
	free(s.swaps);
	free(s.routes);
	free(s.routes6);
	return ret;
}
