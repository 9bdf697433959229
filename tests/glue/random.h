/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream of choices that one number determines.
 */
#ifndef TESTS_GLUE_RANDOM_H
#define TESTS_GLUE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct random {
	uint64_t state;
};

static inline struct random random_from(uint64_t seed)
{
	return (struct random){ .state = seed };
}

static inline uint64_t random_u64(struct random *r)
{
	uint64_t z = r->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static inline uint64_t random_below(struct random *r, uint64_t limit)
{
	return random_u64(r) % limit;
}

static inline bool random_one_in(struct random *r, unsigned int nr)
{
	return !random_below(r, nr);
}

/* Mostly small, sometimes extreme, sometimes anything. */
static inline uint64_t random_number(struct random *r)
{
	switch (random_below(r, 6)) {
	case 0:
		return random_u64(r);
	case 1:
		return -random_below(r, 3);
	case 2:
		return 1ull << random_below(r, 64);
	default:
		return random_below(r, 300);
	}
}

#endif /* TESTS_GLUE_RANDOM_H */
