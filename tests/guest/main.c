// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_selftest: the driver and its parameters (selftest.h).
 *
 * The device's DMA goes where the machine routes it: a wrong address faults, or lands where
 * the check of the contents notices.
 */
#include <linux/module.h>

#include "edu.h"
#include "selftest.h"

static unsigned int mask_bits = 40;
module_param(mask_bits, uint, 0444);
MODULE_PARM_DESC(mask_bits, "address bits of the edu device (its property dma_mask; default 40)");

static bool expect_refused;
module_param(expect_refused, bool, 0444);
MODULE_PARM_DESC(expect_refused, "the region lies beyond mask_bits: dma_set_mask() has to fail");

static bool fragmented;
module_param(fragmented, bool, 0444);
MODULE_PARM_DESC(fragmented, "host memory may have no longer runs than single granules of 2 MiB");

static bool leak;
module_param(leak, bool, 0444);
MODULE_PARM_DESC(leak, "end without freeing one allocation and one mapping, instead of testing");

static bool has_pages;
module_param(has_pages, bool, 0444);
MODULE_PARM_DESC(has_pages, "the region's memory has struct pages (mode=reusable)");

static bool guest_physical;
module_param(guest_physical, bool, 0444);
MODULE_PARM_DESC(guest_physical, "DMA addresses are those of the processor (no unsafe-noiommu=on)");

static bool direct;
module_param(direct, bool, 0444);
MODULE_PARM_DESC(direct, "all of this guest's memory is pinned (mode=ram): no mapping is a copy");

static unsigned int region_mib;
module_param(region_mib, uint, 0444);
MODULE_PARM_DESC(region_mib, "size of the region, of which nobody else has any, and which is in one piece");

static unsigned int aligned_mib;
module_param(aligned_mib, uint, 0444);
MODULE_PARM_DESC(aligned_mib, "an allocation of so many MiB has to be aligned to its size (max_align_order)");

static unsigned int slot_bytes = SZ_4K;
module_param(slot_bytes, uint, 0444);
MODULE_PARM_DESC(slot_bytes, "what a mapping of a few bytes may take at most (default: 4096)");

static char *coherent = "";
module_param(coherent, charp, 0444);
MODULE_PARM_DESC(coherent, "what coherent memory has to be: cached, uncached, refused");

static bool all_pinned;
module_param(all_pinned, bool, 0444);
MODULE_PARM_DESC(all_pinned, "all of the region is pinned from the start (pin=all)");

static unsigned int required_bits;
module_param(required_bits, uint, 0444);
MODULE_PARM_DESC(required_bits, "as many address bits as all memory for the device needs, known beforehand");

static bool beside;
module_param(beside, bool, 0444);
MODULE_PARM_DESC(beside, "only show that RAM beside the region (mode=ram) is refused");

static bool quick;
module_param(quick, bool, 0444);
MODULE_PARM_DESC(quick, "leave out what takes all memory, and the threads");

static bool stress;
module_param(stress, bool, 0444);
MODULE_PARM_DESC(stress, "the threads, and nothing else");

static bool peer;
module_param(peer, bool, 0444);
MODULE_PARM_DESC(peer, "there is a PCI device that offers memory to its peers");

static bool misuse;
module_param(misuse, bool, 0444);
MODULE_PARM_DESC(misuse, "free, unmap and sync what is not there, instead of testing");

static void selftest_leak(struct selftest *t)
{
	dma_addr_t dma;

	t->left_cpu = dma_alloc_coherent(t->dev, SZ_64K, &dma, GFP_KERNEL);
	selftest_result(t, t->left_cpu, "64 KiB allocated and left");
	dma = dma_map_single(t->dev, t->left_mapped, sizeof(t->left_mapped), DMA_TO_DEVICE);
	selftest_result(t, !dma_mapping_error(t->dev, dma), "64 bytes mapped and left");
	if (!t->has_pages)
		return;
	t->left_page = dma_alloc_pages(t->dev, SZ_4K, &dma, DMA_TO_DEVICE, GFP_KERNEL);
	dma = t->left_page ? dma_map_page(t->dev, t->left_page, 0, SZ_4K, DMA_TO_DEVICE) :
	      DMA_MAPPING_ERROR;
	selftest_result(t, !dma_mapping_error(t->dev, dma), "a page mapped without copy and left");
}

static void selftest_run(struct selftest *t)
{
	int err = dma_set_mask_and_coherent(t->dev, t->mask);

	if (expect_refused) {
		selftest_result(t, err, "a device of %u address bits is refused", mask_bits);
		return;
	}
	if (!selftest_result(t, !err, "dma_set_mask_and_coherent(%u bits) %d", mask_bits, err))
		return;
	if (leak) {
		selftest_leak(t);
		return;
	}
	if (beside) {
		selftest_beside(t);
		return;
	}
	if (misuse) {
		selftest_misuse(t);
		return;
	}
	if (stress) {
		selftest_stress(t);
		return;
	}
	if (t->coherent_refused) {
		selftest_refused(t);
	} else {
		selftest_coherent(t);
		selftest_users(t);
	}
	selftest_memory_type(t);
	selftest_pages(t);
	selftest_limits(t);
	selftest_streaming(t);
	if (peer)
		selftest_peer(t);
	if (!t->quick)
		selftest_stress(t);
}

static int selftest_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct selftest *t;
	int err;

	t = devm_kzalloc(&pdev->dev, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	t->pdev = pdev;
	t->dev = &pdev->dev;
	dma_set_max_seg_size(t->dev, UINT_MAX);
	t->mask = DMA_BIT_MASK(mask_bits);
	t->fragmented = fragmented;
	t->quick = quick;
	t->has_pages = has_pages;
	t->guest_physical = guest_physical;
	t->direct = direct;
	t->all_pinned = all_pinned || direct;
	t->region_mib = region_mib;
	t->aligned_mib = aligned_mib;
	t->slot_bytes = slot_bytes;
	t->required_bits = required_bits;
	t->coherent_type = coherent;
	t->coherent_refused = !strcmp(coherent, "refused");

	err = pcim_enable_device(pdev);
	if (err)
		return err;
	t->regs = pcim_iomap(pdev, 0, 0);
	if (!t->regs)
		return -ENOMEM;
	pci_set_master(pdev);
	pci_set_drvdata(pdev, t);
	selftest_run(t);
	pr_info("vcma_selftest: 1..%u\n", t->nr_tests);
	pr_info("vcma_selftest: %u of %u failed\n", t->nr_failed, t->nr_tests);
	return 0;
}

static void selftest_remove(struct pci_dev *pdev)
{
	pci_clear_master(pdev);
}

static const struct pci_device_id selftest_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};
MODULE_DEVICE_TABLE(pci, selftest_ids);

static struct pci_driver selftest_driver = {
	.name = KBUILD_MODNAME,
	.id_table = selftest_ids,
	.probe = selftest_probe,
	.remove = selftest_remove,
};
module_pci_driver(selftest_driver);

MODULE_DESCRIPTION("DMA API test on QEMU's edu device");
MODULE_LICENSE("GPL");
