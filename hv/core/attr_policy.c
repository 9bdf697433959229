// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * What a client's memory needs: the policy, as a table. See attr.h for the
 * contract, docs/attributes.md for the table in words.
 *
 * What it rests on:
 *  - a client whose DMA bypasses the caches is right with a Non-cacheable mapping
 *    and no dirty line of any alias, or with a cacheable one and maintenance by
 *    address around each transfer; only the first serves coherent allocations
 *  - with FEAT_S2FWB a hypervisor that forces Write-Back takes the first away
 *  - a client whose DMA goes through the caches is right with cacheable mappings
 *    only: a Non-cacheable one misses what it leaves there
 *  - what is not known is handled as the worst that it may be
 */
#include <stddef.h>

#include "hv/core/attr.h"

/* Sets of values: bit i is value i. */
#define ANY		0xffffffffu
#define COH(x)		(1u << VIRTIO_CMA_COHERENT_##x)
#define EMULATED	(1u << HVCMA_COHERENT_EMULATED)
#define S2(x)		(1u << VIRTIO_CMA_STAGE2_##x)
#define MODE(x)		(1u << VIRTIO_CMA_MODE_##x)
#define MAP(x)		(1u << VIRTIO_CMA_ATTR_##x)
#define BUSY		(1u << HVCMA_ALIAS_BUSY)

#define MAINT(x)		VIRTIO_CMA_MAINT_##x
#define BY_ADDRESS	(MAINT(BLOCK) | MAINT(SYNC) | MAINT(NO_COHERENT))

#define REFUSE		{ .refused = true, .attr = VIRTIO_CMA_ATTR_AUTO }
#define DECIDE(a, c)	{ .attr = VIRTIO_CMA_ATTR_##a, .maint = (c) }

struct rule {
	uint32_t coherent, stage2, mode, attr_policy, alias;	/* sets */
	struct hvcma_attr_decision decision;
	enum virtio_cma_reason reason;
};

/* The first that fits counts. */
static const struct rule rules[] = {
	/* DMA through the caches */
	{ COH(YES), ANY, ANY, MAP(AUTO) | MAP(CACHED), ANY,
	  DECIDE(CACHED, 0), VIRTIO_CMA_REASON_COHERENT },
	{ EMULATED, ANY, ANY, MAP(AUTO) | MAP(CACHED), ANY,
	  DECIDE(CACHED, 0), VIRTIO_CMA_REASON_EMULATED },
	{ COH(YES) | EMULATED, S2(NONE) | S2(FWB), ANY, MAP(UNCACHED), ANY,
	  DECIDE(UNCACHED, 0), VIRTIO_CMA_REASON_OPERATOR },
	{ COH(YES) | EMULATED, ANY, ANY, ANY, ANY,
	  REFUSE, VIRTIO_CMA_REASON_UNCACHED_COHERENT },

	/* nobody knows, and no second stage makes it worse */
	{ COH(UNKNOWN), S2(NONE), ANY, MAP(AUTO), ANY,
	  DECIDE(AUTO, 0), VIRTIO_CMA_REASON_GUEST_DECIDES },
	{ COH(UNKNOWN), S2(NONE), ANY, MAP(CACHED), ANY,
	  DECIDE(CACHED, 0), VIRTIO_CMA_REASON_OPERATOR },
	{ COH(UNKNOWN), S2(NONE), ANY, MAP(UNCACHED), ANY,
	  DECIDE(UNCACHED, 0), VIRTIO_CMA_REASON_OPERATOR },

	/* DMA past the caches, or perhaps past them */
	{ COH(NO) | COH(UNKNOWN), ANY, ANY, ANY, BUSY,
	  REFUSE, VIRTIO_CMA_REASON_HOST_ALIAS },
	{ COH(NO), S2(NONE) | S2(NO_FWB), MODE(STATIC), MAP(AUTO) | MAP(UNCACHED), ANY,
	  DECIDE(UNCACHED, MAINT(BLOCK) | MAINT(SYNC)), VIRTIO_CMA_REASON_LINEAR_ALIAS },
	{ COH(NO) | COH(UNKNOWN), ANY, MODE(STATIC), ANY, ANY,
	  REFUSE, VIRTIO_CMA_REASON_STATIC },
	{ COH(UNKNOWN), ANY, ANY, ANY, ANY,
	  DECIDE(CACHED, BY_ADDRESS), VIRTIO_CMA_REASON_COHERENCY_UNKNOWN },
	{ COH(NO), ANY, ANY, MAP(CACHED), ANY,
	  DECIDE(CACHED, BY_ADDRESS), VIRTIO_CMA_REASON_FORCED_CACHED },
	{ COH(NO), S2(FWB), ANY, ANY, ANY,
	  DECIDE(CACHED, BY_ADDRESS), VIRTIO_CMA_REASON_FWB },
	{ COH(NO), S2(UNKNOWN), ANY, ANY, ANY,
	  DECIDE(CACHED, BY_ADDRESS), VIRTIO_CMA_REASON_STAGE2_UNKNOWN },
	{ COH(NO), ANY, MODE(PRIVATE), ANY, ANY,
	  DECIDE(UNCACHED, MAINT(BLOCK) | MAINT(NO_CACHED_ALIAS)),
	  VIRTIO_CMA_REASON_NONCOHERENT },
	{ COH(NO), ANY, MODE(REUSABLE) | MODE(RAM), ANY, ANY,
	  DECIDE(UNCACHED, MAINT(BLOCK) | MAINT(SYNC)), VIRTIO_CMA_REASON_LINEAR_ALIAS },
};

static bool is_known(const struct hvcma_attr_case *c)
{
	return c->coherent < HVCMA_NR_COHERENT && c->stage2 < VIRTIO_CMA_NR_STAGE2 &&
	       c->mode <= VIRTIO_CMA_MODE_RAM &&
	       c->attr_policy <= VIRTIO_CMA_ATTR_UNCACHED &&
	       (unsigned int)c->alias < HVCMA_NR_ALIASES;
}

static bool fits(const struct rule *r, const struct hvcma_attr_case *c)
{
	return (r->coherent >> c->coherent & 1) && (r->stage2 >> c->stage2 & 1) &&
	       (r->mode >> c->mode & 1) && (r->attr_policy >> c->attr_policy & 1) &&
	       (r->alias >> c->alias & 1);
}

uint32_t hvcma_attr_mapped(uint32_t attr, uint32_t stage2)
{
	uint8_t mair = attr == VIRTIO_CMA_ATTR_UNCACHED ? HVCMA_MAIR_NORMAL_NC :
							  HVCMA_MAIR_NORMAL_WB;
	struct hvcma_mem_attr without, with;

	if (attr != VIRTIO_CMA_ATTR_CACHED && attr != VIRTIO_CMA_ATTR_UNCACHED)
		return VIRTIO_CMA_TYPE_UNKNOWN;
	if (stage2 == VIRTIO_CMA_STAGE2_NONE) {
		hvcma_attr_stage1(mair, HVCMA_SH_INNER, 0, &without);
		return hvcma_attr_type(&without);
	}
	hvcma_attr_combine(mair, HVCMA_SH_INNER, HVCMA_S2_RAM_NO_FWB, HVCMA_SH_INNER, 0, &without);
	hvcma_attr_combine(mair, HVCMA_SH_INNER, HVCMA_S2_RAM_FWB, HVCMA_SH_INNER,
			   HVCMA_ATTR_FWB, &with);
	if (stage2 == VIRTIO_CMA_STAGE2_NO_FWB)
		return hvcma_attr_type(&without);
	if (stage2 == VIRTIO_CMA_STAGE2_FWB)
		return hvcma_attr_type(&with);
	return hvcma_attr_type(&without) == hvcma_attr_type(&with) ? hvcma_attr_type(&with) :
								      VIRTIO_CMA_TYPE_UNKNOWN;
}

enum virtio_cma_status hvcma_attr_policy(const struct hvcma_attr_case *c,
					 struct hvcma_attr_decision *out)
{
	const struct rule *r = rules;

	if (!is_known(c))
		return VIRTIO_CMA_S_INVAL;
	while (!fits(r, c))
		r++;
	*out = r->decision;
	out->reason = r->reason;
	out->effective = hvcma_attr_mapped(out->attr, c->stage2);
	return VIRTIO_CMA_S_OK;
}

uint32_t hvcma_attr_coherent(uint32_t operator, bool emulated, uint32_t guest,
			     uint32_t stage2)
{
	if (operator != VIRTIO_CMA_COHERENT_UNKNOWN)
		return operator;
	if (emulated && stage2 != VIRTIO_CMA_STAGE2_NONE)
		return HVCMA_COHERENT_EMULATED;
	return guest;
}

#define NAME(name, nr, text)		\
	[nr] = #name,
#define TEXT(name, nr, text)		\
	[nr] = text,

const char *hvcma_attr_reason_name(uint32_t reason)
{
	static const char *const names[] = { VIRTIO_CMA_REASON_TABLE(NAME) };

	return reason < VIRTIO_CMA_NR_REASONS ? names[reason] : "?";
}

const char *hvcma_attr_reason_text(uint32_t reason)
{
	static const char *const texts[] = { VIRTIO_CMA_REASON_TABLE(TEXT) };

	return reason < VIRTIO_CMA_NR_REASONS ? texts[reason] : "unknown reason";
}

const char *hvcma_attr_type_text(uint32_t type)
{
	static const char *const texts[] = { VIRTIO_CMA_TYPE_TABLE(TEXT) };

	return type < VIRTIO_CMA_NR_TYPES ? texts[type] : "unknown memory type";
}
