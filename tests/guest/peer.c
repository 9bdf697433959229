// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_selftest: memory of a peer device (peer-to-peer DMA). Where it is on the bus our device
 * would have to be told by whoever knows: it is refused, and never copied as if it were RAM.
 */
#include <linux/pci-p2pdma.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "selftest.h"

static void test_peer_page(struct selftest *t, struct page *page)
{
	dma_addr_t dma = dma_map_page(t->dev, page, 0, SZ_4K, DMA_TO_DEVICE);

	if (!selftest_result(t, dma_mapping_error(t->dev, dma), "peer: its page is refused"))
		dma_unmap_page(t->dev, dma, SZ_4K, DMA_TO_DEVICE);
}

/* After a page of RAM, so that there is something to undo. */
static void test_peer_list(struct selftest *t, struct page *page)
{
	struct scatterlist sgl[2];
	struct sg_table sgt = { .sgl = sgl, .nents = 2, .orig_nents = 2 };
	u8 *ram = kmalloc(SZ_4K, GFP_KERNEL);
	int err;

	if (!ram)
		return;
	sg_init_table(sgl, 2);
	sg_set_buf(&sgl[0], ram, SZ_4K);
	sg_set_page(&sgl[1], page, SZ_4K, 0);
	err = dma_map_sgtable(t->dev, &sgt, DMA_TO_DEVICE, 0);
	if (!selftest_result(t, err == -EREMOTEIO, "peer: a list with its page is refused (%d)",
			     err) && !err)
		dma_unmap_sgtable(t->dev, &sgt, DMA_TO_DEVICE, 0);

	sg_set_buf(&sgl[1], ram, SZ_4K);
	err = dma_map_sgtable(t->dev, &sgt, DMA_TO_DEVICE, 0);
	if (selftest_result(t, !err, "peer: the same list without it is mapped (%d)", err))
		dma_unmap_sgtable(t->dev, &sgt, DMA_TO_DEVICE, 0);
	kfree(ram);
}

void selftest_peer(struct selftest *t)
{
	struct pci_dev *peer = NULL;
	void *memory = NULL;

	if (!IS_ENABLED(CONFIG_PCI_P2PDMA)) {
		selftest_skip(t, "peer", "the kernel has no CONFIG_PCI_P2PDMA");
		return;
	}
	for_each_pci_dev(peer) {
		memory = pci_alloc_p2pmem(peer, SZ_4K);
		if (memory)
			break;
	}
	if (memory) {
		test_peer_page(t, virt_to_page(memory));
		test_peer_list(t, virt_to_page(memory));
		pci_free_p2pmem(peer, memory, SZ_4K);
	} else {
		selftest_skip(t, "peer", "no device offers memory to its peers");
	}
	pci_dev_put(peer);
}
