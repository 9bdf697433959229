/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this host's second stage of translation does to a guest's memory types,
 * and what its data caches are like.
 *
 * FEAT_S2FWB is not shown to user space: ID_AA64MMFR2_EL1, as Linux emulates it
 * for programs, hides the field. So several sources are asked, best first, until
 * one knows:
 *
 *   1. KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED (Linux 6.17): if there, KVM uses FWB;
 *      if not, nothing is said
 *   2. ID_AA64MMFR2_EL1 of the vCPU of a scratch VM: KVM shows the host's field
 *   3. ID_AA64MMFR2_EL1 as programs see it, should a kernel show the field
 *   4. the kernel log, if it still reaches back to the start and may be read
 *
 * On other architectures there is nothing to ask: stage 2 changes no types.
 * Decides nothing: hv/core/attr.h does.
 */
#ifndef HVCMA_HOST_ARM_STAGE2_H
#define HVCMA_HOST_ARM_STAGE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED: newer than the headers that may be used. */
#define HVCMA_KVM_CAP_CACHEABLE_PFNMAP	243

/* Each returns a negative errno if it does not know. */
struct hvcma_stage2_probes {
	bool is_arm64;
	int (*kvm_cap)(void *opaque, unsigned int cap);		/* 0 or more */
	int (*kvm_mmfr2)(void *opaque, uint64_t *mmfr2);	/* 0 */
	int (*user_mmfr2)(void *opaque, uint64_t *mmfr2);	/* 0 */
	int (*log)(void *opaque);		/* 1 says FWB, 0 says everything but FWB */
	int (*ctr)(void *opaque, uint64_t *ctr);		/* CTR_EL0; 0 */
	void *opaque;
};

struct hvcma_stage2_facts {
	uint32_t stage2;		/* VIRTIO_CMA_STAGE2_* */
	const char *source;		/* who said so, a constant */
	uint32_t line_bytes;		/* smallest data cache line; 0: not known */
	bool idc;			/* instruction fetches need no cleaning (CTR_EL0.IDC) */
	bool dic;			/* nor invalidation (CTR_EL0.DIC) */
};

/** hvcma_stage2_host - the probes of the machine this runs on. */
extern const struct hvcma_stage2_probes hvcma_stage2_host;

/** hvcma_arm_stage2_detect() - ask @probes. Does not fail: what nobody knows is UNKNOWN. */
void hvcma_arm_stage2_detect(const struct hvcma_stage2_probes *probes,
			     struct hvcma_stage2_facts *facts);

/**
 * hvcma_arm_stage2_scan_log() - read kernel messages to the end, one record per
 * read(), as /dev/kmsg gives them.
 * @fd: does not block; stays the caller's
 *
 * Return: 1 if the kernel says that it found FEAT_S2FWB; 0 if the log is complete
 * and tells other CPU features, but not that; -ENODATA if it was cut or tells
 * none; the negative errno of the read.
 */
int hvcma_arm_stage2_scan_log(int fd);

/** hvcma_stage2_name() - "fwb", "no-fwb", "none", "unknown"; "?" for others. */
const char *hvcma_stage2_name(uint32_t stage2);

#endif /* HVCMA_HOST_ARM_STAGE2_H */
