// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_selftest: what is built on coherent memory: attributes, dma_pool, managed (devres)
 * allocations; and the limits that a device is told.
 */
#include <linux/dmapool.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "selftest.h"

#include "guest-driver/include/vcma.h"

/* None of them makes the memory worse; some make it better than asked for. */
static void test_attrs(struct selftest *t)
{
	static const struct {
		unsigned long attrs;
		const char *name;
	} all[] = {
		{ DMA_ATTR_WEAK_ORDERING, "WEAK_ORDERING" },
		{ DMA_ATTR_WRITE_COMBINE, "WRITE_COMBINE" },
		{ DMA_ATTR_NO_KERNEL_MAPPING, "NO_KERNEL_MAPPING" },
		{ DMA_ATTR_SKIP_CPU_SYNC, "SKIP_CPU_SYNC" },
		{ DMA_ATTR_FORCE_CONTIGUOUS, "FORCE_CONTIGUOUS" },
		{ DMA_ATTR_ALLOC_SINGLE_PAGES, "ALLOC_SINGLE_PAGES" },
		{ DMA_ATTR_NO_WARN, "NO_WARN" },
		{ DMA_ATTR_PRIVILEGED, "PRIVILEGED" },
	};
	dma_addr_t dma;
	unsigned int i;
	u8 *cpu;
	int err;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		cpu = dma_alloc_attrs(t->dev, SZ_64K, &dma, GFP_KERNEL, all[i].attrs);
		if (!selftest_result(t, cpu && selftest_in_reach(t, dma, SZ_64K),
				     "attrs %s: 64 KiB", all[i].name))
			continue;
		/* Through the device only, as the one without a mapping must be used. */
		err = selftest_device_reads(t, dma, SZ_4K) ?:
		      selftest_device_writes(t, dma + SZ_32K, SZ_4K);
		selftest_result(t, !err && (all[i].attrs == DMA_ATTR_NO_KERNEL_MAPPING ||
					    selftest_is_byte(cpu, SZ_64K, 0)),
				"attrs %s: zeroed and usable", all[i].name);
		dma_free_attrs(t->dev, SZ_64K, cpu, dma, all[i].attrs);
	}
	/* The script finds the size of the one in the log, and not of the other. */
	cpu = dma_alloc_attrs(t->dev, 0x5511000000UL, &dma, GFP_KERNEL, 0);
	selftest_result(t, !cpu, "attrs: 340 GiB are refused, with a warning");
	cpu = dma_alloc_attrs(t->dev, 0x5522000000UL, &dma, GFP_KERNEL, DMA_ATTR_NO_WARN);
	selftest_result(t, !cpu, "attrs: 340 GiB with NO_WARN are refused without");
}

#define NR_OBJECTS	200

/* Objects that may not cross a boundary, and are not a power of two. */
static void test_dma_pool(struct selftest *t)
{
	struct {
		u8 *cpu;
		dma_addr_t dma;
	} *objects;
	struct dma_pool *pool;
	int i, nr = 0, err = 0;
	bool good = true;

	objects = kcalloc(NR_OBJECTS, sizeof(*objects), GFP_KERNEL);
	pool = dma_pool_create("vcma_selftest", t->dev, 1000, 8, SZ_4K);
	if (!objects || !pool)
		goto out;
	for (nr = 0; nr < NR_OBJECTS; nr++) {
		objects[nr].cpu = dma_pool_zalloc(pool, GFP_KERNEL, &objects[nr].dma);
		if (!objects[nr].cpu)
			break;
		good &= selftest_is_byte(objects[nr].cpu, 1000, 0) &&
			IS_ALIGNED(objects[nr].dma, 8) &&
			objects[nr].dma / SZ_4K == (objects[nr].dma + 999) / SZ_4K;
		selftest_fill(objects[nr].cpu, 1000, nr);
	}
	/* The device copies the last object over the first. */
	if (nr == NR_OBJECTS)
		err = selftest_device_reads(t, objects[nr - 1].dma, 1000) ?:
		      selftest_device_writes(t, objects[0].dma, 1000);
	for (i = 0; i < nr; i++) {
		good &= selftest_is_filled(objects[i].cpu, 1000, i ? i : nr - 1);
		dma_pool_free(pool, objects[i].cpu, objects[i].dma);
	}
out:
	selftest_result(t, nr == NR_OBJECTS && good && !err,
			"dma_pool: %d objects of 1000 bytes, none across 4 KiB", nr);
	dma_pool_destroy(pool);
	kfree(objects);
}

/* What devres frees, it frees after remove(); the script looks that nothing is left. */
static void test_devres(struct selftest *t)
{
	struct dma_pool *pool;
	dma_addr_t dma;
	void *cpu;

	cpu = dmam_alloc_coherent(t->dev, SZ_64K, &dma, GFP_KERNEL);
	selftest_result(t, cpu && selftest_is_byte(cpu, SZ_64K, 0), "devres: 64 KiB");
	if (cpu)
		dmam_free_coherent(t->dev, SZ_64K, cpu, dma);
	cpu = dmam_alloc_attrs(t->dev, SZ_16K, &dma, GFP_KERNEL, DMA_ATTR_WRITE_COMBINE);
	selftest_result(t, cpu, "devres: 16 KiB, left to devres");
	pool = dmam_pool_create("vcma_selftest_managed", t->dev, 256, 256, 0);
	cpu = pool ? dma_pool_alloc(pool, GFP_KERNEL, &dma) : NULL;
	selftest_result(t, cpu, "devres: a dma_pool, left to devres");
	if (cpu)
		dma_pool_free(pool, cpu, dma);
}

void selftest_users(struct selftest *t)
{
	test_attrs(t);
	test_dma_pool(t);
	test_devres(t);
}

void selftest_limits(struct selftest *t)
{
	size_t longest = dma_max_mapping_size(t->dev);

	selftest_result(t, dma_opt_mapping_size(t->dev) == longest,
			"limits: the longest mapping is the best one");
	selftest_result(t, !dma_get_merge_boundary(t->dev), "limits: no segments are merged");
	selftest_result(t, dma_can_mmap(t->dev), "limits: coherent memory can be mapped by users");
	selftest_result(t, !dma_pci_p2pdma_supported(t->dev),
			"limits: no pages of other devices' memory");
}

/* Blocks are for drivers that know virtio_cma, which may not be there: no import by name. */
static void test_bulk_refused(struct selftest *t)
{
	const struct vcma_bulk_request req = { .order = 0, .nr = 1 };
	typeof(vcma_alloc_bulk) *alloc = (void *)__symbol_get("vcma_alloc_bulk");
	struct vcma_bulk_block block;
	unsigned int nr = 7;
	int err;

	if (!selftest_result(t, alloc, "refused: there is vcma_alloc_bulk()"))
		return;
	err = alloc(t->dev, &req, &block, &nr, NULL, NULL);
	selftest_result(t, err == -EOPNOTSUPP && !nr, "refused: blocks (%d, %u)", err, nr);
	__symbol_put("vcma_alloc_bulk");
}

/* Coherent memory can't be right for this device: a clean no, everywhere. */
void selftest_refused(struct selftest *t)
{
	struct dma_pool *pool = dma_pool_create("vcma_selftest", t->dev, 64, 64, 0);
	dma_addr_t dma;
	void *cpu;
	int i;

	for (i = 0; i < 3; i++) {
		cpu = dma_alloc_coherent(t->dev, SZ_4K << i, &dma, i ? GFP_KERNEL : GFP_ATOMIC);
		selftest_result(t, !cpu, "refused: coherent memory, %d KiB", 4 << i);
		if (cpu)
			dma_free_coherent(t->dev, SZ_4K << i, cpu, dma);
	}
	cpu = dmam_alloc_coherent(t->dev, SZ_4K, &dma, GFP_KERNEL);
	selftest_result(t, !cpu, "refused: managed coherent memory");
	cpu = pool ? dma_pool_alloc(pool, GFP_KERNEL, &dma) : NULL;
	selftest_result(t, pool && !cpu, "refused: an object of a dma_pool");
	dma_pool_destroy(pool);
	test_bulk_refused(t);
}
