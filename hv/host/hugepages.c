// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hugepage pools: see hugepages.h.
 */
#include "hv/host/hugepages.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

static int read_count(uint64_t page_bytes, const char *what, uint64_t *count)
{
	char path[96];
	uint64_t value;
	FILE *f;
	int nr;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s",
		 page_bytes / 1024, what);
	f = fopen(path, "re");
	if (!f)
		return -ENOENT;
	nr = fscanf(f, "%" SCNu64, &value);
	fclose(f);
	if (nr != 1)
		return -EIO;
	*count = value;
	return 0;
}

int hvcma_hugepages_read(uint64_t page_bytes, struct hvcma_hugepages *pool)
{
	struct hvcma_hugepages p;
	int ret = read_count(page_bytes, "nr_hugepages", &p.total);

	if (!ret)
		ret = read_count(page_bytes, "free_hugepages", &p.free);
	if (!ret)
		ret = read_count(page_bytes, "resv_hugepages", &p.reserved);
	if (!ret)
		ret = read_count(page_bytes, "surplus_hugepages", &p.surplus);
	if (!ret)
		ret = read_count(page_bytes, "nr_overcommit_hugepages", &p.surplus_limit);
	if (!ret)
		*pool = p;
	return ret;
}
