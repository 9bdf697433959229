/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a host can do what hvcma is for, and what is missing: read from its files, judged one
 * thing after the other. Changes nothing. Programs (QEMU), the service and device trees are
 * looked at by whoever calls this.
 */
#ifndef HVCMA_HOST_HOST_CHECK_H
#define HVCMA_HOST_HOST_CHECK_H

#include "hv/host/arm_stage2.h"
#include "hv/host/host_findings.h"
#include "hv/host/host_pci.h"

enum hvcma_host_arch {
	HVCMA_ARCH_UNKNOWN,
	HVCMA_ARCH_X86,
	HVCMA_ARCH_ARM64,
};

/** hvcma_host_arch() - by /proc/cpuinfo of @root (host_files.h). */
enum hvcma_host_arch hvcma_host_arch(const char *root);

/**
 * hvcma_check_host() - judge kernel, KVM, hugepages, pinning, addresses, VFIO, what restricts it.
 * @root: "": this machine, which is asked by system calls, too; else its files alone are read
 * @probes: what Arm's second stage of translation is found by; NULL: it is not looked at
 * @all: findings are added
 */
void hvcma_check_host(const char *root, const struct hvcma_stage2_probes *probes, struct hvcma_host_findings *all);

/** hvcma_check_vfio() - the part of it that is about VFIO without an IOMMU. */
void hvcma_check_vfio(const char *root, struct hvcma_host_findings *all);

/** hvcma_check_pci() - judge a device. An IOMMU that protects it comes first. */
void hvcma_check_pci(const char *root, const struct hvcma_pci *pci, struct hvcma_host_findings *all);

/** hvcma_check_platform() - likewise a platform device, without what its node in the tree says. */
void hvcma_check_platform(const char *root, const struct hvcma_pci *device, struct hvcma_host_findings *all);

#endif /* HVCMA_HOST_HOST_CHECK_H */
