/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sizes for people, by value: usable as a printf argument without a buffer.
 */
#ifndef HVCMA_CLI_SIZE_TEXT_H
#define HVCMA_CLI_SIZE_TEXT_H

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>

struct size_text {
	char text[32];
};

/* The largest unit that says it exactly: "64 MiB". */
static inline struct size_text size_text(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	struct size_text s;
	size_t unit = 0;

	while (bytes && bytes % 1024 == 0 && unit < 4) {
		bytes /= 1024;
		unit++;
	}
	snprintf(s.text, sizeof(s.text), "%" PRIu64 " %s", bytes, units[unit]);
	return s;
}

#endif /* HVCMA_CLI_SIZE_TEXT_H */
