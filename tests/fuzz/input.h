/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A fuzzer's bytes as a stream of choices; zero once they are used up.
 */
#ifndef HVCMA_TESTS_FUZZ_INPUT_H
#define HVCMA_TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
	const uint8_t *bytes;
	size_t left;
};

static inline uint8_t input_u8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->bytes++;
}

static inline uint32_t input_u32(struct input *in)
{
	uint32_t v = input_u8(in);

	v = v << 8 | input_u8(in);
	v = v << 8 | input_u8(in);
	return v << 8 | input_u8(in);
}

/* Mostly small, sometimes extreme, sometimes anything. */
static inline uint64_t input_number(struct input *in)
{
	uint8_t v = input_u8(in);

	switch (v) {
	case 255:
		return UINT64_MAX - input_u8(in);
	case 254:
		return (uint64_t)input_u32(in) << 32 | input_u32(in);
	case 253:
		return UINT64_C(1) << (input_u8(in) % 64);
	default:
		return v;
	}
}

/* Up to @max bytes into @out; returns how many. */
static inline size_t input_copy(struct input *in, void *out, size_t max)
{
	size_t nr = max < in->left ? max : in->left;

	memcpy(out, in->bytes, nr);
	in->bytes += nr;
	in->left -= nr;
	return nr;
}

#endif /* HVCMA_TESTS_FUZZ_INPUT_H */
