/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writes into a domain what libvirt and QEMU need for its declared regions, and takes it out
 * again. What it has written it finds again by alias, so a second time changes nothing; what it
 * has changed it remembers in <hvcma:applied>. Judges nothing: see check.h.
 */
#ifndef HVCMA_LIBVIRT_APPLY_H
#define HVCMA_LIBVIRT_APPLY_H

#include "hv/libvirt/domain.h"

/* Where the files of regions are. */
struct hvcma_apply_places {
	const char *mounts;		/* "/proc/self/mounts" */
};

/**
 * hvcma_apply() - make the domain have its declared regions, and no others of ours.
 * @d: of a domain that hvcma_check_domain() has nothing against; of no use afterwards
 */
void hvcma_apply(struct hvcma_domain *d, const struct hvcma_apply_places *places);

/**
 * hvcma_unapply() - make the domain what it was; the declaration stays.
 * @d: of no use afterwards
 */
void hvcma_unapply(struct hvcma_domain *d);

/**
 * hvcma_region_path() - the file of a region: hvcma/DOMAIN/REGION where pages of its size are
 * mounted, or where they usually are; malloc'ed.
 */
char *hvcma_region_path(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			const char *mounts);

#endif /* HVCMA_LIBVIRT_APPLY_H */
