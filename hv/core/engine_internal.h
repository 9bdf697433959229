/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Inside of the protocol engine: its data and the seams between its files.
 *
 *   engine.c         configuration, start, header checks, dispatch, base
 *   engine_client.c  client states, CLIENTS, CLAIM, RELEASE, quiescing
 *   engine_attr.c    memory attributes of clients
 *   engine_ranges.c  where granules are in guest-physical addresses
 *   engine_windows.c what of memory clients reach: WINDOWS, and what that means for blocks
 *   engine_noncoherent.c  what the host does not touch while clients bypass the caches
 *   engine_job.c     finding, backing, pinning and verifying blocks; undoing it
 *   engine_alloc.c   ALLOC, ALLOC_BULK, restore
 *   engine_free.c    FREE, BUSY, SUSPEND, RESUME, reset
 *   engine_pin.c     pins: of blocks, or of all of the region from the start
 *   engine_drain.c   what is pinned and freed in steps
 *   engine_resv.c    reservations
 *   engine_query.c   QUERY, REPORT, counters, iterators
 *   engine_check.c   invariants
 *
 * Not for users of engine.h.
 */
#ifndef HVCMA_CORE_ENGINE_INTERNAL_H
#define HVCMA_CORE_ENGINE_INTERNAL_H

#include "hv/core/attr.h"
#include "hv/core/bitset.h"
#include "hv/core/engine.h"
#include "hv/core/le.h"

#define HVCMA_DMA_CHUNK		512	/* addresses read from the host at once */

/*
 * QUARANTINED and QUARANTINED_GONE clients may still be doing DMA: the host could not quiesce
 * them, and as long as there is one nothing is unpinned. QUARANTINED_GONE ones are unplugged.
 */
enum hvcma_client_state {
	HVCMA_CLIENT_ABSENT,
	HVCMA_CLIENT_PRESENT,
	HVCMA_CLIENT_CLAIMED,
	HVCMA_CLIENT_QUARANTINED,
	HVCMA_CLIENT_QUARANTINED_GONE,
	HVCMA_NR_CLIENT_STATES
};

struct hvcma_client {
	enum hvcma_client_state state;	/* by set_state() of engine_client.c only */
	struct virtio_cma_client wire;	/* its state field is filled when sent */
	uint8_t coherent;		/* by the guest's last CLAIM: VIRTIO_CMA_COHERENT_* */
	bool emulated;
	bool noncoherent;		/* its last CLAIM was answered VIRTIO_CMA_MAINT_BLOCK */
	uint32_t windows_source;	/* VIRTIO_CMA_SOURCE_* */
	struct hvcma_dma_windows windows;	/* identity before it was ever there */
};

/* May it be doing DMA? */
static inline bool hvcma_client_is_active(enum hvcma_client_state state)
{
	return state == HVCMA_CLIENT_CLAIMED || state == HVCMA_CLIENT_QUARANTINED ||
	       state == HVCMA_CLIENT_QUARANTINED_GONE;
}

/* Reservation, in granules; [0] is the shared part. */
struct hvcma_resv {
	uint32_t size;
	uint32_t used;			/* by blocks of its clients, wherever they count */
};

#define HVCMA_NO_CLIENT		VIRTIO_CMA_CLIENT_SHARED	/* no client's number */

/* No status of the wire: see hvcma_engine_request(). */
#define HVCMA_AGAIN	VIRTIO_CMA_NR_STATUS

/* A block, or a piece of one. */
struct hvcma_granule_range {
	uint32_t first;
	uint32_t nr;
};

/* What an ALLOC or ALLOC_BULK is about, and how far it got. */
struct hvcma_job {
	struct hvcma_fit_request fit;	/* of one block; nr_granules unused if gather */
	bool gather;			/* blocks of any length */
	bool partial;			/* some are better than none */
	uint64_t owner;
	uint64_t left;			/* granules still to be allocated */
	uint32_t max_granted;
	const uint8_t *hints;		/* checked struct virtio_cma_range */
	uint32_t nr_hints;
	enum virtio_cma_status limit;	/* why fewer blocks are sought than were asked for */

	/* by hvcma_job_run(); kept from call to call */
	uint32_t nr_granted;		/* in e->granted, all pinned when it is done */
	uint32_t nr_pinned;		/* of them, from the first on */
	uint64_t nr_part;		/* granules of the next one that are pinned */
	bool part_drains;		/* of one that moved: it counts for limits until it is free */
	uint32_t retries;
	uint32_t pin_max_blocks;	/* more at once were refused */
	enum hvcma_fit why;		/* last failed search */
	enum virtio_cma_status host;	/* last refusal of the host to back */
	uint64_t back_from;		/* unknown granules before it were tried */
	uint64_t back_refused;		/* as many at once were refused */
	uint64_t back_chunk;		/* try to back this many, even if fewer will do */

	/* of one call */
	uint64_t search_budget;		/* runs that exhaustive searches may still look at */
	uint32_t hint_budget;		/* runs and blocks still to be looked at */
	uint64_t back_budget;		/* granules that may still be backed */
	uint64_t pin_budget;		/* granules that may still be pinned */
	bool again;			/* it takes another call */
};

/* The ALLOC or ALLOC_BULK that is to be made again. */
struct hvcma_pending_alloc {
	bool pending;
	uint8_t req[sizeof(struct virtio_cma_alloc_req)];	/* by which it is known */
	size_t resp_bytes;
	struct hvcma_job job;
};

/* The FREE or BUSY that is to be made again: how far it got. */
struct hvcma_pending_free {
	uint32_t op;			/* 0: none */
	uint32_t next;			/* range that is not done */
	uint64_t done;			/* granules of it that are */
	struct hvcma_granule_range block;	/* what is left of that of a BUSY */
};

struct hvcma_engine {
	struct hvcma_engine_config config;
	char name[VIRTIO_CMA_NAME_BYTES];
	const struct hvcma_engine_ops *ops;
	void *opaque;
	uint64_t features;		/* accepted; 0: the legacy interface */
	uint32_t granule_shift;
	uint32_t nr_granules;
	uint32_t nr_ranges;		/* at least 1 */
	struct hvcma_gpa_range ranges[VIRTIO_CMA_MAX_RANGES];
	uint32_t range_first[VIRTIO_CMA_MAX_RANGES];	/* granule that each begins with */
	uint32_t pin_limit;		/* granules */
	struct hvcma_alloc *alloc;	/* pinned granules are allocated ones */
	struct hvcma_client *clients;
	uint32_t nr_quarantined;	/* clients QUARANTINED or QUARANTINED_GONE */
	uint32_t nr_noncoherent_clients; /* active clients with noncoherent set */
	struct hvcma_bitset noncoherent; /* granules in non-coherent use; engine_noncoherent.c */
	uint64_t nr_noncoherent;
	struct hvcma_bitset surrendered; /* granules; each is withheld, too; engine_surrender.c */
	uint64_t nr_surrendered;
	bool noncoherent_lags;		/* noncoherent may differ from what it is to be */
	bool keeps_off;			/* ops->keep_off was called with true */
	uint32_t claiming;		/* whose CLAIM is to be made again, or HVCMA_NO_CLIENT */
	uint32_t releasing;		/* whose RELEASE, likewise: it is quiesced already */
	struct hvcma_resv *resvs;	/* config.nr_resvs + 1 */
	struct hvcma_pending_alloc pending_alloc;
	struct hvcma_pending_free pending_free;
	struct hvcma_bitset draining;	/* first granules of draining blocks; engine_drain.c */
	uint64_t nr_draining;		/* granules of such blocks */
	uint64_t nr_between;		/* granules of blocks that a request is at work on */
	uint64_t nr_transient;		/* blocks of either kind */
	uint64_t nr_unpinned;		/* granules that are allocated, and not pinned */
	bool pins_all;			/* from hvcma_engine_pin_all() to hvcma_engine_fini() */
	bool suspended;			/* between SUSPEND and RESUME */
	bool sweeps_busy;		/* marks from busy_from on are of before a reset */
	uint64_t busy_from;
	uint64_t *online;		/* bit per granule */
	uint64_t nr_online;
	uint64_t nr_orphaned;		/* granules online when the last driver's life ended */
	uint8_t *why;			/* byte per granule: VIRTIO_CMA_WHY_*, 0 if not busy */
	uint64_t nr_busy[VIRTIO_CMA_NR_WHYS];
	struct hvcma_granule_range *granted;	/* scratch, VIRTIO_CMA_MAX_BULK_BLOCKS */
	uint64_t *dma;			/* scratch, HVCMA_DMA_CHUNK */
	uint64_t nr_alloc_ok, nr_alloc_failed, nr_freed, nr_bad_requests;
	uint64_t nr_requests[VIRTIO_CMA_NR_OPS];
	bool guest_valid;
	struct virtio_cma_guest_counters guest;
};

/* One request on its way through the engine. */
struct hvcma_call {
	const uint8_t *req;
	size_t req_bytes;
	uint8_t *resp;
	size_t resp_bytes;		/* room */
	size_t used_bytes;		/* of resp, header included, on success */
	uint64_t detail;		/* on failure */
};

/* A block's owner, as kept by the allocator. */
#define HVCMA_OWNER(client, purpose, resv)				\
	((uint64_t)(resv) << 40 | (uint64_t)(purpose) << 32 | (client))
#define HVCMA_OWNER_CLIENT(owner)	((uint32_t)(owner))
#define HVCMA_OWNER_PURPOSE(owner)	((uint32_t)((owner) >> 32) & 0xff)
#define HVCMA_OWNER_RESV(owner)	((uint32_t)((owner) >> 40) & 0xff)
#define HVCMA_OWNER_MARK		(UINT64_C(1) << 63)	/* named in this FREE */
#define HVCMA_OWNER_TRANSIENT	(UINT64_C(1) << 62)	/* a request is at work on it */
#define HVCMA_OWNER_UNPINNED	(UINT64_C(1) << 61)	/* reserved for one */

static inline enum virtio_cma_status
hvcma_refuse(struct hvcma_call *call, enum virtio_cma_status status, uint64_t detail)
{
	call->detail = detail;
	return status;
}

static inline void hvcma_trace(const struct hvcma_engine *e, const char *event,
			       uint64_t a, uint64_t b, uint64_t c)
{
	if (e->ops->trace)
		e->ops->trace(e->opaque, event, a, b, c);
}

static inline uint64_t hvcma_bytes(const struct hvcma_engine *e, uint64_t granules)
{
	return granules << e->granule_shift;
}

/* Does the driver know of features at all? */
static inline bool hvcma_is_version_1(const struct hvcma_engine *e)
{
	return e->features >> VIRTIO_CMA_F_VERSION_1 & 1;
}

/* Is the driver served with what VIRTIO_CMA_F_* @bit stands for? */
static inline bool hvcma_has_feature(const struct hvcma_engine *e, unsigned int bit)
{
	return (hvcma_is_version_1(e) ? e->features : VIRTIO_CMA_LEGACY_FEATURES) >> bit & 1;
}

/* What a host operation returned, if it is a status at all. */
static inline enum virtio_cma_status hvcma_host_status(enum virtio_cma_status status)
{
	return (uint32_t)status < VIRTIO_CMA_NR_STATUS ? status : VIRTIO_CMA_S_IO;
}

/* Trap on a broken invariant, in debug builds; after each mutation. */
#ifdef HVCMA_DEBUG
void hvcma_engine_check(const struct hvcma_engine *e);
#else
static inline void hvcma_engine_check(const struct hvcma_engine *e)
{
	(void)e;
}
#endif

/* engine.c */
enum virtio_cma_status hvcma_range_get(const struct hvcma_engine *e,
				       struct hvcma_call *call, size_t offset,
				       uint64_t index, struct hvcma_granule_range *granules);
enum virtio_cma_status hvcma_learn_range(struct hvcma_engine *e, uint64_t first,
					 uint64_t nr, bool must_be_backed);

/* engine_attr.c */
void hvcma_client_judge(const struct hvcma_engine *e, uint32_t id, uint32_t guest_says,
			struct hvcma_attr_decision *decision);
uint32_t hvcma_client_attr(const struct hvcma_engine *e, uint32_t client);

/* engine_ranges.c */
const char *hvcma_ranges_check(const struct hvcma_engine_config *config);
/* Once e->alloc is there, and knows nothing yet. */
void hvcma_ranges_init(struct hvcma_engine *e, const struct hvcma_engine_config *config);
uint64_t hvcma_gpa(const struct hvcma_engine *e, uint64_t granule);
/* The granules that [@base_gpa, + @bytes) touches; false unless all of it is in one range. */
bool hvcma_ranges_find(const struct hvcma_engine *e, uint64_t base_gpa, uint64_t bytes,
		       struct hvcma_granule_range *touched);

/* engine_windows.c */
bool hvcma_client_needs_windows(const struct hvcma_engine *e, uint32_t id);
const struct hvcma_dma_windows *hvcma_place_of(const struct hvcma_engine *e, uint32_t client);
enum virtio_cma_status hvcma_serve_windows(struct hvcma_engine *e, struct hvcma_call *call);

/* engine_noncoherent.c */
/* A piece of a block was just pinned. */
void hvcma_noncoherent_pinned(struct hvcma_engine *e, const struct hvcma_granule_range *piece);
/* Of these no block is in non-coherent use any more. */
void hvcma_noncoherent_unpinned(struct hvcma_engine *e, uint64_t first, uint64_t nr);
/*
 * CLAIM of a client that bypasses the caches: _begin(), _follow() until it is true, the
 * gate, then set its state and _claimed(), or _forget(). Returns what ops->keep_off does.
 */
enum virtio_cma_status hvcma_noncoherent_begin(struct hvcma_engine *e, uint32_t client);
void hvcma_noncoherent_claimed(struct hvcma_engine *e);
/* No CLAIM or RELEASE is to be made again. */
void hvcma_noncoherent_forget(struct hvcma_engine *e);
/* At each change of a client's state. */
void hvcma_noncoherent_step(struct hvcma_engine *e, uint32_t id, enum hvcma_client_state from,
			    enum hvcma_client_state to);
/* As much as one call does; returns whether all is as it is to be. */
bool hvcma_noncoherent_follow(struct hvcma_engine *e);
/* After what may have been the last granule: ops->keep_off, if no client needs it any more. */
void hvcma_noncoherent_end(struct hvcma_engine *e);
bool hvcma_noncoherent_is_valid(const struct hvcma_engine *e);

/* engine_pin.c */
/* Every pin and unpin of a block is by these: nothing is left to do where all is pinned. */
enum virtio_cma_status hvcma_pin(struct hvcma_engine *e, uint64_t first, uint64_t nr);
void hvcma_unpin(struct hvcma_engine *e, uint64_t first, uint64_t nr);
uint64_t hvcma_nr_pinned(const struct hvcma_engine *e);
/* The end: no client could write any more. */
void hvcma_unpin_all(struct hvcma_engine *e);

/* engine_client.c */
enum virtio_cma_status hvcma_owner_check(const struct hvcma_engine *e,
					 struct hvcma_call *call, uint32_t client,
					 uint32_t purpose, size_t purpose_offset);
enum virtio_cma_status hvcma_quarantine_check(const struct hvcma_engine *e,
					      struct hvcma_call *call);
enum virtio_cma_status hvcma_quiesce_all(struct hvcma_engine *e);
uint8_t hvcma_client_wire_state(const struct hvcma_client *client);
enum virtio_cma_status hvcma_serve_clients(struct hvcma_engine *e, struct hvcma_call *call);
enum virtio_cma_status hvcma_serve_claim(struct hvcma_engine *e, struct hvcma_call *call);
enum virtio_cma_status hvcma_serve_release(struct hvcma_engine *e, struct hvcma_call *call);

/* engine_job.c */
void hvcma_job_forget(struct hvcma_engine *e);
void hvcma_job_begin(struct hvcma_job *job);
enum virtio_cma_status hvcma_job_run(struct hvcma_engine *e, struct hvcma_job *job);
enum virtio_cma_status hvcma_job_refusal(const struct hvcma_engine *e,
					 const struct hvcma_job *job,
					 enum virtio_cma_status status,
					 struct hvcma_call *call);

/* engine_alloc.c */
enum virtio_cma_status hvcma_serve_alloc(struct hvcma_engine *e, struct hvcma_call *call);
enum virtio_cma_status hvcma_serve_bulk(struct hvcma_engine *e, struct hvcma_call *call);

/* engine_drain.c */
bool hvcma_block_is_transient(const struct hvcma_engine *e, uint64_t first);
void hvcma_reserve_block(struct hvcma_engine *e, uint64_t first, uint64_t owner);
void hvcma_block_is_pinned(struct hvcma_engine *e, uint64_t first);
void hvcma_block_split(struct hvcma_engine *e, uint64_t first, uint64_t nr);
void hvcma_block_join(struct hvcma_engine *e, uint64_t first);
void hvcma_block_publish(struct hvcma_engine *e, uint64_t first);
void hvcma_block_set_transient(struct hvcma_engine *e, uint64_t first);
void hvcma_block_release(struct hvcma_engine *e, uint64_t first);
void hvcma_drain_block(struct hvcma_engine *e, uint64_t first);
uint64_t hvcma_drain_every_block(struct hvcma_engine *e);
uint64_t hvcma_pin_budget(const struct hvcma_engine *e);
uint64_t hvcma_mark_budget(const struct hvcma_engine *e);
bool hvcma_drain_range(struct hvcma_engine *e, uint64_t first, uint64_t nr, uint64_t *budget);
void hvcma_drain_step(struct hvcma_engine *e);
bool hvcma_drain_pending(struct hvcma_engine *e);

/* engine_free.c */
void hvcma_pending_free_forget(struct hvcma_engine *e);
void hvcma_busy_mark(struct hvcma_engine *e, uint64_t granule, bool on, uint8_t why);
enum virtio_cma_status hvcma_serve_free(struct hvcma_engine *e, struct hvcma_call *call);
enum virtio_cma_status hvcma_serve_busy(struct hvcma_engine *e, struct hvcma_call *call);
enum virtio_cma_status hvcma_serve_suspend(struct hvcma_engine *e, struct hvcma_call *call);
enum virtio_cma_status hvcma_serve_resume(struct hvcma_engine *e, struct hvcma_call *call);

/* engine_surrender.c */
bool hvcma_is_surrendered(const struct hvcma_engine *e, uint64_t granule);
bool hvcma_surrendered_is_valid(const struct hvcma_engine *e);
enum virtio_cma_status hvcma_serve_surrender(struct hvcma_engine *e, struct hvcma_call *call);
enum virtio_cma_status hvcma_serve_reclaim(struct hvcma_engine *e, struct hvcma_call *call);

/* engine_resv.c */
uint32_t hvcma_resv_of(const struct hvcma_engine *e, uint32_t client);
uint64_t hvcma_resv_room(const struct hvcma_engine *e, uint32_t resv);
void hvcma_resv_charge(struct hvcma_engine *e, uint64_t owner, uint64_t nr);
void hvcma_resv_uncharge(struct hvcma_engine *e, uint64_t owner, uint64_t nr);
bool hvcma_resvs_are_valid(const struct hvcma_engine *e);

/* engine_query.c */
void hvcma_online_clear(struct hvcma_engine *e);
enum virtio_cma_status hvcma_serve_query(struct hvcma_engine *e, struct hvcma_call *call);
enum virtio_cma_status hvcma_serve_report(struct hvcma_engine *e, struct hvcma_call *call);

#endif /* HVCMA_CORE_ENGINE_INTERNAL_H */
