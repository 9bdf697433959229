/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The backend of device class "vcma": a region of a domain, from its offer to its end. All state is in
 * xenstore (docs/xen.md has the keys) and in Xen; what is here looks at both and makes the next step, so
 * whoever runs it can be killed and started again at any time.
 *
 *	backend's state		the frontend's		step
 *	Initialising		any			choose frames, InitWait
 *	InitWait		Initialised		populate, Connected
 *	InitWait, Connected	Closing, Closed		take the memory back, Closed
 *	InitWait, Connected	any, and online is 0	Closing (nobody was there: Closed)
 *	Closing			Closed			take the memory back, Closed
 *	Closed			Initialising		Initialising; or, if online is 0, all keys go
 *	any			the domain has ended	all keys go
 */
#ifndef HVCMA_XEN_BACKEND_H
#define HVCMA_XEN_BACKEND_H

#include <stdint.h>

#include "hv/abi/virtio_cma.h"
#include "hv/host/provider.h"
#include "hv/xen/store.h"

struct hvcma_xen;
struct xs_handle;

#define HVCMA_XEN_BACKENDS	"/local/domain/0/backend/vcma"
#define HVCMA_XEN_MAX_CLIENTS	64

/* A device: of which domain, and which of its regions. */
struct hvcma_xen_device {
	uint32_t domid;
	uint32_t id;
	char backend[HVCMA_STORE_PATH_BYTES];
	char frontend[HVCMA_STORE_PATH_BYTES];
};

struct hvcma_xen_client_text {
	uint32_t bus;			/* VIRTIO_CMA_BUS_* */
	char path[VIRTIO_CMA_PATH_BYTES];
	char name[VIRTIO_CMA_NAME_BYTES];
	char kind[VIRTIO_CMA_KIND_BYTES];	/* "": every kind */
};

/* What somebody wants. */
struct hvcma_xen_wish {
	char name[VIRTIO_CMA_NAME_BYTES];
	const char *mode;		/* "private" or "reusable" */
	uint64_t bytes;			/* whole granules of 2 MiB */
	uint64_t base_gpa;		/* 0: to be chosen */
	uint32_t nr_clients;
	struct hvcma_xen_client_text clients[HVCMA_XEN_MAX_CLIENTS];
};

/** hvcma_xen_device_set() - the device's paths. */
void hvcma_xen_device_set(struct hvcma_xen_device *d, uint32_t domid, uint32_t id);

/**
 * hvcma_xen_attach() - write a device's keys: what a toolstack does. The backend makes the rest of it.
 * @d: out
 *
 * Return: 0, or a negative errno with @err.
 */
int hvcma_xen_attach(struct xs_handle *xs, uint32_t domid, const struct hvcma_xen_wish *wish,
		     struct hvcma_xen_device *d, struct hvcma_error *err);

/** hvcma_xen_detach() - ask for its end. Return: 0, or -ENOENT with @err. */
int hvcma_xen_detach(struct xs_handle *xs, uint32_t domid, uint32_t id, struct hvcma_error *err);

/**
 * hvcma_xen_step() - look at a device, and do what is next.
 * Return: 1 if something was done, 0 if there is nothing to do, or a negative errno with @err.
 */
int hvcma_xen_step(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
		   struct hvcma_error *err);

/** hvcma_xen_state_name() - "connected"; "?" for what is no state. */
const char *hvcma_xen_state_name(uint64_t state);

#endif /* HVCMA_XEN_BACKEND_H */
