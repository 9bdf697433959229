/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Findings about a host or a device: what was looked at, how it is, and what to do about it. Knows
 * none in particular.
 */
#ifndef HVCMA_HOST_HOST_FINDINGS_H
#define HVCMA_HOST_HOST_FINDINGS_H

#include <stdint.h>

enum hvcma_level {
	HVCMA_PASS,
	HVCMA_NOTE,		/* good to know */
	HVCMA_WARN,		/* it works, but */
	HVCMA_FAIL,		/* it will not work like this */
	HVCMA_NR_LEVELS,
};

struct hvcma_host_finding {
	const char *name;	/* a constant, of letters and dashes: what scripts ask for */
	enum hvcma_level level;
	char text[320];
	char fix[320];		/* "": nothing is to be done */
};

#define HVCMA_MAX_FINDINGS	64	/* what is checked is some 30 things; more are dropped */

/* All zero is an empty list. */
struct hvcma_host_findings {
	uint32_t nr;
	struct hvcma_host_finding list[HVCMA_MAX_FINDINGS];
};

/** hvcma_found() - add one; printf's words. */
void hvcma_found(struct hvcma_host_findings *all, const char *name, enum hvcma_level level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/** hvcma_fix() - what to do about the last one. */
void hvcma_fix(struct hvcma_host_findings *all, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** hvcma_findings_count() - how many are of a level. */
uint32_t hvcma_findings_count(const struct hvcma_host_findings *all, enum hvcma_level level);

/** hvcma_level_name() - "PASS", "NOTE", "WARN", "FAIL". */
const char *hvcma_level_name(enum hvcma_level level);

#endif /* HVCMA_HOST_HOST_FINDINGS_H */
