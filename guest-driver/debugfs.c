// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs (main.h): /sys/kernel/debug/virtio_cma/DEVICE/, by the virtio device's name
 *
 *	granules	one character per granule, 64 in a line:
 *			P pool, B bulk, U user: allocated, all pages isolated; p b u: some, or none
 *			. online, looked empty last time; o online, in use; x unmovable;
 *			! busy a moment ago
 *			- neither allocated nor online
 *	blocks		one line per allocated block
 *
 * Locks: none; blocks are looked at under RCU.
 */
#include <linux/bitops.h>
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>

#include "core/mode.h"
#include "core/region.h"
#include "main.h"
#include "mm/usage.h"

#define VCMA_MAP_WIDTH	64

static struct dentry *vcma_debugfs_root;

static char vcma_block_letter(const struct vcma_block *block)
{
	static const char letters[VCMA_NR_BLOCK_USES] = {
		[VCMA_BLOCK_POOL] = 'P',
		[VCMA_BLOCK_BULK] = 'B',
		[VCMA_BLOCK_USER] = 'U',
	};
	bool all = block->nr_isolated == block->bytes >> PAGE_SHIFT;

	return all ? letters[block->use] : letters[block->use] | 0x20;
}

static char vcma_granule_letter(struct vcma_region *r, u64 nr)
{
	struct vcma_block *block;
	char letter = 0;
	u32 cost;

	rcu_read_lock();
	block = vcma_block_by_gpa(r, r->base_gpa + (nr << r->granule_shift));
	if (block)
		letter = vcma_block_letter(block);
	rcu_read_unlock();
	if (letter)
		return letter;
	if (!r->usage || nr >= r->usage->nr ||
	    !vcma_region_has(r, r->base_gpa + (nr << r->granule_shift), r->granule_bytes))
		return '-';
	if (test_bit(nr, r->usage->busy))
		return '!';
	cost = READ_ONCE(r->usage->granules[nr].cost);
	return cost == VCMA_COST_EMPTY ? '.' : cost == VCMA_COST_UNMOVABLE ? 'x' : 'o';
}

static int granules_show(struct seq_file *m, void *v)
{
	struct vcma_region *r = m->private;
	u64 nr, total = r->span_bytes >> r->granule_shift;

	for (nr = 0; nr < total; nr++) {
		if (!(nr % VCMA_MAP_WIDTH))
			seq_printf(m, "%s%#014llx ", nr ? "\n" : "",
				   r->base_gpa + (nr << r->granule_shift));
		seq_putc(m, vcma_granule_letter(r, nr));
	}
	seq_putc(m, '\n');
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(granules);

static int blocks_show(struct seq_file *m, void *v)
{
	struct vcma_region *r = m->private;
	struct vcma_block *block, *last = NULL;
	unsigned long nr;

	seq_puts(m, "gpa dma bytes isolated_pages attr owner\n");
	rcu_read_lock();
	xa_for_each(&r->by_gpa, nr, block) {
		if (block == last)
			continue;
		last = block;
		seq_printf(m, "%#llx %#llx %llu %lu %s %s\n", block->base_gpa, block->base_dma,
			   block->bytes, READ_ONCE(block->nr_isolated),
			   block->attr == VCMA_CACHED ? "cached" : "uncached",
			   block->owner_name);
	}
	rcu_read_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(blocks);

void vcma_debugfs_add(struct vcma_region *r)
{
	r->debugfs = debugfs_create_dir(dev_name(r->dev), vcma_debugfs_root);
	debugfs_create_file("granules", 0400, r->debugfs, r, &granules_fops);
	debugfs_create_file("blocks", 0400, r->debugfs, r, &blocks_fops);
}

void vcma_debugfs_remove(struct vcma_region *r)
{
	debugfs_remove(r->debugfs);
	r->debugfs = NULL;
}

void vcma_debugfs_register(void)
{
	vcma_debugfs_root = debugfs_create_dir("virtio_cma", NULL);
}

void vcma_debugfs_unregister(void)
{
	debugfs_remove(vcma_debugfs_root);
}
