/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Provider of regions on Xen: machine memory for a running domain, in extents that are contiguous
 * in the machine, at guest frames where nothing is; and back again. Runs in the control domain,
 * on libxenctrl and libxenforeignmemory.
 *
 * What differs from the providers of KVM's (hv/host/provider.h): Xen on Arm never moves memory, so
 * what is populated is pinned for good, and what is not is unbacked; there is nothing between. And
 * nobody in the control domain can learn where memory is in the machine: the guest asks Xen
 * itself. What is known here is of which order each extent was, hence what is contiguous.
 *
 * No state is kept: what is populated is asked for each time, so a program that was killed goes
 * on where it was. Non-purpose: xenstore, and who wants a region (hv/xen).
 */
#ifndef HVCMA_HOST_XEN_DOMAIN_H
#define HVCMA_HOST_XEN_DOMAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/host/provider.h"

/* Frames of Xen's interfaces, whatever the guest's pages are. */
#define HVCMA_XEN_FRAME_BYTES	UINT64_C(4096)

/* What one extent can be: 2 MiB, so that it is one mapping at stage 2, to 1 GiB, all that Xen gives at once. */
#define HVCMA_XEN_MIN_ORDER	9
#define HVCMA_XEN_MAX_ORDER	18
#define HVCMA_XEN_GRANULE_BYTES	(HVCMA_XEN_FRAME_BYTES << HVCMA_XEN_MIN_ORDER)

struct hvcma_xen;

/** hvcma_xen_open() - Return: 0, or a negative errno with @err: this is no control domain. */
int hvcma_xen_open(struct hvcma_xen **out, struct hvcma_error *err);
void hvcma_xen_close(struct hvcma_xen *x);

/* An extent was populated: these bytes of the guest's are contiguous in the machine. */
typedef void (*hvcma_xen_extent_fn)(void *opaque, uint64_t gpa, uint64_t bytes);

/** hvcma_xen_exists() - is there a domain of this number, that is not about to end? */
bool hvcma_xen_exists(struct hvcma_xen *x, uint32_t domid);

/**
 * hvcma_xen_maxmem() - how much memory a domain may have, in KiB.
 * Return: 0, or a negative errno with @err.
 */
int hvcma_xen_maxmem(struct hvcma_xen *x, uint32_t domid, uint64_t *kib, struct hvcma_error *err);
int hvcma_xen_set_maxmem(struct hvcma_xen *x, uint32_t domid, uint64_t kib,
			 struct hvcma_error *err);

/**
 * hvcma_xen_is_free() - has the domain nothing at these frames? One frame of each granule is looked
 * at, of RAM: what a guest has mapped there of others is not seen.
 * @base_gpa, @bytes: whole granules of HVCMA_XEN_GRANULE_BYTES
 *
 * Return: 1, 0, or a negative errno with @err.
 */
int hvcma_xen_is_free(struct hvcma_xen *x, uint32_t domid, uint64_t base_gpa, uint64_t bytes,
		      struct hvcma_error *err);

/**
 * hvcma_xen_populate() - memory for all granules there that have none; maxmem has room for it.
 * Extents are as long as alignment, HVCMA_XEN_MAX_ORDER and the machine's free memory allow.
 * @extent: called for each that this call has populated, when it is
 *
 * Return: 0; -ENOMEM: no extent of 2 MiB is free in the machine, or maxmem has no room; or
 * another negative errno. Then some of it may be populated (hvcma_xen_take_back()). @err says which frames.
 */
int hvcma_xen_populate(struct hvcma_xen *x, uint32_t domid, uint64_t base_gpa, uint64_t bytes,
		       hvcma_xen_extent_fn extent, void *opaque, struct hvcma_error *err);

/**
 * hvcma_xen_take_back() - no device of the domain uses it any more: the memory goes back to Xen.
 * Granules that have none are left out.
 *
 * Return: 0, or a negative errno with @err: some of it is still the domain's.
 */
int hvcma_xen_take_back(struct hvcma_xen *x, uint32_t domid, uint64_t base_gpa, uint64_t bytes,
			struct hvcma_error *err);

#endif /* HVCMA_HOST_XEN_DOMAIN_H */
