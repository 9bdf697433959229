// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Machine memory for domains (domain.h). Non-purpose: whose idea it was.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

#include "hv/host/xen/domain.h"

/* Granules that are looked at by one call. */
#define PROBE_GRANULES	512

struct hvcma_xen {
	xc_interface *xc;
	xenforeignmemory_handle *memory;
};

int hvcma_xen_open(struct hvcma_xen **out, struct hvcma_error *err)
{
	struct hvcma_xen *x = calloc(1, sizeof(*x));

	if (!x)
		return -ENOMEM;
	x->xc = xc_interface_open(NULL, NULL, 0);
	x->memory = x->xc ? xenforeignmemory_open(NULL, 0) : NULL;
	if (!x->memory) {
		int ret = -errno;

		hvcma_error_set(err, "Xen's interfaces (/dev/xen/privcmd) can't be opened: %s: not a control domain?",
				strerror(errno));
		hvcma_xen_close(x);
		return ret;
	}
	*out = x;
	return 0;
}

void hvcma_xen_close(struct hvcma_xen *x)
{
	if (!x)
		return;
	if (x->memory)
		xenforeignmemory_close(x->memory);
	if (x->xc)
		xc_interface_close(x->xc);
	free(x);
}

static int get_info(struct hvcma_xen *x, uint32_t domid, xc_domaininfo_t *info)
{
	int nr = xc_domain_getinfolist(x->xc, domid, 1, info);

	if (nr < 0)
		return -errno;
	return nr == 1 && info->domain == domid ? 0 : -ESRCH;
}

bool hvcma_xen_exists(struct hvcma_xen *x, uint32_t domid)
{
	xc_domaininfo_t info;

	return !get_info(x, domid, &info) &&
	       !(info.flags & (XEN_DOMINF_dying | XEN_DOMINF_shutdown));
}

int hvcma_xen_maxmem(struct hvcma_xen *x, uint32_t domid, uint64_t *kib, struct hvcma_error *err)
{
	xc_domaininfo_t info;
	int ret = get_info(x, domid, &info);

	if (ret) {
		hvcma_error_set(err, "domain %" PRIu32 ": Xen does not tell its memory limit: %s", domid,
				strerror(-ret));
		return ret;
	}
	*kib = info.max_pages * (HVCMA_XEN_FRAME_BYTES / 1024);
	return 0;
}

int hvcma_xen_set_maxmem(struct hvcma_xen *x, uint32_t domid, uint64_t kib,
			 struct hvcma_error *err)
{
	if (!xc_domain_setmaxmem(x->xc, domid, kib))
		return 0;
	hvcma_error_set(err, "domain %" PRIu32 ": memory limit of %" PRIu64 " KiB: %s", domid, kib,
			strerror(errno));
	return -errno;
}

/*
 * Which of @nr granules from @gpa on have memory? Each is mapped here for a moment, by its first frame.
 */
static int probe(struct hvcma_xen *x, uint32_t domid, uint64_t gpa, unsigned int nr,
		 bool *populated, struct hvcma_error *err)
{
	xen_pfn_t frames[PROBE_GRANULES];
	int errors[PROBE_GRANULES] = { 0 };
	void *map;

	for (unsigned int i = 0; i < nr; i++)
		frames[i] = (gpa + i * HVCMA_XEN_GRANULE_BYTES) / HVCMA_XEN_FRAME_BYTES;
	map = xenforeignmemory_map(x->memory, domid, PROT_READ, nr, frames, errors);
	if (!map) {
		hvcma_error_set(err, "domain %" PRIu32 ": frames at %#" PRIx64 " can't be looked at: %s",
				domid, gpa, strerror(errno));
		return -errno;
	}
	for (unsigned int i = 0; i < nr; i++)
		populated[i] = !errors[i];
	xenforeignmemory_unmap(x->memory, map, nr);
	return 0;
}

typedef int (*run_fn)(struct hvcma_xen *x, uint32_t domid, uint64_t gpa, uint64_t bytes,
		      void *opaque, struct hvcma_error *err);

/* Call @fn for each run of granules that are all populated, or all not, as @wanted says. */
static int walk_runs(struct hvcma_xen *x, uint32_t domid, uint64_t base_gpa, uint64_t bytes,
		     bool wanted, run_fn fn, void *opaque, struct hvcma_error *err)
{
	uint64_t nr = bytes / HVCMA_XEN_GRANULE_BYTES, run = 0, start = 0;
	bool *populated = calloc(nr ? nr : 1, sizeof(*populated));
	int ret = 0;

	if (!populated)
		return -ENOMEM;
	for (uint64_t i = 0; i < nr && !ret; i += PROBE_GRANULES)
		ret = probe(x, domid, base_gpa + i * HVCMA_XEN_GRANULE_BYTES,
			    nr - i < PROBE_GRANULES ? nr - i : PROBE_GRANULES, populated + i, err);
	for (uint64_t i = 0; i <= nr && !ret; i++) {
		if (i < nr && populated[i] == wanted) {
			start = run++ ? start : i;
			continue;
		}
		if (run)
			ret = fn(x, domid, base_gpa + start * HVCMA_XEN_GRANULE_BYTES,
				 run * HVCMA_XEN_GRANULE_BYTES, opaque, err);
		run = 0;
	}
	free(populated);
	return ret;
}

static int not_free(struct hvcma_xen *x, uint32_t domid, uint64_t gpa, uint64_t bytes, void *opaque,
		    struct hvcma_error *err)
{
	(void)x;
	(void)domid;
	(void)gpa;
	(void)bytes;
	(void)err;
	*(bool *)opaque = false;
	return 0;
}

int hvcma_xen_is_free(struct hvcma_xen *x, uint32_t domid, uint64_t base_gpa, uint64_t bytes,
		      struct hvcma_error *err)
{
	bool is_free = true;
	int ret = walk_runs(x, domid, base_gpa, bytes, true, not_free, &is_free, err);

	return ret ? ret : is_free;
}

/* The highest order that a frame's alignment and what is left allow. */
static unsigned int best_order(uint64_t gpa, uint64_t bytes)
{
	unsigned int order = HVCMA_XEN_MAX_ORDER;

	while (order > HVCMA_XEN_MIN_ORDER && ((gpa & ((HVCMA_XEN_FRAME_BYTES << order) - 1)) ||
					       HVCMA_XEN_FRAME_BYTES << order > bytes))
		order--;
	return order;
}

static int give_back(struct hvcma_xen *x, uint32_t domid, uint64_t gpa, uint64_t bytes, void *opaque,
		     struct hvcma_error *err)
{
	(void)opaque;
	for (uint64_t size; bytes; gpa += size, bytes -= size) {
		unsigned int order = best_order(gpa, bytes);
		xen_pfn_t frame = gpa / HVCMA_XEN_FRAME_BYTES;

		size = HVCMA_XEN_FRAME_BYTES << order;
		if (!xc_domain_decrease_reservation_exact(x->xc, domid, 1, order, &frame))
			continue;
		hvcma_error_set(err, "domain %" PRIu32 ": %" PRIu64 " bytes at %#" PRIx64 " can't be taken back: %s",
				domid, size, gpa, strerror(errno));
		return errno ? -errno : -EIO;
	}
	return 0;
}

/* Who hears of extents. */
struct listener {
	hvcma_xen_extent_fn extent;
	void *opaque;
};

/* On failure some of the run is populated. */
static int fill(struct hvcma_xen *x, uint32_t domid, uint64_t gpa, uint64_t bytes, void *opaque,
		struct hvcma_error *err)
{
	const struct listener *listener = opaque;
	uint64_t size;

	for (; bytes; gpa += size, bytes -= size) {
		unsigned int order = best_order(gpa, bytes);
		xen_pfn_t frame = gpa / HVCMA_XEN_FRAME_BYTES;

		/* A machine whose free memory is in pieces has shorter ones. */
		while (xc_domain_populate_physmap_exact(x->xc, domid, 1, order, 0, &frame)) {
			int ret = errno ? -errno : -ENOMEM;

			frame = gpa / HVCMA_XEN_FRAME_BYTES;
			if (order-- > HVCMA_XEN_MIN_ORDER)
				continue;
			hvcma_error_set(err, "domain %" PRIu32 ": no contiguous %" PRIu64 " bytes for %#" PRIx64 " (%" PRIu64 " bytes are left to populate): %s",
					domid, HVCMA_XEN_GRANULE_BYTES, gpa, bytes, strerror(-ret));
			return ret;
		}
		size = HVCMA_XEN_FRAME_BYTES << order;
		listener->extent(listener->opaque, gpa, size);
	}
	return 0;
}

int hvcma_xen_populate(struct hvcma_xen *x, uint32_t domid, uint64_t base_gpa, uint64_t bytes,
		       hvcma_xen_extent_fn extent, void *opaque, struct hvcma_error *err)
{
	struct listener listener = { .extent = extent, .opaque = opaque };

	return walk_runs(x, domid, base_gpa, bytes, false, fill, &listener, err);
}

int hvcma_xen_take_back(struct hvcma_xen *x, uint32_t domid, uint64_t base_gpa, uint64_t bytes,
			struct hvcma_error *err)
{
	return walk_runs(x, domid, base_gpa, bytes, true, give_back, NULL, err);
}
