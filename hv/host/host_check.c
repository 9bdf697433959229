// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether a host can do what hvcma is for: see host_check.h. VFIO is in host_check_vfio.c, devices
 * are in host_check_pci.c.
 */
#include "hv/host/host_check.h"

#include <errno.h>
#include <inttypes.h>
#include <liburing.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "hv/abi/virtio_cma.h"
#include "hv/host/host_config.h"

#define LEAST_KERNEL_MAJOR	6
#define LEAST_KERNEL_MINOR	1

enum hvcma_host_arch hvcma_host_arch(const char *root)
{
	char text[4096];

	hvcma_host_read(root, text, sizeof(text), "/proc/cpuinfo");
	if (strstr(text, "vendor_id"))
		return HVCMA_ARCH_X86;
	return strstr(text, "CPU implementer") ? HVCMA_ARCH_ARM64 : HVCMA_ARCH_UNKNOWN;
}

/* ---- kernel and KVM ---- */

static void check_kernel(const char *root, struct hvcma_host_findings *all)
{
	unsigned int major, minor;
	char release[96];

	hvcma_host_read(root, release, sizeof(release), "/proc/sys/kernel/osrelease");
	if (sscanf(release, "%u.%u", &major, &minor) != 2) {
		hvcma_found(all, "kernel", HVCMA_WARN, "which Linux this is can't be read in /proc/sys/kernel/osrelease");
	} else if (major < LEAST_KERNEL_MAJOR || (major == LEAST_KERNEL_MAJOR && minor < LEAST_KERNEL_MINOR)) {
		hvcma_found(all, "kernel", HVCMA_FAIL, "Linux %s, and %d.%d is needed", release, LEAST_KERNEL_MAJOR,
			    LEAST_KERNEL_MINOR);
		hvcma_fix(all, "install a newer kernel of your distribution");
	} else {
		hvcma_found(all, "kernel", HVCMA_PASS, "Linux %s", release);
	}
}

static void check_kvm(const char *root, struct hvcma_host_findings *all)
{
	bool is_x86 = hvcma_host_arch(root) == HVCMA_ARCH_X86;
	char real[PATH_MAX];

	if (hvcma_host_real(root, real, "/dev/kvm")) {
		hvcma_found(all, "kvm", HVCMA_FAIL, "there is no /dev/kvm");
		hvcma_fix(all, is_x86 ? "switch virtualization (VT-x, AMD-V) on in the firmware, then modprobe kvm_intel or kvm_amd; in a cloud machine ask for one with nested virtualization" :
			  "the kernel must be started at EL2: by firmware that leaves it there, or in a virtual machine with nested virtualization");
	} else if (access(real, R_OK | W_OK)) {
		hvcma_found(all, "kvm", HVCMA_WARN, "/dev/kvm is there, and not for this user");
		hvcma_fix(all, "run QEMU as root, or add its user to the group that /dev/kvm has: kvm");
	} else {
		hvcma_found(all, "kvm", HVCMA_PASS, "/dev/kvm can be used");
	}
}

static void check_stage2(const char *root, const struct hvcma_stage2_probes *probes, struct hvcma_host_findings *all)
{
	struct hvcma_stage2_facts facts;

	if (hvcma_host_arch(root) != HVCMA_ARCH_ARM64 || !probes)
		return;
	hvcma_arm_stage2_detect(probes, &facts);
	if (facts.stage2 == VIRTIO_CMA_STAGE2_UNKNOWN) {
		hvcma_found(all, "stage2", HVCMA_WARN, "whether KVM forces Write-Back on guests (FEAT_S2FWB) can't be found out: devices that ignore caches are refused");
		hvcma_fix(all, "as root it can be; or say it with property stage2= of virtio-cma(7)");
	} else if (facts.stage2 == VIRTIO_CMA_STAGE2_FWB) {
		hvcma_found(all, "stage2", HVCMA_NOTE, "KVM forces Write-Back on guests (FEAT_S2FWB, by %s): devices that ignore caches get no coherent memory",
			    facts.source);
		hvcma_fix(all, "hvcma attr --client noncoherent explains; coherent devices are not concerned");
	} else {
		hvcma_found(all, "stage2", HVCMA_PASS, "guests have the memory types that they map (%s, by %s)",
			    hvcma_stage2_name(facts.stage2), facts.source);
	}
	if (facts.line_bytes)
		hvcma_found(all, "caches", HVCMA_PASS, "data cache lines of %" PRIu32 " bytes can be cleaned by programs",
			    facts.line_bytes);
	else
		hvcma_found(all, "caches", HVCMA_WARN, "the length of data cache lines is not known");
}

/* ---- hugepages ---- */

struct pool {
	const char *root;
	struct hvcma_host_findings *all;
	uint64_t page_kib, total, free;
	char nodes[160];		/* ", node 0: 12 of 16 free" */
	bool have_any;
};

static int node_pool(const char *name, void *opaque)
{
	struct pool *p = opaque;
	size_t used = strlen(p->nodes);
	uint64_t total, free;

	if (strncmp(name, "node", 4) || name[4] < '0' || name[4] > '9')
		return 0;
	if (hvcma_host_number(p->root, &total, "/sys/devices/system/node/%s/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages", name, p->page_kib) ||
	    hvcma_host_number(p->root, &free, "/sys/devices/system/node/%s/hugepages/hugepages-%" PRIu64 "kB/free_hugepages", name, p->page_kib))
		return 0;
	snprintf(p->nodes + used, sizeof(p->nodes) - used, ", node %s: %" PRIu64 " of %" PRIu64 " free", name + 4, free, total);
	return 0;
}

struct text_search {
	const char *root, *folder, *word;
};

static int file_has(const char *name, void *opaque)
{
	struct text_search *s = opaque;
	char *text = hvcma_host_load(s->root, "%s/%s", s->folder, name);
	bool found = text && strstr(text, s->word);

	free(text);
	return found;
}

/* Will there be such pages after the next boot? What is looked for: where people write it. */
static bool is_persistent(const char *root)
{
	static const char *const folders[] = { "/etc/sysctl.d", "/usr/lib/sysctl.d", "/etc/tmpfiles.d" };
	struct text_search s = { root, "/etc", "nr_hugepages" };
	char *line = hvcma_host_load(root, "/proc/cmdline");
	bool found = line && strstr(line, "hugepages=");

	free(line);
	found = found || file_has("sysctl.conf", &s);
	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders) && !found; i++) {
		s.folder = folders[i];
		found = hvcma_host_list(root, file_has, &s, "%s", folders[i]) == 1;
	}
	return found;
}

static int check_pool(const char *name, void *opaque)
{
	struct pool *p = opaque;
	uint64_t total, free, mib;

	if (sscanf(name, "hugepages-%" SCNu64 "kB", &p->page_kib) != 1 ||
	    hvcma_host_number(p->root, &total, "/sys/kernel/mm/hugepages/%s/nr_hugepages", name) ||
	    hvcma_host_number(p->root, &free, "/sys/kernel/mm/hugepages/%s/free_hugepages", name))
		return 0;
	if (!total)
		return 0;
	p->have_any = true;
	p->nodes[0] = '\0';
	hvcma_host_list(p->root, node_pool, p, "/sys/devices/system/node");
	mib = free * p->page_kib / 1024;
	if (free) {
		hvcma_found(p->all, "hugepages", HVCMA_PASS, "%" PRIu64 " of %" PRIu64 " hugepages of %" PRIu64 " KiB are free: %" PRIu64 " MiB%s",
			    free, total, p->page_kib, mib, p->nodes);
	} else {
		hvcma_found(p->all, "hugepages", HVCMA_WARN, "all %" PRIu64 " hugepages of %" PRIu64 " KiB are in use%s", total, p->page_kib, p->nodes);
		hvcma_fix(p->all, "hvcma hugepages --add SIZE --page %" PRIu64 "K makes more", p->page_kib);
	}
	return 0;
}

static void check_hugepages(const char *root, struct hvcma_host_findings *all)
{
	struct pool pool = { .root = root, .all = all };

	if (hvcma_host_list(root, check_pool, &pool, "/sys/kernel/mm/hugepages")) {
		hvcma_found(all, "hugepages", HVCMA_FAIL, "this kernel has no hugepages (CONFIG_HUGETLBFS), and regions are made of them");
		hvcma_fix(all, "install a kernel that has them: Debian's own has, that of Raspberry Pi OS has not");
		return;
	}
	if (!pool.have_any) {
		hvcma_found(all, "hugepages", HVCMA_FAIL, "there are no hugepages, and regions are made of them");
		hvcma_fix(all, "hvcma hugepages --add 512M --persist");
		return;
	}
	if (is_persistent(root)) {
		hvcma_found(all, "hugepages-at-boot", HVCMA_PASS, "hugepages are asked for at boot");
	} else {
		hvcma_found(all, "hugepages-at-boot", HVCMA_WARN, "hugepages will be gone after the next boot");
		hvcma_fix(all, "hvcma hugepages --add SIZE --persist, or hugepages= on the kernel's command line");
	}
}

/* ---- pins and addresses ---- */

static bool has_capability(const char *root, int number)
{
	char *text = hvcma_host_load(root, "/proc/self/status");
	const char *at = text ? strstr(text, "\nCapEff:") : NULL;
	uint64_t all = at ? strtoull(at + 8, NULL, 16) : 0;

	free(text);
	return all >> number & 1;
}

/* 0: it works, as far as can be seen; else why not, negative. */
static int try_io_uring(const char *root)
{
	struct io_uring ring;
	int ret;

	if (*root)
		return 0;
	ret = io_uring_queue_init(1, &ring, 0);
	if (!ret)
		io_uring_queue_exit(&ring);
	return ret;
}

static void check_io_uring(const char *root, struct hvcma_host_findings *all)
{
	uint64_t disabled = 0;
	int ret;

	hvcma_host_number(root, &disabled, "/proc/sys/kernel/io_uring_disabled");
	ret = try_io_uring(root);
	if (disabled == 2 || (disabled == 1 && ret == -EPERM)) {
		hvcma_found(all, "io-uring", HVCMA_FAIL, "kernel.io_uring_disabled is %" PRIu64 ": memory can't be pinned", disabled);
		hvcma_fix(all, "sysctl kernel.io_uring_disabled=0, or 1 if QEMU is root or in the group of kernel.io_uring_group");
	} else if (ret) {
		hvcma_found(all, "io-uring", HVCMA_FAIL, "io_uring_setup(): %s: memory can't be pinned", strerror(-ret));
		hvcma_fix(all, ret == -ENOSYS ? "the kernel needs CONFIG_IO_URING" :
			  "a seccomp filter forbids it: that of a container, or of the unit that runs QEMU (SystemCallFilter=)");
	} else if (disabled) {
		hvcma_found(all, "io-uring", HVCMA_NOTE, "kernel.io_uring_disabled is 1: QEMU pins as root, or in the group of kernel.io_uring_group");
	} else {
		hvcma_found(all, "io-uring", HVCMA_PASS, "io_uring can be used: it pins memory");
	}
}

static void check_rights(const char *root, struct hvcma_host_findings *all)
{
	bool admin = has_capability(root, CAP_SYS_ADMIN), rawio = has_capability(root, CAP_SYS_RAWIO),
	     lock = has_capability(root, CAP_IPC_LOCK);

	if (!hvcma_host_has(root, "/proc/self/pagemap")) {
		hvcma_found(all, "pagemap", HVCMA_FAIL, "there is no /proc/self/pagemap: physical addresses can't be seen");
		hvcma_fix(all, "the kernel needs CONFIG_PROC_PAGE_MONITOR");
	} else if (!admin) {
		hvcma_found(all, "pagemap", HVCMA_WARN, "/proc/self/pagemap shows no physical addresses to this user");
		hvcma_fix(all, "run QEMU with CAP_SYS_ADMIN; as root this check sees more, too");
	} else {
		hvcma_found(all, "pagemap", HVCMA_PASS, "physical addresses can be seen");
	}
	if (rawio && lock) {
		hvcma_found(all, "rights", HVCMA_PASS, "this user may open devices without IOMMU, and pin any amount of memory");
	} else {
		hvcma_found(all, "rights", HVCMA_WARN, "this user lacks%s%s", rawio ? "" : " CAP_SYS_RAWIO (to open devices without IOMMU)",
			    lock ? "" : " CAP_IPC_LOCK (to pin more than RLIMIT_MEMLOCK)");
		hvcma_fix(all, "run QEMU as root, or with ambient capabilities (AmbientCapabilities= of systemd)");
	}
}

/* ---- what restricts programs ---- */

static void check_confinement(const char *root, struct hvcma_host_findings *all)
{
	uint64_t enforce = 0;
	char enabled[8];

	hvcma_host_read(root, enabled, sizeof(enabled), "/sys/module/apparmor/parameters/enabled");
	if (hvcma_host_has(root, "/sys/fs/selinux/enforce")) {
		hvcma_host_number(root, &enforce, "/sys/fs/selinux/enforce");
		hvcma_found(all, "confinement", enforce ? HVCMA_WARN : HVCMA_PASS, "SELinux is %s", enforce ? "enforcing" : "permissive");
		if (enforce)
			hvcma_fix(all, "QEMU of libvirt may use regions where the module hvcma of packaging/selinux is loaded (semodule -l lists modules), and devices by hvcmad; ausearch -m avc shows what is denied");
	} else if (*enabled == 'Y') {
		hvcma_found(all, "confinement", HVCMA_NOTE, "AppArmor is on");
		hvcma_fix(all, "it confines QEMU of libvirt alone: allow the plugin's folder in /etc/apparmor.d/abstractions/libvirt-qemu there");
	} else {
		hvcma_found(all, "confinement", HVCMA_PASS, "neither AppArmor nor SELinux confine programs");
	}
}

void hvcma_check_host(const char *root, const struct hvcma_stage2_probes *probes, struct hvcma_host_findings *all)
{
	check_kernel(root, all);
	check_kvm(root, all);
	check_stage2(root, probes, all);
	check_hugepages(root, all);
	check_io_uring(root, all);
	check_rights(root, all);
	hvcma_check_vfio(root, all);
	check_confinement(root, all);
}
