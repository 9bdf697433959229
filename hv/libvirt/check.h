/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Semantics of declared regions: beside each other, beside the rest of the domain, and on a
 * host. Changes nothing.
 */
#ifndef HVCMA_LIBVIRT_CHECK_H
#define HVCMA_LIBVIRT_CHECK_H

#include "hv/libvirt/domain.h"

/** hvcma_check_domain() - what the domain itself can be judged by. */
void hvcma_check_domain(const struct hvcma_domain *d, struct hvcma_findings *f);

/* Where a host is looked at. */
struct hvcma_domain_check_host {
	const char *sysfs;		/* "/sys" */
	const char *mounts;		/* "/proc/self/mounts" */
	const char *service;		/* socket of hvcmad */
	const char *emulator;		/* program to try instead of the domain's wrapper; NULL: that one */
};

/**
 * hvcma_domain_check_host() - what it needs of the host: hugepages and where they are mounted, devices
 * without an IOMMU, an emulator that takes the plugin. Runs that emulator, which prints its
 * version. To be called without errors of the domain itself.
 */
void hvcma_domain_check_host(const struct hvcma_domain *d, const struct hvcma_domain_check_host *host,
		      struct hvcma_findings *f);

/** hvcma_hugetlbfs_find() - where pages of this size are mounted; malloc'ed, NULL: nowhere. */
char *hvcma_hugetlbfs_find(const char *mounts, uint64_t page_bytes);

#endif /* HVCMA_LIBVIRT_CHECK_H */
