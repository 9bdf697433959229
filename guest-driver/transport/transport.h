/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The seam between the driver and the hypervisor's way of carrying messages:
 * submit a request and get its response, read the configuration, hear events.
 * Knows nothing of what the messages say (request.c) or mean (region.c), nor who listens.
 */
#ifndef VCMA_TRANSPORT_H
#define VCMA_TRANSPORT_H

#include <linux/bits.h>
#include <linux/types.h>

#include "hv/abi/virtio_cma.h"

struct attribute_group;
struct device;
struct vcma_region;
struct vcma_transport;

enum vcma_queue {
	VCMA_QUEUE_REQUEST,
	VCMA_QUEUE_REPORT,
};

struct vcma_transport_ops {
	/*
	 * Carry one request and wait for its response. May sleep. @req and @resp
	 * are the caller's and are not touched after return, whatever the peer
	 * does later. *@used_bytes is what the peer says it wrote, true or not;
	 * more than @resp_bytes is never written to @resp.
	 *
	 * Return: 0; -ENOMEM, -EMSGSIZE (nothing was sent); -ESHUTDOWN (stopped
	 * or broken before or while waiting); -ETIMEDOUT (the peer may still
	 * answer: the transport is broken from now on).
	 */
	int (*call)(struct vcma_transport *t, enum vcma_queue queue,
		    const void *req, size_t req_bytes,
		    void *resp, size_t resp_bytes, size_t *used_bytes);

	/* Copy the configuration as the peer has it now. May sleep. */
	void (*read_config)(struct vcma_transport *t,
			    struct virtio_cma_config *config);
};

struct vcma_transport {
	const struct vcma_transport_ops *ops;	/* constant, as is dev */
	struct device *dev;		/* for messages and sysfs; outlives us */
	/* The device goes: don't wait for what can take long. Read anywhere. */
	bool removing;
	/* In mode ram not all RAM is the region's, from the start: the rest is copied. Constant. */
	bool has_ram_beside;
	u64 features;			/* accepted, bits by VIRTIO_CMA_F_*; constant while open */

	/*
	 * Set by the user of the transport, event_ctx before event. event: atomic context, may
	 * be called until the transport is stopped. @event is the transport's own copy, with room
	 * for a struct virtio_cma_event_wanted, of which @bytes are said to be written; neither is checked.
	 */
	void (*event)(void *ctx, const struct virtio_cma_event *event, size_t bytes);
	void *event_ctx;
};

/* Return: does the peer know of features, or is it one of before there were any? */
static inline bool vcma_is_version_1(const struct vcma_transport *t)
{
	return t->features & BIT_ULL(VIRTIO_CMA_F_VERSION_1);
}

/* Return: does the peer serve us with what VIRTIO_CMA_F_* @bit stands for? */
static inline bool vcma_has_feature(const struct vcma_transport *t, unsigned int bit)
{
	return (vcma_is_version_1(t) ? t->features : VIRTIO_CMA_LEGACY_FEATURES) & BIT_ULL(bit);
}

/* Whom the transports serve. A region is theirs to keep, not to look into. */
struct vcma_transport_user {
	/*
	 * A device was found, @t carries calls; it outlives the region. May sleep.
	 * Return: 0, or an error; the transport must then be reset, and, if *@r was set,
	 * finish() be called.
	 */
	int (*start)(struct vcma_transport *t, struct vcma_region **r);
	/* The device goes. May sleep. The transport is then reset, and finish() called. */
	void (*stop)(struct vcma_region *r);
	/* The transport was reset. */
	void (*finish)(struct vcma_region *r);
	/* Does a device or a program have any of its memory? */
	bool (*in_use)(struct vcma_region *r);

	/* Suspend of the guest: as vcma_sleep_is_suspend(), vcma_suspend(), vcma_resume(). */
	bool (*is_suspend)(void);
	int (*suspend)(struct vcma_region *r);
	void (*resume)(struct vcma_region *r);

	/* Of the device, whose driver data is the region, or NULL. */
	const struct attribute_group **groups;
};

/* vcma_request_timeout_ms - how long to wait for an answer; 0: without end. */
extern unsigned int vcma_request_timeout_ms;

/** vcma_virtio_register() - serve virtio devices. @user: stays. Return: 0 or an error. */
int vcma_virtio_register(const struct vcma_transport_user *user);
void vcma_virtio_unregister(void);

/**
 * vcma_xen_register() - serve devices of Xen's class "vcma", if this is a domain of Xen's. @user:
 * stays. Return: 0 or an error.
 */
#ifdef VCMA_XEN
int vcma_xen_register(const struct vcma_transport_user *user);
void vcma_xen_unregister(void);

/* The same for what the device tree of a domain says that Xen has started; of vcma_xen_register(). */
int vcma_xen_tree_register(const struct vcma_transport_user *user);
void vcma_xen_tree_unregister(void);
#else
static inline int vcma_xen_register(const struct vcma_transport_user *user)
{
	return 0;
}

static inline void vcma_xen_unregister(void)
{
}
#endif

#endif /* VCMA_TRANSPORT_H */
