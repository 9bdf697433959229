// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * What stage-1 and stage-2 attributes come to: the architecture's rules as
 * tables. See attr.h; the decision built on them is in attr_policy.c.
 *
 * Rule labels (R_XXXXX) are those of DDI 0487, chapter D8; where a rule has only
 * the manual's pseudocode to show for it, the pseudocode function is named.
 */
#include <stddef.h>

#include "hv/core/attr.h"

/*
 * MAIR_EL1, one half of a Normal byte: policy and hints. R and W of the encoding
 * are bits 1 and 0. A half of 0 is no Normal memory by itself.
 */
#define HALVES(X)			\
	X(0x1, WT, 0, 1, 1)		\
	X(0x2, WT, 1, 0, 1)		\
	X(0x3, WT, 1, 1, 1)		\
	X(0x4, NC, 0, 0, 0)		\
	X(0x5, WB, 0, 1, 1)		\
	X(0x6, WB, 1, 0, 1)		\
	X(0x7, WB, 1, 1, 1)		\
	X(0x8, WT, 0, 0, 0)		\
	X(0x9, WT, 0, 1, 0)		\
	X(0xa, WT, 1, 0, 0)		\
	X(0xb, WT, 1, 1, 0)		\
	X(0xc, WB, 0, 0, 0)		\
	X(0xd, WB, 0, 1, 0)		\
	X(0xe, WB, 1, 0, 0)		\
	X(0xf, WB, 1, 1, 0)

#define HALF(nr, policy, ra, wa, tr)						\
	[nr] = { .cache = HVCMA_CACHE_##policy, .read_alloc = ra,		\
		 .write_alloc = wa, .transient = tr },
static const struct hvcma_cacheability halves[16] = { HALVES(HALF) };

/*
 * MAIR_EL1, the bytes that are not two halves: Device memory, and encodings that
 * mean something only with a feature. All other bytes with a half of 0 are
 * reserved.
 */
struct special {
	uint8_t mair;
	unsigned int needs;		/* enum hvcma_attr_features */
	enum hvcma_mem mem;
	uint8_t like;			/* Normal: outer and inner as this half */
	bool no_xs;
	bool tagged;
};

static const struct special specials[] = {
	{ 0x00, 0, HVCMA_MEM_NGNRNE, 0, false, false },
	{ 0x04, 0, HVCMA_MEM_NGNRE, 0, false, false },
	{ 0x08, 0, HVCMA_MEM_NGRE, 0, false, false },
	{ 0x0c, 0, HVCMA_MEM_GRE, 0, false, false },
	{ 0x01, HVCMA_ATTR_XS, HVCMA_MEM_NGNRNE, 0, true, false },
	{ 0x05, HVCMA_ATTR_XS, HVCMA_MEM_NGNRE, 0, true, false },
	{ 0x09, HVCMA_ATTR_XS, HVCMA_MEM_NGRE, 0, true, false },
	{ 0x0d, HVCMA_ATTR_XS, HVCMA_MEM_GRE, 0, true, false },
	{ 0x40, HVCMA_ATTR_XS, HVCMA_MEM_NORMAL, 0x4, true, false },
	{ 0xa0, HVCMA_ATTR_XS, HVCMA_MEM_NORMAL, 0xa, true, false },
	{ 0xf0, HVCMA_ATTR_MTE, HVCMA_MEM_NORMAL, 0xf, false, true },
};

/*
 * Stage 2, by MemAttr[3:0]. Without FWB the descriptor has a type of its own
 * that is combined with stage 1's. With FWB it says what to do with stage 1's.
 */
enum stage2_does {
	S2_RESERVED,
	S2_COMBINE,			/* the stricter of both stages */
	S2_FORCE_WB,
	S2_NC,				/* Device stays, all else Non-cacheable */
	S2_STAGE1,			/* stage 1 as it is */
};

struct stage2 {
	enum stage2_does does;
	enum hvcma_mem mem;		/* of S2_COMBINE, as are the next two */
	enum hvcma_cache outer, inner;
	unsigned int needs;
	bool no_tag_access;
};

#define S2_DEVICE(type)							\
	{ .does = S2_COMBINE, .mem = HVCMA_MEM_##type }
#define S2_NORMAL(o, i)							\
	{ .does = S2_COMBINE, .mem = HVCMA_MEM_NORMAL,			\
	  .outer = HVCMA_CACHE_##o, .inner = HVCMA_CACHE_##i }

static const struct stage2 without_fwb[16] = {
	[0x0] = S2_DEVICE(NGNRNE),
	[0x1] = S2_DEVICE(NGNRE),
	[0x2] = S2_DEVICE(NGRE),
	[0x3] = S2_DEVICE(GRE),
	[0x4] = { .does = S2_COMBINE, .mem = HVCMA_MEM_NORMAL,
		  .outer = HVCMA_CACHE_WB, .inner = HVCMA_CACHE_WB,
		  .needs = HVCMA_ATTR_MTE_PERM, .no_tag_access = true },
	[0x5] = S2_NORMAL(NC, NC),
	[0x6] = S2_NORMAL(NC, WT),
	[0x7] = S2_NORMAL(NC, WB),
	[0x9] = S2_NORMAL(WT, NC),
	[0xa] = S2_NORMAL(WT, WT),
	[0xb] = S2_NORMAL(WT, WB),
	[0xd] = S2_NORMAL(WB, NC),
	[0xe] = S2_NORMAL(WB, WT),
	[0xf] = S2_NORMAL(WB, WB),
};

/*
 * A Device type of stage 2 is combined with stage 1's, FWB or not
 * (AArch64.S2ApplyFWBMemAttrs): the stricter Device type holds.
 */
static const struct stage2 with_fwb[16] = {
	[0x0] = S2_DEVICE(NGNRNE),
	[0x1] = S2_DEVICE(NGNRE),
	[0x2] = S2_DEVICE(NGRE),
	[0x3] = S2_DEVICE(GRE),
	[0x5] = { .does = S2_NC },
	[0x6] = { .does = S2_FORCE_WB },
	[0x7] = { .does = S2_STAGE1 },
	[0xe] = { .does = S2_FORCE_WB, .needs = HVCMA_ATTR_MTE_PERM, .no_tag_access = true },
	[0xf] = { .does = S2_STAGE1, .needs = HVCMA_ATTR_MTE_PERM, .no_tag_access = true },
};

static bool is_device(const struct hvcma_mem_attr *a)
{
	return a->mem <= HVCMA_MEM_GRE;
}

static bool is_both(const struct hvcma_mem_attr *a, enum hvcma_cache cache)
{
	return a->mem == HVCMA_MEM_NORMAL && a->outer.cache == cache &&
	       a->inner.cache == cache;
}

/* Device, and Normal Non-cacheable inside and out: Outer Shareable whatever SH says. */
static void settle_shareability(struct hvcma_mem_attr *a)
{
	if (is_device(a) || is_both(a, HVCMA_CACHE_NC))
		a->sh = HVCMA_SH_OUTER;
}

/* With FEAT_XS, Write-Back inside and out never has the XS attribute. */
static void settle_xs(struct hvcma_mem_attr *a, unsigned int features)
{
	if ((features & HVCMA_ATTR_XS) && is_both(a, HVCMA_CACHE_WB))
		a->xs = false;
}

static void unpredictable(struct hvcma_mem_attr *out)
{
	*out = (struct hvcma_mem_attr){
		.mem = HVCMA_MEM_UNPREDICTABLE,
		.sh = HVCMA_SH_RESERVED,
	};
}

/* Without the settling of shareability, which comes last. */
static void decode_mair(uint8_t mair, enum hvcma_sh sh, unsigned int features,
			struct hvcma_mem_attr *out)
{
	uint8_t outer = mair >> 4, inner = mair & 0xf;

	*out = (struct hvcma_mem_attr){ .sh = sh, .xs = true };
	if (outer && inner) {
		out->mem = HVCMA_MEM_NORMAL;
		out->outer = halves[outer];
		out->inner = halves[inner];
		settle_xs(out, features);
		return;
	}
	for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
		const struct special *s = &specials[i];

		if (s->mair != mair || (s->needs & ~features))
			continue;
		out->mem = s->mem;
		out->outer = halves[s->like];
		out->inner = halves[s->like];
		out->xs = !s->no_xs;
		out->tagged = s->tagged;
		settle_xs(out, features);
		return;
	}
	unpredictable(out);
}

void hvcma_attr_stage1(uint8_t mair, enum hvcma_sh sh, unsigned int features,
		       struct hvcma_mem_attr *out)
{
	decode_mair(mair, sh, features, out);
	if (out->mem != HVCMA_MEM_UNPREDICTABLE)
		settle_shareability(out);
}

/*
 * R_GDTNP: the one that is shared more widely. A reserved SH is as any of the
 * others (ConstrainUnpredictable): the result is known only if the other one is
 * Outer Shareable already.
 */
static enum hvcma_sh combine_sh(enum hvcma_sh a, enum hvcma_sh b)
{
	if (a == HVCMA_SH_OUTER || b == HVCMA_SH_OUTER)
		return HVCMA_SH_OUTER;
	if (a == HVCMA_SH_RESERVED || b == HVCMA_SH_RESERVED)
		return HVCMA_SH_RESERVED;
	if (a == HVCMA_SH_INNER || b == HVCMA_SH_INNER)
		return HVCMA_SH_INNER;
	return HVCMA_SH_NON;
}

/* R_TNHFM, R_GQFSF: the weaker policy; hints are stage 1's, for stage 2 has none. */
static void combine_cache(struct hvcma_cacheability *c, enum hvcma_cache stage2)
{
	if (stage2 < c->cache)
		c->cache = stage2;
	if (c->cache == HVCMA_CACHE_NC)
		*c = (struct hvcma_cacheability){ .cache = HVCMA_CACHE_NC };
}

/* R_HMNDG: Device beats Normal, of two Device types the stricter holds. */
static void combine(struct hvcma_mem_attr *a, const struct stage2 *s2)
{
	if (is_device(a) || s2->mem != HVCMA_MEM_NORMAL) {
		if (s2->mem < a->mem)
			a->mem = s2->mem;
		a->outer = a->inner = (struct hvcma_cacheability){ 0 };
	} else {
		combine_cache(&a->outer, s2->outer);
		combine_cache(&a->inner, s2->inner);
	}
}

/* Write-Back; hints are stage 1's where it has a cacheable policy. */
static void force_wb(struct hvcma_mem_attr *a, struct hvcma_cacheability *c)
{
	if (is_device(a) || c->cache == HVCMA_CACHE_NC)
		*c = halves[0xf];
	else
		c->cache = HVCMA_CACHE_WB;
}

static void apply_stage2(struct hvcma_mem_attr *a, const struct stage2 *s2)
{
	switch (s2->does) {
	case S2_COMBINE:
		combine(a, s2);
		break;
	case S2_FORCE_WB:
		force_wb(a, &a->outer);
		force_wb(a, &a->inner);
		a->mem = HVCMA_MEM_NORMAL;
		break;
	case S2_NC:
		if (!is_device(a))
			a->outer = a->inner = halves[0x4];
		break;
	default:
		break;
	}
}

/* Write-Back with both allocation hints, not transient: all that can have tags. */
static bool can_be_tagged(const struct hvcma_mem_attr *a)
{
	return is_both(a, HVCMA_CACHE_WB) &&
	       a->outer.read_alloc && a->outer.write_alloc && !a->outer.transient &&
	       a->inner.read_alloc && a->inner.write_alloc && !a->inner.transient;
}

void hvcma_attr_combine(uint8_t mair, enum hvcma_sh s1_sh, uint8_t memattr,
			enum hvcma_sh s2_sh, unsigned int features,
			struct hvcma_mem_attr *out)
{
	const struct stage2 *s2 = (features & HVCMA_ATTR_FWB) ? &with_fwb[memattr & 0xf] :
								&without_fwb[memattr & 0xf];

	decode_mair(mair, s1_sh, features, out);
	if (out->mem == HVCMA_MEM_UNPREDICTABLE)
		return;
	if (s2->does == S2_RESERVED || (s2->needs & ~features)) {
		unpredictable(out);
		return;
	}
	apply_stage2(out, s2);
	out->sh = combine_sh(s1_sh, s2_sh);
	settle_xs(out, features);
	out->tagged = out->tagged && can_be_tagged(out);
	out->no_tag_access = out->tagged && s2->no_tag_access;
	settle_shareability(out);
}

/* Every combination that decoding and combining can give has its half. */
static int par_half(const struct hvcma_cacheability *c)
{
	int nr = 1;

	while (nr < 15 && (halves[nr].cache != c->cache ||
			   halves[nr].read_alloc != c->read_alloc ||
			   halves[nr].write_alloc != c->write_alloc ||
			   halves[nr].transient != c->transient))
		nr++;
	return nr;
}

int hvcma_attr_par(const struct hvcma_mem_attr *attr)
{
	int outer, inner;

	if (attr->mem == HVCMA_MEM_UNPREDICTABLE)
		return -1;
	if (is_device(attr))
		return (int)attr->mem << 2 | (attr->xs ? 0 : 1);
	if (attr->no_tag_access)
		return 0xe0;
	if (attr->tagged)
		return 0xf0;
	outer = par_half(&attr->outer);
	inner = par_half(&attr->inner);
	if (!attr->xs && outer == 0x4 && inner == 0x4)
		return 0x40;
	if (!attr->xs && outer == 0xa && inner == 0xa)
		return 0xa0;
	return outer << 4 | inner;
}

uint32_t hvcma_attr_type(const struct hvcma_mem_attr *attr)
{
	static const uint32_t normal[] = {
		[HVCMA_CACHE_NC] = VIRTIO_CMA_TYPE_UNCACHED,
		[HVCMA_CACHE_WT] = VIRTIO_CMA_TYPE_WRITE_THROUGH,
		[HVCMA_CACHE_WB] = VIRTIO_CMA_TYPE_WRITE_BACK,
	};

	if (attr->mem == HVCMA_MEM_UNPREDICTABLE)
		return VIRTIO_CMA_TYPE_UNKNOWN;
	if (is_device(attr))
		return VIRTIO_CMA_TYPE_DEVICE;
	return normal[attr->outer.cache > attr->inner.cache ? attr->outer.cache :
							      attr->inner.cache];
}

/* ---- words ---------------------------------------------------------------- */

struct text {
	char *at;
	unsigned int room;		/* with the terminator */
	unsigned int used;
};

static void put(struct text *t, const char *s)
{
	for (; *s && t->used + 1 < t->room; s++)
		t->at[t->used++] = *s;
}

static void put_cacheability(struct text *t, const struct hvcma_cacheability *c)
{
	static const char *const names[] = { "Non-cacheable", "Write-Through", "Write-Back" };

	put(t, names[c->cache]);
	if (c->cache == HVCMA_CACHE_NC)
		return;
	if (c->transient)
		put(t, " Transient");
	put(t, c->read_alloc && c->write_alloc ? " RW-Allocate" :
	       c->read_alloc ? " R-Allocate" :
	       c->write_alloc ? " W-Allocate" : " No-Allocate");
}

static bool same_cacheability(const struct hvcma_cacheability *a,
			      const struct hvcma_cacheability *b)
{
	return a->cache == b->cache && a->read_alloc == b->read_alloc &&
	       a->write_alloc == b->write_alloc && a->transient == b->transient;
}

unsigned int hvcma_attr_describe(const struct hvcma_mem_attr *attr, char *text,
				 unsigned int text_bytes)
{
	static const char *const devices[] = {
		"Device-nGnRnE", "Device-nGnRE", "Device-nGRE", "Device-GRE",
	};
	static const char *const sharing[] = {
		", Non-shareable", ", shareability unpredictable",
		", Outer Shareable", ", Inner Shareable",
	};
	struct text t = { .at = text, .room = text_bytes };

	if (attr->mem == HVCMA_MEM_UNPREDICTABLE) {
		put(&t, "unpredictable (reserved encoding)");
	} else if (is_device(attr)) {
		put(&t, devices[attr->mem]);
	} else if (same_cacheability(&attr->outer, &attr->inner)) {
		put(&t, "Normal ");
		put_cacheability(&t, &attr->outer);
	} else {
		put(&t, "Normal, outer ");
		put_cacheability(&t, &attr->outer);
		put(&t, ", inner ");
		put_cacheability(&t, &attr->inner);
	}
	if (attr->mem != HVCMA_MEM_UNPREDICTABLE) {
		put(&t, sharing[attr->sh & 3]);
		if (attr->tagged)
			put(&t, attr->no_tag_access ? ", Tagged without access" : ", Tagged");
	}
	if (text_bytes)
		text[t.used] = 0;
	return t.used;
}
