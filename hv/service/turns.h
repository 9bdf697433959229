/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking turns: a pool of hugepages that is smaller than the regions in it. Who needs memory that the pool
 * has not is refused, and others are asked to surrender what lies idle with them; who asks again has it when they
 * have. Decides who is asked, for how much, until when; whose turn it is meanwhile. Backs and discards
 * nothing (memory_range.c), and wakes up for nothing: what is over is seen by the next who looks.
 *
 * Whom: regions that offer that (OFFER), have memory that is backed and not pinned, and are of a VM whose priority is not above that of
 * who wants; the lowest priority first, and of these the one with the most idle memory. Not one that
 * waits for memory itself and comes first, nor one that has not given all in time, for as long as that time again.
 * If all of them together have not enough nobody is asked.
 *
 * First come those of higher priority, then those who were refused earlier. What they want is kept from others, as
 * long as they ask for it again in time.
 *
 * @now_us is CLOCK_MONOTONIC, everywhere.
 */
#ifndef HVCMA_SERVICE_TURNS_H
#define HVCMA_SERVICE_TURNS_H

#include "hv/host/provider.h"
#include "hv/service/log.h"

struct hvcmad_memory;
struct hvcmad_region;

/* More is asked for than is needed, so that not each granule takes a turn. */
#define HVCMAD_TURN_STEP_BYTES	(UINT64_C(16) << 20)

/** hvcmad_now_us() - CLOCK_MONOTONIC, now. */
uint64_t hvcmad_now_us(void);

/* Of a region; all zero but pipe. */
struct hvcmad_turn {
	int pipe[2];			/* [0] is passed to the client; -1: it offers nothing */
	uint64_t asked_bytes;		/* that it has not given yet */
	uint64_t asked_until_us;
	uint64_t missed_bytes;		/* that it had not given when the time was over, the last time */
	uint64_t rests_until_us;
	uint64_t wanted_bytes;		/* it was refused; 0: it waits for nothing */
	uint64_t wanted_until_us;	/* if it does not ask again before, it wants it no more */
	uint64_t wanted_number;		/* the lower, the earlier */
};

/** hvcmad_turn_init() - it offers and wants nothing. */
void hvcmad_turn_init(struct hvcmad_turn *turn);

/**
 * hvcmad_turn_offer() - it surrenders memory when it is asked; ends what it has offered before.
 * @reader: out: what the client polls: one byte for each time that it is asked. Stays the region's
 *
 * Return: 0, or a negative errno with words in @err.
 */
int hvcmad_turn_offer(struct hvcmad_region *region, int *reader, struct hvcma_error *err);

/** hvcmad_turn_withdraw() - it is asked no more; nobody can answer, or it does not want to. */
void hvcmad_turn_withdraw(struct hvcmad_region *region);

/** hvcmad_turns_withdraw() - all regions of this owner. */
void hvcmad_turns_withdraw(struct hvcmad_memory *m, const void *owner);

/** hvcmad_turn_offers() - is it asked at all? */
bool hvcmad_turn_offers(const struct hvcmad_region *region);

/** hvcmad_turns_look() - what is over by now is over, with all regions. */
void hvcmad_turns_look(struct hvcmad_memory *m, uint64_t now_us);

/** hvcmad_turns_held() - of what the pool has, so much is for others, who come before @region. After hvcmad_turns_look(). */
uint64_t hvcmad_turns_held(const struct hvcmad_memory *m, const struct hvcmad_region *region);

/**
 * hvcmad_turns_want() - the pool has not what @region needs: others are asked, if that is of use.
 * @bytes: what it needs
 * @available_bytes: what the pool has, what is held for others included
 * @err: the words of the refusal; out: with what is done about it
 *
 * Return: true: others have been asked, and it may have it soon, if it asks again; false: it can't. After hvcmad_turns_look().
 */
bool hvcmad_turns_want(struct hvcmad_memory *m, struct hvcmad_region *region, uint64_t bytes, uint64_t available_bytes,
		       uint64_t now_us, struct hvcma_error *err);

/** hvcmad_turn_has() - it has what it wanted. */
void hvcmad_turn_has(struct hvcmad_region *region);

/** hvcmad_turn_gave() - it has discarded so much. */
void hvcmad_turn_gave(struct hvcmad_region *region, uint64_t bytes);

/** hvcmad_turn_idle_bytes() - what it could be asked for: 0 for one that offers nothing. */
uint64_t hvcmad_turn_idle_bytes(const struct hvcmad_region *region);

/** hvcmad_turn_left_ms() - until @until_us, rounded up. */
uint32_t hvcmad_turn_left_ms(uint64_t until_us, uint64_t now_us);

#endif /* HVCMA_SERVICE_TURNS_H */
