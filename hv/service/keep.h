/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service's side of its keeper: a small process (keeper_main.c) that holds the same descriptors
 * and rings as the service, so that nothing of it is gone when this one is. What is kept, and what
 * becomes of it in the next service, is for others (memory_keep.c, peer.c, inherit.c).
 *
 *	hvcmad                              hvcmad-keeper
 *	  kept.fd[], record   -- PUT ------>  object: fd[], record
 *	  ring_fds           <-- pidfd_getfd --  ring[], made there
 *
 * Both have the same rings, so pins outlast each of them. When the keeper dies, another is started,
 * and gets all that there is (renew): pinned by the new rings before the old ones are let go.
 */
#ifndef HVCMA_SERVICE_KEEP_H
#define HVCMA_SERVICE_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "hv/host/provider.h"
#include "hv/service/keeper_wire.h"

struct sd_event;
struct sd_event_source;

/* One thing that is kept. Part of what it is for; all but next and id is its owner's. */
struct hvcmad_kept {
	struct hvcmad_kept *next;
	uint32_t id;			/* with the keeper; 0: it does not have it */
	size_t nr_fds;
	int fd[HVCMAD_KEEPER_MAX_FDS];
	const void *record;
	uint32_t record_bytes;
	uint64_t nr_slots;		/* of rings; 0: it needs none */
	uint64_t slots_per_ring;
	/* Another keeper has made these rings, which are to be used from now on. Takes them over, array and all. */
	int (*renew)(struct hvcmad_kept *kept, int *ring_fds, size_t nr_rings, struct hvcma_error *err);
};

struct hvcmad_keep {
	struct sd_event *event;
	char path[128];			/* of the keeper's socket */
	bool starts_it;			/* this service starts the keeper; else somebody else does */
	bool had_one;
	int fd;				/* -1: there is none */
	int pidfd;
	struct sd_event_source *source;
	struct sd_event_source *retry;
	struct hvcmad_kept *first;
	struct hvcmad_keeper_req req;	/* the messages that are being exchanged */
	struct hvcmad_keeper_resp resp;
};

/**
 * hvcmad_keep_init() - have a keeper.
 * @path: of its socket; it is started if nobody serves there
 * @starts_it: false: somebody else starts it, such as systemd
 *
 * Return: 0 (then hvcmad_keep_fini()), or a negative errno with words in @err.
 */
int hvcmad_keep_init(struct hvcmad_keep *keep, struct sd_event *event, const char *path, bool starts_it,
		     struct hvcma_error *err);

/**
 * hvcmad_keep_fini() - without the keeper from now on. What it has it goes on holding; without anything it
 * ends, if it was started here, which is waited for.
 */
void hvcmad_keep_fini(struct hvcmad_keep *keep);

/** hvcmad_keep_is_there() - is there a keeper at present? */
bool hvcmad_keep_is_there(const struct hvcmad_keep *keep);

/**
 * hvcmad_keep_put() - have it kept from now on.
 * @ring_fds, @nr_rings: out, where it needs rings: the caller's to free and close; may be NULL else
 *
 * Return: 0 (then hvcmad_keep_drop()), or a negative errno with words in @err: -EIO: there is no keeper.
 */
int hvcmad_keep_put(struct hvcmad_keep *keep, struct hvcmad_kept *kept, int **ring_fds, size_t *nr_rings,
		    struct hvcma_error *err);

/**
 * hvcmad_keep_change() - the record or the descriptors of something that is kept are others now: the keeper gets
 * them, and then lets go of what it had. Without rings.
 *
 * Return: 0, also where there is no keeper, which the next gets it from; or a negative errno with words in
 * @err: the keeper has what it had.
 */
int hvcmad_keep_change(struct hvcmad_keep *keep, struct hvcmad_kept *kept, struct hvcma_error *err);

/** hvcmad_keep_drop() - no longer. Whoever has nothing kept is left alone. */
void hvcmad_keep_drop(struct hvcmad_keep *keep, struct hvcmad_kept *kept);

/* What a keeper has from the service before this one. */
struct hvcmad_found {
	uint32_t id;
	size_t nr_fds;
	int fd[HVCMAD_KEEPER_MAX_FDS];
	uint32_t record_bytes;
	unsigned char record[HVCMAD_KEEPER_MAX_RECORD];
	uint64_t nr_slots;
	uint64_t slots_per_ring;
	int *ring_fds;			/* NULL: it has none, or they were lost */
	size_t nr_rings;
};

/**
 * hvcmad_keep_next() - the next thing that the keeper has.
 * @after: id of the last one; 0: the first
 * @out: out: its descriptors and rings are the caller's
 *
 * Return: 1, 0 (there is none), or a negative errno with words in @err.
 */
int hvcmad_keep_next(struct hvcmad_keep *keep, uint32_t after, struct hvcmad_found *out, struct hvcma_error *err);

/** hvcmad_found_close() - descriptors and rings that nobody has taken (nr_fds, ring_fds). */
void hvcmad_found_close(struct hvcmad_found *found);

/** hvcmad_keep_adopt() - the caller has what was found under @id in @kept, all of it. */
void hvcmad_keep_adopt(struct hvcmad_keep *keep, struct hvcmad_kept *kept, uint32_t id);

/** hvcmad_keep_has() - is what the keeper has under @id already something of this service? */
bool hvcmad_keep_has(const struct hvcmad_keep *keep, uint32_t id);

/** hvcmad_keep_forget() - the keeper is to let go of what was found under @id. */
void hvcmad_keep_forget(struct hvcmad_keep *keep, uint32_t id);

#endif /* HVCMA_SERVICE_KEEP_H */
