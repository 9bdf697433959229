/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A host as far as its files tell, in a folder of a test: what is common to all, and what a test lays
 * over it. Files are put by their paths; links lead from path to path inside.
 */
#ifndef TESTS_UNIT_RECORDED_TREE_H
#define TESTS_UNIT_RECORDED_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct tree {
	char root[64];
	char out[65536];		/* what the program printed, stderr too */
};

struct tree_file {
	const char *path;
	const char *text;		/* "-> PATH": a link inside the tree */
};

static inline void tree_folders(const char *path)
{
	char at[4096];

	snprintf(at, sizeof(at), "%s", path);
	for (char *p = strchr(at + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(at, 0700);
		*p = '/';
	}
}

/* @path that ends with "/" is a folder. */
static inline void tree_put_bytes(struct tree *t, const char *path, const void *data, size_t bytes)
{
	char at[4096];
	FILE *f;

	snprintf(at, sizeof(at), "%s%s", t->root, path);
	tree_folders(at);
	if (at[strlen(at) - 1] == '/')
		return;
	f = fopen(at, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, bytes, f), bytes);
	assert_int_equal(fclose(f), 0);
}

static inline void tree_put(struct tree *t, const char *path, const char *text)
{
	char at[4096], target[4096];

	if (strncmp(text, "-> ", 3)) {
		tree_put_bytes(t, path, text, strlen(text));
		return;
	}
	snprintf(at, sizeof(at), "%s%s", t->root, path);
	snprintf(target, sizeof(target), "%s%s", text[3] == '/' ? t->root : "", text + 3);
	tree_folders(at);
	unlink(at);
	assert_int_equal(symlink(target, at), 0);
}

static inline void tree_remove(struct tree *t, const char *path)
{
	char line[4200];

	snprintf(line, sizeof(line), "rm -rf '%s%s'", t->root, path);
	assert_int_equal(system(line), 0);
}

static inline void tree_lay(struct tree *t, const struct tree_file *files)
{
	for (; files->path; files++)
		tree_put(t, files->path, files->text);
}

/* Content of a file; "" if there is none. */
static inline const char *tree_get(struct tree *t, const char *path)
{
	static char text[4096];
	char at[4096];
	size_t bytes;
	FILE *f;

	snprintf(at, sizeof(at), "%s%s", t->root, path);
	f = fopen(at, "r");
	if (!f)
		return "";
	bytes = fread(text, 1, sizeof(text) - 1, f);
	text[bytes] = '\0';
	fclose(f);
	return text;
}

/*
 * A PC without IOMMU, that has all that is needed: Debian's kernel with a vfio.ko of its own. It has an
 * NVMe controller, 0000:01:00.0, that nothing uses, and a network card, 0000:02:00.0, with a route.
 */
static const struct tree_file tree_pc[] = {
	{ "/proc/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\n" },
	{ "/proc/sys/kernel/osrelease", "6.12.57+deb13-amd64\n" },
	{ "/proc/sys/kernel/io_uring_disabled", "0\n" },
	{ "/proc/cmdline", "BOOT_IMAGE=/vmlinuz ro quiet\n" },
	{ "/proc/self/pagemap", "" },
	{ "/proc/self/status", "Name:\thvcma\nCapEff:\t000001ffffffffff\n" },
	{ "/proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" },
	{ "/proc/swaps", "Filename\tType\tSize\tUsed\tPriority\n" },
	{ "/proc/net/route", "Iface\tDestination\tGateway\nenp2s0\t00000000\t0102A8C0\n" },
	{ "/proc/net/ipv6_route", "fe800000000000000000000000000000 40 00 00 00 0100 01 00 01 enp2s0\n" },
	{ "/boot/config-6.12.57+deb13-amd64", "CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\n# CONFIG_VFIO_NOIOMMU is not set\n" },
	{ "/lib/modules/6.12.57+deb13-amd64/updates/dkms/vfio.ko", "" },
	{ "/dev/kvm", "" },
	{ "/run/", "" },
	{ "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "256\n" },
	{ "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "200\n" },
	{ "/sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages", "0\n" },
	{ "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "0\n" },
	{ "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages", "256\n" },
	{ "/sys/devices/system/node/node0/hugepages/hugepages-2048kB/free_hugepages", "200\n" },
	{ "/etc/sysctl.d/hugepages.conf", "vm.nr_hugepages = 256\n" },
	{ "/sys/class/block/", "" },
	{ "/sys/class/net/enp2s0", "-> /sys/devices/pci0000:00/0000:00:02.0/0000:02:00.0/net/enp2s0" },
	{ "/sys/kernel/security/lockdown", "[none] integrity confidentiality\n" },
	{ "/sys/module/apparmor/parameters/enabled", "N\n" },
	{ "/sys/bus/pci/drivers/nvme/", "" },
	{ "/sys/bus/pci/drivers/vfio-pci/", "" },
	{ "/sys/bus/pci/drivers_probe", "" },
	{ "/sys/bus/pci/devices/0000:01:00.0", "-> /sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0" },
	{ "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/vendor", "0x1b36\n" },
	{ "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/device", "0x0010\n" },
	{ "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/class", "0x010802\n" },
	{ "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/driver", "-> /sys/bus/pci/drivers/nvme" },
	{ "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/driver_override", "(null)\n" },
	{ "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/reset_method", "flr bus\n" },
	{ "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/reset", "" },
	{ "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0/dma_mask_bits", "64\n" },
	{ "/sys/bus/pci/devices/0000:02:00.0", "-> /sys/devices/pci0000:00/0000:00:02.0/0000:02:00.0" },
	{ "/sys/devices/pci0000:00/0000:00:02.0/0000:02:00.0/vendor", "0x8086\n" },
	{ "/sys/devices/pci0000:00/0000:00:02.0/0000:02:00.0/device", "0x1533\n" },
	{ "/sys/devices/pci0000:00/0000:00:02.0/0000:02:00.0/class", "0x020000\n" },
	{ "/sys/devices/pci0000:00/0000:00:02.0/0000:02:00.0/net/enp2s0/operstate", "up\n" },
	{ NULL, NULL },
};

#define TREE_NVME	"/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0"

static inline int tree_setup(void **state)
{
	struct tree *t = calloc(1, sizeof(*t));

	strcpy(t->root, "/tmp/hvcma-tree.XXXXXX");
	assert_non_null(mkdtemp(t->root));
	tree_lay(t, tree_pc);
	*state = t;
	return 0;
}

static inline int tree_teardown(void **state)
{
	struct tree *t = *state;

	tree_remove(t, "");
	free(t);
	return 0;
}

#define TREE_TEST(name)	cmocka_unit_test_setup_teardown(name, tree_setup, tree_teardown)

#endif /* TESTS_UNIT_RECORDED_TREE_H */
