/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests of virtio-cma as a guest driver would send them, and raw ones that no
 * driver would send.
 */
#ifndef TESTS_QTEST_CMA_H
#define TESTS_QTEST_CMA_H

#include "hv/abi/virtio_cma.h"
#include "tests/qtest/virtio.h"

#define MIB		(1024ull * 1024)
#define CMA_GRANULE	(2 * MIB)

/* A region on memory that is never touched: no privilege, no hugepage. */
#define CMA_FAKE_REGION	"-object memory-backend-memfd,id=m0,size=64M " \
			"-device %s,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake"

struct cma {
	struct virtio v;
	uint64_t request, response;	/* guest memory of cma_raw() */
	uint64_t event;			/* one buffer for events */
	uint64_t base_gpa;
	uint32_t purpose;		/* of blocks to come: VIRTIO_CMA_PURPOSE_* */
};

#define CMA_F(name)	(1u << VIRTIO_CMA_F_##name)
/* Those that each region has a use for, and reusable ones. */
#define CMA_FEATURES	((1u << (VIRTIO_CMA_F_WINDOWS + 1)) - 1)

/** cma_open() - find the device and start its driver, which accepts all features. */
void cma_open(struct cma *c, struct qtest *q, const struct virtio_transport *t);
/** cma_open_as() - one that accepts those @features only. */
void cma_open_as(struct cma *c, struct qtest *q, const struct virtio_transport *t,
		 uint32_t features);
void cma_open_on_bus(struct cma *c, struct qtest *q, uint8_t bus);
void cma_open_on_bus_as(struct cma *c, struct qtest *q, uint8_t bus, uint32_t features);

/** cma_open_nth() - of several devices on bus 0, by slot; each has memory of its own. */
void cma_open_nth(struct cma *c, struct qtest *q, unsigned int nth);

/** cma_restart() - a guest that reboots or reloads its driver. */
void cma_restart(struct cma *c);

/**
 * cma_raw() - send @req, receive at most @room bytes.
 *
 * Return: used length; -1 if the device wants a reset.
 */
int64_t cma_raw(struct cma *c, unsigned int queue, const void *req, size_t req_bytes,
		void *resp, size_t room);

/** cma_config() - the configuration space. */
void cma_config(struct cma *c, struct virtio_cma_config *config);

/*
 * Well-formed requests; each returns the status. Where a response is expected
 * its length and header are checked.
 */
uint32_t cma_claim(struct cma *c, uint32_t client);
uint32_t cma_release(struct cma *c, uint32_t client);
uint32_t cma_alloc(struct cma *c, uint64_t bytes, uint32_t client,
		   struct virtio_cma_block *block);
uint32_t cma_alloc_below(struct cma *c, uint64_t bytes, uint64_t align_bytes,
			 uint64_t max_dma_addr, uint32_t client,
			 struct virtio_cma_block *block);
uint32_t cma_free(struct cma *c, uint64_t base_gpa, uint64_t bytes);

/**
 * cma_shatter() - the worst case of a report: the region's @nr granules of
 * @granule_bytes are allocated as a block each, and every second one is freed.
 */
void cma_shatter(struct cma *c, uint64_t granule_bytes, unsigned int nr);

/** cma_report_online() - of the first 32 granules bit i of @bits is granule i. */
void cma_report_online(struct cma *c, uint32_t bits);

/** cma_offer_event() - post one event buffer of @bytes. */
void cma_offer_event(struct cma *c, uint32_t bytes);

/** cma_next_event() - wait for the next event; used length, contents in @event. */
int64_t cma_next_event(struct cma *c, struct virtio_cma_event *event);

/** cma_client() - entry @id of the client table. */
void cma_client(struct cma *c, uint32_t id, struct virtio_cma_client *client);

#endif /* TESTS_QTEST_CMA_H */
