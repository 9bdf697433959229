/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A random request: well-formed, or nearly.
 */
#ifndef TESTS_GLUE_REQUEST_H
#define TESTS_GLUE_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#define REQUEST_MAX_BYTES	512

struct guest;
struct driver;

/** request_random() - into @req, of REQUEST_MAX_BYTES; its length, its operation in @op. */
size_t request_random(struct guest *g, struct driver *d, uint8_t *req, uint32_t *op);

#endif /* TESTS_GLUE_REQUEST_H */
