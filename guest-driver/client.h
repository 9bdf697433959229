/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Clients: guest devices the host serves from the region. Watches the buses; when
 * a driver is about to bind to a client, the client is CLAIMED and gets our DMA
 * operations; when the driver has gone, it is RELEASED: the host makes it quiet.
 *
 * A device that is a client but could not be claimed gets the operations all the
 * same: every mapping then fails, rather than hand the device addresses that mean
 * something else to it.
 */
#ifndef VCMA_CLIENT_H
#define VCMA_CLIENT_H

#include <linux/atomic.h>
#include <linux/dma-map-ops.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "hv/abi/virtio_cma.h"
#include "pool.h"

struct device;
struct vcma_region;

enum vcma_client_state {
	VCMA_CLIENT_IDLE,	/* no driver: no operations set */
	VCMA_CLIENT_CLAIMED,	/* driver bound or binding, served */
	VCMA_CLIENT_REFUSED,	/* driver bound or binding, every mapping fails */
	VCMA_CLIENT_NR_STATES
};

struct vcma_client {
	/*
	 * What dev->dma_ops points to while the client is not IDLE. Each client
	 * has its own copy of the same operations, so that they find it.
	 */
	const struct dma_map_ops ops;

	struct vcma_region *region;
	u32 id;
	enum vcma_client_state state;	/* vcma_clients.lock; read anywhere */

	/* What the host last told of it: vcma_clients.lock. */
	u32 bus;			/* VIRTIO_CMA_BUS_* */
	u32 host_state;			/* VIRTIO_CMA_CLIENT_* */
	u64 mmio_base;			/* platform clients */
	char name[VIRTIO_CMA_NAME_BYTES + 1];
	char path[VIRTIO_CMA_PATH_BYTES];

	/* While not IDLE. */
	struct device *dev;		/* with a reference */
	struct device_link *link;	/* we are shut down after it */

	/*
	 * Set while CLAIMED, and beyond if the host failed to make the device quiet:
	 * it may do DMA, and what it has stays its own until RELEASE succeeds.
	 */
	bool has_pool;
	enum vcma_attr attr;
	spinlock_t lock;		/* whole_blocks */
	struct list_head whole_blocks;
	atomic64_t coherent_bytes;
	atomic64_t bounce_bytes;

	/* Probe failed: release once the driver core is done with it. */
	struct work_struct unbound_work;
};

struct vcma_clients {
	struct mutex lock;		/* the table and all states; taken by notifiers */
	struct xarray by_id;
	u32 nr_absent;			/* as of the last refresh */
	atomic_t stale;			/* the host told of a change since */
	struct work_struct refresh_work;
	struct notifier_block pci_nb;
	struct notifier_block platform_nb;
};

/** vcma_clients_init() - before vcma_clients_changed() can be called. */
void vcma_clients_init(struct vcma_region *r);

/**
 * vcma_clients_start() - read the client table and watch the buses. On return 0
 * clients may already be claimed.
 *
 * Return: 0, or the error of the request or of the registration.
 */
int vcma_clients_start(struct vcma_region *r);

/**
 * vcma_clients_stop() - unbind the driver of every client and stop watching. The
 * region is STOPPING or DEAD. Then every client is IDLE; one that the host
 * did not quiet may still hold pages (vcma_clients_forget()).
 */
void vcma_clients_stop(struct vcma_region *r);

/** vcma_clients_forget() - the device was reset: free the clients and all they hold. */
void vcma_clients_forget(struct vcma_region *r);

/** vcma_clients_changed() - the host says the table has changed; atomic context. */
void vcma_clients_changed(struct vcma_region *r);

/** vcma_clients_in_use() - does any device use our operations? */
bool vcma_clients_in_use(struct vcma_region *r);

/** vcma_client_of() - the client behind a device whose operations are ours. */
static inline struct vcma_client *vcma_client_of(struct device *dev)
{
	return container_of(dev->dma_ops, struct vcma_client, ops);
}

static inline bool vcma_client_is_claimed(const struct vcma_client *c)
{
	return READ_ONCE(c->state) == VCMA_CLIENT_CLAIMED;
}

/** vcma_client_is_valid() - do state and contents agree? Caller holds the lock. */
bool vcma_client_is_valid(const struct vcma_client *c);

const char *vcma_client_state_name(enum vcma_client_state state);

#endif /* VCMA_CLIENT_H */
