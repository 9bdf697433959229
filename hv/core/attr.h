/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * Memory attributes on Arm: what a guest's mapping comes to behind the
 * hypervisor's second stage, and what a client's memory therefore needs.
 *
 * Two questions, two functions:
 *   hvcma_attr_combine()  the architecture's: stage-1 and stage-2 attributes in,
 *                         the attributes that hold out
 *   hvcma_attr_policy()   ours: client, host and region in; the mapping for the
 *                         guest, the maintenance it owes, or a refusal out
 *
 * The rules are those of the Arm Architecture Reference Manual (DDI 0487),
 * chapter D8 "The AArch64 Virtual Memory System Architecture", section "Memory
 * region attributes", and of the registers MAIR_EL1 and PAR_EL1; the tables in
 * attr.c name them one by one. docs/attributes.md explains them.
 *
 * Pure functions of their arguments. It does not know the machine it runs on
 * (hv/host/arm_stage2.h finds that out) and obeys nothing (the guest driver does).
 */
#ifndef HVCMA_CORE_ATTR_H
#define HVCMA_CORE_ATTR_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/abi/virtio_cma.h"

/* ---- the architecture --------------------------------------------------- */

/* What of the architecture is there and on; a set. */
enum hvcma_attr_features {
	HVCMA_ATTR_FWB		= 0x1,	/* FEAT_S2FWB, and HCR_EL2.FWB is 1 */
	HVCMA_ATTR_XS		= 0x2,	/* FEAT_XS */
	HVCMA_ATTR_MTE		= 0x4,	/* FEAT_MTE2 */
	HVCMA_ATTR_MTE_PERM	= 0x8,	/* FEAT_MTE_PERM */
};

enum hvcma_mem {
	HVCMA_MEM_NGNRNE,		/* Device, from the strictest on */
	HVCMA_MEM_NGNRE,
	HVCMA_MEM_NGRE,
	HVCMA_MEM_GRE,
	HVCMA_MEM_NORMAL,
	HVCMA_MEM_UNPREDICTABLE,	/* reserved encoding: the architecture does not say */
	HVCMA_NR_MEM
};

enum hvcma_cache {
	HVCMA_CACHE_NC,			/* Non-cacheable */
	HVCMA_CACHE_WT,			/* Write-Through */
	HVCMA_CACHE_WB,			/* Write-Back */
};

/* Values of the SH fields of descriptors and of PAR_EL1. */
enum hvcma_sh {
	HVCMA_SH_NON,
	HVCMA_SH_RESERVED,		/* as a result: the architecture does not say */
	HVCMA_SH_OUTER,
	HVCMA_SH_INNER,
};

struct hvcma_cacheability {
	enum hvcma_cache cache;
	bool read_alloc;		/* hints: false if Non-cacheable */
	bool write_alloc;
	bool transient;
};

/* For Device memory only mem, sh and xs mean something, for unpredictable one only mem. */
struct hvcma_mem_attr {
	enum hvcma_mem mem;
	enum hvcma_sh sh;
	struct hvcma_cacheability outer, inner;
	bool tagged;			/* Allocation Tags (MTE) */
	bool no_tag_access;
	bool xs;			/* the XS attribute; always true without FEAT_XS */
};

/**
 * hvcma_attr_stage1() - what stage 1 alone asks for: AT S1E1R.
 * @mair: one byte of MAIR_EL1, any value; with stage 1 off it is 0
 * @sh: SH field of the descriptor, 0 to 3
 * @features: set of enum hvcma_attr_features; FWB is not looked at
 */
void hvcma_attr_stage1(uint8_t mair, enum hvcma_sh sh, unsigned int features,
		       struct hvcma_mem_attr *out);

/**
 * hvcma_attr_combine() - what holds behind both stages: AT S12E1R.
 * @mair, @s1_sh: as for hvcma_attr_stage1()
 * @memattr: MemAttr[3:0] of the stage-2 descriptor (bits 5:2), 0 to 15; what it
 *	means depends on HVCMA_ATTR_FWB
 * @s2_sh: SH field of the stage-2 descriptor, 0 to 3
 *
 * HCR_EL2.CD, HCR_EL2.DC, FnXS and the contiguous hint are taken as 0. A
 * reserved encoding of either stage that could matter gives
 * HVCMA_MEM_UNPREDICTABLE; a reserved SH that could matter HVCMA_SH_RESERVED.
 */
void hvcma_attr_combine(uint8_t mair, enum hvcma_sh s1_sh, uint8_t memattr,
			enum hvcma_sh s2_sh, unsigned int features,
			struct hvcma_mem_attr *out);

/**
 * hvcma_attr_par() - the attributes as PAR_EL1.ATTR shows them, in MAIR's format.
 *
 * Return: 0 to 255, or -1 for HVCMA_MEM_UNPREDICTABLE.
 */
int hvcma_attr_par(const struct hvcma_mem_attr *attr);

/**
 * hvcma_attr_type() - the attributes as the wire knows them.
 *
 * Where inner and outer differ, the one that caches more: that is what decides
 * whether data may sit in a cache.
 *
 * Return: VIRTIO_CMA_TYPE_*, UNKNOWN for HVCMA_MEM_UNPREDICTABLE.
 */
uint32_t hvcma_attr_type(const struct hvcma_mem_attr *attr);

/**
 * hvcma_attr_describe() - words, as in "Normal Write-Back, Inner Shareable".
 *
 * Return: length of the text, cut to @text_bytes - 1 (terminated if > 0).
 */
#define HVCMA_ATTR_TEXT_BYTES	160
unsigned int hvcma_attr_describe(const struct hvcma_mem_attr *attr, char *text,
				 unsigned int text_bytes);

/* MAIR bytes that Linux uses for memory of clients. */
#define HVCMA_MAIR_NORMAL_WB	0xff
#define HVCMA_MAIR_NORMAL_NC	0x44

/* MemAttr[3:0] that KVM and Xen use for guest RAM. */
#define HVCMA_S2_RAM_NO_FWB	0xf	/* Write-Back inner and outer */
#define HVCMA_S2_RAM_FWB	0x6	/* force Write-Back */

/**
 * hvcma_attr_mapped() - what a guest's mapping of its RAM comes to.
 * @attr: VIRTIO_CMA_ATTR_CACHED (Normal Write-Back in stage 1) or _UNCACHED
 *	(Normal Non-cacheable)
 * @stage2: VIRTIO_CMA_STAGE2_*, as KVM and Xen map RAM there
 *
 * Return: VIRTIO_CMA_TYPE_*; UNKNOWN for any other @attr, and where @stage2 is not
 * known but makes a difference.
 */
uint32_t hvcma_attr_mapped(uint32_t attr, uint32_t stage2);

/* ---- the policy ---------------------------------------------------------- */

/* The host's own mapping of the region's memory, always cacheable. */
enum hvcma_alias {
	HVCMA_ALIAS_MAINTAINED,		/* cleaned and invalidated, then not touched */
	HVCMA_ALIAS_BUSY,		/* the host uses it while a client does */
	HVCMA_NR_ALIASES
};

/* Is the client's DMA coherent? As VIRTIO_CMA_COHERENT_*, and: */
#define HVCMA_COHERENT_EMULATED	3	/* the client is a program of the host */
#define HVCMA_NR_COHERENT	4

/**
 * hvcma_attr_coherent() - whose word counts on a client's coherency.
 * @operator: the operator's (coherent=on|off|auto); UNKNOWN is auto
 * @emulated: the client's DMA is done by the host's processors
 * @guest: what the guest knows from DT or ACPI
 * @stage2: VIRTIO_CMA_STAGE2_*
 *
 * The operator's word beats all. An emulated client goes through the caches
 * whatever the guest believes, except where there are none (STAGE2_NONE): then
 * the guest's word is as good.
 *
 * Return: for struct hvcma_attr_case.
 */
uint32_t hvcma_attr_coherent(uint32_t operator, bool emulated, uint32_t guest,
			     uint32_t stage2);

struct hvcma_attr_case {
	uint32_t coherent;		/* hvcma_attr_coherent() */
	uint32_t stage2;		/* VIRTIO_CMA_STAGE2_* */
	uint32_t mode;			/* VIRTIO_CMA_MODE_* */
	uint32_t attr_policy;		/* VIRTIO_CMA_ATTR_* of the region */
	enum hvcma_alias alias;
};

struct hvcma_attr_decision {
	bool refused;			/* the client must not be claimed */
	uint32_t attr;			/* VIRTIO_CMA_ATTR_*: how the guest maps; AUTO: as it knows */
	uint32_t maint;			/* VIRTIO_CMA_MAINT_*, 0 if refused */
	uint32_t effective;		/* VIRTIO_CMA_TYPE_* of that mapping; UNKNOWN for AUTO or if refused */
	uint32_t reason;		/* VIRTIO_CMA_REASON_* */
};

/**
 * hvcma_attr_policy() - what a client's memory needs.
 *
 * Every case has a decision: the first row of the table in attr_policy.c that
 * fits. @effective is computed with hvcma_attr_mapped().
 *
 * Return: OK, or VIRTIO_CMA_S_INVAL, without touching @out, for a value that
 * its enumeration does not have.
 */
enum virtio_cma_status hvcma_attr_policy(const struct hvcma_attr_case *c,
					 struct hvcma_attr_decision *out);

/** Names and sentences of the tables in hv/abi; "?" and "unknown ..." for others. */
const char *hvcma_attr_reason_name(uint32_t reason);
const char *hvcma_attr_reason_text(uint32_t reason);
const char *hvcma_attr_type_text(uint32_t type);

#endif /* HVCMA_CORE_ATTR_H */
