/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reservations of a region, and the part that all clients share. Each has its own
 * ready pools, so that what is reserved for some is not used up by others.
 *
 * The host's client table has reservations, which the host enforces. The module parameter
 * "regions" can add others, and limit how much of a region this guest uses; these are
 * enforced here. The text is that of hv/core/region_text.h:
 *
 *	regions="cma0=25%;cma0/nvme0,nic0=8M;cma0/cam(firmware)=max(2%,16M)"
 *
 *	region	|--- in use at most ------------------------|  not used  |
 *		|  shared  | nvme0, nic0 | cam, as "firmware" |
 *
 * A reservation that is used up continues in the shared part.
 */
#ifndef VCMA_RESV_H
#define VCMA_RESV_H

#include "core/account.h"
#include "pool.h"

struct vcma_region;

/* Reservations of the module parameter come after the host's, which are of 8 bits. */
#define VCMA_RESV_FIRST_OWN	256

struct vcma_resv {
	struct vcma_account account;
	/* Constant. */
	const char *clients;		/* of the module parameter: names with commas ... */
	size_t clients_bytes;
	const char *kind;		/* ... and the kind, if any */
	size_t kind_bytes;
	struct vcma_pool pools[VCMA_NR_ATTRS];
};

/**
 * vcma_resv_pools() - the pools of reservation @id, one per memory type; those of the
 * shared part for 0. Made when first asked for, and kept until the region ends. May
 * sleep. Calls are the caller's to serialize: client.c has vcma_bindings_lock.
 *
 * Return: array of VCMA_NR_ATTRS pools, or NULL if memory is short.
 */
struct vcma_pool *vcma_resv_pools(struct vcma_region *r, unsigned int id);

/**
 * vcma_resv_of() - which reservation of the module parameter an entry of the client table
 * draws on.
 * @name, @kind: of the entry, NUL-terminated
 *
 * Return: its id, or 0.
 */
unsigned int vcma_resv_of(struct vcma_region *r, const char *name, const char *kind);

/** vcma_region_pool() - the @i-th of all pools of the region, or NULL after the last. */
struct vcma_pool *vcma_region_pool(struct vcma_region *r, unsigned int i);

/** vcma_region_ready_bytes() - allocated, free and isolated: what the next allocations get. */
u64 vcma_region_ready_bytes(struct vcma_region *r);

/**
 * vcma_resvs_check() - look at the module parameter.
 * @text: NUL-terminated; must stay
 *
 * Return: 0, or -EINVAL, logged with the place.
 */
int vcma_resvs_check(const char *text);

/**
 * vcma_resvs_init() - the shared part, and what the module parameter says of the region.
 * Reservations that don't fit are logged, and not made.
 * @pool_bytes: of the shared part's pools; 0 for the default
 *
 * Return: 0 or -ENOMEM, with nothing left behind.
 */
int vcma_resvs_init(struct vcma_region *r, u64 pool_bytes);
void vcma_resvs_destroy(struct vcma_region *r);

/*
 * The shrinker (shrink.c) gives idle memory of all pools back to the guest when it is short of
 * memory. Only for regions whose memory is of use to the guest.
 *
 * vcma_shrink_start() - Return: 0 (also: nothing to do for this region) or -ENOMEM.
 */
int vcma_shrink_start(struct vcma_region *r);
void vcma_shrink_stop(struct vcma_region *r);

#endif /* VCMA_RESV_H */
