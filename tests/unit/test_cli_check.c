// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma check, as built, on hosts that are files in a folder: the kinds that people have, and what is
 * wrong with each; on this machine itself; with programs that play QEMU.
 */
#define _GNU_SOURCE			/* dladdr() */
#include <dlfcn.h>
#include <stdbool.h>

#include "tests/unit/recorded_tree.h"

#include <json-c/json.h>

#include "hv/abi/version.h"
#include "hv/cli/command.h"
#include "tests/unit/hvcma_program.h"

#define NVME	"0000:01:00.0"

static int run_check(struct tree *t, const char *arguments)
{
	char line[4096];

	snprintf(line, sizeof(line), "check --root %s %s", t->root, arguments);
	return hvcma_run(line, t->out, sizeof(t->out));
}

/* @finding: "LEVEL NAME words"; with a fix, "LEVEL NAME words -> fix" */
static bool is_found(struct tree *t, const char *finding)
{
	char want[512], *fix, level[8], name[32];
	const char *at = t->out, *words;
	int used;

	snprintf(want, sizeof(want), "%s", finding);
	fix = strstr(want, " -> ");
	if (fix)
		*fix = '\0';
	assert_int_equal(sscanf(want, "%7s %31s %n", level, name, &used), 2);
	words = want + used;
	for (; at && *at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
		char line[1024], after[1024], first[8], second[32];
		const char *next = strchr(at, '\n');

		snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
		snprintf(after, sizeof(after), "%.*s", next ? (int)strcspn(next + 1, "\n") : 0, next ? next + 1 : "");
		if (sscanf(line, "%7s %31s", first, second) == 2 && !strcmp(first, level) && !strcmp(second, name) &&
		    strstr(line, words) && (!fix || (strstr(after, "-> ") && strstr(after, fix + 4))))
			return true;
	}
	return false;
}

static void expect(struct tree *t, const char *arguments, int status, const char *const *findings)
{
	int got = run_check(t, arguments);

	if (got != status)
		fail_msg("'%s': exit status %d, printed:\n%s", arguments, got, t->out);
	for (; *findings; findings++)
		if (!is_found(t, *findings))
			fail_msg("'%s': no '%s' in:\n%s", arguments, *findings, t->out);
}

#define EXPECT(t, arguments, status, ...)	\
	expect(t, arguments, status, (const char *const[]){ __VA_ARGS__, NULL })

/* ---- hosts ---- */

static void test_pc(void **state)
{
	struct tree *t = *state;

	EXPECT(t, NVME, HVCMA_EXIT_OK,
	       "PASS device-iommu 0000:01:00.0 has no IOMMU: this is what hvcma is for",
	       "NOTE device-driver driver nvme has it -> hvcma bind 0000:01:00.0",
	       "PASS device-use nothing",
	       "PASS device-reset it can be reset: flr bus",
	       "PASS device-addresses it has 64 address bits",
	       "PASS device-windows it reaches all of memory, at the same addresses (x86: 1:1)",
	       "PASS kernel Linux 6.12.57+deb13-amd64",
	       "PASS kvm ",
	       "PASS hugepages 200 of 256 hugepages of 2048 KiB are free: 400 MiB, node 0: 200 of 256 free",
	       "PASS hugepages-at-boot ",
	       "PASS io-uring ", "PASS pagemap ", "PASS rights ",
	       "PASS iommu no IOMMU",
	       "PASS vfio-noiommu VFIO works without an IOMMU (a vfio.ko of its own)",
	       "NOTE vfio-noiommu-mode vfio is not loaded: hvcma bind",
	       "PASS secure-boot Secure Boot is off, lockdown is none, modules need not be signed",
	       "PASS confinement neither");
	assert_non_null(strstr(t->out, "\n0 FAIL, 0 WARN\n"));
	EXPECT(t, "01:00.0", HVCMA_EXIT_OK, "PASS device-iommu 0000:01:00.0");
	/* the device's part is the first, and is not there without one */
	EXPECT(t, "", HVCMA_EXIT_OK, "PASS kernel ");
	assert_null(strstr(t->out, "device-"));
}

static void test_pc_with_vtd(void **state)
{
	struct tree *t = *state;
	static const struct tree_file vtd[] = {
		{ "/sys/class/iommu/dmar0/", "" },
		{ "/sys/firmware/acpi/tables/DMAR", "" },
		{ "/sys/kernel/iommu_groups/14/name", "" },
		{ TREE_NVME "/iommu_group", "-> /sys/kernel/iommu_groups/14" },
		{ TREE_NVME "/iommu", "-> /sys/class/iommu/dmar0" },
		{ NULL, NULL },
	};

	tree_put(t, "/sys/firmware/acpi/tables/DMAR", "");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN iommu this host has an IOMMU that the kernel does not use -> intel_iommu=on");
	tree_lay(t, vtd);
	EXPECT(t, NVME, HVCMA_EXIT_FINDINGS,
	       "FAIL device-iommu 0000:01:00.0 needs no hvcma: an IOMMU dmar0 protects it (group 14) -> -device vfio-pci,host=0000:01:00.0 without anything of hvcma",
	       "NOTE device-driver driver nvme has it",
	       "NOTE iommu this host has an IOMMU (dmar0) -> the ordinary way");
	assert_ptr_equal(strstr(t->out, "FAIL  device-iommu"), t->out);
	/* one that VFIO made is none */
	tree_put(t, "/sys/kernel/iommu_groups/14/name", "vfio-noiommu\n");
	tree_put(t, TREE_NVME "/driver", "-> /sys/bus/pci/drivers/vfio-pci");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "PASS device-iommu ", "PASS device-driver VFIO has it: /dev/vfio/noiommu-14",
	       "NOTE device-addresses how many address bits");
	tree_remove(t, "/sys/class/iommu");
	tree_remove(t, "/sys/firmware/acpi/tables/DMAR");
	tree_put(t, "/sys/firmware/acpi/tables/IVRS", "");
	EXPECT(t, "", HVCMA_EXIT_OK, "WARN iommu its firmware describes one (IVRS) -> amd_iommu=on");
}

static void test_board(void **state)
{
	struct tree *t = *state;
	static const struct tree_file board[] = {
		{ "/proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\n" },
		{ "/proc/sys/kernel/osrelease", "6.12.62-v8-16k+\n" },
		{ "/proc/cmdline", "console=tty1 root=/dev/mmcblk0p2\n" },
		{ "/boot/config-6.12.62-v8-16k+", "CONFIG_ARM64=y\n# CONFIG_VFIO is not set\n" },
		{ NULL, NULL },
	};

	tree_lay(t, board);
	tree_remove(t, "/sys/kernel/mm/hugepages");
	tree_remove(t, "/dev/kvm");
	tree_remove(t, "/sys/bus/pci/drivers/vfio-pci");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS,
	       "FAIL kvm there is no /dev/kvm -> EL2",
	       "FAIL hugepages this kernel has no hugepages (CONFIG_HUGETLBFS) -> Raspberry Pi OS",
	       "FAIL vfio-noiommu this kernel has no VFIO at all (/boot/config-6.12.62-v8-16k+) -> Raspberry Pi OS");
	assert_null(strstr(t->out, "stage2"));	/* asked of this machine only */
	/* its host bridge is in no tree */
	EXPECT(t, NVME, HVCMA_EXIT_FINDINGS, "FAIL device-windows PCI device 0000:01:00.0: its host bridge is in no device tree -> dma-windows=");
	tree_put(t, "/sys/devices/pci0000:00/firmware_node", "");
	EXPECT(t, NVME, HVCMA_EXIT_FINDINGS, "NOTE device-windows ACPI describes windows in _DMA");
}

static void test_cloud(void **state)
{
	struct tree *t = *state;

	tree_remove(t, "/dev/kvm");
	tree_put(t, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n");
	tree_remove(t, "/etc/sysctl.d");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS,
	       "FAIL kvm there is no /dev/kvm -> nested virtualization",
	       "FAIL hugepages there are no hugepages -> hvcma hugepages --add 512M --persist");
	tree_put(t, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "256\n");
	tree_put(t, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "0\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "WARN hugepages all 256 hugepages of 2048 KiB are in use",
	       "WARN hugepages-at-boot hugepages will be gone after the next boot -> --persist");
	tree_put(t, "/proc/cmdline", "hugepagesz=1G hugepages=4\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "PASS hugepages-at-boot ");
}

static void test_debian_without_noiommu(void **state)
{
	struct tree *t = *state;

	tree_remove(t, "/lib");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS,
	       "FAIL vfio-noiommu VFIO was built without CONFIG_VFIO_NOIOMMU (/boot/config-6.12.57+deb13-amd64) -> rebuild vfio.ko, the one module that it is about, as the package hvcma-vfio-dkms does");
	assert_null(strstr(t->out, "vfio-noiommu-mode"));
	tree_put(t, "/boot/config-6.12.57+deb13-amd64", "CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\nCONFIG_VFIO_NOIOMMU=y\n");
	EXPECT(t, "", HVCMA_EXIT_OK, "PASS vfio-noiommu VFIO works without an IOMMU (/boot/config-");
	tree_remove(t, "/boot");
	EXPECT(t, "", HVCMA_EXIT_OK, "WARN vfio-noiommu whether VFIO works without an IOMMU can't be told -> modprobe vfio");
	/* what is loaded knows best */
	tree_put(t, "/sys/module/vfio/parameters/", "");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "FAIL vfio-noiommu VFIO was built without CONFIG_VFIO_NOIOMMU (/sys/module/vfio)");
	tree_put(t, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "N\n");
	EXPECT(t, "", HVCMA_EXIT_OK, "PASS vfio-noiommu ", "NOTE vfio-noiommu-mode VFIO's unsafe no-IOMMU mode is off");
	tree_put(t, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	EXPECT(t, "", HVCMA_EXIT_OK, "PASS vfio-noiommu-mode VFIO's unsafe no-IOMMU mode is on");
}

/* The configuration that the running kernel carries, packed. */
static void test_config_gz(void **state)
{
	struct tree *t = *state;
	char line[512];

	tree_remove(t, "/boot");
	tree_remove(t, "/lib");
	snprintf(line, sizeof(line), "printf 'CONFIG_VFIO=y\\n# CONFIG_VFIO_NOIOMMU is not set\\n' | gzip >%s/proc/config.gz", t->root);
	assert_int_equal(system(line), 0);
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "FAIL vfio-noiommu (/proc/config.gz)");
	tree_put(t, "/proc/config.gz", "no gzip at all");
	EXPECT(t, "", HVCMA_EXIT_OK, "WARN vfio-noiommu whether VFIO works");
	tree_put(t, "/lib/modules/6.12.57+deb13-amd64/config", "# CONFIG_VFIO is not set\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "FAIL vfio-noiommu this kernel has no VFIO at all (/lib/modules/");
}

static void test_lockdown(void **state)
{
	struct tree *t = *state;

	tree_put(t, "/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	tree_put_bytes(t, "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\6\0\0\0\1", 5);
	EXPECT(t, "", HVCMA_EXIT_OK, "WARN secure-boot Secure Boot is on, lockdown is integrity, modules must be signed -> mokutil");
	/* Ubuntu's vfio is signed by Ubuntu */
	tree_remove(t, "/lib");
	tree_put(t, "/boot/config-6.12.57+deb13-amd64", "CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\nCONFIG_VFIO_NOIOMMU=y\n");
	EXPECT(t, "", HVCMA_EXIT_OK, "PASS secure-boot Secure Boot is on");
	tree_put(t, "/sys/kernel/security/lockdown", "[none] integrity confidentiality\n");
	tree_put_bytes(t, "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", "\6\0\0\0\0", 5);
	tree_put(t, "/boot/config-6.12.57+deb13-amd64", "CONFIG_VFIO=m\nCONFIG_MODULE_SIG_FORCE=y\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "WARN secure-boot Secure Boot is off, lockdown is none, modules must be signed");
	tree_put(t, "/boot/config-6.12.57+deb13-amd64", "CONFIG_VFIO=m\n");
	tree_put(t, "/sys/module/module/parameters/sig_enforce", "Y\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "WARN secure-boot modules must be signed");
}

static void test_restrictions(void **state)
{
	struct tree *t = *state;

	tree_put(t, "/proc/sys/kernel/io_uring_disabled", "2\n");
	tree_put(t, "/proc/self/status", "Name:\thvcma\nCapEff:\t0000000000000000\n");
	tree_put(t, "/sys/fs/selinux/enforce", "1\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS,
	       "FAIL io-uring kernel.io_uring_disabled is 2 -> sysctl kernel.io_uring_disabled=0",
	       "WARN pagemap /proc/self/pagemap shows no physical addresses to this user -> CAP_SYS_ADMIN",
	       "WARN rights this user lacks CAP_SYS_RAWIO (to open devices without IOMMU) CAP_IPC_LOCK -> AmbientCapabilities",
	       "WARN confinement SELinux is enforcing -> packaging/selinux");
	tree_put(t, "/proc/sys/kernel/io_uring_disabled", "1\n");
	tree_remove(t, "/proc/self/pagemap");
	tree_put(t, "/sys/fs/selinux/enforce", "0\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "NOTE io-uring kernel.io_uring_disabled is 1", "FAIL pagemap there is no",
	       "PASS confinement SELinux is permissive");
	tree_remove(t, "/sys/fs");
	tree_put(t, "/sys/module/apparmor/parameters/enabled", "Y\n");
	tree_put(t, "/proc/sys/kernel/osrelease", "5.10.0-1-amd64\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "NOTE confinement AppArmor is on -> libvirt-qemu",
	       "FAIL kernel Linux 5.10.0-1-amd64, and 6.1 is needed");
	tree_put(t, "/proc/sys/kernel/osrelease", "6.0.9\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "FAIL kernel Linux 6.0.9");
	tree_put(t, "/proc/sys/kernel/osrelease", "?\n");
	EXPECT(t, "", HVCMA_EXIT_FINDINGS, "WARN kernel which Linux this is can't be read");
}

/* ---- devices ---- */

static void put_config(struct tree *t, uint8_t status, uint8_t cap, size_t bytes)
{
	uint8_t config[256] = { [0x06] = status, [0x34] = 0x40, [0x40] = 0x01, [0x41] = 0x50, [0x50] = cap };

	tree_put_bytes(t, TREE_NVME "/config", config, bytes);
}

static void test_device(void **state)
{
	struct tree *t = *state;

	tree_put(t, TREE_NVME "/dma_mask_bits", "32\n");
	tree_remove(t, TREE_NVME "/reset_method");
	tree_remove(t, TREE_NVME "/reset");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-addresses it has 32 address bits -> hvcma hugepages --low",
	       "WARN device-reset it can't be reset", "NOTE device-msi whether it has MSI is seen by root only");
	tree_remove(t, TREE_NVME "/driver");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "NOTE device-addresses how many", "NOTE device-driver no driver has it -> hvcma bind");
	put_config(t, 0x10, 0x05, 256);
	EXPECT(t, NVME, HVCMA_EXIT_OK, "PASS device-msi it interrupts by messages");
	put_config(t, 0x10, 0x11, 256);
	EXPECT(t, NVME, HVCMA_EXIT_OK, "PASS device-msi it interrupts by messages");
	put_config(t, 0x10, 0x01, 256);
	EXPECT(t, NVME, HVCMA_EXIT_OK, "NOTE device-msi it has no MSI");
	put_config(t, 0, 0x05, 256);
	EXPECT(t, NVME, HVCMA_EXIT_OK, "NOTE device-msi it has no MSI");
	put_config(t, 0x10, 0x05, 64);
	EXPECT(t, NVME, HVCMA_EXIT_OK, "NOTE device-msi whether it has MSI is seen by root only");
	tree_put(t, TREE_NVME "/vendor", "0x17cb\n");
	tree_put(t, TREE_NVME "/device", "0x1107\n");
	EXPECT(t, NVME, HVCMA_EXIT_FINDINGS, "FAIL device-msi ath12k (WCN7850) copies MSI addresses -> on the host");
	tree_put(t, TREE_NVME "/class", "0x060400\n");
	EXPECT(t, NVME, HVCMA_EXIT_FINDINGS, "FAIL device-class it is a bridge");
}

static void test_use(void **state)
{
	struct tree *t = *state;
	static const struct tree_file disk[] = {
		{ TREE_NVME "/nvme/nvme0/nvme0n1/nvme0n1p1/dev", "259:1\n" },
		{ TREE_NVME "/nvme/nvme0/nvme0n1/nvme0n1p1/holders/", "" },
		{ "/sys/class/block/nvme0n1p1", "-> " TREE_NVME "/nvme/nvme0/nvme0n1/nvme0n1p1" },
		{ NULL, NULL },
	};
	static const struct tree_file subsystem[] = {
		{ "/sys/class/nvme/nvme0", "-> " TREE_NVME "/nvme/nvme0" },
		{ "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/dev", "259:9\n" },
		{ "/sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0", "-> " TREE_NVME "/nvme/nvme0" },
		{ "/sys/class/nvme-subsystem/nvme-subsys0", "-> /sys/devices/virtual/nvme-subsystem/nvme-subsys0" },
		{ "/sys/class/block/nvme0n1", "-> /sys/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1" },
		{ NULL, NULL },
	};

	tree_lay(t, disk);
	EXPECT(t, NVME, HVCMA_EXIT_OK, "PASS device-use ");
	tree_put(t, "/proc/swaps", "/dev/nvme0n1p1 partition 1 0 -2\n");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use disk nvme0n1p1 is swapped to");
	tree_put(t, "/proc/self/mountinfo", "22 1 259:1 / / rw - ext4 /dev/root rw\n");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use disk nvme0n1p1 is mounted");
	tree_put(t, "/proc/self/mountinfo", "22 1 0:40 / / rw - btrfs /dev/nvme0n1p1 rw\n");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use disk nvme0n1p1 is mounted");
	tree_put(t, "/proc/self/mountinfo", "22 1 259:11 / / rw - ext4 /dev/nvme0n1p11 rw\n");
	tree_put(t, "/proc/swaps", "");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "PASS device-use ");
	tree_put(t, TREE_NVME "/nvme/nvme0/nvme0n1/nvme0n1p1/holders/dm-0", "");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use disk nvme0n1p1 is part of dm-0");
	tree_remove(t, TREE_NVME "/nvme/nvme0/nvme0n1/nvme0n1p1/holders/dm-0");
	tree_lay(t, subsystem);
	EXPECT(t, NVME, HVCMA_EXIT_OK, "PASS device-use ");
	tree_put(t, "/proc/self/mountinfo", "22 1 259:9 / / rw - ext4 /dev/nvme0n1 rw\n");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use disk nvme0n1 is mounted");
	tree_remove(t, "/proc/self/mountinfo");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use whether the host uses 0000:01:00.0 can't be told");
}

static void test_use_of_others(void **state)
{
	struct tree *t = *state;

	EXPECT(t, "02:00.0", HVCMA_EXIT_OK, "WARN device-use network interface enp2s0 has a route");
	tree_put(t, "/proc/net/route", "");
	EXPECT(t, "02:00.0", HVCMA_EXIT_OK, "PASS device-use ");
	tree_put(t, "/proc/net/ipv6_route", "00000000000000000000000000000000 00 0 0 0 0100 01 00 01 enp2s0\n");
	EXPECT(t, "02:00.0", HVCMA_EXIT_OK, "WARN device-use network interface enp2s0 has a route");
	tree_put(t, "/proc/net/ipv6_route", "");
	tree_put(t, "/sys/devices/pci0000:00/0000:00:02.0/0000:02:00.0/net/enp2s0/master", "");
	EXPECT(t, "02:00.0", HVCMA_EXIT_OK, "WARN device-use network interface enp2s0 is part of a bridge or bond");
	tree_put(t, TREE_NVME "/class", "0x030000\n");
	tree_put(t, TREE_NVME "/boot_vga", "1\n");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use it is the screen that this machine was booted with");
	tree_put(t, TREE_NVME "/boot_vga", "0\n");
	tree_put(t, TREE_NVME "/iommu_group", "-> /sys/kernel/iommu_groups/3");
	tree_put(t, "/sys/kernel/iommu_groups/3/name", "vfio-noiommu\n");
	tree_put(t, "/proc/77/comm", "qemu-system-x86\n");
	tree_put(t, "/proc/77/fd/9", "-> dev/vfio/noiommu-33");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "PASS device-use ");
	tree_put(t, "/proc/77/fd/9", "-> dev/vfio/noiommu-3");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use process 77 (qemu-system-x86) has it open");
	tree_put(t, "/proc/77/fd/9", "-> anon_inode:[vfio-device]");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "PASS device-use ");
	tree_put(t, "/proc/77/fdinfo/9", "pos:\t0\nvfio-device-syspath: /sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0\nx:\n");
	EXPECT(t, NVME, HVCMA_EXIT_OK, "WARN device-use process 77 (qemu-system-x86) has it open");
}

/* ---- QEMU, the plugin, the service ---- */

static void put_qemu(struct tree *t, const char *answer)
{
	char script[2048], line[512];
	Dl_info library;

	snprintf(script, sizeof(script), "#!/bin/sh\ncase $1 in\n--version) echo 'QEMU emulator version 10.0.2 (Debian)';;\n*) %s;;\nesac\n", answer);
	tree_put(t, "/qemu", script);
	/* any that can be preloaded */
	assert_true(dladdr((void *)json_tokener_parse, &library));
	snprintf(line, sizeof(line), "cp %s %s/plugin.so; chmod 755 %s/qemu", library.dli_fname, t->root, t->root);
	assert_int_equal(system(line), 0);
}

static void test_programs(void **state)
{
	struct tree *t = *state;
	char arguments[256], fits[256];

	snprintf(arguments, sizeof(arguments), "--qemu %s/qemu --plugin %s/plugin.so", t->root, t->root);
	snprintf(fits, sizeof(fits), "PASS plugin it has virtio-cma by %s/plugin.so", t->root);
	EXPECT(t, arguments, HVCMA_EXIT_FINDINGS, "FAIL qemu there is no QEMU: -> --qemu");
	put_qemu(t, "[ -n \"$LD_PRELOAD\" ] && echo '  memdev=<link>'");
	EXPECT(t, arguments, HVCMA_EXIT_OK, "PASS qemu QEMU emulator version 10.0.2 (Debian)", fits);
	put_qemu(t, "[ -z \"$LD_PRELOAD\" ] && echo '  memdev=<link>'");
	EXPECT(t, arguments, HVCMA_EXIT_OK, "PASS plugin it has virtio-cma built in");
	put_qemu(t, "echo 'virtio-cma: this is QEMU 11.1.0, supported: 10.0.x'; exit 1");
	EXPECT(t, arguments, HVCMA_EXIT_FINDINGS,
	       "FAIL plugin does not fit: virtio-cma: this is QEMU 11.1.0, supported: 10.0.x -> install a QEMU of a series that it names");
	put_qemu(t, "echo 'virtio-cma: this is QEMU 10.2.2, for which there is no plugin: /p/hvcma-qemu-10.2.so: None'; exit 1");
	EXPECT(t, arguments, HVCMA_EXIT_FINDINGS, "FAIL plugin for which there is no plugin: /p/hvcma-qemu-10.2.so -> make plugin-others");
	put_qemu(t, "echo \"virtio-cma: the class of type 'device' has 8 bytes here, 9 where the plugin was built: this is\"; exit 1");
	EXPECT(t, arguments, HVCMA_EXIT_FINDINGS, "FAIL plugin has 8 bytes here, 9 -> ./configure --qemu-headers=DIR");
	put_qemu(t, "echo 'virtio-cma: /p/hvcma-qemu-10.0.so: undefined symbol: x'; exit 1");
	EXPECT(t, arguments, HVCMA_EXIT_FINDINGS, "FAIL plugin undefined symbol: x -> all of one version");
	put_qemu(t, "echo \"qemu: 'virtio-cma-pci' is not a valid device model name\"; exit 1");
	EXPECT(t, arguments, HVCMA_EXIT_FINDINGS, "FAIL plugin is not a valid device model name -> built without modules");
	snprintf(arguments, sizeof(arguments), "--service %s/none", t->root);
	EXPECT(t, arguments, HVCMA_EXIT_OK, "NOTE service hvcmad does not run");
	snprintf(arguments, sizeof(arguments), "--service %s/proc/cpuinfo", t->root);
	EXPECT(t, arguments, HVCMA_EXIT_OK, "WARN service -> systemctl status");
}

/* The plugin's parts say it in their file, a module in sysfs. */
static void test_versions(void **state)
{
	static const char mark[] = HVCMA_PLUGIN_VERSION_MARK;
	struct tree *t = *state;
	char arguments[256], file[64];

	put_qemu(t, "[ -n \"$LD_PRELOAD\" ] && echo '  memdev=<link>'");
	snprintf(arguments, sizeof(arguments), "--qemu %s/qemu --plugin %s/plugin.so", t->root, t->root);
	EXPECT(t, arguments, HVCMA_EXIT_OK,
	       "WARN version the plugin is hvcma of an unknown version, this command is hvcma " HVCMA_VERSION " -> of one version");
	snprintf(file, sizeof(file), "ELF %s0.0.9", mark);
	tree_put_bytes(t, "/hvcma-qemu-10.0.so", file, strlen(file) + 1);
	EXPECT(t, arguments, HVCMA_EXIT_OK, "WARN version the plugin is hvcma 0.0.9, this command is");
	snprintf(file, sizeof(file), "ELF %s" HVCMA_VERSION, mark);
	tree_put_bytes(t, "/hvcma-qemu-10.2.so", file, strlen(file) + 1);
	EXPECT(t, arguments, HVCMA_EXIT_OK, "WARN version the plugin is hvcma 0.0.9, this command is");
	tree_put_bytes(t, "/hvcma-qemu-10.0.so", file, strlen(file) + 1);
	EXPECT(t, arguments, HVCMA_EXIT_OK, "PASS version the plugin and this command are hvcma " HVCMA_VERSION);

	assert_null(strstr(t->out, "module-version"));
	tree_put(t, "/sys/module/virtio_cma/version", "0.0.9\n");
	EXPECT(t, "", HVCMA_EXIT_OK, "WARN module-version the guest driver that is loaded (virtio_cma) is hvcma 0.0.9, this command is -> dkms status");
	tree_remove(t, "/sys/module/virtio_cma/version");
	tree_put(t, "/sys/module/virtio_cma/refcnt", "0\n");
	EXPECT(t, "", HVCMA_EXIT_OK, "WARN module-version of an unknown version");
	tree_put(t, "/sys/module/virtio_cma/version", HVCMA_VERSION "\n");
	EXPECT(t, "", HVCMA_EXIT_OK, "PASS module-version and this command are hvcma " HVCMA_VERSION);
}

/* This machine: whatever it is, each thing is judged, once. */
static void test_this_machine(void **state)
{
	static const char *const names[] = {
		"kernel", "kvm", "hugepages", "io-uring", "pagemap", "rights", "iommu", "vfio-noiommu", "confinement",
		"qemu", "service",
	};
	struct tree *t = *state;
	struct json_object *all, *list, *name;
	int status = hvcma_run("check --json", t->out, sizeof(t->out));
	uint64_t fails;

	all = json_tokener_parse(t->out);
	assert_non_null(all);
	fails = json_object_get_uint64(json_object_object_get(all, "fail"));
	assert_int_equal(status, fails ? HVCMA_EXIT_FINDINGS : HVCMA_EXIT_OK);
	list = json_object_object_get(all, "checks");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t nr = 0;

		for (size_t j = 0; j < json_object_array_length(list); j++) {
			struct json_object *one = json_object_array_get_idx(list, j);

			assert_true(json_object_object_get_ex(one, "name", &name));
			nr += !strcmp(json_object_get_string(name), names[i]);
			/* what is missing has a fix */
			if (!strcmp(json_object_get_string(json_object_object_get(one, "level")), "FAIL"))
				assert_true(*json_object_get_string(json_object_object_get(one, "fix")));
		}
		if (!nr)
			fail_msg("not judged: %s", names[i]);
	}
	json_object_put(all);
}

static void test_json(void **state)
{
	struct tree *t = *state;
	struct json_object *all;

	assert_int_equal(run_check(t, "--json " NVME), HVCMA_EXIT_OK);
	all = json_tokener_parse(t->out);
	assert_non_null(all);
	assert_string_equal(json_object_get_string(json_object_object_get(all, "device")), NVME);
	assert_int_equal(json_object_get_uint64(json_object_object_get(all, "fail")), 0);
	assert_true(json_object_array_length(json_object_object_get(all, "checks")) > 15);
	json_object_put(all);
}

/* A control domain of Xen: nothing of KVM, QEMU and VFIO is asked for; a domain that is none is a host. */
static void test_xen(void **state)
{
	struct tree *t = *state;

	tree_put(t, "/sys/hypervisor/version/major", "4\n");
	tree_put(t, "/sys/hypervisor/version/minor", "17\n");
	tree_put(t, "/proc/xen/capabilities", "");
	EXPECT(t, "", HVCMA_EXIT_OK, "PASS kvm ");
	tree_put(t, "/proc/xen/capabilities", "control_d\n");
	EXPECT(t, NVME, HVCMA_EXIT_FINDINGS,
	       "FAIL xen this is the control domain of Xen 4.17 on a machine that is no 64-bit Arm -> nothing to be done",
	       "NOTE device 0000:01:00.0: ");
	assert_null(strstr(t->out, "kvm"));
	tree_put(t, "/proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\n");
	EXPECT(t, "", HVCMA_EXIT_OK, "PASS xen this is the control domain of Xen 4.17: ");
	assert_non_null(strstr(t->out, "\n0 FAIL, 0 WARN\n"));
}

static void test_usage(void **state)
{
	static const char *const none[] = { NULL };
	struct tree *t = *state;

	expect(t, "03:00.0", HVCMA_EXIT_NO_DEVICE, none);
	assert_non_null(strstr(t->out, "there is no PCI device 0000:03:00.0"));
	expect(t, "nvme0", HVCMA_EXIT_USAGE, none);
	assert_non_null(strstr(t->out, "'nvme0' is no PCI device"));
	expect(t, NVME " " NVME, HVCMA_EXIT_USAGE, none);
	assert_int_equal(hvcma_run("check --root /nowhere", t->out, sizeof(t->out)), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(t->out, "no folder '/nowhere'"));
}

#define TREE		"/sys/firmware/devicetree/base"
#define CODEC		"a000000.codec"
#define CODEC_NODE	"/codec@a000000"

#define TREE_CELLS(t, path, ...) do {							\
	const uint32_t tree_cells[] = { __VA_ARGS__ };					\
	unsigned char bytes[sizeof(tree_cells)];					\
											\
	for (size_t i = 0; i < sizeof(bytes); i++)					\
		bytes[i] = (unsigned char)(tree_cells[i / 4] >> (24 - i % 4 * 8));	\
	tree_put_bytes(t, TREE path, bytes, sizeof(bytes));				\
} while (0)

static void put_tree_text(struct tree *t, const char *path, const char *text)
{
	tree_put_bytes(t, path, text, strlen(text) + 1);
}

/* What its node says, before anybody has bound it. */
static void test_platform_device(void **state)
{
	struct tree *t = *state;

	TREE_CELLS(t, "/#address-cells", 2);
	TREE_CELLS(t, "/#size-cells", 2);
	TREE_CELLS(t, "/interrupt-parent", 1);
	TREE_CELLS(t, "/gic@8000000/phandle", 1);
	TREE_CELLS(t, "/gic@8000000/#interrupt-cells", 3);
	tree_put(t, TREE "/gic@8000000/interrupt-controller", "");
	put_tree_text(t, TREE "/gic@8000000/compatible", "arm,gic-v3");
	put_tree_text(t, TREE CODEC_NODE "/compatible", "test,codec");
	TREE_CELLS(t, CODEC_NODE "/reg", 0, 0xa000000, 0, 0x1000);
	TREE_CELLS(t, CODEC_NODE "/interrupts", 0, 16, 4);
	tree_put(t, "/sys/bus/platform/devices/" CODEC "/of_node", "-> " TREE CODEC_NODE);
	run_check(t, CODEC);
	assert_true(is_found(t, "PASS device-needs it needs nothing of other devices"));
	assert_true(is_found(t, "PASS device-node its registers overlap nobody's"));
	assert_true(is_found(t, "WARN device-reset no rule says how it is reset"));

	TREE_CELLS(t, CODEC_NODE "/resets", 1, 3);
	TREE_CELLS(t, CODEC_NODE "/clocks", 1);
	run_check(t, CODEC_NODE);
	assert_true(is_found(t, "FAIL device-needs 'resets' is the host's, and a guest can't have it -> without=resets"));
	assert_true(is_found(t, "FAIL device-needs clock 0 of '" CODEC_NODE "' is made by '/gic@8000000', and its rate is not in the tree: clock-rates="));
	TREE_CELLS(t, CODEC_NODE "/interrupts", 1, 16, 4);
	run_check(t, CODEC);
	assert_true(is_found(t, "FAIL device-node interrupt 0 of '" CODEC_NODE "' (1 16) is not a shared one"));
	put_tree_text(t, TREE CODEC_NODE "/core/compatible", "test,core");
	run_check(t, CODEC);
	assert_true(is_found(t, "FAIL device-node '" CODEC_NODE "' has another device in it, '" CODEC_NODE "/core'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_pc),
		TREE_TEST(test_pc_with_vtd),
		TREE_TEST(test_board),
		TREE_TEST(test_cloud),
		TREE_TEST(test_debian_without_noiommu),
		TREE_TEST(test_config_gz),
		TREE_TEST(test_lockdown),
		TREE_TEST(test_restrictions),
		TREE_TEST(test_device),
		TREE_TEST(test_platform_device),
		TREE_TEST(test_use),
		TREE_TEST(test_use_of_others),
		TREE_TEST(test_programs),
		TREE_TEST(test_versions),
		TREE_TEST(test_this_machine),
		TREE_TEST(test_json),
		TREE_TEST(test_xen),
		TREE_TEST(test_usage),
	};

	return cmocka_run_group_tests_name("hvcma check", tests, NULL, NULL);
}
