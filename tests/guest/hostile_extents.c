// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_hostile: hosts that say that all of a region is pinned, and contradict themselves about where.
 * What one extent may be is hostile.c's; here it is what they are together.
 */
#include "guest-driver/core/extents.h"
#include "guest-driver/core/region.h"
#include "guest-driver/mm/modes.h"

#include "hostile.h"

#define MAX_EXTENTS	4
#define DMA		(BIT_ULL(40))

/* In granules: where, where for devices, how many; 0: no more. */
struct told {
	u32 gpa, dma, nr;
};

static const struct told *told;
static u64 told_total, told_next_total;	/* by the first answer, and by the next ones */
static unsigned int told_nr, told_answers;

/* The first question is for one extent, the second for all of them. */
static void tell(void *resp, size_t *used)
{
	struct virtio_cma_query_resp *head = resp;
	struct virtio_cma_extent *extents = (void *)(head + 1);
	unsigned int i, nr = told_answers ? told_nr : min(told_nr, 1U);

	for (i = 0; i < nr; i++) {
		extents[i].base_gpa = cpu_to_le64(BASE + told[i].gpa * (u64)GRANULE);
		extents[i].base_dma = cpu_to_le64(DMA + told[i].dma * (u64)GRANULE);
		extents[i].bytes = cpu_to_le64(told[i].nr * (u64)GRANULE);
	}
	head->total = cpu_to_le64(told_answers ? told_next_total : told_total);
	head->nr = cpu_to_le64(nr);
	*used = sizeof(*head) + nr * sizeof(*extents);
	head->hdr.bytes = cpu_to_le32(*used);
	told_answers++;
}

/* Return: what became of it. */
static int read_told(const struct told *list, u64 total, u64 next_total, struct vcma_extents **x,
		     bool *lives)
{
	struct vcma_region *r;
	struct host h;
	int err;

	host_init(&h);
	err = vcma_region_create(&h.transport, &vcma_mm_modes, &r);
	if (err)
		return err;
	told = list;
	for (told_nr = 0; told_nr < MAX_EXTENTS && list[told_nr].nr; told_nr++)
		;
	told_total = total ?: told_nr;
	told_next_total = next_total ?: told_total;
	told_answers = 0;
	h.lie_op = VIRTIO_CMA_OP_QUERY;
	h.lie = tell;
	err = vcma_extents_read(r, x);
	*lives = vcma_region_is_live(r);
	vcma_region_destroy(r);
	return err;
}

static const struct {
	const char *how;
	struct told list[MAX_EXTENTS];
	u64 total, next_total;		/* 0: as many as there are */
} lies[] = {
	{ "none at all", {} },
	{ "a part of the region", { { 0, 0, 31 } } },
	{ "a hole", { { 0, 0, 8 }, { 9, 9, 23 } } },
	{ "a hole at the beginning", { { 1, 0, 31 } } },
	{ "two that overlap", { { 0, 0, 8 }, { 7, 40, 25 } } },
	{ "the same twice", { { 0, 0, 16 }, { 0, 40, 16 } } },
	{ "not in order", { { 8, 0, 24 }, { 0, 40, 8 } } },
	{ "two at the same DMA address", { { 0, 40, 8 }, { 8, 40, 24 } } },
	{ "two whose DMA addresses overlap", { { 0, 39, 8 }, { 8, 16, 24 } } },
	{ "two whose DMA addresses overlap, in this order", { { 0, 40, 8 }, { 8, 47, 24 } } },
	{ "more than there are granules", { { 0, 0, 32 } }, NR_GRANULES + 1 },
	{ "as many as numbers go", { { 0, 0, 32 } }, U64_MAX },
	{ "more, when asked again", { { 0, 0, 8 }, { 8, 40, 24 } }, 2, 3 },
};

static void test_lies(void)
{
	static const struct told adjacent[MAX_EXTENTS] = { { 0, 40, 8 }, { 8, 16, 24 } };
	struct vcma_extents *x;
	unsigned int i;
	bool lives;
	int err;

	for (i = 0; i < ARRAY_SIZE(lies); i++) {
		x = NULL;
		err = read_told(lies[i].list, lies[i].total, lies[i].next_total, &x, &lives);
		result(err == -EPROTO && !lives && !x, "extents", lies[i].how);
		vcma_extents_free(x);
	}
	x = NULL;
	err = read_told(adjacent, 0, 0, &x, &lives);
	result(!err && lives && x, "extents", "the control: adjacent ones, in another order");
	vcma_extents_free(x);
}

static void expect_dma(const struct vcma_extents *x, u64 gpa, u64 bytes, s64 expected)
{
	u64 dma = 0, back = 0;
	bool found = vcma_extents_dma(x, gpa, bytes, &dma);

	result(found == (expected >= 0) && (!found || dma == DMA + expected), "extents", "gpa to dma");
	if (found)
		result(vcma_extents_gpa(x, dma, bytes, &back) && back == gpa, "extents", "dma to gpa");
}

/*
 *	granule	0 ...... 7   8 .. 15  16 ............ 31
 *	DMA	64 ..... 71  0 ... 7  80 ............ 95
 */
static void test_translation(void)
{
	static const struct told scattered[MAX_EXTENTS] = { { 0, 64, 8 }, { 8, 0, 8 }, { 16, 80, 16 } };
	static const struct told one[MAX_EXTENTS] = { { 0, 5, 32 } };
	struct vcma_extents *x = NULL;
	u64 gpa;
	bool lives;

	if (read_told(scattered, 0, 0, &x, &lives)) {
		result(false, "extents", "an honest host");
		return;
	}
	expect_dma(x, BASE, 1, 64LL * GRANULE);
	expect_dma(x, BASE + 123, GRANULE, 64LL * GRANULE + 123);
	expect_dma(x, BASE + 8ULL * GRANULE - 1, 1, 72LL * GRANULE - 1);
	expect_dma(x, BASE + 8ULL * GRANULE - 1, 2, -1);
	expect_dma(x, BASE + 7ULL * GRANULE, GRANULE, 71LL * GRANULE);
	expect_dma(x, BASE + 7ULL * GRANULE, GRANULE + 1, -1);
	expect_dma(x, BASE + 8ULL * GRANULE, 8ULL * GRANULE, 0);
	expect_dma(x, BASE + 16ULL * GRANULE + 5, 16ULL * GRANULE - 5, 80LL * GRANULE + 5);
	expect_dma(x, BASE + 32ULL * GRANULE - 1, 2, -1);
	expect_dma(x, BASE + 32ULL * GRANULE, 1, -1);
	expect_dma(x, BASE - 1, 1, -1);
	expect_dma(x, BASE - 1, 2, -1);
	expect_dma(x, BASE + GRANULE, U64_MAX, -1);
	result(!vcma_extents_gpa(x, DMA + 8ULL * GRANULE, 1, &gpa), "extents", "between two");
	result(!vcma_extents_gpa(x, DMA + 8ULL * GRANULE - 1, 2, &gpa), "extents", "out of one");
	result(!vcma_extents_gpa(x, DMA - 1, 1, &gpa), "extents", "before all");
	result(!vcma_extents_gpa(x, DMA + 96ULL * GRANULE, 1, &gpa), "extents", "behind all");
	vcma_extents_free(x);

	if (read_told(one, 0, 0, &x, &lives)) {
		result(false, "extents", "an honest host with one extent");
		return;
	}
	expect_dma(x, BASE + 3, 32ULL * GRANULE - 3, 5LL * GRANULE + 3);
	expect_dma(x, BASE + 3, 32ULL * GRANULE - 2, -1);
	result(!vcma_extents_gpa(x, DMA + 5ULL * GRANULE - 1, 1, &gpa), "extents", "before the one");
	vcma_extents_free(x);
}

/* The flag where it does not belong. */
static void test_flag(void)
{
	static const struct {
		const char *how;
		u64 features;
		u32 mode, flags;
	} cases[] = {
		{ "without its feature", ALL_FEATURES & ~BIT_ULL(VIRTIO_CMA_F_PINNED),
		  VIRTIO_CMA_MODE_REUSABLE, 0 },
		{ "by the legacy interface", 0, VIRTIO_CMA_MODE_REUSABLE, 0 },
		{ "of a private region", ALL_FEATURES, VIRTIO_CMA_MODE_PRIVATE, 0 },
		{ "where the guest chooses", ALL_FEATURES, VIRTIO_CMA_MODE_REUSABLE,
		  VIRTIO_CMA_FLAG_AUTO },
	};
	struct vcma_region *r;
	unsigned int i;
	struct host h;
	int err;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		host_init(&h);
		h.transport.features = cases[i].features;
		h.config.mode = cpu_to_le32(cases[i].mode);
		h.config.flags = cpu_to_le32(VIRTIO_CMA_FLAG_PINNED | cases[i].flags);
		err = vcma_region_create(&h.transport, &vcma_mm_modes, &r);
		result(err == -EINVAL, "pinned from the start", cases[i].how);
		if (!err)
			vcma_region_destroy(r);
	}
}

void test_pinned(void)
{
	test_lies();
	test_translation();
	test_flag();
}
