/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions: memory that clients have registered, or had made, mapped here, with a provider
 * (hv/host/provider.h) that backs, pins and locates it. Knows VMs (account.h), the reserve of
 * hugepages and files; no socket. The service never touches the contents.
 *
 * Methods return a status of hv/abi/hvcmad.h; if it is not OK nothing has changed, where not said
 * otherwise, and @err has words.
 *
 * The keeper (keep.h) has of each region its file, its table of pins and a record.
 */
#ifndef HVCMA_SERVICE_MEMORY_H
#define HVCMA_SERVICE_MEMORY_H

#include "hv/service/account.h"
#include "hv/service/arrange.h"
#include "hv/service/peer.h"
#include "hv/service/pin_table.h"
#include "hv/service/turns.h"

/* In one request, unless it is for one granule: zeroing that much delays others by 0.1 s. */
#define HVCMAD_MAX_RANGE_BYTES	(UINT64_C(256) << 20)

/* What the next service is to know of a region. */
struct hvcmad_region_record {
	struct hvcmad_record_head head;
	char name[HVCMAD_NAME_BYTES];
	uint32_t id;
	uint32_t has_addresses;
	uint64_t bytes;
	uint64_t granule_bytes;
	uint64_t page_bytes;
	uint64_t offset;
};
_Static_assert(sizeof(struct hvcmad_region_record) == 88, "a keeper of another version has it, too");

struct hvcmad_region {
	struct hvcmad_region *next;
	void *owner;			/* the session; NULL: held, its client has ended */
	struct hvcmad_vm *vm;
	pid_t pid;
	uint32_t id;
	char name[HVCMAD_NAME_BYTES];
	int fd;
	void *base;
	uint64_t bytes;
	uint64_t granule_bytes;
	uint64_t page_bytes;
	uint64_t offset;		/* in the file */
	dev_t dev;
	ino_t ino;
	bool is_limited;		/* its file's hugetlbfs has a pool of its own */
	bool has_addresses;		/* the VM might see them when it was registered */
	struct hvcma_provider *provider;
	struct hvcmad_pin_table table;	/* of what the provider was told */
	struct hvcmad_turn turn;
	struct hvcmad_search *search;	/* for its pages, that was not told of yet; NULL: none */
	struct hvcmad_peer *peer;
	struct hvcmad_region_record record;
	struct hvcmad_kept kept;
};

/* All regions, by their numbers. */
struct hvcmad_memory {
	struct hvcmad_region *first;
	struct hvcmad_region **end;
	uint32_t last_id;
	uint64_t nr_wants;		/* regions that were refused memory and ask on, ever */
	struct hvcmad_search *search;	/* the last one that was begun; NULL: none */
	const struct hvcmad_config *config;	/* as it is now; borrowed */
	struct hvcmad_keep *keep;
};

void hvcmad_memory_init(struct hvcmad_memory *m, const struct hvcmad_config *config, struct hvcmad_keep *keep);

/**
 * hvcmad_memory_register() - a region more.
 * @peer: the client's process; a reference is taken
 * @request: well-formed
 * @fd: the file; stays the caller's, whatever is returned; -1 with MAKE
 * @out: out: the region, which is the memory's. With MAKE its fd is the file that was made
 *
 * Return: OK, INVAL, REFUSED, QUOTA, DESCRIPTOR, EXISTS, AGAIN (in its file a search for pages is about to stop),
 * NO_MEMORY, IO.
 */
enum hvcmad_status hvcmad_memory_register(struct hvcmad_memory *m, struct hvcmad_vm *vm, void *owner,
					  struct hvcmad_peer *peer, const struct hvcmad_register_req *request, int fd,
					  struct hvcmad_region **out, struct hvcma_error *err);

/** hvcmad_memory_fini() - what is its own, and not the regions. */
void hvcmad_memory_fini(struct hvcmad_memory *m);

/** hvcmad_memory_unregister() - unpins what is pinned; the region is gone. */
void hvcmad_memory_unregister(struct hvcmad_memory *m, struct hvcmad_region *region);

/** hvcmad_memory_find() - NULL: not one of this owner's. */
struct hvcmad_region *hvcmad_memory_find(const struct hvcmad_memory *m, const void *owner, uint32_t id);

/** hvcmad_memory_find_name() - NULL: the VM has none of this name, but for what is held. */
struct hvcmad_region *hvcmad_memory_find_name(const struct hvcmad_memory *m, const struct hvcmad_vm *vm,
					      const char *name);

/** hvcmad_memory_has() - has this owner a region? */
bool hvcmad_memory_has(const struct hvcmad_memory *m, const void *owner);

/**
 * hvcmad_memory_hold() - this owner ends, and all it has stays as it is: a device may write to it.
 * Return: how many regions.
 */
unsigned int hvcmad_memory_hold(struct hvcmad_memory *m, const void *owner);

/** hvcmad_memory_kept_bytes() - of regions that this process had, and that are held. */
uint64_t hvcmad_memory_kept_bytes(const struct hvcmad_memory *m, pid_t pid);

/** hvcmad_memory_release() - unregister what is held of this process. Return: how many regions. */
unsigned int hvcmad_memory_release(struct hvcmad_memory *m, pid_t pid);

/** hvcmad_memory_end() - unregister all of this owner. Return: how many. */
unsigned int hvcmad_memory_end(struct hvcmad_memory *m, const void *owner);

/**
 * hvcmad_region_range() - BACK, PIN, UNPIN, ADDRESSES, DISCARD or PINNED.
 * @request: well-formed
 * @answer: out, for what is answered with addresses: one for each granule; with PINNED: its bits
 *
 * Return: OK, UNSUPP, REFUSED, QUOTA, RANGE, TOO_BIG, STATE, NO_BACKING, AGAIN (BACK: others have been asked for
 * the memory, turns.h), NO_MEMORY, IO. UNPIN that fails with IO may have unpinned the first ones.
 */
enum hvcmad_status hvcmad_region_range(struct hvcmad_memory *m, struct hvcmad_region *region,
				       const struct hvcmad_range_req *request, uint64_t *answer,
				       struct hvcma_error *err);

/**
 * hvcmad_region_arrange() - ARRANGE.
 * @request: well-formed
 * @out: out, but for its header
 *
 * Return: OK, AGAIN, INVAL, REFUSED, STATE, NO_RUN, NO_BACKING, NO_MEMORY, IO: as hvcmad_arrange_begin() and hvcmad_arrange_outcome().
 */
enum hvcmad_status hvcmad_region_arrange(struct hvcmad_memory *m, struct hvcmad_region *region,
					 const struct hvcmad_arrange_req *request, struct hvcmad_arrange_resp *out,
					 struct hvcma_error *err);

/**
 * hvcmad_memory_adopt() - a region that the keeper has from the service before.
 * @found: of kind REGION; its descriptors and rings are taken over on success
 * @out: out: the region, with its number as it was; quotas are not looked at
 *
 * What the service before had begun and not finished is undone, or finished (pin_table.h).
 *
 * Return: 0, or a negative errno with words in @err: the keeper has it as before.
 */
int hvcmad_memory_adopt(struct hvcmad_memory *m, struct hvcmad_vm *vm, void *owner, struct hvcmad_peer *peer,
			struct hvcmad_found *found, struct hvcmad_region **out, struct hvcma_error *err);

/* ---- memory_keep.c ---- */

/**
 * hvcmad_region_keep() - have it kept, with rings to pin by, and a provider on them.
 *
 * Needs all that memory.c knows of it, mapped. Return: 0 (then hvcmad_region_unkeep()), or a negative errno
 * with words in @err.
 */
int hvcmad_region_keep(struct hvcmad_memory *m, struct hvcmad_region *r, struct hvcma_error *err);

/** hvcmad_region_unkeep() - unpins what is pinned; the keeper lets go of it. */
void hvcmad_region_unkeep(struct hvcmad_memory *m, struct hvcmad_region *r);

/** hvcmad_region_keep_on() - provider, pins and table out of what the keeper has. As hvcmad_region_keep(). */
int hvcmad_region_keep_on(struct hvcmad_memory *m, struct hvcmad_region *r, struct hvcmad_found *found,
			  struct hvcma_error *err);

/** hvcmad_region_note_addresses() - the next service is to know where these granules are, which the provider has pinned. */
void hvcmad_region_note_addresses(struct hvcmad_region *r, uint64_t first, uint64_t nr);

/** hvcmad_region_stats() - as its provider has them. */
struct hvcma_provider_stats hvcmad_region_stats(const struct hvcmad_region *region);

#endif /* HVCMA_SERVICE_MEMORY_H */
