// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Findings about a host or a device: see host_findings.h.
 */
#include "hv/host/host_findings.h"

#include <stdarg.h>
#include <stdio.h>

void hvcma_found(struct hvcma_host_findings *all, const char *name, enum hvcma_level level, const char *fmt, ...)
{
	struct hvcma_host_finding *f = &all->list[all->nr];
	va_list args;

	if (all->nr == HVCMA_MAX_FINDINGS)
		return;
	all->nr++;
	f->name = name;
	f->level = level;
	f->fix[0] = '\0';
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
}

void hvcma_fix(struct hvcma_host_findings *all, const char *fmt, ...)
{
	struct hvcma_host_finding *f = &all->list[all->nr - 1];
	va_list args;

	va_start(args, fmt);
	vsnprintf(f->fix, sizeof(f->fix), fmt, args);
	va_end(args);
}

uint32_t hvcma_findings_count(const struct hvcma_host_findings *all, enum hvcma_level level)
{
	uint32_t nr = 0;

	for (uint32_t i = 0; i < all->nr; i++)
		nr += all->list[i].level == level;
	return nr;
}

const char *hvcma_level_name(enum hvcma_level level)
{
	static const char *const names[HVCMA_NR_LEVELS] = {
		[HVCMA_PASS] = "PASS", [HVCMA_NOTE] = "NOTE", [HVCMA_WARN] = "WARN", [HVCMA_FAIL] = "FAIL",
	};

	return names[level];
}
