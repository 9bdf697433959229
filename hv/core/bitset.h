/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Ordered set of small integers: a bitmap with summary levels.
 *
 * Bit i of level l + 1 says whether word i of level l is non-zero, so that the
 * next or previous member is found in as many steps as there are levels (five
 * for 2^30 bits). Private to hv/core; lives in the caller's zeroed buffer.
 */
#ifndef HVCMA_CORE_BITSET_H
#define HVCMA_CORE_BITSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HVCMA_NONE		UINT32_MAX	/* no such index */
#define HVCMA_BITSET_LEVELS	5

struct hvcma_bitset {
	uint32_t nr_levels;
	uint32_t nr_words[HVCMA_BITSET_LEVELS];
	uint64_t *level[HVCMA_BITSET_LEVELS];
};

/** hvcma_bitset_words() - 64-bit words of buffer for @nr_bits (1 .. 2^30). */
static inline size_t hvcma_bitset_words(uint32_t nr_bits)
{
	size_t words = 0;

	do {
		nr_bits = (nr_bits + 63) / 64;
		words += nr_bits;
	} while (nr_bits > 1);
	return words;
}

/** hvcma_bitset_init() - an empty set in zeroed @words; returns their end. */
static inline uint64_t *hvcma_bitset_init(struct hvcma_bitset *s,
					  uint64_t *words, uint32_t nr_bits)
{
	s->nr_levels = 0;
	do {
		nr_bits = (nr_bits + 63) / 64;
		s->nr_words[s->nr_levels] = nr_bits;
		s->level[s->nr_levels++] = words;
		words += nr_bits;
	} while (nr_bits > 1);
	return words;
}

static inline bool hvcma_bitset_test(const struct hvcma_bitset *s, uint32_t i)
{
	return s->level[0][i / 64] >> (i % 64) & 1;
}

static inline bool hvcma_bitset_is_empty(const struct hvcma_bitset *s)
{
	return !s->level[s->nr_levels - 1][0];
}

static inline void hvcma_bitset_set(struct hvcma_bitset *s, uint32_t i)
{
	for (uint32_t l = 0; l < s->nr_levels; l++) {
		uint64_t old = s->level[l][i / 64];

		s->level[l][i / 64] = old | UINT64_C(1) << (i % 64);
		if (old)
			return;
		i /= 64;
	}
}

static inline void hvcma_bitset_clear(struct hvcma_bitset *s, uint32_t i)
{
	for (uint32_t l = 0; l < s->nr_levels; l++) {
		s->level[l][i / 64] &= ~(UINT64_C(1) << (i % 64));
		if (s->level[l][i / 64])
			return;
		i /= 64;
	}
}

static inline void hvcma_bitset_assign(struct hvcma_bitset *s, uint32_t i, bool on)
{
	if (on)
		hvcma_bitset_set(s, i);
	else
		hvcma_bitset_clear(s, i);
}

/** hvcma_bitset_next() - smallest member >= @i, or HVCMA_NONE. */
static inline uint32_t hvcma_bitset_next(const struct hvcma_bitset *s, uint32_t i)
{
	for (uint32_t l = 0; l < s->nr_levels; l++) {
		uint64_t word;

		if (i / 64 >= s->nr_words[l])
			return HVCMA_NONE;
		word = s->level[l][i / 64] & ~UINT64_C(0) << (i % 64);
		if (word) {
			i = i / 64 * 64 + (uint32_t)__builtin_ctzll(word);
			while (l--)
				i = i * 64 + (uint32_t)__builtin_ctzll(s->level[l][i]);
			return i;
		}
		i = i / 64 + 1;
	}
	return HVCMA_NONE;
}

/** hvcma_bitset_prev() - largest member <= @i (a valid bit), or HVCMA_NONE. */
static inline uint32_t hvcma_bitset_prev(const struct hvcma_bitset *s, uint32_t i)
{
	for (uint32_t l = 0; l < s->nr_levels; l++) {
		uint64_t word = s->level[l][i / 64] & ~UINT64_C(0) >> (63 - i % 64);

		if (word) {
			i = i / 64 * 64 + 63 - (uint32_t)__builtin_clzll(word);
			while (l--)
				i = i * 64 + 63 - (uint32_t)__builtin_clzll(s->level[l][i]);
			return i;
		}
		if (i < 64)
			break;
		i = i / 64 - 1;
	}
	return HVCMA_NONE;
}

/** hvcma_bitset_last() - largest member, or HVCMA_NONE. */
static inline uint32_t hvcma_bitset_last(const struct hvcma_bitset *s)
{
	return hvcma_bitset_prev(s, s->nr_words[0] * 64 - 1);
}

/* __builtin_popcountll() would be a call into libgcc on plain x86-64. */
static inline uint32_t hvcma_popcount64(uint64_t word)
{
	word -= word >> 1 & UINT64_C(0x5555555555555555);
	word = (word & UINT64_C(0x3333333333333333)) +
	       (word >> 2 & UINT64_C(0x3333333333333333));
	word = (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
	return (uint32_t)(word * UINT64_C(0x0101010101010101) >> 56);
}

/** hvcma_bitset_nth() - the member with @nth smaller ones, or HVCMA_NONE; O(bits / 64). */
static inline uint32_t hvcma_bitset_nth(const struct hvcma_bitset *s, uint64_t nth)
{
	for (uint32_t w = 0; w < s->nr_words[0]; w++) {
		uint64_t word = s->level[0][w];
		uint32_t nr = hvcma_popcount64(word);

		if (nth >= nr) {
			nth -= nr;
			continue;
		}
		while (nth--)
			word &= word - 1;
		return w * 64 + (uint32_t)__builtin_ctzll(word);
	}
	return HVCMA_NONE;
}

#endif /* HVCMA_CORE_BITSET_H */
