// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Fuzzer: bytes to a sequence of allocator calls. Every block must be free
 * memory of one extent that obeys the request; invariants after every call.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/core/alloc.h"
#include "tests/fuzz/input.h"

#define GRANULE		UINT64_C(0x1000000)
#define MAX_GRANULES	300

static void expect(bool condition)
{
	if (!condition)
		abort();
}

struct model {
	uint64_t nr;
	uint64_t dma[MAX_GRANULES];
	bool taken[MAX_GRANULES], withheld[MAX_GRANULES];
};

static struct hvcma_fit_request get_request(struct input *in)
{
	struct hvcma_fit_request req = {
		.nr_granules = input_number(in),
		.quick = input_u8(in) & 1,
	};

	req.align_bytes = input_u8(in) & 1 ? input_number(in) : 0;
	req.max_dma = input_u8(in) & 1 ? input_number(in) * (GRANULE / 2) - 1 : UINT64_MAX;
	return req;
}

static void check_isolated(struct model *m, const struct hvcma_alloc *a, uint64_t first,
			   const struct hvcma_fit_request *req)
{
	expect(first < m->nr && req->nr_granules && req->nr_granules <= m->nr - first);
	expect(!req->align_bytes || !(m->dma[first] & (req->align_bytes - 1)));
	for (uint64_t i = first; i < first + req->nr_granules; i++) {
		expect(!m->taken[i] && !m->withheld[i] && m->dma[i] != HVCMA_DMA_UNKNOWN);
		expect(m->dma[i] == m->dma[first] + (i - first) * GRANULE);
		expect(m->dma[i] + (GRANULE - 1) <= req->max_dma);
		m->taken[i] = true;
	}
	expect(hvcma_alloc_block_granules(a, first) == req->nr_granules);
}

static void step(struct hvcma_alloc *a, struct model *m, struct input *in)
{
	struct hvcma_fit_request req;
	uint64_t i, nr, first = UINT64_MAX;
	uint32_t budget;
	bool on;

	switch (input_u8(in) % 8) {
	case 0:
		req = get_request(in);
		if (hvcma_alloc_block(a, &req, &first) == HVCMA_FIT_OK)
			check_isolated(m, a, first, &req);
		break;
	case 1:
		i = input_number(in);
		nr = hvcma_alloc_block_granules(a, i);
		if (input_u8(in) & 1)
			nr = input_number(in);
		on = nr && hvcma_alloc_block_granules(a, i) == nr;
		expect(hvcma_alloc_free(a, i, nr) == on);
		for (uint64_t j = i; on && j < i + nr; j++)
			m->taken[j] = false;
		break;
	case 2:
		i = input_number(in);
		nr = input_u8(in) & 1 ? input_number(in) * GRANULE : i * GRANULE;
		if (hvcma_alloc_learn(a, i, nr))
			m->dma[i] = nr;
		break;
	case 3:
		i = input_number(in);
		if (hvcma_alloc_learn(a, i, HVCMA_DMA_UNKNOWN))
			m->dma[i] = HVCMA_DMA_UNKNOWN;
		break;
	case 4:
		i = input_number(in);
		on = input_u8(in) & 1;
		if (hvcma_alloc_withhold(a, i, on))
			m->withheld[i] = on;
		break;
	case 5:
		i = input_number(in);
		req = get_request(in);
		if (hvcma_alloc_block_at(a, i, &req))
			check_isolated(m, a, i, &req);
		break;
	case 6:
		i = input_number(in);
		nr = input_number(in);
		budget = input_u8(in);
		req = get_request(in);
		if (hvcma_alloc_block_within(a, i, nr, &req, &budget, &first)) {
			expect(first >= i && first + req.nr_granules <= i + nr);
			check_isolated(m, a, first, &req);
		}
		break;
	default:
		req = get_request(in);
		nr = hvcma_alloc_longest(a, &req);
		expect(nr <= req.nr_granules);
		req.nr_granules = nr;
		if (nr) {
			enum hvcma_fit fit = hvcma_alloc_block(a, &req, &first);

			expect(fit == HVCMA_FIT_OK || req.quick);
			if (fit == HVCMA_FIT_OK)
				check_isolated(m, a, first, &req);
		}
		break;
	}
	expect(hvcma_alloc_is_valid(a));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct input in = { .bytes = bytes, .left = size };
	enum hvcma_policy policy = (enum hvcma_policy)(input_u8(&in) % HVCMA_NR_POLICIES);
	uint8_t how = input_u8(&in);
	struct model m = { .nr = 1 + (input_u8(&in) + 64 * (how >> 4)) % MAX_GRANULES };
	size_t buffer_bytes = hvcma_alloc_buffer_bytes(m.nr, policy);
	void *buffer = aligned_alloc(64, buffer_bytes);
	struct hvcma_alloc *a;

	memset(buffer, 0, buffer_bytes);
	a = hvcma_alloc_init(buffer, buffer_bytes, m.nr, GRANULE, policy);
	for (uint64_t i = 0; i < m.nr; i++) {
		m.dma[i] = how & 1 ? HVCMA_DMA_UNKNOWN : (i + i / 16) * GRANULE;
		expect(hvcma_alloc_learn(a, i, m.dma[i]));
	}
	while (in.left)
		step(a, &m, &in);
	free(buffer);
	return 0;
}
