/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcma_hostile: the host that is played, and what its tests share.
 */
#ifndef VCMA_HOSTILE_H
#define VCMA_HOSTILE_H

#include <linux/bits.h>
#include <linux/sizes.h>
#include <linux/types.h>

#include "guest-driver/transport/transport.h"
#include "hv/abi/virtio_cma.h"

#define BASE		BIT_ULL(38)
#define GRANULE		SZ_2M
#define NR_GRANULES	32

struct windows_resp {
	struct virtio_cma_windows_resp head;
	struct virtio_cma_window window[];
};

struct host {
	struct vcma_transport transport;
	struct virtio_cma_config config;
	struct virtio_cma_client client;	/* the only entry of the table */
	u32 nr_clients;
	u64 next_granule;
	unsigned int nr_freed, nr_asked;	/* requests for a block's end, for the table */
	unsigned int nr_requests[VIRTIO_CMA_NR_OPS];

	u32 lie_op;				/* requests that get the lie */
	void (*lie)(void *resp, size_t *used);
};

/* One line of TAP. */
void result(bool good, const char *what, const char *how);

/* But F_RAM, which is of one mode alone. */
#define ALL_FEATURES	(GENMASK_ULL(VIRTIO_CMA_NR_FEATURES - 1, 0) & ~BIT_ULL(VIRTIO_CMA_F_RAM))

/* An honest host, with one client; all features are negotiated. */
void host_init(struct host *h);

void test_clients(void);
void test_claim(void);
void test_windows(void);
void test_late_event(void);
void test_features(void);
void test_pinned(void);
void test_ranges(void);

#endif /* VCMA_HOSTILE_H */
