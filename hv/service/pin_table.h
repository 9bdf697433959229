/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which granules of a region are pinned, and where they are, in memory that the keeper has, too: what a service
 * that was killed has left there, the next one reads. Written before a pin begins and after it has
 * ended, so whatever moment it was killed at, nothing is pinned that this does not say. Pins nothing.
 *
 *	NONE ---> PINNING ---> PINNED ---> UNPINNING ---> NONE
 *	  '<---------'            '<------------'  (refused)
 *
 * PINNING and UNPINNING of a service that is gone: nobody has been told that it was done, so it may be undone
 * or finished. The client asks again.
 */
#ifndef HVCMA_SERVICE_PIN_TABLE_H
#define HVCMA_SERVICE_PIN_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Two bits in memory that outlives this program: numbers don't change. */
enum hvcmad_pin_state {
	HVCMAD_PIN_NONE = 0,
	HVCMAD_PIN_PINNING = 1,
	HVCMAD_PIN_PINNED = 2,
	HVCMAD_PIN_UNPINNING = 3,
	HVCMAD_PIN_NR_STATES
};

struct hvcmad_pin_table {
	int fd;
	uint64_t *entry;	/* state, HVCMAD_PIN_BACKED, and above HVCMAD_PIN_ADDRESS_BIT the address, one for each granule */
	uint64_t nr;
};

#define HVCMAD_PIN_BACKED	UINT64_C(4)
#define HVCMAD_PIN_ADDRESS_BIT	12

/** hvcmad_pin_table_make() - all NONE. Return: 0 (then hvcmad_pin_table_fini()), or a negative errno. */
int hvcmad_pin_table_make(struct hvcmad_pin_table *t, uint64_t nr);

/**
 * hvcmad_pin_table_adopt() - one that another service has made.
 * @fd: taken over on success
 *
 * Return: 0, -EINVAL (shorter than @nr granules need), or what the kernel said.
 */
int hvcmad_pin_table_adopt(struct hvcmad_pin_table *t, int fd, uint64_t nr);

void hvcmad_pin_table_fini(struct hvcmad_pin_table *t);

enum hvcmad_pin_state hvcmad_pin_table_state(const struct hvcmad_pin_table *t, uint64_t granule);

/** hvcmad_pin_table_all() - are [first, first + nr), which are in it, all in this state? */
bool hvcmad_pin_table_all(const struct hvcmad_pin_table *t, uint64_t first, uint64_t nr, enum hvcmad_pin_state state);

/** hvcmad_pin_table_set() - the only way that a state changes. With NONE the address is forgotten. */
void hvcmad_pin_table_set(struct hvcmad_pin_table *t, uint64_t first, uint64_t nr, enum hvcmad_pin_state state);

/** hvcmad_pin_table_next() - the next run of this state from @from on: its length, 0 for none; *@first its start. */
uint64_t hvcmad_pin_table_next(const struct hvcmad_pin_table *t, uint64_t from, enum hvcmad_pin_state state,
			       uint64_t *first);

/** hvcmad_pin_table_set_backed() - were these asked to have pages, and not to give them back? */
void hvcmad_pin_table_set_backed(struct hvcmad_pin_table *t, uint64_t first, uint64_t nr, bool backed);
bool hvcmad_pin_table_is_backed(const struct hvcmad_pin_table *t, uint64_t granule);

/**
 * hvcmad_pin_table_set_address() - where a granule is that is not NONE. Said before it is PINNED: at any moment the
 * next service finds both.
 */
void hvcmad_pin_table_set_address(struct hvcmad_pin_table *t, uint64_t granule, uint64_t hpa);

/** hvcmad_pin_table_address() - 0: nobody has said. */
uint64_t hvcmad_pin_table_address(const struct hvcmad_pin_table *t, uint64_t granule);

#endif /* HVCMA_SERVICE_PIN_TABLE_H */
