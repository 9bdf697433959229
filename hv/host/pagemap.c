// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Physical addresses from /proc/self/pagemap: see pagemap.h.
 * Format: Documentation/admin-guide/mm/pagemap.rst of Linux.
 */
#include "hv/host/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_PRESENT	(UINT64_C(1) << 63)
#define ENTRY_SWAPPED	(UINT64_C(1) << 62)	/* or under migration */
#define ENTRY_PFN	((UINT64_C(1) << 55) - 1)	/* zero without CAP_SYS_ADMIN */

/*
 * Entries read at once. The kernel fills in each entry of a huge page on its
 * own, so what is not wanted must not be read: 512 entries cost ten times a
 * system call. Wanted entries closer together than this share one call.
 */
#define WINDOW_ENTRIES	512
#define WINDOW_STRIDE	64

struct window {
	uint64_t first;
	uint64_t nr;
	uint64_t entry[WINDOW_ENTRIES];
};

/* Make @index part of the window, and up to @nr entries after it. */
static int window_move(const struct hvcma_pagemap *pm, struct window *w,
		       uint64_t index, uint64_t nr)
{
	ssize_t ret;

	if (index >= w->first && index - w->first < w->nr)
		return 0;

	if (nr > WINDOW_ENTRIES)
		nr = WINDOW_ENTRIES;
	ret = pread(pm->fd, w->entry, nr * sizeof(w->entry[0]),
		    (off_t)(index * sizeof(w->entry[0])));
	if (ret < 0)
		return -errno;
	w->first = index;
	w->nr = (uint64_t)ret / sizeof(w->entry[0]);
	return w->nr ? 0 : -EIO;
}

static const char *open_hint(int error)
{
	switch (error) {
	case ENOENT:
		return ": /proc must be there, inside a chroot, too";
	case EACCES:
		return ": not for a process that has changed its user, or got its rights from its "
		       "file (file capabilities); ambient capabilities do";
	default:
		return "";
	}
}

int hvcma_pagemap_open(struct hvcma_pagemap *pm, struct hvcma_error *err)
{
	const void *here = __builtin_frame_address(0);	/* mapped, for certain */
	struct window w = { 0 };
	int ret;

	pm->entry_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	pm->fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (pm->fd < 0) {
		ret = -errno;
		hvcma_error_set(err, "cannot open /proc/self/pagemap: %s%s", strerror(-ret),
				open_hint(-ret));
		return ret;
	}

	ret = window_move(pm, &w, (uintptr_t)here / pm->entry_bytes, 1);
	if (ret) {
		hvcma_error_set(err, "cannot read /proc/self/pagemap: %s", strerror(-ret));
		close(pm->fd);
		return ret;
	}
	pm->has_hpa = w.entry[0] & ENTRY_PFN;
	return 0;
}

void hvcma_pagemap_close(struct hvcma_pagemap *pm)
{
	close(pm->fd);
}

int hvcma_pagemap_locate(const struct hvcma_pagemap *pm, const void *base,
			 uint64_t granule_bytes, uint64_t page_bytes,
			 uint64_t nr, uint64_t *hpa)
{
	uint64_t stride = page_bytes / pm->entry_bytes;
	uint64_t pages = granule_bytes / page_bytes;
	uint64_t index = (uintptr_t)base / pm->entry_bytes;
	uint64_t end = index + nr * pages * stride;
	struct window w;
	uint64_t i, page;

	w.first = 0;
	w.nr = 0;
	for (i = 0; i < nr; i++) {
		for (page = 0; page < pages; page++, index += stride) {
			uint64_t entry, addr;
			int ret = window_move(pm, &w, index,
					      stride <= WINDOW_STRIDE ? end - index : 1);

			if (ret)
				return ret;

			entry = w.entry[index - w.first];
			addr = (entry & ENTRY_PFN) * pm->entry_bytes;
			if (!(entry & (ENTRY_PRESENT | ENTRY_SWAPPED))) {
				hpa[i] = HVCMA_HPA_ABSENT;
				index += (pages - page) * stride;
				break;
			}
			if (!(entry & ENTRY_PRESENT))
				hpa[i] = HVCMA_HPA_SWAPPED;
			else if (!page)
				hpa[i] = pm->has_hpa ? addr : 0;
			else if (pm->has_hpa && hpa[i] < HVCMA_HPA_SWAPPED &&
				 addr != hpa[i] + page * page_bytes)
				hpa[i] = HVCMA_HPA_SPLIT;
		}
	}
	return 0;
}
