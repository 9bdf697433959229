/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages between hvcmad and its keeper (keep.h, keeper_main.c). A keeper outlives the service that it
 * was started with, and serves newer ones: nothing here changes its place or meaning; what is new is a
 * new version, which both have to know.
 *
 * One Unix socket of type SEQPACKET, one service at a time, one request at a time. Both ends are of
 * one user, and trust each other.
 */
#ifndef HVCMA_SERVICE_KEEPER_WIRE_H
#define HVCMA_SERVICE_KEEPER_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define HVCMAD_KEEPER_VERSION		1
#define HVCMAD_KEEPER_MAX_FDS		4	/* of one object */
#define HVCMAD_KEEPER_MAX_RECORD	1280	/* bytes that the service has written, of no meaning to the keeper */
#define HVCMAD_KEEPER_MAX_RINGS		1024

enum hvcmad_keeper_op {
	/* Answer: version in id, the keeper's pidfd; ring[0] is any descriptor of its, to try the way. */
	HVCMAD_KEEPER_HELLO = 1,
	/* Keep these descriptors, and make rings, if nr_slots is not 0. Answer: id, rings. */
	HVCMAD_KEEPER_PUT = 2,
	/* Close what belongs to this id. */
	HVCMAD_KEEPER_DROP = 3,
	/* The object with the lowest id above this; id 0: there is none. Answer: all of it. */
	HVCMAD_KEEPER_NEXT = 4,
};

struct hvcmad_keeper_req {
	uint32_t op;
	uint32_t id;			/* with HELLO the version */
	uint64_t nr_slots;		/* of all rings together */
	uint64_t slots_per_ring;
	uint32_t record_bytes;
	uint32_t reserved;
	unsigned char record[HVCMAD_KEEPER_MAX_RECORD];
};
_Static_assert(sizeof(struct hvcmad_keeper_req) == 32 + HVCMAD_KEEPER_MAX_RECORD, "keeper_req");

struct hvcmad_keeper_resp {
	int32_t error;			/* 0, or a positive errno; then nothing was changed */
	uint32_t id;
	uint64_t nr_slots;
	uint64_t slots_per_ring;
	uint32_t record_bytes;
	uint32_t nr_rings;		/* 0 though there are slots: they are gone, and the pins with them */
	unsigned char record[HVCMAD_KEEPER_MAX_RECORD];
	int32_t ring[HVCMAD_KEEPER_MAX_RINGS];	/* descriptors of the keeper, for pidfd_getfd() */
};
_Static_assert(sizeof(struct hvcmad_keeper_resp) == 32 + HVCMAD_KEEPER_MAX_RECORD + HVCMAD_KEEPER_MAX_RINGS * 4,
	       "keeper_resp");

#endif /* HVCMA_SERVICE_KEEPER_WIRE_H */
