// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_reach: address limits that a driver of QEMU's "edu" device changes at will, also behind
 * the DMA API's back, as a bus does. Prints TAP to the kernel log.
 *
 *	memory		| low | high |	two pages of the pool; the limit lies between them
 *
 * One test looks at what is between two instructions of the driver: what it knew of the pool
 * before a block came that lies higher. It writes that into the pool.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>

#include "edu.h"

#include "guest-driver/binding.h"
#include "guest-driver/region.h"

static unsigned int nr_tests;

static bool result(bool good, const char *what)
{
	pr_info("vcma_reach: %s %u - %s\n", good ? "ok" : "not ok", ++nr_tests, what);
	return good;
}

struct memory {
	void *cpu;
	dma_addr_t dma;
};

static bool get(struct device *dev, struct memory *m)
{
	m->cpu = dma_alloc_attrs(dev, PAGE_SIZE, &m->dma, GFP_ATOMIC | __GFP_NOWARN,
				 DMA_ATTR_NO_WARN);
	return m->cpu;
}

static void put(struct device *dev, const struct memory *m)
{
	if (m->cpu)
		dma_free_coherent(dev, PAGE_SIZE, m->cpu, m->dma);
}

/*
 * The higher page was freed last, and will be handed out next to whoever may have any. That was
 * decided when all of the pool was within the limit.
 */
static void test_window(struct device *dev)
{
	struct vcma_client *c = vcma_binding_source(vcma_binding_of(dev), VCMA_KIND_COHERENT, 0);
	struct memory low, high, got = {};
	u64 mask = dev->coherent_dma_mask, limit, max_dma;

	if (!result(c && get(dev, &low) && get(dev, &high), "window: two pages"))
		return;
	if (low.dma > high.dma)
		swap(low, high);
	limit = high.dma + PAGE_SIZE - 2;
	put(dev, &high);
	max_dma = c->pools[c->attr].max_dma;
	WRITE_ONCE(c->pools[c->attr].max_dma, limit);
	dev->coherent_dma_mask = limit;
	get(dev, &got);
	dev->coherent_dma_mask = mask;
	WRITE_ONCE(c->pools[c->attr].max_dma, max_dma);
	result(!got.cpu || got.dma + PAGE_SIZE - 1 <= limit,
	       "window: a page above the limit is not handed out");
	put(dev, &got);
	put(dev, &low);
}

/* Narrowed while memory is held: what is held stays good, what is new is within. */
static void test_narrowed(struct device *dev)
{
	struct memory low, high, got = {};
	unsigned long page = __get_free_page(GFP_KERNEL);
	dma_addr_t dma;

	if (!result(page && get(dev, &low) && get(dev, &high), "narrowed: two pages are held"))
		return;
	if (low.dma > high.dma)
		swap(low, high);
	dev->bus_dma_limit = high.dma - 1;
	result(!get(dev, &got) || got.dma + PAGE_SIZE - 1 < high.dma,
	       "narrowed: what comes now is within the limit");
	put(dev, &got);
	dma = dma_map_single(dev, (void *)page, PAGE_SIZE, DMA_TO_DEVICE);
	result(dma_mapping_error(dev, dma) || dma + PAGE_SIZE - 1 < high.dma,
	       "narrowed: so are mappings");
	if (!dma_mapping_error(dev, dma))
		dma_unmap_single(dev, dma, PAGE_SIZE, DMA_TO_DEVICE);
	memset(high.cpu, 0x5a, PAGE_SIZE);
	put(dev, &high);
	dev->bus_dma_limit = 0;
	put(dev, &low);
	free_page(page);
}

static int reach_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;

	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40)))
		return -EIO;
	test_window(dev);
	test_narrowed(dev);
	pr_info("vcma_reach: 1..%u\n", nr_tests);
	return 0;
}

static void reach_remove(struct pci_dev *pdev)
{
}

static const struct pci_device_id reach_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};

static struct pci_driver reach_driver = {
	.name = KBUILD_MODNAME,
	.id_table = reach_ids,
	.probe = reach_probe,
	.remove = reach_remove,
};
module_pci_driver(reach_driver);

MODULE_DESCRIPTION("Test of address limits of a virtio_cma client");
MODULE_LICENSE("GPL");
