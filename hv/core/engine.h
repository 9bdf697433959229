/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Protocol engine: one virtio-cma request in, one response out.
 *
 * Owns the allocator and client states of one region, validates everything a
 * guest sends, and calls the host through struct hvcma_engine_ops. Knows nothing
 * of virtqueues, QEMU, files or page tables. Allocates no memory, never blocks
 * itself, never aborts on guest input. Not thread safe: the caller serialises.
 *
 * What can fail returns enum virtio_cma_status, 0 being OK, as all of the core does;
 * bool answers a question.
 *
 * Rules it enforces (docs/protocol.md):
 *  - a granule is pinned from before its ALLOC is answered until after its FREE is
 *    made, and no longer when that is answered
 *  - clients are quiesced before any granule is unpinned behind the guest's back
 *    (reset, teardown); a client that cannot be quiesced keeps every granule
 *    pinned ("quarantine"): FREE and BUSY_SET are REFUSED, too, until a RELEASE,
 *    an unplug or a reset quiesces it
 *  - requests are checked whole before the first effect, which includes the room
 *    for the response
 *  - an address counts when it has been read again after the pin: what moved
 *    between is freed and searched for again, a few times
 *  - with VIRTIO_CMA_FLAG_PINNED in config.flags all of the region is pinned by
 *    hvcma_engine_pin_all() and stays so until hvcma_engine_fini(): no request, reset
 *    or quarantine changes what is pinned, or an address
 *
 * Cost of a request: as alloc.h says, plus the host operations, plus one step
 * per item of the request. Not bounded by the request alone: an ALLOC without
 * FAST for which nothing fits backs what is still unbacked, each granule once;
 * with an odd alignment or address limit it looks at up to 2^18 runs, which in
 * larger regions can miss a fit. ADDR_LIMIT without FAST looks at every run.
 * A failure looks at the runs around busy granules, too, as far as the 2^18 go.
 */
#ifndef HVCMA_CORE_ENGINE_H
#define HVCMA_CORE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/abi/virtio_cma.h"
#include "hv/core/alloc.h"
#include "hv/core/attr.h"
#include "hv/core/dma_windows.h"

/*
 * What the engine asks of its host. All are called with the caller's lock held,
 * from inside engine calls, and must not call back into the engine; but for
 * quiesce, from which clients may be told to be quarantined or removed: a device can go
 * while it is being stopped, and another with it. Those that can fail return a status, and
 * do all or nothing: VIRTIO_CMA_S_NO_BACKING, _PIN_LIMIT, _IO... What is no status is taken
 * for _IO.
 */
struct hvcma_engine_ops {
	/*
	 * Optional: can these granules be backed without a long wait? If not they are
	 * being prepared, and the request for them is to be made again. Not asked where
	 * the caller can't wait (hvcma_engine_restore_block()).
	 */
	bool (*prepare)(void *opaque, uint64_t first, uint64_t nr);
	/* Give [first, first + nr) host pages (contents: zero if new). */
	enum virtio_cma_status (*back)(void *opaque, uint64_t first, uint64_t nr);
	/*
	 * Long-term pin backed granules. VIRTIO_CMA_S_NO_BACKING: one is not
	 * backed (any more); the engine then asks for addresses and tries again.
	 */
	enum virtio_cma_status (*pin)(void *opaque, uint64_t first, uint64_t nr);
	/*
	 * Needed with VIRTIO_CMA_F_SURRENDER alone: the pages of unpinned granules go to whoever
	 * wants some; something else is at these addresses, until back.
	 */
	void (*surrender)(void *opaque, uint64_t first, uint64_t nr);
	/* Undo pin; cannot fail. Any subset of pinned granules may be named. */
	void (*unpin)(void *opaque, uint64_t first, uint64_t nr);
	/*
	 * Current DMA address of each granule into dma[0..nr), or
	 * HVCMA_DMA_UNKNOWN for an unbacked one. Final for pinned granules.
	 */
	enum virtio_cma_status (*dma_addr)(void *opaque, uint64_t first, uint64_t nr,
					   uint64_t *dma);
	/* Let the client become bus master; or say why not. */
	enum virtio_cma_status (*claim)(void *opaque, uint32_t client);
	/*
	 * Bus master off, flushed, device reset; if OK the client does no more
	 * DMA. Else it may; the engine then unpins nothing.
	 */
	enum virtio_cma_status (*quiesce)(void *opaque, uint32_t client);
	/*
	 * Optional: clean and invalidate the host's own mappings of pinned
	 * granules. They are about to serve, or serve no longer, a client whose
	 * DMA bypasses the caches. Between the two the host must not touch them
	 * (hvcma_engine_is_noncoherent()).
	 */
	void (*maintain)(void *opaque, uint64_t first, uint64_t nr);
	/*
	 * Optional: from now on there may be such blocks (@on, called before the
	 * first client that needs it is claimed; may fail, then it is not), or
	 * there are none any more (!@on; the result does not count).
	 */
	enum virtio_cma_status (*keep_off)(void *opaque, bool on);
	/*
	 * Optional: called after each state change worth a trace event.
	 *   "client" id, from, to (0 absent, 1 present, 2 claimed,
	 *	3 quarantined, 4 quarantined and unplugged)
	 *   "surrender", "reclaim" first granule, granules
	 *   "alloc", "restore" first granule, granules, client
	 *   "back", "moved", "free", "maintain" first granule, granules
	 *   "busy" first granule, granules, 1 set or 0 cleared
	 *   "reset" blocks freed, clients that could not be quiesced
	 *   "suspend" 1 or, ended, 0
	 */
	void (*trace)(void *opaque, const char *event, uint64_t a, uint64_t b,
		      uint64_t c);
};

#define HVCMA_MAX_RESVS	255

/* A piece of the region in guest-physical addresses. */
struct hvcma_gpa_range {
	uint64_t base_gpa;
	uint64_t bytes;
};

struct hvcma_engine_config {
	uint64_t region_base_gpa;	/* granule-aligned */
	uint64_t region_bytes;		/* whole granules, > 0 */
	/*
	 * With VIRTIO_CMA_MODE_RAM: the pieces that make up region_bytes, ascending, whole granules
	 * each, the first at region_base_gpa; copied. Granules are counted through them. None: the
	 * region is in one piece.
	 */
	const struct hvcma_gpa_range *ranges;
	uint32_t nr_ranges;		/* at most VIRTIO_CMA_MAX_RANGES */
	uint64_t granule_bytes;		/* power of two, >= 4096 */
	uint64_t pin_limit_bytes;	/* 0: the whole region */
	uint32_t mode;			/* VIRTIO_CMA_MODE_* */
	uint32_t attr_policy;		/* VIRTIO_CMA_ATTR_* */
	uint32_t flags;			/* VIRTIO_CMA_FLAG_* */
	uint32_t nr_clients;		/* size of the client table */
	uint32_t nr_resvs;		/* reservations, at most HVCMA_MAX_RESVS */
	const uint64_t *resv_bytes;	/* of each, whole granules; only read at init */
	uint32_t back_max_granules;	/* most to back in one call; 0: no limit */
	uint32_t pin_max_granules;	/* most to pin, to unpin or to maintain, likewise */
	uint32_t max_align_order;	/* at most VIRTIO_CMA_MAX_ALIGN_ORDER */
	uint32_t stage2;		/* VIRTIO_CMA_STAGE2_* */
	enum hvcma_alias alias;		/* the host's own mapping, while real devices do DMA */
	enum hvcma_policy policy;
	bool unpin_discards;		/* ops->unpin discards the backing, too */
	const char *name;		/* copied; shorter than VIRTIO_CMA_NAME_BYTES */
};

/* Host-order mirror of one client-table entry, for setting it up and reports. */
struct hvcma_client_info {
	uint8_t bus;			/* VIRTIO_CMA_BUS_* */
	uint8_t coherent;		/* VIRTIO_CMA_COHERENT_* */
	uint8_t resv;			/* 0, or a reservation: 1 to nr_resvs */
	bool emulated;			/* its DMA is done by the host's processors */
	const struct hvcma_dma_windows *windows;	/* copied; NULL: identity */
	uint32_t windows_source;	/* VIRTIO_CMA_SOURCE_* */
	const char *kind;		/* each shorter than its wire field */
	const char *name;
	const char *path;
};

struct hvcma_engine_counters {
	uint64_t backed_bytes;
	uint64_t pinned_bytes;
	uint64_t online_bytes;
	uint64_t orphaned_bytes;	/* online memory that outlived its driver */
	uint64_t surrendered_bytes;
	uint64_t busy_bytes;
	uint64_t busy_why_bytes[VIRTIO_CMA_NR_WHYS];	/* of busy_bytes, by reason */
	uint64_t free_bytes;		/* in runs */
	uint64_t allocated_bytes;
	uint64_t longest_free_bytes;
	uint64_t nr_blocks;
	uint64_t nr_extents;
	uint64_t nr_alloc_ok;
	uint64_t nr_alloc_failed;
	uint64_t nr_freed;		/* blocks */
	uint64_t nr_bad_requests;
	uint64_t quarantined_bytes;	/* pinned because a client would not quiesce */
	uint64_t nr_requests[VIRTIO_CMA_NR_OPS];	/* by op; [0] unknown ones */
	bool guest_valid;		/* the guest has reported */
	struct {
		uint64_t allocated_bytes, coherent_bytes, bounce_bytes;
		uint64_t nr_coherent_ok, nr_coherent_failed;
		uint64_t nr_map_direct, nr_map_bounced, nr_map_failed;
		uint64_t online_bytes, ready_bytes;
		uint64_t nr_busy_retries, nr_deadline_missed, nr_bulk_blocks;
		uint64_t alloc_us_log2[VIRTIO_CMA_NR_LATENCIES];
		uint64_t broken_bytes;
	} guest;
};

struct hvcma_engine;		/* lives in the caller's buffer */

/**
 * hvcma_engine_check_config() - say what is wrong with a configuration.
 *
 * Return: NULL if valid, else a constant sentence fragment such as
 * "region size is not a multiple of the granule".
 */
const char *hvcma_engine_check_config(const struct hvcma_engine_config *config);

/** hvcma_engine_buffer_bytes() - buffer size for a valid config, else 0. */
size_t hvcma_engine_buffer_bytes(const struct hvcma_engine_config *config);

/**
 * hvcma_engine_init() - make an engine in @buffer and learn the DMA address of
 * every granule that is backed already.
 * @buffer: zeroed, 64-byte aligned, stays the caller's, freed by the caller
 *	after hvcma_engine_fini()
 * @ops: must outlive the engine
 *
 * Return: OK with *@out set, VIRTIO_CMA_S_INVAL for a bad configuration, or what
 * ops->dma_addr returned.
 */
enum virtio_cma_status hvcma_engine_init(void *buffer, size_t buffer_bytes,
					 const struct hvcma_engine_config *config,
					 const struct hvcma_engine_ops *ops, void *opaque,
					 struct hvcma_engine **out);

/**
 * hvcma_engine_set_features() - what the driver has accepted, and what it is therefore
 * served with from the next request on.
 * @features: bits by VIRTIO_CMA_F_*, others are ignored; without VIRTIO_CMA_F_VERSION_1,
 *	and before any call, the driver is one that knows no features: all services, in
 *	the form that they had before there were any
 */
void hvcma_engine_set_features(struct hvcma_engine *e, uint64_t features);

/**
 * hvcma_engine_request() - serve one request.
 * @req, @req_bytes: the engine's own copy of what the guest sent (caller copies
 *	once); every content and length is allowed
 * @resp, @resp_bytes: buffer for the response; at most what the guest offered
 * @from_report_queue: only REPORT is served there, and REPORT only there
 * @used_bytes: out, bytes of @resp that are valid: 0 if @resp_bytes cannot hold
 *	a response header (then the request had no effect)
 *
 * A request for which more is to be backed, pinned, unpinned or maintained than one call
 * does (config.back_max_granules, pin_max_granules), and one for memory that is still
 * draining, takes several calls: it is to be made again, the same, when others have had
 * their turn; or to be forgotten, as a reset does. ALLOC and ALLOC_BULK are one
 * class, FREE and BUSY another, CLAIM and RELEASE a third: before one that is unfinished is
 * made again, no other of its class is made. What it has got, or still has to free, is no block
 * of the guest's meanwhile; it counts for limits, and as pinned as far as it is.
 *
 * RELEASE is answered when the client is quiesced and the host may use again what was in
 * non-coherent use by it. FREE is answered when nothing of its blocks is pinned any more,
 * unless a client became quarantined after it was begun: then the rest drains when that is over.
 *
 * Never fails: failures are statuses in the response.
 *
 * Return: true when served; false (@used_bytes 0): call again.
 */
bool hvcma_engine_request(struct hvcma_engine *e, const void *req,
			  size_t req_bytes, void *resp, size_t resp_bytes,
			  bool from_report_queue, size_t *used_bytes);

/**
 * hvcma_engine_forget_pending() - the requests that were to be made again will not
 * be. What an ALLOC has got drains; a FREE goes on by itself, by
 * hvcma_engine_drain(), and so do a BUSY, but without its marks, and a RELEASE; what a
 * CLAIM has put to non-coherent use ends that the same way. Nothing to do if
 * there is none.
 */
void hvcma_engine_forget_pending(struct hvcma_engine *e);

/**
 * hvcma_engine_drain() - unpin and free as much as one call does of what is draining:
 * blocks that were freed, or undone, or the guest's before a reset; clear busy marks
 * of before a reset; maintain what no client that bypasses the caches needs any more.
 *
 * Return: hvcma_engine_is_draining() afterwards.
 */
bool hvcma_engine_drain(struct hvcma_engine *e);

/**
 * hvcma_engine_has_accepted() - is the FREE or BUSY that is to be made again beyond
 * refusal? Its blocks are not the guest's any more; in a migration they stay behind,
 * and all that is left of it is its answer, OK.
 */
bool hvcma_engine_has_accepted(const struct hvcma_engine *e);

/**
 * hvcma_engine_is_draining() - does hvcma_engine_drain() have something to do? False
 * also while it may not, because a client is quarantined: to be asked again when one
 * was RELEASEd or removed, and after a reset.
 */
bool hvcma_engine_is_draining(const struct hvcma_engine *e);

/**
 * hvcma_engine_pin_all() - with VIRTIO_CMA_FLAG_PINNED in config.flags: pin all granules,
 * which are backed, and learn their addresses for good. Once, before any request.
 *
 * Return: OK; VIRTIO_CMA_S_INVAL (without the flag, or done already); VIRTIO_CMA_S_BUSY
 * (blocks held); VIRTIO_CMA_S_IO (one is not backed), or what ops->pin or ops->dma_addr
 * returned: nothing is pinned then.
 */
enum virtio_cma_status hvcma_engine_pin_all(struct hvcma_engine *e);

/**
 * hvcma_engine_reclaim_all() - no guest has anything in surrendered granules: back them again, from the
 * first on, until the host refuses.
 *
 * Return: true if none is left.
 */
bool hvcma_engine_reclaim_all(struct hvcma_engine *e);

/** hvcma_engine_gpa() - guest-physical address of @granule, which is in range. */
uint64_t hvcma_engine_gpa(const struct hvcma_engine *e, uint64_t granule);

/**
 * hvcma_engine_ranges() - where the region is in guest-physical addresses.
 * @ranges: out, the engine's own, until hvcma_engine_fini()
 *
 * Return: how many, at least 1.
 */
uint32_t hvcma_engine_ranges(const struct hvcma_engine *e, const struct hvcma_gpa_range **ranges);

/** hvcma_engine_get_config() - fill the device configuration space, as the driver may see it. */
void hvcma_engine_get_config(const struct hvcma_engine *e,
			     struct virtio_cma_config *config);

/**
 * hvcma_engine_set_base() - region_base_gpa became known (memory device plugged).
 * Only without allocated blocks, and before hvcma_engine_pin_all(). In guest-physical regions the host re-learns
 * DMA addresses through ops->dma_addr.
 *
 * Return: OK, VIRTIO_CMA_S_INVAL (misaligned, wraps, or several ranges), VIRTIO_CMA_S_BUSY
 * (blocks held, or all pinned), or what ops->dma_addr returned (the base is set all the same).
 */
enum virtio_cma_status hvcma_engine_set_base(struct hvcma_engine *e, uint64_t region_base_gpa);

/**
 * hvcma_engine_refresh() - ask ops->dma_addr again about every granule that is
 * not allocated: what the guest or the host touched or discarded meanwhile shows
 * in counters, states and extents. O(granules). Nothing to do where all is pinned.
 *
 * Return: OK, or what ops->dma_addr returned; some granules may be up to date then.
 */
enum virtio_cma_status hvcma_engine_refresh(struct hvcma_engine *e);

/**
 * hvcma_engine_client_added() - client @id is plugged (ABSENT to PRESENT).
 * @info: copied
 *
 * Return: OK, VIRTIO_CMA_S_NO_CLIENT (id out of range), VIRTIO_CMA_S_CLIENT_STATE
 * (not absent, or unplugged without having been quiesced: see
 * hvcma_engine_reset()), VIRTIO_CMA_S_INVAL (a string does not fit, or the bus,
 * coherency, reservation or source of windows is unknown). Whether windows reach anything is
 * for the caller to ask: hvcma_engine_reach().
 */
enum virtio_cma_status hvcma_engine_client_added(struct hvcma_engine *e, uint32_t id,
						 const struct hvcma_client_info *info);

/**
 * hvcma_engine_client_removed() - client @id is about to be unplugged: quiesces
 * it if CLAIMED, then ABSENT.
 *
 * Return: OK; VIRTIO_CMA_S_NO_CLIENT; what ops->quiesce returned (the client is
 * ABSENT all the same, and its region quarantined).
 */
enum virtio_cma_status hvcma_engine_client_removed(struct hvcma_engine *e, uint32_t id);

/**
 * hvcma_engine_client_quarantined() - the host found out, by what another region asked
 * of the same device, that it cannot be quiesced: quarantine if it is CLAIMED here.
 *
 * Return: OK, also if there was nothing to do; VIRTIO_CMA_S_NO_CLIENT.
 */
enum virtio_cma_status hvcma_engine_client_quarantined(struct hvcma_engine *e, uint32_t id);

/**
 * hvcma_engine_client_windows() - what a client reaches; identity while it is absent.
 * @source: out, VIRTIO_CMA_SOURCE_*; may be NULL
 */
const struct hvcma_dma_windows *hvcma_engine_client_windows(const struct hvcma_engine *e,
							    uint32_t id, uint32_t *source);

/* What windows reach of a region, in granules. */
struct hvcma_reach {
	uint64_t nr_reached;		/* backed, and wholly in one window, below the highest address */
	uint64_t nr_missed;		/* backed, and not */
	uint64_t nr_unknown;		/* not backed: who knows */
	uint64_t lowest_dma, highest_dma;	/* of what is backed; HVCMA_DMA_UNKNOWN if nothing is */
	bool has_room;			/* is there a window that could hold a granule? */
};

/**
 * hvcma_engine_reach() - O(granules).
 * @max_bus: the highest bus address that there are bits for
 */
void hvcma_engine_reach(const struct hvcma_engine *e, const struct hvcma_dma_windows *windows,
			uint64_t max_bus, struct hvcma_reach *reach);

/**
 * hvcma_engine_reach_at() - likewise of granules at @dma (HVCMA_DMA_UNKNOWN: not backed), for
 * who has looked where they are.
 * @reach: as hvcma_engine_reach() has left it; what it says of granules is replaced
 */
void hvcma_engine_reach_at(const struct hvcma_engine *e, const struct hvcma_dma_windows *windows,
			   uint64_t max_bus, const uint64_t *dma, uint64_t nr,
			   struct hvcma_reach *reach);

/** hvcma_engine_client_coherent() - the guest's word at its last CLAIM. */
uint8_t hvcma_engine_client_coherent(const struct hvcma_engine *e, uint32_t id);

/** hvcma_engine_client_state() - VIRTIO_CMA_CLIENT_*; ABSENT if out of range. */
uint8_t hvcma_engine_client_state(const struct hvcma_engine *e, uint32_t id);

/**
 * hvcma_engine_client_is_quarantined() - could it not be quiesced, still plugged or not? The guest is told CLAIMED, or
 * ABSENT; the operator has to know.
 */
bool hvcma_engine_client_is_quarantined(const struct hvcma_engine *e, uint32_t id);

/**
 * hvcma_engine_client_decision() - what the memory of a client needs, or why it
 * is refused; by the operator's word and that of its last CLAIM, if any.
 *
 * Return: OK, VIRTIO_CMA_S_NO_CLIENT, or VIRTIO_CMA_S_CLIENT_STATE (absent).
 */
enum virtio_cma_status hvcma_engine_client_decision(const struct hvcma_engine *e, uint32_t id,
						    struct hvcma_attr_decision *decision);

/**
 * hvcma_engine_is_noncoherent() - must the host leave this granule alone, because a client
 * may be doing DMA to it past the caches?
 */
bool hvcma_engine_is_noncoherent(const struct hvcma_engine *e, uint64_t granule);

/** hvcma_engine_noncoherent_bytes() - of how much is that so? */
uint64_t hvcma_engine_noncoherent_bytes(const struct hvcma_engine *e);

/**
 * hvcma_engine_reset() - guest or VM reset: quiesce every claimed client, then
 * every block is draining, clear busy and online marks and guest counters. What one call
 * may unpin and unmark is done on return, the rest is up to hvcma_engine_drain().
 * What was online counts as orphaned: see hvcma_engine_forget_orphaned().
 *
 * Return: OK, or what the first failing ops->quiesce returned: then every block
 * stays pinned and allocated (quarantine) until a later reset succeeds.
 */
enum virtio_cma_status hvcma_engine_reset(struct hvcma_engine *e);

/**
 * hvcma_engine_is_suspended() - has the guest said SUSPEND, and not RESUME yet? Then a reset
 * of the device, or of the machine when it wakes up, is none of the engine's; any other reset
 * is, and any request but RESUME is preceded by hvcma_engine_reset().
 */
bool hvcma_engine_is_suspended(const struct hvcma_engine *e);

/** hvcma_engine_set_suspended() - migration; and false before a reset that is to end it. */
void hvcma_engine_set_suspended(struct hvcma_engine *e, bool suspended);

/**
 * hvcma_engine_forget_orphaned() - the machine is reset: there is no guest any more
 * that could use online memory. Before or after hvcma_engine_reset(). A REPORT does
 * the same: a driver is there again.
 */
void hvcma_engine_forget_orphaned(struct hvcma_engine *e);

/**
 * hvcma_engine_restore_orphaned() - migration: counters.orphaned_bytes of the source.
 *
 * Return: OK, or VIRTIO_CMA_S_RANGE (more than the region, or no whole granules).
 */
enum virtio_cma_status hvcma_engine_restore_orphaned(struct hvcma_engine *e,
						     uint64_t orphaned_bytes);

/**
 * hvcma_engine_fini() - reset, for good, and all that leaves is gone: takes as long
 * as that takes. The buffer may be freed if it is OK. What hvcma_engine_pin_all() has
 * pinned is unpinned only if all clients were quiesced.
 *
 * Return: as hvcma_engine_reset(); if not OK, memory must not be released.
 */
enum virtio_cma_status hvcma_engine_fini(struct hvcma_engine *e);

/**
 * hvcma_engine_restore_block() - migration: allocate and pin a block the source had.
 *
 * @client: VIRTIO_CMA_CLIENT_SHARED or an id, whose client may be absent yet
 *
 * Return: OK, VIRTIO_CMA_S_RANGE, VIRTIO_CMA_S_NO_SPACE (not free, or others'
 * reservations would be touched; see hvcma_engine_client_resv()),
 * VIRTIO_CMA_S_NO_CLIENT, VIRTIO_CMA_S_INVAL (purpose), VIRTIO_CMA_S_PIN_LIMIT,
 * VIRTIO_CMA_S_FRAGMENTED (not one extent here), or what ops->back/pin returned.
 * On failure nothing is pinned or allocated, but granules may have been backed.
 */
enum virtio_cma_status hvcma_engine_restore_block(struct hvcma_engine *e, uint64_t first,
						  uint64_t nr_granules, uint32_t client,
						  uint32_t purpose);

/**
 * hvcma_engine_client_resv() - migration: the reservation that blocks of a client
 * count for which is not plugged yet, as hvcma_client_info.resv. Of one that is
 * plugged it is known: nothing changes.
 *
 * Return: OK, VIRTIO_CMA_S_NO_CLIENT, VIRTIO_CMA_S_INVAL (no such reservation).
 */
enum virtio_cma_status hvcma_engine_client_resv(struct hvcma_engine *e, uint32_t id, uint8_t resv);

/** hvcma_engine_next_block() - iterate blocks by index; false at the end. */
bool hvcma_engine_next_block(const struct hvcma_engine *e, uint64_t from,
			     uint64_t *first, uint64_t *nr_granules,
			     uint32_t *client, uint32_t *purpose);

/**
 * hvcma_engine_resv() - size of reservation @resv, of the shared part for 0, and
 * what blocks of its clients have; that can be more than its size, by what they
 * have of the shared part.
 *
 * Return: false if there is no such reservation.
 */
bool hvcma_engine_resv(const struct hvcma_engine *e, uint32_t resv, uint64_t *bytes,
		       uint64_t *used_bytes);

/** hvcma_engine_granule_state() - state byte of the wire format. */
uint8_t hvcma_engine_granule_state(const struct hvcma_engine *e, uint64_t granule);

/**
 * hvcma_engine_alike() - how many granules from @first on, at most @max, have the
 * same state byte and are, if backed, consecutive by DMA address.
 * @state: out, the state byte
 * @dma: out, address of the first one, HVCMA_DMA_UNKNOWN if it is not backed
 *
 * Return: at least 1; 0, with both untouched, if @first is out of range or @max 0.
 */
uint64_t hvcma_engine_alike(const struct hvcma_engine *e, uint64_t first, uint64_t max,
			    uint8_t *state, uint64_t *dma);

/** hvcma_engine_next_extent() - iterate extents; false at the end. */
bool hvcma_engine_next_extent(const struct hvcma_engine *e, uint64_t from_granule,
			      uint64_t *first, uint64_t *nr_granules,
			      uint64_t *dma);

void hvcma_engine_counters(const struct hvcma_engine *e,
			   struct hvcma_engine_counters *counters);

/** hvcma_status_name() - "NO_SPACE"; "?" for an unknown status. */
const char *hvcma_status_name(uint32_t status);
/** hvcma_status_text() - the sentence of the status table. */
const char *hvcma_status_text(uint32_t status);

/** hvcma_engine_is_valid() - every invariant; O(n), debug builds and tests. */
bool hvcma_engine_is_valid(const struct hvcma_engine *e);

#endif /* HVCMA_CORE_ENGINE_H */
