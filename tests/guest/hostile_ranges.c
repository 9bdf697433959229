// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_hostile: hosts that say that a region is this guest's RAM (mode ram), and contradict themselves
 * about where it is; and what is made of an honest one, with holes. That it is all pinned, and where
 * for devices, is hostile_extents.c's.
 */
#include "guest-driver/core/extents.h"
#include "guest-driver/core/region.h"
#include "guest-driver/mm/modes.h"

#include "hostile.h"

#define MAX_RANGES	4
#define RAM_FEATURES	(ALL_FEATURES | BIT_ULL(VIRTIO_CMA_F_RAM))
#define DMA		(BIT_ULL(40))

/* In granules from BASE on; 0: no more. */
struct piece {
	u32 at, nr;
};

static const struct piece *told_ranges, *told_extents;
static u64 told_total;		/* of ranges; 0: as many as there are */
static u64 told_odd;		/* bytes that the last range is longer */
static u32 told_flags = VIRTIO_CMA_FLAG_HPA;
static unsigned int told_answers;

static u32 piece_count(const struct piece *list)
{
	u32 nr = 0;

	while (nr < MAX_RANGES && list[nr].nr)
		nr++;
	return nr;
}

static size_t tell_ranges(struct virtio_cma_query_resp *head)
{
	struct virtio_cma_range *ranges = (void *)(head + 1);
	u32 i, nr = piece_count(told_ranges);

	for (i = 0; i < nr; i++) {
		ranges[i].base_gpa = cpu_to_le64(BASE + told_ranges[i].at * (u64)GRANULE);
		ranges[i].bytes = cpu_to_le64(told_ranges[i].nr * (u64)GRANULE +
					      (i == nr - 1 ? told_odd : 0));
	}
	head->total = cpu_to_le64(told_total ?: nr);
	head->nr = cpu_to_le64(nr);
	return sizeof(*head) + nr * sizeof(*ranges);
}

/* One after the other in host memory. The first question is for one, the second for all. */
static size_t tell_extents(struct virtio_cma_query_resp *head)
{
	struct virtio_cma_extent *extents = (void *)(head + 1);
	u32 i, all = piece_count(told_extents), nr = told_answers == 1 ? min(all, 1U) : all;
	u64 dma = DMA;

	for (i = 0; i < nr; i++) {
		extents[i].base_gpa = cpu_to_le64(BASE + told_extents[i].at * (u64)GRANULE);
		extents[i].base_dma = cpu_to_le64(dma);
		extents[i].bytes = cpu_to_le64(told_extents[i].nr * (u64)GRANULE);
		dma += told_extents[i].nr * (u64)GRANULE;
	}
	head->total = cpu_to_le64(all);
	head->nr = cpu_to_le64(nr);
	return sizeof(*head) + nr * sizeof(*extents);
}

static void tell(void *resp, size_t *used)
{
	struct virtio_cma_query_resp *head = resp;

	*used = told_answers ? tell_extents(head) : tell_ranges(head);
	head->hdr.bytes = cpu_to_le32(*used);
	told_answers++;
}

static int make(struct host *h, const struct piece *ranges, const struct piece *extents, u64 total,
		u64 odd, struct vcma_region **r)
{
	host_init(h);
	h->transport.features = RAM_FEATURES;
	h->config.mode = cpu_to_le32(VIRTIO_CMA_MODE_RAM);
	h->config.flags = cpu_to_le32(VIRTIO_CMA_FLAG_PINNED | told_flags);
	told_ranges = ranges;
	told_extents = extents;
	told_total = total;
	told_odd = odd;
	told_answers = 0;
	h->lie_op = VIRTIO_CMA_OP_QUERY;
	h->lie = tell;
	return vcma_region_create(&h->transport, &vcma_mm_modes, r);
}

static const struct {
	const char *how;
	struct piece ranges[MAX_RANGES], extents[MAX_RANGES];
	u64 total, odd;
} lies[] = {
	{ "no ranges", {}, {} },
	{ "a range that does not begin at the region", { { 1, 32 } }, { { 1, 32 } } },
	{ "less than the region", { { 0, 8 }, { 64, 23 } }, { { 0, 8 }, { 64, 23 } } },
	{ "more than the region", { { 0, 8 }, { 64, 25 } }, { { 0, 8 }, { 64, 25 } } },
	{ "ranges that overlap", { { 0, 8 }, { 7, 24 } }, { { 0, 8 }, { 7, 24 } } },
	{ "ranges out of order", { { 0, 8 }, { 64, 8 }, { 32, 16 } },
	  { { 0, 8 }, { 64, 8 }, { 32, 16 } } },
	{ "a part of a granule", { { 0, 8 }, { 64, 23 } }, { { 0, 8 }, { 64, 24 } }, 0, SZ_4K },
	{ "more ranges than there can be", { { 0, 8 }, { 64, 24 } }, { { 0, 8 }, { 64, 24 } },
	  VIRTIO_CMA_MAX_RANGES + 1 },
	{ "a range that wraps", { { 0, 8 }, { 64, 1 } }, { { 0, 8 } }, 0, -2 * (u64)GRANULE },
	{ "ranges too far apart", { { 0, 8 }, { VIRTIO_CMA_MAX_GRANULES, 24 } }, { { 0, 8 } } },
	{ "an extent across a hole", { { 0, 8 }, { 9, 24 } }, { { 0, 32 } } },
	{ "an extent in a hole", { { 0, 8 }, { 16, 24 } }, { { 0, 8 }, { 8, 8 }, { 16, 16 } } },
	{ "a range without an extent", { { 0, 8 }, { 16, 24 } }, { { 0, 8 } } },
	{ "a part of a range without one", { { 0, 8 }, { 16, 24 } }, { { 0, 7 }, { 16, 24 } } },
};

static void test_lies(void)
{
	struct vcma_region *r;
	unsigned int i;
	struct host h;
	int err;

	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		err = make(&h, lies[i].ranges, lies[i].extents, lies[i].total, lies[i].odd, &r);
		result(err == -EPROTO, "ranges", lies[i].how);
		if (!err)
			vcma_region_destroy(r);
	}
}

/*
 *	granule	0 ...... 7   (hole)  40 ..... 63
 *	DMA	0 ...... 7           8 ..... 31		one piece of host memory
 */
static void test_hole(void)
{
	static const struct piece two[MAX_RANGES] = { { 0, 8 }, { 40, 24 } };
	const u64 high = BASE + 40ULL * GRANULE;
	struct vcma_region *r;
	struct host h;
	u64 dma = 0;

	if (make(&h, two, two, 0, 0, &r)) {
		result(false, "ranges", "an honest host");
		return;
	}
	result(r->mode == &vcma_mode_ram && r->nr_ranges == 2 && r->bytes == 32ULL * GRANULE &&
	       r->span_bytes == 64ULL * GRANULE, "ranges", "an honest host");
	result(vcma_region_has(r, BASE, 8ULL * GRANULE) && vcma_region_has(r, high, 24ULL * GRANULE) &&
	       vcma_region_has(r, high + 24ULL * GRANULE - 1, 1), "ranges", "what is in the region");
	result(!vcma_region_has(r, BASE, 8ULL * GRANULE + 1) && !vcma_region_has(r, high - 1, 2) &&
	       !vcma_region_has(r, BASE + 20ULL * GRANULE, 1) && !vcma_region_has(r, BASE - 1, 1) &&
	       !vcma_region_has(r, high + 24ULL * GRANULE, 1), "ranges", "what is not");
	result(vcma_extents_dma(r->extents, BASE + 5, 7, &dma) && dma == DMA + 5, "ranges",
	       "below the hole, for devices");
	result(vcma_extents_dma(r->extents, high + 5, 7, &dma) && dma == DMA + 8ULL * GRANULE + 5,
	       "ranges", "above the hole, for devices");
	result(!vcma_extents_dma(r->extents, BASE + 8ULL * GRANULE - 1, 2, &dma), "ranges",
	       "into the hole");
	result(!vcma_extents_dma(r->extents, BASE + 20ULL * GRANULE, 1, &dma), "ranges",
	       "in the hole, for devices");
	result(!vcma_extents_dma(r->extents, high - 1, 1, &dma) &&
	       !vcma_extents_dma(r->extents, high - 1, 2, &dma), "ranges", "out of the hole");
	result(vcma_extents_gpa(r->extents, DMA + 8ULL * GRANULE, 1, &dma) && dma == high, "ranges",
	       "and back");
	vcma_region_destroy(r);
}

/* Blocks whose addresses are in the hole. */
static void lie_block(void *resp, size_t *used)
{
	struct virtio_cma_alloc_resp *out = resp;

	out->blocks[0].base_gpa = cpu_to_le64(BASE + 20ULL * GRANULE);
	out->blocks[0].base_dma = out->blocks[0].base_gpa;
}

static void test_block_in_hole(void)
{
	static const struct vcma_constraints want = {
		.bytes = GRANULE, .max_dma = U64_MAX, .client = VIRTIO_CMA_CLIENT_SHARED,
	};
	static const struct piece two[MAX_RANGES] = { { 0, 8 }, { 40, 24 } };
	struct vcma_block *block;
	struct vcma_region *r;
	struct host h;
	int err;

	told_flags = 0;	/* then the search for a place does not ask for the extents again */
	err = make(&h, two, two, 0, 0, &r);
	told_flags = VIRTIO_CMA_FLAG_HPA;
	if (err) {
		result(false, "ranges", "an honest host");
		return;
	}
	h.lie_op = VIRTIO_CMA_OP_ALLOC;
	h.lie = lie_block;
	err = vcma_block_alloc(r, &want, &block);
	result(err == -EPROTO && !vcma_region_is_live(r), "ranges", "a block in the hole");
	vcma_region_destroy(r);
}

/* The mode where it does not belong. */
static void test_mode(void)
{
	static const struct {
		const char *how;
		u64 features;
		u32 mode, flags;
	} cases[] = {
		{ "without its feature", ALL_FEATURES, VIRTIO_CMA_MODE_RAM, VIRTIO_CMA_FLAG_PINNED },
		{ "by the legacy interface", 0, VIRTIO_CMA_MODE_RAM, 0 },
		{ "not pinned", RAM_FEATURES, VIRTIO_CMA_MODE_RAM, 0 },
		{ "without pinned", RAM_FEATURES & ~BIT_ULL(VIRTIO_CMA_F_PINNED), VIRTIO_CMA_MODE_RAM,
		  VIRTIO_CMA_FLAG_PINNED },
		{ "the feature of another mode", RAM_FEATURES, VIRTIO_CMA_MODE_REUSABLE, 0 },
		{ "where the guest chooses", RAM_FEATURES, VIRTIO_CMA_MODE_RAM,
		  VIRTIO_CMA_FLAG_PINNED | VIRTIO_CMA_FLAG_AUTO },
	};
	struct vcma_region *r;
	unsigned int i;
	struct host h;
	int err;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		host_init(&h);
		h.transport.features = cases[i].features;
		h.config.mode = cpu_to_le32(cases[i].mode);
		h.config.flags = cpu_to_le32(cases[i].flags);
		err = vcma_region_create(&h.transport, &vcma_mm_modes, &r);
		result(err == -EINVAL, "mode ram", cases[i].how);
		if (!err)
			vcma_region_destroy(r);
	}
}

void test_ranges(void)
{
	test_lies();
	test_hole();
	test_block_in_hole();
	test_mode();
}
