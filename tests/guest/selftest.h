/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vcma_selftest: an ordinary driver of QEMU's "edu" device that uses the DMA API
 * only, checks what it promises, has the device read and write memory, and prints
 * TAP to the kernel log. It knows nothing of virtio_cma.
 */
#ifndef VCMA_SELFTEST_H
#define VCMA_SELFTEST_H

#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/pci.h>
#include <linux/types.h>

struct selftest {
	struct pci_dev *pdev;
	struct device *dev;
	void __iomem *regs;
	u64 mask;			/* what the device can address */
	bool fragmented;		/* more than 2 MiB in one piece may be impossible */
	bool quick;			/* nothing that takes all memory */
	bool has_pages;			/* the region's memory has struct pages */
	bool guest_physical;		/* DMA addresses are the processor's */
	bool direct;			/* all memory is pinned, and nothing is copied */
	bool all_pinned;		/* all of the region is: no mapping of it is recorded */
	unsigned int region_mib;	/* 0: not known */
	unsigned int aligned_mib;	/* that much is aligned to its size; 0: don't look */
	unsigned int slot_bytes;	/* a mapping of a few bytes takes no more */
	unsigned int required_bits;	/* all memory for the device is in reach of; 0: don't look */
	const char *coherent_type;	/* "cached", "uncached" or "refused"; "": don't look */
	bool coherent_refused;

	void *left_cpu;			/* parameter leak: never freed */
	u32 left_mapped[16];
	struct page *left_page;

	unsigned int nr_tests, nr_failed;
};

/* One line of TAP. Return: @good. */
bool selftest_result(struct selftest *t, bool good, const char *fmt, ...) __printf(3, 4);
void selftest_skip(struct selftest *t, const char *what, const char *reason);

/*
 * The device copies @bytes <= 4096 from @dma to its own memory, or back. Its own
 * memory keeps its contents between calls.
 * Return: 0 or -ETIMEDOUT.
 */
int selftest_device_reads(struct selftest *t, dma_addr_t dma, u32 bytes);
int selftest_device_writes(struct selftest *t, dma_addr_t dma, u32 bytes);

/* Fill with, and check for, bytes that depend on @seed and position. */
void selftest_fill(void *p, size_t bytes, u32 seed);
bool selftest_is_filled(const void *p, size_t bytes, u32 seed);
bool selftest_is_byte(const void *p, size_t bytes, u8 value);

/* [@dma, @dma + @bytes) is a range that the device can address. */
bool selftest_in_reach(const struct selftest *t, dma_addr_t dma, size_t bytes);

void selftest_coherent(struct selftest *t);
void selftest_refused(struct selftest *t);	/* instead, if there can be none */
void selftest_users(struct selftest *t);
void selftest_memory_type(struct selftest *t);
void selftest_pages(struct selftest *t);
void selftest_streaming(struct selftest *t);
void selftest_limits(struct selftest *t);
void selftest_peer(struct selftest *t);
void selftest_stress(struct selftest *t);
void selftest_beside(struct selftest *t);	/* alone: memory comes to the guest, and goes */
void selftest_misuse(struct selftest *t);	/* alone: the kernel log gets warnings */

#endif /* VCMA_SELFTEST_H */
