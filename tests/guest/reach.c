// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_reach: address limits that a driver of QEMU's "edu" device changes at will, also behind
 * the DMA API's back, as a bus does. Prints TAP to the kernel log.
 *
 *	memory		| low | high |	two pages of the pool; the limit lies between them
 *
 * One test looks at what is between two instructions of the driver: what it knew of the pool
 * before a block came that lies higher. It writes that into the pool.
 *
 * With mask_bits something else: the limits of devices, one after the other as they are found, in
 * regions of which little is in reach, or nothing at all:
 *
 *	region		| low | high | high | high |	mask_bits=28		one granule
 *	region		      | high | high | high |	mask_bits=-28		nothing
 *
 * What can't be had is refused at once: no limit is waited for.
 */
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "edu.h"

#include "guest-driver/client/binding.h"
#include "guest-driver/core/region.h"

#define REACH_DEVICES	8
#define REACH_PIECES	64	/* of 64 KiB: more than a granule of 2 MiB has */
#define REACH_AT_ONCE	500	/* ms */

static int mask_bits[REACH_DEVICES];
static unsigned int nr_masks;
module_param_array(mask_bits, int, &nr_masks, 0444);
MODULE_PARM_DESC(mask_bits, "of each device; negative: nothing is in reach of so many");

static bool no_mask;
module_param(no_mask, bool, 0444);
MODULE_PARM_DESC(no_mask, "coherent masks of 0 instead, of which the kernel itself warns");

static int bus_offset = -1;
module_param(bus_offset, int, 0444);
MODULE_PARM_DESC(bus_offset, "memory has other addresses on the devices' bus, by so much; only whether they are served is looked at");

static unsigned int nr_tests, nr_devices;

static bool result(bool good, const char *what)
{
	pr_info("vcma_reach: %s %u - %s\n", good ? "ok" : "not ok", ++nr_tests, what);
	return good;
}

static bool result_bits(bool good, unsigned int bits, const char *what)
{
	pr_info("vcma_reach: %s %u - %u bits: %s\n", good ? "ok" : "not ok", ++nr_tests, bits,
		what);
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

/* Narrowed while memory is allocated: that stays good, what is new is within. */
static void test_narrowed(struct device *dev)
{
	struct memory low, high, got = {};
	unsigned long page = __get_free_page(GFP_KERNEL);
	dma_addr_t dma;

	if (!result(page && get(dev, &low) && get(dev, &high), "narrowed: two pages are allocated"))
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

/* ---- masks ---- */

struct piece {
	struct piece *next;
	dma_addr_t dma;
};

static bool is_soon(ktime_t start)
{
	return ktime_ms_delta(ktime_get(), start) < REACH_AT_ONCE;
}

static bool is_within(dma_addr_t dma, size_t bytes, unsigned int bits)
{
	return dma + bytes - 1 <= DMA_BIT_MASK(bits);
}

/* All there is in reach, in pieces that may sleep or not. */
static void test_all_in_reach(struct device *dev, unsigned int bits)
{
	struct piece *list = NULL, *p;
	bool within = true, soon;
	unsigned int nr = 0;
	ktime_t start;
	dma_addr_t dma;

	do {
		start = ktime_get();
		p = dma_alloc_coherent(dev, SZ_64K, &dma, nr % 2 ? GFP_ATOMIC : GFP_KERNEL);
		soon = is_soon(start);
		if (p) {
			*p = (struct piece) { .next = list, .dma = dma };
			list = p;
			within &= is_within(dma, SZ_64K, bits);
			nr++;
		}
	} while (p && nr < REACH_PIECES);
	result_bits(nr && nr < REACH_PIECES && within, bits, "what comes is within the limit");
	result_bits(soon, bits, "what does not is refused at once");
	for (; list; list = p) {
		p = list->next;
		dma_free_coherent(dev, SZ_64K, list, list->dma);
	}
}

static void test_mapping_in_reach(struct device *dev, unsigned int bits)
{
	size_t bytes = dma_max_mapping_size(dev);
	void *buf = kmalloc(bytes, GFP_KERNEL);
	dma_addr_t dma;

	if (!buf)
		return;
	dma = dma_map_single(dev, buf, bytes, DMA_TO_DEVICE);
	result_bits(!dma_mapping_error(dev, dma) && is_within(dma, bytes, bits), bits,
		    "the longest mapping is within the limit");
	if (!dma_mapping_error(dev, dma))
		dma_unmap_single(dev, dma, bytes, DMA_TO_DEVICE);
	kfree(buf);
}

/* A limit is set when memory is allocated already, anywhere. */
static void test_mask(struct device *dev, int mask)
{
	unsigned int bits = abs(mask);
	dma_addr_t dma, none;
	ktime_t start;
	void *first;
	int err;

	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64)))
		return;
	first = dma_alloc_coherent(dev, SZ_64K, &dma, GFP_KERNEL);
	if (!result_bits(first, bits, "64 KiB before there is a limit"))
		return;
	memset(first, 0x5a, SZ_64K);
	start = ktime_get();
	err = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(bits));
	result_bits(mask < 0 ? err == -EIO : !err, bits,
		    mask < 0 ? "set after that, out of reach: refused" : "set after that");
	result_bits(is_soon(start), bits, "that is known at once");
	if (mask < 0) {		/* a driver that does not listen */
		dev->coherent_dma_mask = DMA_BIT_MASK(bits);
		start = ktime_get();
		result_bits(!dma_alloc_coherent(dev, SZ_4K, &none, GFP_KERNEL) && is_soon(start),
			    bits, "nothing comes, at once");
		dev->coherent_dma_mask = DMA_BIT_MASK(64);
	} else {
		test_all_in_reach(dev, bits);
		test_mapping_in_reach(dev, bits);
	}
	result_bits(!memchr_inv(first, 0x5a, SZ_64K), bits, "what is held stays as it was");
	dma_free_coherent(dev, SZ_64K, first, dma);
}

static void test_no_mask(struct device *dev)
{
	ktime_t start = ktime_get();
	dma_addr_t dma;

	dev->coherent_dma_mask = 0;
	result(!dma_alloc_coherent(dev, SZ_4K, &dma, GFP_KERNEL) &&
	       !dma_alloc_coherent(dev, SZ_4K, &dma, GFP_ATOMIC), "no mask: nothing comes");
	result(is_soon(start), "no mask: at once");
	dev->coherent_dma_mask = DMA_BIT_MASK(64);
}

/* ---- a bus with addresses of its own ---- */

/* As a device tree's dma-ranges would have it. The driver core frees it with the binding. */
static int reach_configure(struct notifier_block *nb, unsigned long action, void *data)
{
	const struct bus_dma_region map[] = {
		{ .cpu_start = 0, .dma_start = bus_offset, .size = BIT_ULL(40) }, {},
	};
	struct device *dev = data;

	if (action == BUS_NOTIFY_BIND_DRIVER && !dev->dma_range_map &&
	    to_pci_dev(dev)->vendor == EDU_VENDOR)
		dev->dma_range_map = kmemdup(map, sizeof(map), GFP_KERNEL);
	return NOTIFY_OK;
}

static struct notifier_block reach_nb = {
	.notifier_call = reach_configure,
	.priority = INT_MAX,	/* before the DMA operations are chosen */
};

static void test_bus(struct device *dev)
{
	result(dev->dma_range_map, "bus: has a map");
	if (bus_offset)
		result(!dev->dma_ops, "bus: other addresses: not served");
	else
		result(dev->dma_ops, "bus: the same addresses: served");
}

static int reach_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct device *dev = &pdev->dev;
	unsigned int nr = nr_devices++;

	if (bus_offset >= 0) {
		test_bus(dev);
		return 0;
	}
	if (no_mask) {
		test_no_mask(dev);
		return 0;
	}
	if (nr < nr_masks) {
		test_mask(dev, mask_bits[nr]);
		return 0;
	}
	if (dma_set_mask_and_coherent(dev, DMA_BIT_MASK(40)))
		return -EIO;
	test_window(dev);
	test_narrowed(dev);
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

static int __init reach_init(void)
{
	int err = 0;

	if (bus_offset >= 0)
		err = bus_register_notifier(&pci_bus_type, &reach_nb);
	if (err)
		return err;
	err = pci_register_driver(&reach_driver);
	if (bus_offset >= 0)
		bus_unregister_notifier(&pci_bus_type, &reach_nb);
	pr_info("vcma_reach: 1..%u\n", nr_tests);
	return err;
}
module_init(reach_init);

static void __exit reach_exit(void)
{
	pci_unregister_driver(&reach_driver);
}
module_exit(reach_exit);

MODULE_DESCRIPTION("Test of address limits of a virtio_cma client");
MODULE_LICENSE("GPL");
