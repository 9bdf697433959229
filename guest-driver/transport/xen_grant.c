// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine addresses by grants (xen_grant.h).
 *
 * A page is mapped for a moment, at a frame of this guest that has no memory meanwhile.
 *
 * Locks: none: what is asked for is the caller's.
 */
#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/interface/features.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>
#include <asm/xen/hypercall.h>

#include "xen_grant.h"

/* Places of a granule: its first and last page, and some between. */
#define VCMA_XEN_SAMPLES	4
#define VCMA_XEN_BATCH		64	/* pages by one hypercall */
#define VCMA_XEN_GRANULES	(VCMA_XEN_BATCH / VCMA_XEN_SAMPLES)

struct vcma_xen_batch {
	unsigned int nr;
	u64 gpa[VCMA_XEN_BATCH];
	u64 machine[VCMA_XEN_BATCH];
	grant_ref_t refs[VCMA_XEN_BATCH];
	struct gnttab_map_grant_ref map[VCMA_XEN_BATCH];
	struct gnttab_unmap_grant_ref unmap[VCMA_XEN_BATCH];
	struct page *frames[VCMA_XEN_BATCH];	/* where they are mapped */
};

/* Undo the mappings that there are, and the first @nr_granted grants. */
static int vcma_xen_batch_end(struct vcma_xen_batch *b, unsigned int nr_granted, bool mapped)
{
	unsigned int i, nr = 0;
	int err = 0;

	for (i = 0; mapped && i < b->nr; i++) {
		if (b->map[i].status != GNTST_okay)
			continue;
		b->unmap[nr++] = (struct gnttab_unmap_grant_ref) {
			.host_addr = b->map[i].host_addr,
			.handle = b->map[i].handle,
		};
	}
	if (nr && HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, b->unmap, nr))
		err = -EIO;
	for (i = 0; i < nr; i++) {
		if (b->unmap[i].status != GNTST_okay)
			err = -EIO;
	}
	/* One that Xen still has mapped stays granted for ever: to ourselves. */
	for (i = 0; i < nr_granted; i++) {
		if (!gnttab_try_end_foreign_access(b->refs[i]))
			err = -EIO;
	}
	return err;
}

/* Ask for all of gpa[]. */
static int vcma_xen_batch_ask(struct vcma_xen_batch *b, u16 self)
{
	unsigned int i;
	int ref, err;

	for (i = 0; i < b->nr; i++) {
		ref = gnttab_grant_foreign_access(self, b->gpa[i] >> XEN_PAGE_SHIFT, 0);
		if (ref < 0) {
			vcma_xen_batch_end(b, i, false);
			return ref;
		}
		b->refs[i] = ref;
		b->map[i] = (struct gnttab_map_grant_ref) {
			.host_addr = page_to_phys(b->frames[i]),
			.flags = GNTMAP_host_map,
			.ref = ref,
			.dom = self,
			.status = GNTST_general_error,
		};
	}
	err = HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, b->map, b->nr) ? -EIO : 0;
	for (i = 0; !err && i < b->nr; i++) {
		if (b->map[i].status != GNTST_okay)
			err = -EIO;
		b->machine[i] = b->map[i].dev_bus_addr;
	}
	return vcma_xen_batch_end(b, b->nr, true) ?: err;
}

/* The place of a granule's @sample-th page in it. */
static u64 vcma_xen_sample(u64 granule_bytes, unsigned int sample)
{
	u64 pages = granule_bytes >> XEN_PAGE_SHIFT;

	if (!sample || pages == 1)
		return 0;
	if (sample == 1)
		return granule_bytes - XEN_PAGE_SIZE;
	return (u64)(get_random_u32() & (pages - 1)) << XEN_PAGE_SHIFT;
}

/* Granules [@first, @first + @nr), at most VCMA_XEN_GRANULES. */
static int vcma_xen_some(struct vcma_xen_batch *b, u16 self, u64 base_gpa, u64 granule_bytes,
			 u64 first, unsigned int nr, u64 *machine, char *wrong, size_t wrong_bytes)
{
	unsigned int i;
	int err;

	b->nr = nr * VCMA_XEN_SAMPLES;
	for (i = 0; i < b->nr; i++)
		b->gpa[i] = base_gpa + (first + i / VCMA_XEN_SAMPLES) * granule_bytes +
			    vcma_xen_sample(granule_bytes, i % VCMA_XEN_SAMPLES);
	err = vcma_xen_batch_ask(b, self);
	if (err)
		return err;
	for (i = 0; i < b->nr; i++) {
		unsigned int head = i - i % VCMA_XEN_SAMPLES;
		u64 at = b->machine[head];

		if (!IS_ALIGNED(at, granule_bytes)) {
			snprintf(wrong, wrong_bytes,
				 "memory at %#llx is at %#llx in the machine, not aligned to %llu bytes",
				 b->gpa[head], at, granule_bytes);
			return -EUCLEAN;
		}
		if (b->machine[i] - at != b->gpa[i] - b->gpa[head]) {
			snprintf(wrong, wrong_bytes,
				 "memory at %#llx is at %#llx in the machine, but at %#llx it is at %#llx: not contiguous",
				 b->gpa[head], at, b->gpa[i], b->machine[i]);
			return -EUCLEAN;
		}
		machine[first + i / VCMA_XEN_SAMPLES] = at;
	}
	return 0;
}

static int vcma_xen_compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* What no granule shows by itself. */
static int vcma_xen_check(u64 base_gpa, u64 granule_bytes, u64 nr, const u64 *machine,
			  char *wrong, size_t wrong_bytes)
{
	u64 *sorted = kvmalloc_array(nr, sizeof(*sorted), GFP_KERNEL);
	bool same = true;
	int err = 0;
	u64 i;

	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		same &= machine[i] == base_gpa + i * granule_bytes;
		sorted[i] = machine[i];
	}
	sort(sorted, nr, sizeof(*sorted), vcma_xen_compare, NULL);
	for (i = 1; i < nr && !err; i++) {
		if (sorted[i] - sorted[i - 1] >= granule_bytes)
			continue;
		snprintf(wrong, wrong_bytes, "two granules are at %#llx in the machine", sorted[i]);
		err = -EUCLEAN;
	}
	if (!err && same && xen_feature(XENFEAT_not_direct_mapped)) {
		snprintf(wrong, wrong_bytes,
			 "all memory is said to be where this guest has it, at %#llx, but Xen says that it is not mapped so",
			 base_gpa);
		err = -EUCLEAN;
	}
	kvfree(sorted);
	return err;
}

int vcma_xen_machine(u16 self, u64 base_gpa, u64 granule_bytes, u64 nr, u64 *machine,
		     char *wrong, size_t wrong_bytes)
{
	struct vcma_xen_batch *b = kvmalloc(sizeof(*b), GFP_KERNEL);
	unsigned int some;
	int err = 0;
	u64 i;

	if (!b)
		return -ENOMEM;
	err = gnttab_alloc_pages(VCMA_XEN_BATCH, b->frames);
	if (err) {
		kvfree(b);
		return err;
	}
	for (i = 0; i < nr && !err; i += some) {
		some = min_t(u64, nr - i, VCMA_XEN_GRANULES);
		err = vcma_xen_some(b, self, base_gpa, granule_bytes, i, some, machine, wrong,
				    wrong_bytes);
		cond_resched();
	}
	gnttab_free_pages(VCMA_XEN_BATCH, b->frames);
	kvfree(b);
	return err ?: vcma_xen_check(base_gpa, granule_bytes, nr, machine, wrong, wrong_bytes);
}
