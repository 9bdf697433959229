/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of regions on hugetlbfs, hvcma/DOMAIN/REGION under a mount: made before a domain starts,
 * removed when it has ended. For root; never calls libvirt.
 */
#ifndef HVCMA_LIBVIRT_FILES_H
#define HVCMA_LIBVIRT_FILES_H

#include "hv/host/provider.h"
#include "hv/libvirt/domain.h"

/**
 * hvcma_files_make() - all that the domain's regions need, of their size, with their pages.
 * @d: as "apply" wrote it: paths are those of its memory devices
 * @mounts: "/proc/self/mounts"
 *
 * Pages are taken at once, from the nodes that a region names, so that who starts finds out; but
 * not where the device chooses them itself (low, contiguous). A file that is there is of a domain
 * that has ended, and is made anew.
 *
 * Return: 0, or a negative errno with @err in words, and no file is left: -EINVAL (a path that is
 * not where files of this domain are), -ENOSPC (no hugepages), what the kernel says.
 */
int hvcma_files_make(const struct hvcma_domain *d, const char *mounts, struct hvcma_error *err);

/**
 * hvcma_files_remove() - all of a domain, on every mount.
 * @name: of the domain, whatever it is
 *
 * Memory that somebody still has mapped or pinned stays until he lets go.
 */
void hvcma_files_remove(const char *name, const char *mounts);

#endif /* HVCMA_LIBVIRT_FILES_H */
