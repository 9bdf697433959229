/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bindings: the guest devices that are served, over all regions. A device may be
 * named by the client tables of several regions, with kinds; its binding holds the
 * operations that the device gets, and its clients (client.h) in the order in which
 * they are asked for memory. Watches the buses, once for the whole module; knows
 * nothing of how a client is claimed or what it is served with.
 *
 *	dev->dma_ops --> binding.ops
 *	                 binding.sources[kind] --> client (region "banka", kind "coherent")
 *	                                           client (region "bankb", any kind)
 *	                                           client (default region)
 *
 * A binding lives from just before a driver is bound until the driver and its managed
 * resources are gone; its sources are constant meanwhile. Whoever has got a call from
 * that driver may use it without a lock.
 */
#ifndef VCMA_BINDING_H
#define VCMA_BINDING_H

#include <linux/container_of.h>
#include <linux/device.h>
#include <linux/dma-map-ops.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#include "client.h"
#include "fast.h"

struct vcma_region;

/* What memory is asked for, by kernel interface; tables may name other kinds. */
enum vcma_kind {
	VCMA_KIND_COHERENT,	/* "coherent": dma_alloc_*() */
	VCMA_KIND_STREAMING,	/* "streaming": dma_map_*() */
	VCMA_KIND_OTHER,	/* no kind in particular */
	VCMA_NR_KINDS
};

enum {
	VCMA_BINDING_WARNED_REACH,
	VCMA_BINDING_WARNED_UNSYNCED,
	VCMA_BINDING_WARNED_BESIDE,	/* RAM that is in no region */
};

struct vcma_binding {
	/* What dev->dma_ops points to. A copy, so that the operations find the binding. */
	const struct dma_map_ops ops;

	struct vcma_fast fast;		/* written while the driver has not the device */

	struct device *dev;		/* with a reference; constant */
	struct list_head node;		/* vcma_bindings_lock */
	bool probe_failed;		/* detach once the driver core is done; vcma_bindings_lock */
	unsigned long warned;		/* VCMA_BINDING_WARNED_*: the log has it; atomic */

	/*
	 * The claimed ones of clients[], in fallback order; pointers into clients[]. Written under
	 * vcma_bindings_lock before the driver has the device; constant then.
	 */
	unsigned int nr_sources[VCMA_NR_KINDS];
	struct vcma_client **sources[VCMA_NR_KINDS];

	unsigned int nr_clients;	/* claimed or refused */
	struct vcma_client *clients[];
};

/**
 * vcma_bindings_lock - guards the list of regions, the list of bindings, every client
 * table and every client's state. Taken by bus notifiers, with a device's lock held.
 */
extern struct mutex vcma_bindings_lock;

/**
 * vcma_names_lock - a leaf: guards the list of regions and what their tables name, too, so that
 * the bind of a device that is none of ours waits for nobody.
 */
extern spinlock_t vcma_names_lock;

/**
 * vcma_bindings_newest() - the birth of the device that came to a bus last. Whoever is told by
 * the host what there is, later than this was read, is told of that device, too.
 */
u64 vcma_bindings_newest(void);

/**
 * vcma_bindings_register() - watch the buses; once, before the first region.
 * @ops: each binding gets a copy
 *
 * Return: 0, -ENOMEM, or the error of the registration.
 */
int vcma_bindings_register(const struct dma_map_ops *ops);

/** vcma_bindings_unregister() - after the last region has gone. */
void vcma_bindings_unregister(void);

/**
 * vcma_bindings_add_region() - from now on the region's clients are served when a driver
 * binds. The region is READY, and its table was read. Caller holds no lock. May sleep.
 */
void vcma_bindings_add_region(struct vcma_region *r);

/**
 * vcma_bindings_remove_region() - unbind the drivers of all clients of the region; then
 * forget it. The region is not READY any more: who binds meanwhile gets no memory of it.
 * A region that was never added is ignored. Caller holds no lock. May sleep.
 */
void vcma_bindings_remove_region(struct vcma_region *r);

/**
 * vcma_dev_tell_late() - log which regions name @dev, but came after it was bound: they
 * serve it only when it is bound again. Each is named once. May sleep.
 */
void vcma_dev_tell_late(struct device *dev);

/**
 * vcma_dev_boundary() - DMA of @dev, whose driver stays bound, is in one piece if it does not cross
 * multiples of that.
 *
 * Return: bytes, a power of two; 0: none in particular.
 */
u64 vcma_dev_boundary(const struct device *dev);

/** vcma_dev_is_missed() - does a region name @dev, which has not our operations? */
bool vcma_dev_is_missed(struct device *dev);

/**
 * vcma_bindings_names() - which clients are bound, as far as @names has room. May sleep.
 *
 * Return: length, 0 if there is none.
 */
size_t vcma_bindings_names(char *names, size_t bytes);

/** vcma_binding_of() - the binding of a device whose operations are ours. */
static inline struct vcma_binding *vcma_binding_of(struct device *dev)
{
	return container_of(dev->dma_ops, struct vcma_binding, ops);
}

/** vcma_dev_is_bound() - are @dev's DMA operations ours? Caller holds the device's lock. */
bool vcma_dev_is_bound(struct device *dev);

/**
 * vcma_dev_is_served() - has @dev a binding, of whatever region? Nobody is waited for.
 */
bool vcma_dev_is_served(const struct device *dev);

/**
 * vcma_binding_source() - the @i-th client to ask for memory of @kind.
 *
 * Order: entries with this very kind, entries without a kind, the entry in the default
 * region. A device that has none of the first two is served from whatever regions name
 * it. Only claimed clients appear.
 *
 * Return: client, or NULL if there are not that many.
 */
static inline struct vcma_client *vcma_binding_source(const struct vcma_binding *b,
						      enum vcma_kind kind, unsigned int i)
{
	return i < b->nr_sources[kind] ? b->sources[kind][i] : NULL;
}

/**
 * vcma_binding_named_source() - the same for a kind by name, as in the client table.
 * @kind: NUL-terminated; "" is VCMA_KIND_OTHER
 */
struct vcma_client *vcma_binding_named_source(const struct vcma_binding *b, const char *kind,
					      unsigned int i);

/**
 * vcma_binding_by_dma() - the client in whose region an allocated block has the bus address @dma.
 *
 * Return: client, or NULL.
 */
struct vcma_client *vcma_binding_by_dma(const struct vcma_binding *b, u64 dma);

/**
 * vcma_binding_next_claimed() - every claimed client, in no particular order.
 * @i: 0 at first; then as it was left
 *
 * Return: client, or NULL after the last.
 */
static inline struct vcma_client *vcma_binding_next_claimed(const struct vcma_binding *b,
							    unsigned int *i)
{
	while (*i < b->nr_clients) {
		struct vcma_client *c = b->clients[(*i)++];

		if (vcma_client_is_claimed(c))
			return c;
	}
	return NULL;
}

/** vcma_binding_is_claimed() - may the device do DMA, as far as we know? */
static inline bool vcma_binding_is_claimed(const struct vcma_binding *b)
{
	return b->nr_sources[VCMA_KIND_OTHER];
}

/** vcma_binding_is_valid() - do clients and sources agree? Caller holds the lock. */
bool vcma_binding_is_valid(const struct vcma_binding *b);

#endif /* VCMA_BINDING_H */
