// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine addresses by grants (xen_grant.h).
 *
 * A page is mapped for a moment, at a frame of this guest that has no memory meanwhile.
 *
 * Locks: none: what is asked for is the caller's.
 */
#include <linux/bitops.h>
#include <linux/io.h>
#include <linux/kernel.h>
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

/* Places of a run of granules: its first and last page, some between, and more of long ones. */
#define VCMA_XEN_SAMPLES	4
#define VCMA_XEN_LONG_RUN	64	/* granules, for each of which there is one more */
#define VCMA_XEN_BATCH		64	/* pages by one hypercall */
#define VCMA_XEN_MAX_SELF	64	/* domains that Xen starts have the first numbers */

/* Granules that are said to be contiguous in the machine. */
struct vcma_xen_runs {
	u64 base_gpa;
	u64 granule_bytes;
	u64 nr;				/* granules */
	const unsigned long *joined;	/* bit i: the same run as the one before; NULL: none is */
	bool may_lack;			/* memory of some; they are VCMA_XEN_NOWHERE */
};

struct vcma_xen_batch {
	unsigned int nr;
	u64 first[VCMA_XEN_BATCH];	/* granule of whose run it is */
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
static int vcma_xen_batch_ask(struct vcma_xen_batch *b, u16 self, bool may_lack)
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
		b->machine[i] = b->map[i].dev_bus_addr;
		if (b->map[i].status == GNTST_okay)
			continue;
		b->machine[i] = VCMA_XEN_NOWHERE;
		if (!may_lack)
			err = -EIO;
	}
	return vcma_xen_batch_end(b, b->nr, true) ?: err;
}

static u64 vcma_xen_run_end(const struct vcma_xen_runs *runs, u64 first)
{
	u64 end = first + 1;

	while (end < runs->nr && runs->joined && test_bit(end, runs->joined))
		end++;
	return end;
}

/* How many pages of a run of @nr granules are asked for. */
static unsigned int vcma_xen_samples(const struct vcma_xen_runs *runs, u64 nr)
{
	return min3(VCMA_XEN_SAMPLES + nr / VCMA_XEN_LONG_RUN, (u64)VCMA_XEN_BATCH,
		    nr * (runs->granule_bytes >> XEN_PAGE_SHIFT));
}

/* The place of a run's @sample-th page in it. */
static u64 vcma_xen_sample(u64 run_bytes, unsigned int sample)
{
	if (!sample)
		return 0;
	if (sample == 1)
		return run_bytes - XEN_PAGE_SIZE;
	return (u64)reciprocal_scale(get_random_u32(), run_bytes >> XEN_PAGE_SHIFT)
	       << XEN_PAGE_SHIFT;
}

/* As many runs from @first on as the batch has room for. Return: the first that it has not. */
static u64 vcma_xen_batch_fill(struct vcma_xen_batch *b, const struct vcma_xen_runs *runs,
			       u64 first)
{
	b->nr = 0;
	while (first < runs->nr) {
		u64 end = vcma_xen_run_end(runs, first);
		unsigned int i, samples = vcma_xen_samples(runs, end - first);

		if (b->nr + samples > VCMA_XEN_BATCH)
			break;
		for (i = 0; i < samples; i++) {
			b->first[b->nr] = first;
			b->gpa[b->nr++] = runs->base_gpa + first * runs->granule_bytes +
					  vcma_xen_sample((end - first) * runs->granule_bytes, i);
		}
		first = end;
	}
	return first;
}

/* What was answered, checked. */
static int vcma_xen_batch_take(const struct vcma_xen_batch *b, const struct vcma_xen_runs *runs,
			       u64 *machine, char *wrong, size_t wrong_bytes)
{
	unsigned int i, head = 0;
	u64 j, end;

	for (i = 0; i < b->nr; i++) {
		if (b->first[i] != b->first[head])
			head = i;
		if (runs->may_lack && b->machine[head] == VCMA_XEN_NOWHERE) {
			machine[b->first[head]] = VCMA_XEN_NOWHERE;
			continue;
		}
		if (!IS_ALIGNED(b->machine[head], runs->granule_bytes)) {
			snprintf(wrong, wrong_bytes,
				 "memory at %#llx is at %#llx in the machine, not aligned to %llu bytes",
				 b->gpa[head], b->machine[head], runs->granule_bytes);
			return -EUCLEAN;
		}
		if (b->machine[i] - b->machine[head] != b->gpa[i] - b->gpa[head]) {
			snprintf(wrong, wrong_bytes,
				 "memory at %#llx is at %#llx in the machine, but at %#llx it is at %#llx: not contiguous",
				 b->gpa[head], b->machine[head], b->gpa[i], b->machine[i]);
			return -EUCLEAN;
		}
		if (i != head)
			continue;
		end = vcma_xen_run_end(runs, b->first[i]);
		for (j = b->first[i]; j < end; j++)
			machine[j] = b->machine[i] + (j - b->first[i]) * runs->granule_bytes;
	}
	return 0;
}

static int vcma_xen_compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

/* What no run shows by itself. */
static int vcma_xen_check(const struct vcma_xen_runs *runs, const u64 *machine, char *wrong,
			  size_t wrong_bytes)
{
	u64 *sorted = kvmalloc_array(runs->nr, sizeof(*sorted), GFP_KERNEL);
	u64 nr_same = 0, i;
	int err = 0;

	if (!sorted)
		return -ENOMEM;
	for (i = 0; i < runs->nr; i++) {
		nr_same += machine[i] == runs->base_gpa + i * runs->granule_bytes;
		sorted[i] = machine[i];
	}
	sort(sorted, runs->nr, sizeof(*sorted), vcma_xen_compare, NULL);
	for (i = 1; i < runs->nr && !err; i++) {
		if (sorted[i] - sorted[i - 1] >= runs->granule_bytes || sorted[i] == VCMA_XEN_NOWHERE)
			continue;
		snprintf(wrong, wrong_bytes, "two granules are at %#llx in the machine", sorted[i]);
		err = -EUCLEAN;
	}
	/* Single pages can be elsewhere in any case, if it is pages that are asked for. */
	if (!err && nr_same > (runs->may_lack ? runs->nr / 2 : runs->nr - 1) && xen_feature(XENFEAT_not_direct_mapped)) {
		snprintf(wrong, wrong_bytes,
			 "all memory is said to be where this guest has it, at %#llx, but Xen says that it is not mapped so",
			 runs->base_gpa);
		err = -EUCLEAN;
	}
	kvfree(sorted);
	return err;
}

/* Where pages were mapped others' memory was seen, if these frames are of what was asked for. */
static void vcma_xen_forget_frames(const struct vcma_xen_batch *b, unsigned int nr,
				   const struct vcma_xen_runs *runs, u64 *machine)
{
	unsigned int i;
	u64 off;

	for (i = 0; i < nr; i++) {
		off = page_to_phys(b->frames[i]) - runs->base_gpa;
		if (off < runs->nr * runs->granule_bytes)
			machine[div64_u64(off, runs->granule_bytes)] = VCMA_XEN_NOWHERE;
	}
}

static int vcma_xen_find(const struct vcma_xen_runs *runs, u16 self, u64 *machine, char *wrong,
			 size_t wrong_bytes)
{
	struct vcma_xen_batch *b = kvmalloc(sizeof(*b), GFP_KERNEL);
	unsigned int nr_frames;
	int err = 0;
	u64 i = 0;

	if (!b)
		return -ENOMEM;
	/* As many as the longest batch needs: one that has all, or is full. */
	nr_frames = vcma_xen_batch_fill(b, runs, 0) == runs->nr ? b->nr : VCMA_XEN_BATCH;
	err = gnttab_alloc_pages(nr_frames, b->frames);
	if (err) {
		kvfree(b);
		return err;
	}
	while (i < runs->nr && !err) {
		i = vcma_xen_batch_fill(b, runs, i);
		err = vcma_xen_batch_ask(b, self, runs->may_lack) ?:
		      vcma_xen_batch_take(b, runs, machine, wrong, wrong_bytes);
		cond_resched();
	}
	if (runs->may_lack)
		vcma_xen_forget_frames(b, nr_frames, runs, machine);
	gnttab_free_pages(nr_frames, b->frames);
	kvfree(b);
	return err ?: vcma_xen_check(runs, machine, wrong, wrong_bytes);
}

int vcma_xen_machine(u16 self, u64 base_gpa, u64 granule_bytes, u64 nr,
		     const unsigned long *joined, u64 *machine, char *wrong, size_t wrong_bytes)
{
	struct vcma_xen_runs runs = { base_gpa, granule_bytes, nr, joined, false };

	return vcma_xen_find(&runs, self, machine, wrong, wrong_bytes);
}

int vcma_xen_machine_pages(u16 self, u64 base_gpa, u64 nr, u64 *machine, char *wrong,
			   size_t wrong_bytes)
{
	struct vcma_xen_runs runs = { base_gpa, XEN_PAGE_SIZE, nr, NULL, true };

	return vcma_xen_find(&runs, self, machine, wrong, wrong_bytes);
}

/* Is domain @id this one? 1 or 0, or an error. @page has random bytes; @frame has no memory. */
static int vcma_xen_is_self(u16 id, struct page *page, struct page *frame)
{
	struct gnttab_map_grant_ref map = {
		.host_addr = page_to_phys(frame),
		.flags = GNTMAP_host_map | GNTMAP_readonly,
		.dom = id,
	};
	struct gnttab_unmap_grant_ref unmap = { .host_addr = map.host_addr };
	int ref = gnttab_grant_foreign_access(id, page_to_xen_pfn(page), 1), ret;

	if (ref < 0)
		return ref;
	map.ref = ref;
	ret = HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, &map, 1) ? -EIO : 0;
	if (!ret && map.status == GNTST_okay) {
		ret = !memcmp(page_address(frame), page_address(page), XEN_PAGE_SIZE);
		unmap.handle = map.handle;
		if (HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, &unmap, 1) || unmap.status)
			ret = -EIO;
	}
	return gnttab_try_end_foreign_access(ref) ? ret : -EIO;
}

int vcma_xen_find_self(u16 *self)
{
	struct page *page = alloc_page(GFP_KERNEL), *frame;
	int found, err;
	u16 id;

	if (!page)
		return -ENOMEM;
	err = gnttab_alloc_pages(1, &frame);
	if (err)
		goto free_page;
	get_random_bytes(page_address(page), PAGE_SIZE);
	err = -ENXIO;
	for (id = 0; id < VCMA_XEN_MAX_SELF && err == -ENXIO; id++) {
		found = vcma_xen_is_self(id, page, frame);
		if (found > 0) {
			*self = id;
			err = 0;
		} else if (found < 0) {
			err = found;
		}
	}
	gnttab_free_pages(1, &frame);
free_page:
	__free_page(page);
	return err;
}
