/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Xenstore, as far as devices of class "vcma" need it: values by path. What the keys mean is in
 * docs/xen.md and backend.h. Everything read there may be a guest's: text is bounded, numbers are checked.
 */
#ifndef HVCMA_XEN_STORE_H
#define HVCMA_XEN_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/host/provider.h"

#define HVCMA_STORE_PATH_BYTES	160
#define HVCMA_STORE_VALUE_BYTES	256

struct xs_handle;

/* Who may read a path: nobody else may write it. */
struct hvcma_store_owner {
	uint32_t owner;
	uint32_t reader;
};

/** hvcma_store_read() - a value, cut to @bytes. Return: false, "" there, if there is none. */
bool hvcma_store_read(struct xs_handle *xs, char *value, unsigned int bytes, const char *path, ...)
	__attribute__((format(printf, 4, 5)));

/** hvcma_store_read_u64() - decimal, or with 0x. Return: false if there is no number. */
bool hvcma_store_read_u64(struct xs_handle *xs, uint64_t *value, const char *path, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * hvcma_store_write() - "@dir/@key" becomes the text.
 * Return: 0, or a negative errno.
 */
int hvcma_store_write(struct xs_handle *xs, uint32_t transaction, const char *dir, const char *key,
		      const char *text, ...) __attribute__((format(printf, 5, 6)));

/** hvcma_store_mkdir() - with these permissions, which what is made below it inherits. */
int hvcma_store_mkdir(struct xs_handle *xs, uint32_t transaction, const char *path,
		      struct hvcma_store_owner owner);

/**
 * hvcma_store_next() - what a folder has, one number after the other.
 * @after: the last one, -1 to begin with
 *
 * Return: the smallest number above @after that is a name there, or -1.
 */
int64_t hvcma_store_next(struct xs_handle *xs, const char *dir, int64_t after);

#endif /* HVCMA_XEN_STORE_H */
