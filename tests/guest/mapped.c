// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_mapped: a page of a reusable region is mapped for QEMU's "edu" device in the very moment
 * in which the granule around it is isolated, which fails because of that page. Prints TAP to the
 * kernel log.
 *
 *	granule		|  online  |page|  online  |	the page is in use: the granule can't be had
 *
 * Whatever address the device gets has to stay its own until it is unmapped.
 */
#include <linux/dma-mapping.h>
#include <linux/kprobes.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/rcupdate.h>
#include <linux/version.h>
#include <linux/xarray.h>

#include "caller_of.h"
#include "edu.h"
#include "find_region.h"
#include "take_page.h"

#include "guest-driver/compat/compat.h"
#include "guest-driver/core/mode.h"
#include "guest-driver/core/region.h"

#define TRIES	1000	/* pages */

static struct vcma_region *region;
static struct device *device;
static struct page *page;
static dma_addr_t mapped = DMA_MAPPING_ERROR;
static bool takes;
static unsigned int nr_tests, nr_failed;

static bool result(bool good, const char *what)
{
	nr_tests++;
	nr_failed += !good;
	pr_info("vcma_mapped: %s %u - %s\n", good ? "ok" : "not ok", nr_tests, what);
	return good;
}

/* Runs in place of the call that isolates the granule: the device's driver was faster. */
static int map_first(unsigned long start, unsigned long end, unsigned int unused, gfp_t gfp)
{
	unsigned long pfn = page_to_pfn(page);
	int err;

	if (mapped == DMA_MAPPING_ERROR && pfn >= start && pfn < end) {
		mapped = dma_map_page(device, page, 0, PAGE_SIZE, DMA_BIDIRECTIONAL);
		if (dma_mapping_error(device, mapped))
			pr_info("vcma_mapped: # it can't be mapped\n");
	}
	err = vcma_alloc_contig(start, end, gfp);
	barrier();	/* a call, not a jump: the probe looks where it comes from */
	return err;
}

/* Return: 1 if it goes on in map_first() instead: not if it comes from there. */
static int isolate_enter(struct kprobe *kp, struct pt_regs *regs)
{
	if (!READ_ONCE(takes) || within_module(caller_of(regs), THIS_MODULE))
		return 0;
	instruction_pointer_set(regs, (unsigned long)map_first);
	return 1;
}
NOKPROBE_SYMBOL(isolate_enter);

/* That there is one keeps the probe from being optimised into what can't skip a call. */
static void isolate_leave(struct kprobe *kp, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe isolate_probe = {
	.pre_handler = isolate_enter,
	.post_handler = isolate_leave,
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	.symbol_name = "alloc_contig_range",
#else
	.symbol_name = "alloc_contig_range_noprof",
#endif
};

static bool is_of_region(phys_addr_t phys, const void *unused)
{
	return phys - region->base_gpa < region->bytes;
}

/* Is it memory that the host has pinned for this guest? */
static bool is_allocated(dma_addr_t dma)
{
	bool held;

	rcu_read_lock();
	held = xa_load(&region->by_dma, dma >> region->granule_shift);
	rcu_read_unlock();
	return held;
}

/* Ask for all granules but those that are allocated; the one with the page is among them. */
static void take_all(typeof(vcma_block_alloc) *hold, typeof(vcma_block_free) *drop)
{
	struct vcma_constraints want = {
		.bytes = region->granule_bytes,
		.max_dma = U64_MAX,
		.use = VCMA_BLOCK_USER,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.owner = "vcma_mapped",
	};
	struct vcma_block *block, *next;
	LIST_HEAD(blocks);
	int err;

	WRITE_ONCE(takes, true);
	while (!(err = hold(region, &want, &block)))
		list_add(&block->node, &blocks);
	WRITE_ONCE(takes, false);
	result(err == -EBUSY, "the granule of a page in use is refused");
	list_for_each_entry_safe(block, next, &blocks, node) {
		list_del_init(&block->node);
		drop(block);
	}
}

static int mapped_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(40));

	if (!err)
		device = &pdev->dev;
	return err;
}

static void mapped_remove(struct pci_dev *pdev)
{
}

static const struct pci_device_id mapped_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};

static struct pci_driver mapped_driver = {
	.name = KBUILD_MODNAME,
	.id_table = mapped_ids,
	.probe = mapped_probe,
	.remove = mapped_remove,
};

static void mapped_run(void)
{
	typeof(vcma_block_alloc) *hold = symbol_get(vcma_block_alloc);
	typeof(vcma_block_free) *drop = symbol_get(vcma_block_free);
	bool held = false;

	page = take_page(is_of_region, NULL, TRIES);
	if (!result(hold && drop && device && page, "a page of the region is in use") ||
	    !result(!register_kprobe(&isolate_probe), "calls that isolate pages can be delayed"))
		goto put;
	take_all(hold, drop);
	unregister_kprobe(&isolate_probe);
	if (result(mapped != DMA_MAPPING_ERROR, "meanwhile it was mapped for a device")) {
		held = is_allocated(mapped);
		result(held, "the address that the device has is of memory that is allocated");
	}
	/* Else there is nothing any more that could be unmapped. */
	if (held)
		dma_unmap_page(device, mapped, PAGE_SIZE, DMA_BIDIRECTIONAL);
put:
	if (page)
		__free_page(page);
	if (drop)
		symbol_put(vcma_block_free);
	if (hold)
		symbol_put(vcma_block_alloc);
}

static int __init mapped_init(void)
{
	int err = pci_register_driver(&mapped_driver);

	if (err)
		return err;
	region = find_region();
	if (region && region->mode->has_pages)
		mapped_run();
	else
		result(false, "there is a reusable region");
	pr_info("vcma_mapped: 1..%u\n", nr_tests);
	return 0;
}
module_init(mapped_init);

static void __exit mapped_exit(void)
{
	pci_unregister_driver(&mapped_driver);
}
module_exit(mapped_exit);

MODULE_DESCRIPTION("Test of mappings in memory of virtio_cma that is being isolated");
MODULE_LICENSE("GPL");
