// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_selftest: with what memory type the kernel has mapped what it gave out, as the
 * processor's own address translation says (Arm).
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include "selftest.h"

#ifdef CONFIG_ARM64
#include <asm/barrier.h>
#include <asm/sysreg.h>

#define TYPE_NC	0x44	/* Normal, Inner and Outer Non-cacheable */
#define TYPE_WB	0xff	/* Normal, Inner and Outer Write-Back */

/* Return: the type as in MAIR_EL1, or -1 if @cpu is not mapped. */
static int memory_type(const void *cpu)
{
	unsigned long flags;
	u64 par;

	local_irq_save(flags);
	asm volatile("at s1e1r, %0" : : "r" (cpu));
	isb();
	par = read_sysreg(par_el1);
	local_irq_restore(flags);
	return par & 1 ? -1 : par >> 56;
}

/* The address in the linear map of what @cpu maps. */
static const void *linear_address(void *cpu)
{
	if (!is_vmalloc_addr(cpu))
		return cpu;
	return phys_to_virt(PFN_PHYS(vmalloc_to_pfn(cpu)));
}

static void test_type(struct selftest *t, const char *what, size_t bytes)
{
	int want = strcmp(t->coherent_type, "uncached") ? TYPE_WB : TYPE_NC;
	int first, last, alias;
	dma_addr_t dma;
	u8 *cpu;

	cpu = dma_alloc_coherent(t->dev, bytes, &dma, GFP_KERNEL);
	if (!selftest_result(t, cpu, "memory type, %s: allocated", what))
		return;
	first = memory_type(cpu);
	last = memory_type(cpu + bytes - 1);
	selftest_result(t, first == want && last == want,
			"memory type, %s: mapped %s (%#x)", what, t->coherent_type, first);
	alias = memory_type(linear_address(cpu));
	selftest_result(t, alias == (t->has_pages ? TYPE_WB : -1),
			"memory type, %s: the linear map has it %s", what,
			t->has_pages ? "cached" : "not at all");
	dma_free_coherent(t->dev, bytes, cpu, dma);
}

static void test_pages_type(struct selftest *t)
{
	struct page *page;
	dma_addr_t dma;
	int type;

	page = dma_alloc_pages(t->dev, SZ_64K, &dma, DMA_BIDIRECTIONAL, GFP_KERNEL);
	if (!selftest_result(t, page, "memory type, pages: allocated"))
		return;
	type = memory_type(page_address(page));
	selftest_result(t, type == TYPE_WB, "memory type, pages: mapped cached (%#x)", type);
	dma_free_pages(t->dev, SZ_64K, page, dma, DMA_BIDIRECTIONAL);
}

void selftest_memory_type(struct selftest *t)
{
	if (!t->coherent_type[0])
		return;
	if (!t->coherent_refused) {
		test_type(t, "64 KiB", SZ_64K);
		test_type(t, "2 MiB", SZ_2M);
	}
	if (t->has_pages)
		test_pages_type(t);
}
#else
void selftest_memory_type(struct selftest *t)
{
	selftest_skip(t, "memory type", "not an Arm processor");
}
#endif
