/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Regions as text: the one parser of the compact form.
 *
 *	text     = entry { ";" entry }
 *	entry    = name [ "/" client { "," client } [ "(" kind ")" ] ] "=" size [ "@" base ]
 *	size     = quantity | ( "min" | "max" ) "(" quantity { "," quantity } ")"
 *	quantity = number [ "K" | "M" | "G" | "T" ] | number "%"
 *
 * Numbers are decimal, or hexadecimal after 0x (not with a suffix). Without
 * clients an entry declares a region; with clients it sets memory of the region
 * aside for them, or none with size 0. No blanks.
 *
 * Compiled into QEMU, hvcma and the guest's kernel module: no memory is
 * allocated, nothing is copied, no C library is needed. What regions and clients
 * mean to each other is left to the user of the text. What can fail returns enum
 * virtio_cma_status.
 */
#ifndef HVCMA_CORE_REGION_TEXT_H
#define HVCMA_CORE_REGION_TEXT_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#endif

#include "hv/abi/virtio_cma.h"

#define HVCMA_TEXT_MAX_QUANTITIES	4

/* A part of the text, not terminated. */
struct hvcma_slice {
	const char *text;
	size_t bytes;
};

enum hvcma_size_kind {
	HVCMA_SIZE_PLAIN,		/* one quantity */
	HVCMA_SIZE_MIN,
	HVCMA_SIZE_MAX,
};

struct hvcma_quantity {
	uint64_t value;			/* bytes, or percent of RAM (at most 100) */
	bool is_percent;
};

struct hvcma_size {
	enum hvcma_size_kind kind;
	uint32_t nr;			/* quantities, at least 1 */
	struct hvcma_quantity quantity[HVCMA_TEXT_MAX_QUANTITIES];
	struct hvcma_slice text;
};

struct hvcma_region_text {
	struct hvcma_slice name;	/* 1 to VIRTIO_CMA_NAME_BYTES - 1 bytes */
	struct hvcma_slice clients;	/* with commas; empty: the region itself */
	struct hvcma_slice kind;	/* below VIRTIO_CMA_KIND_BYTES; empty: every kind */
	struct hvcma_size size;
	bool has_base;
	uint64_t base;
};

struct hvcma_text_error {
	struct hvcma_slice slice;	/* what is wrong; may be empty, at the text's end */
	const char *sentence;		/* constant */
};

/**
 * hvcma_region_text_next() - parse one entry.
 * @text: in: NUL-terminated, at the start of an entry; out: behind it, at the
 *	start of the next one or at the NUL
 * @entry: out; its slices point into the text
 * @err: out, on failure; the offset is err->slice.text minus the text's start
 *
 * Iterate while (*text)[0]. An empty text has no entry and is not to be passed.
 *
 * Return: OK; VIRTIO_CMA_S_INVAL with only @err written.
 */
enum virtio_cma_status hvcma_region_text_next(const char **text, struct hvcma_region_text *entry,
					      struct hvcma_text_error *err);

/**
 * hvcma_region_text_client() - the next client of an entry.
 * @rest: in: entry->clients, or what the last call left; out: what follows
 * @client: out, not empty
 *
 * Return: false at the end.
 */
bool hvcma_region_text_client(struct hvcma_slice *rest, struct hvcma_slice *client);

/**
 * hvcma_region_text_bytes() - a size in bytes, rounded down.
 * @ram_bytes: what percents are of; 0: not known
 *
 * Return: OK; VIRTIO_CMA_S_INVAL if a percent is of something not known.
 */
enum virtio_cma_status hvcma_region_text_bytes(const struct hvcma_size *s, uint64_t ram_bytes,
					       uint64_t *bytes);

/** hvcma_region_text_is_relative() - does the size depend on that of RAM? */
bool hvcma_region_text_is_relative(const struct hvcma_size *s);

/**
 * hvcma_region_text_amount() - a whole string as an absolute quantity ("64M").
 *
 * Return: OK; VIRTIO_CMA_S_INVAL with only @err written.
 */
enum virtio_cma_status hvcma_region_text_amount(const char *text, uint64_t *bytes,
						struct hvcma_text_error *err);

/**
 * hvcma_region_text_take_amount() - the absolute quantity that a text begins with.
 * @text: in: NUL-terminated; out: behind it
 *
 * Return: OK; VIRTIO_CMA_S_INVAL with only @err written.
 */
enum virtio_cma_status hvcma_region_text_take_amount(const char **text, uint64_t *bytes,
						     struct hvcma_text_error *err);

/** hvcma_slice_is() - does the slice spell @string? */
bool hvcma_slice_is(const struct hvcma_slice *slice, const char *string);

/** hvcma_slice_equal() - the same characters; both may be empty. */
bool hvcma_slice_equal(const struct hvcma_slice *a, const struct hvcma_slice *b);

#endif /* HVCMA_CORE_REGION_TEXT_H */
