/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Granule states of one region, and the rules that every provider shares:
 * ranges, what may be pinned, unpinned and discarded, the pin limit. Touches no
 * memory but its own table: how a state comes about is the provider's affair.
 *
 *	        back              pin
 *	unbacked ----> backed ----------> pinned
 *	         <----        <----------
 *	        discard           unpin
 */
#ifndef HVCMA_HOST_GRANULES_H
#define HVCMA_HOST_GRANULES_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/host/provider.h"

enum hvcma_granule_state {
	HVCMA_GRANULE_UNBACKED,
	HVCMA_GRANULE_BACKED,
	HVCMA_GRANULE_PINNED,
	HVCMA_GRANULE_NR_STATES
};

struct hvcma_granules {
	char name[64];				/* of the region, for messages */
	uint64_t nr;
	uint64_t bytes;				/* of one granule */
	uint64_t pin_limit_bytes;		/* 0: no limit */
	uint64_t count[HVCMA_GRANULE_NR_STATES];
	uint8_t *state;				/* enum hvcma_granule_state of each */
};

/**
 * hvcma_granules_init() - check the sizes in @config; all granules are unbacked.
 *
 * Return: 0 (then hvcma_granules_fini()), -EINVAL, -ENOMEM; @err says it in words.
 */
int hvcma_granules_init(struct hvcma_granules *g,
			const struct hvcma_provider_config *config,
			struct hvcma_error *err);
void hvcma_granules_fini(struct hvcma_granules *g);

/*
 * May the method be applied to [first, first + nr)? 0, or the negative errno
 * that hv/host/provider.h names for it, with words in @err.
 */
int hvcma_granules_may_locate(const struct hvcma_granules *g, uint64_t first,
			      uint64_t nr, struct hvcma_error *err);
int hvcma_granules_may_back(const struct hvcma_granules *g, uint64_t first,
			    uint64_t nr, struct hvcma_error *err);
int hvcma_granules_may_pin(const struct hvcma_granules *g, uint64_t first,
			   uint64_t nr, struct hvcma_error *err);
int hvcma_granules_may_unpin(const struct hvcma_granules *g, uint64_t first,
			     uint64_t nr, struct hvcma_error *err);
int hvcma_granules_may_discard(const struct hvcma_granules *g, uint64_t first,
			       uint64_t nr, struct hvcma_error *err);

/**
 * hvcma_granules_set() - the only way a state changes; the range was checked.
 */
void hvcma_granules_set(struct hvcma_granules *g, uint64_t first, uint64_t nr,
			enum hvcma_granule_state state);

/** hvcma_granules_fill() - unbacked ones become backed; the range was checked. */
void hvcma_granules_fill(struct hvcma_granules *g, uint64_t first, uint64_t nr);

/**
 * hvcma_granules_next_run() - the first run of granules in @state inside
 * [@from, @end).
 *
 * Return: its length with *@first set, or 0 if there is none (*@first is @end).
 */
uint64_t hvcma_granules_next_run(const struct hvcma_granules *g, uint64_t from,
				 uint64_t end, enum hvcma_granule_state state,
				 uint64_t *first);

/** hvcma_granules_stats() - the byte counts; leaves the call counts alone. */
void hvcma_granules_stats(const struct hvcma_granules *g,
			  struct hvcma_provider_stats *stats);

/** hvcma_granules_is_valid() - counts agree with the table; O(n). */
bool hvcma_granules_is_valid(const struct hvcma_granules *g);

#endif /* HVCMA_HOST_GRANULES_H */
