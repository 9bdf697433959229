/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients: entries of one region's client table, and what each has. Reads the table,
 * finds the entry of a device, CLAIMs and RELEASEs: once released, the host has made the
 * device quiesced. When that happens is decided in binding.c.
 */
#ifndef VCMA_CLIENT_H
#define VCMA_CLIENT_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/list_bl.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "core/region.h"
#include "hv/abi/virtio_cma.h"
#include "pool/pool.h"
#include "pool/reserve.h"

struct device;
struct hvcma_dma_windows;
struct vcma_binding;
struct vcma_region;

enum vcma_client_state {
	VCMA_CLIENT_IDLE,	/* no driver: no operations set */
	VCMA_CLIENT_CLAIMED,	/* driver bound or binding, served */
	VCMA_CLIENT_REFUSED,	/* driver bound or binding, every mapping fails */
	VCMA_CLIENT_NR_STATES
};

/* What was logged since the client was claimed, and is not to be repeated. */
enum vcma_warned {
	VCMA_WARNED_NO_COHERENT,
	VCMA_WARNED_NO_PAGES,
	VCMA_WARNED_NO_RESOURCE,
};

#define VCMA_DIRECT_BUCKETS	128

/* All mappings of one client in its region: direct.c. */
struct vcma_direct {
	atomic_t nr;			/* read anywhere */
	struct hlist_bl_head buckets[VCMA_DIRECT_BUCKETS];	/* each with its lock */
};

struct vcma_client {
	struct vcma_region *region;	/* constant, as is id */
	u32 id;
	enum vcma_client_state state;	/* vcma_bindings_lock; read anywhere */

	/* What the host last told of it: vcma_bindings_lock; the address also vcma_names_lock. */
	u32 bus;			/* VIRTIO_CMA_BUS_* */
	u32 host_state;			/* VIRTIO_CMA_CLIENT_* */
	u64 mmio_base;			/* platform clients */
	char name[VIRTIO_CMA_NAME_BYTES + 1];
	char path[VIRTIO_CMA_PATH_BYTES];
	char kind[VIRTIO_CMA_KIND_BYTES + 1];	/* "": all kinds */
	unsigned int resv;		/* reservation, or 0 */
	bool warned_late;		/* the log says that it came while its device was bound */

	/* While not IDLE; vcma_bindings_lock. */
	struct vcma_binding *binding;
	struct device *dev;		/* the binding's; read anywhere */

	/* For dmabuf.c: read while it uses the client, written before that has to end. */
	struct rw_semaphore buffers_lock;
	bool has_buffers;		/* claimed, and stays so while the lock is held */
	u32 nr_claims;			/* so far: mappings of an earlier one are gone */

	bool linked;			/* device link: we are shut down after it; vcma_bindings_lock */

	/*
	 * Set while CLAIMED, and beyond if the host failed to quiesce the device:
	 * it may do DMA, and what it has stays its own until RELEASE succeeds. Written under
	 * vcma_bindings_lock; constant for whoever may use the client.
	 */
	bool has_pool;
	enum vcma_attr attr;		/* of coherent memory and bounce buffers */
	u32 maint;			/* VIRTIO_CMA_MAINT_* */
	u32 effective, reason;		/* VIRTIO_CMA_TYPE_*, _REASON_*: of attr and maint */
	/* As has_pool; NULL: none, bus addresses are DMA addresses (windows.h). */
	const struct hvcma_dma_windows *windows;
	u32 windows_source;		/* VIRTIO_CMA_SOURCE_*, a known one */
	unsigned long warned;		/* bits of enum vcma_warned; atomic */
	struct vcma_pool *pools;	/* of its resv, one per memory type */
	struct vcma_pool_user pool_user;	/* of the one of attr */
	spinlock_t bulk_lock;		/* a leaf */
	struct list_head bulk_blocks;	/* bulk_lock */
	atomic64_t coherent_bytes;
	/* In a region that is pinned from the start, where few mappings are copied: these; else 0. */
	atomic64_t bounce_bytes;
	struct vcma_direct direct;
};

/* Where a device is, in the table's words. */
struct vcma_address {
	u32 bus;			/* VIRTIO_CMA_BUS_* */
	u64 mmio_base;
	char path[VIRTIO_CMA_PATH_BYTES];
};

/* What clients are served with. */
struct vcma_client_ops {
	/* A client is made: nothing is allocated or mapped. Does not sleep. */
	void (*init)(struct vcma_client *c);
	/*
	 * It is quiet: free what it has allocated and mapped. May sleep. Caller holds
	 * vcma_bindings_lock, or is the last one there is.
	 */
	void (*free_all)(struct vcma_client *c);
};

/** vcma_clients_init() - before vcma_clients_changed() can be called. @ops: stay */
void vcma_clients_init(struct vcma_region *r, const struct vcma_client_ops *ops);

/**
 * vcma_clients_start() - read the client table and serve. On return 0 the region is
 * READY, and clients may already be claimed.
 *
 * Return: 0, or the error of the request.
 */
int vcma_clients_start(struct vcma_region *r);

/**
 * vcma_clients_stop() - unbind the driver of every client and serve no more. The
 * region is STOPPING or DEAD. Then every client is IDLE; one that the host
 * did not quiesce may still have pages (vcma_clients_forget()).
 */
void vcma_clients_stop(struct vcma_region *r);

/** vcma_clients_are_quiesced() - after that: is there none that may still do DMA? */
bool vcma_clients_are_quiesced(struct vcma_region *r);

/** vcma_clients_forget() - the device was reset: free the clients and all they have. */
void vcma_clients_forget(struct vcma_region *r);

/** vcma_clients_changed() - the table has changed, or may have; atomic context. */
void vcma_clients_changed(struct vcma_region *r);

/** vcma_clients_event() - of the transport (transport.h). @ctx: the region */
void vcma_clients_event(void *ctx, const struct virtio_cma_event *event, size_t bytes);

/**
 * vcma_clients_first_dev() - a device whose client here is not IDLE, if there is any.
 * Caller holds vcma_bindings_lock.
 *
 * Return: device with a reference, or NULL.
 */
struct device *vcma_clients_first_dev(struct vcma_region *r);

/** vcma_clients_in_use() - does any device use our operations? */
bool vcma_clients_in_use(struct vcma_region *r);

/** vcma_dev_address() - Return: false if @dev is nowhere that a table could name. */
bool vcma_dev_address(struct device *dev, struct vcma_address *address);

/**
 * vcma_clients_may_match() - may there be an entry for the device at @address? Nobody is asked.
 * Caller holds vcma_names_lock.
 * @born: when it came to its bus; a table that is older says nothing of it
 */
bool vcma_clients_may_match(struct vcma_region *r, const struct vcma_address *address, u64 born);

/**
 * vcma_client_use() - @c stays claimed for @dev, as it is, until vcma_client_unuse(). For what
 * comes from others than the device's own driver, and must not wait for the host. May sleep,
 * while the client ends. Caller keeps the region.
 *
 * Return: false if it is not claimed, or for another device.
 */
bool vcma_client_use(struct vcma_client *c, const struct device *dev);
void vcma_client_unuse(struct vcma_client *c);

/**
 * vcma_clients_of() - the claimed client of @r that @dev is. Nobody is waited for; it may be
 * claimed no longer: vcma_client_use(). Caller keeps the region.
 *
 * Return: client, or NULL.
 */
struct vcma_client *vcma_clients_of(struct vcma_region *r, const struct device *dev);

/**
 * vcma_clients_match() - entries of the device at @address. Asks the host if the table
 * may have changed. Caller holds vcma_bindings_lock. May sleep.
 * @clients: room for @max entries; NULL with @max 0 to count
 *
 * Return: how many there are, may be above @max.
 */
unsigned int vcma_clients_match(struct vcma_region *r, const struct vcma_address *address,
				struct vcma_client **clients, unsigned int max);

/**
 * vcma_client_attach() - a driver is about to bind: claim. If the region serves nobody
 * any more, or the host refuses, the client is REFUSED: the host may still take the
 * device for claimed, it must not get other addresses. The client is IDLE; caller
 * holds vcma_bindings_lock and keeps @b until vcma_client_detach(). May sleep.
 */
void vcma_client_attach(struct vcma_client *c, struct vcma_binding *b);

/**
 * vcma_client_detach() - the driver has gone: release; then the client is IDLE. Caller
 * holds vcma_bindings_lock. May sleep.
 */
void vcma_client_detach(struct vcma_client *c);

static inline bool vcma_client_is_claimed(const struct vcma_client *c)
{
	return READ_ONCE(c->state) == VCMA_CLIENT_CLAIMED;
}

/** vcma_client_is_valid() - do state and contents agree? Caller holds the lock. */
bool vcma_client_is_valid(const struct vcma_client *c);

const char *vcma_client_state_name(enum vcma_client_state state);

#endif /* VCMA_CLIENT_H */
