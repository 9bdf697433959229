// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_relief: a guest that is short of memory has just had its pools' memory back, and they are
 * not filled again for some seconds; but who can't map is given some at once, for the memory that
 * is short may come free by that I/O alone. Maps for QEMU's "edu" device, which is asked for
 * nothing. Prints TAP to the kernel log.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "address_of.h"
#include "edu.h"
#include "find_region.h"

#include "guest-driver/pool/pool.h"
#include "guest-driver/pool/resv.h"

#define MAX_PIECES	4096
#define PATIENCE_MS	2000
#define STEP_MS		100

static struct vcma_pool *pool;
static struct device *device;
static unsigned int nr_tests;

static struct {
	void *cpu;
	dma_addr_t dma;
} pieces[MAX_PIECES];
static dma_addr_t maps[MAX_PIECES];
static unsigned int nr_pieces, nr_maps;

static bool result(bool good, const char *what)
{
	pr_info("vcma_relief: %s %u - %s\n", good ? "ok" : "not ok", ++nr_tests, what);
	return good;
}

static bool paused(void)
{
	return time_before(jiffies, READ_ONCE(pool->relief_until));
}

static bool allocate(void)
{
	void *cpu;

	if (nr_pieces == MAX_PIECES)
		return false;
	cpu = dma_alloc_attrs(device, SZ_64K, &pieces[nr_pieces].dma, GFP_ATOMIC | __GFP_NOWARN,
			      DMA_ATTR_NO_WARN);
	if (cpu)
		pieces[nr_pieces++].cpu = cpu;
	return cpu;
}

static bool map(void *buffer)
{
	if (nr_maps == MAX_PIECES)
		return false;
	maps[nr_maps] = dma_map_single(device, buffer, SZ_64K, DMA_TO_DEVICE);
	if (dma_mapping_error(device, maps[nr_maps]))
		return false;
	nr_maps++;
	return true;
}

/* Does one of the two work within the time, in the pause? */
static bool comes(bool (*try)(void *buffer), void *buffer)
{
	unsigned int ms;

	for (ms = 0; ms < PATIENCE_MS && paused(); ms += STEP_MS) {
		if (try(buffer))
			return paused();
		msleep(STEP_MS);
	}
	return false;
}

static bool allocate_again(void *unused)
{
	return allocate();
}

static void relieve(void (*shrink_later)(struct vcma_pool *))
{
	unsigned int ms;

	shrink_later(pool);
	for (ms = 0; ms < PATIENCE_MS && !paused(); ms += STEP_MS)
		msleep(STEP_MS);
}

static void relief_run(void)
{
	typeof(vcma_region_pool) *pool_of = address_of("vcma_region_pool");
	typeof(vcma_pool_shrink_later) *shrink_later = address_of("vcma_pool_shrink_later");
	struct vcma_region *region = find_region();
	void *buffer = kmalloc(SZ_64K, GFP_KERNEL);
	unsigned int i = 0;

	if (region && pool_of) {
		while ((pool = pool_of(region, i++)) && list_empty(&pool->users))
			;
	}
	if (!result(pool && shrink_later && device && buffer, "a pool with a client"))
		goto free;
	relieve(shrink_later);
	if (!result(paused(), "the guest needs memory back: no refills for a while"))
		goto free;
	while (allocate())
		;
	result(nr_pieces && !comes(allocate_again, NULL) && paused(),
	       "coherent memory that the pool has no more waits for the end of it");
	while (map(buffer))
		;
	result(comes(map, buffer), "a mapping does not");
	while (nr_maps)
		dma_unmap_single(device, maps[--nr_maps], SZ_64K, DMA_TO_DEVICE);
	while (nr_pieces) {
		nr_pieces--;
		dma_free_coherent(device, SZ_64K, pieces[nr_pieces].cpu, pieces[nr_pieces].dma);
	}
free:
	kfree(buffer);
}

static int relief_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int err = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(40));

	if (!err)
		device = &pdev->dev;
	return err;
}

static void relief_remove(struct pci_dev *pdev)
{
}

static const struct pci_device_id relief_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};

static struct pci_driver relief_driver = {
	.name = KBUILD_MODNAME,
	.id_table = relief_ids,
	.probe = relief_probe,
	.remove = relief_remove,
};

static int __init relief_init(void)
{
	int err = pci_register_driver(&relief_driver);

	if (err)
		return err;
	relief_run();
	pr_info("vcma_relief: 1..%u\n", nr_tests);
	return 0;
}
module_init(relief_init);

static void __exit relief_exit(void)
{
	pci_unregister_driver(&relief_driver);
}
module_exit(relief_exit);

MODULE_DESCRIPTION("Test of refills of a virtio_cma pool while memory is short");
MODULE_LICENSE("GPL");
