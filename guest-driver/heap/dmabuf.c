// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers of a region as dma-bufs (dmabuf.h).
 *
 *	dma-buf		|  block 0  |  block 1  |  block 2  |	offsets, page by page
 *	region		  ^            ^   ^			anywhere in allocated blocks
 *
 * A buffer that was revoked stays until its last file is closed, without memory: faults
 * get SIGBUS, mappings -ENODEV.
 *
 * Lock order: vcma_user.lock or the dma-buf's reservation; vcma_buffer.lock;
 * vcma_client.buffers_lock. None of them is held while the host is waited for. Faults come with
 * mmap_lock and take vcma_buffer.lock.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "client/attr.h"
#include "client/binding.h"
#include "client/report.h"
#include "compat/compat.h"
#include "core/mode.h"
#include "core/region.h"
#include "dma/bulk.h"
#include "dma/direct.h"
#include "dmabuf.h"
#include "user.h"

VCMA_IMPORT_DMA_BUF;

#define VCMA_FAULT_PAGES	16	/* mapped at once */
#define VCMA_SG_MAX		SZ_1G	/* of one entry: lengths are 32 bits */

struct vcma_buffer {
	struct vcma_user *user;		/* with a reference */
	struct list_head node;		/* vcma_user.lock */
	struct inode *inode;		/* of the dma-buf's file, with a reference */
	char owner[VCMA_OWNER_BYTES];	/* who made it, and */
	kuid_t uid;			/* for whom */
	enum vcma_attr attr;
	u64 bytes;
	u64 block_bytes;
	u64 charged_bytes;		/* to limits: what the host pins for it */

	struct mutex lock;		/* all below */
	struct vcma_region *region;	/* NULL: revoked */
	unsigned int nr_uses;		/* mapped for devices, and for the kernel */
	struct list_head maps;
	void *kernel;			/* mapping of all of it, if there is one */
	unsigned int nr_kernel;

	struct vcma_block *whole;	/* one block that has all; NULL: blocks of a bulk */
	unsigned int order;		/* of these */
	u32 nr_blocks;
	struct vcma_piece_addr blocks[];
};

/* One device; its mapping, if it has one, is in vcma_buffer.maps. */
struct vcma_buffer_map {
	struct list_head node;
	struct device *dev;
	struct sg_table sgt;
	enum dma_data_direction dir;
	struct vcma_client *client;	/* that the device is in the buffer's region, or NULL */
	u32 claim;			/* of the client, in which it was mapped */
};

/* ---- memory ---- */

static void vcma_buffer_free_memory(struct vcma_buffer *buf)
{
	if (buf->whole)
		vcma_block_free(buf->whole);
	else
		vcma_bulk_free(buf->region, buf->blocks, buf->nr_blocks, buf->order);
	buf->region = NULL;
	vcma_quota_uncharge(&buf->user->quota, buf->uid, buf->charged_bytes);
}

/* The same, of a buffer that a program has, or had. */
static void vcma_buffer_end(struct vcma_buffer *buf)
{
	atomic64_add(buf->bytes >> PAGE_SHIFT, &buf->region->stats.nr_freed_pages);
	vcma_buffer_free_memory(buf);
}

/* More than a granule, or with demands that a bulk does not make. */
static int vcma_buffer_get_whole(struct vcma_buffer *buf, struct vcma_region *r,
				 const struct vcma_buffer_constraints *want)
{
	const struct vcma_constraints hold = {
		.bytes = want->block_bytes,
		.align_bytes = want->align_bytes,
		.max_dma = want->max_dma,
		.attr = want->attr,
		.use = VCMA_BLOCK_USER,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.flags = want->flags,
		.deadline = want->deadline,
		.owner = buf->owner,
	};
	int err;

	err = vcma_block_alloc(r, &hold, &buf->whole);
	if (err)
		return err;
	buf->blocks[0] = (struct vcma_piece_addr) {
		.gpa = buf->whole->base_gpa,
		.dma = buf->whole->base_dma,
		.cpu = buf->whole->cpu,
	};
	buf->nr_blocks = 1;
	if (!vcma_mode_zeroes(r->mode))
		vcma_clear(buf->whole->cpu, buf->bytes);
	return 0;
}

static int vcma_buffer_get_bulk(struct vcma_buffer *buf, struct vcma_region *r,
				const struct vcma_buffer_constraints *want,
				struct vcma_bulk_busy *busy, u32 *nr_busy)
{
	const struct vcma_bulk_constraints bulk = {
		.order = buf->order,
		.nr = want->nr_blocks,
		.flags = want->flags | VCMA_BULK_ZERO,
		.max_dma = want->max_dma,
		.attr = want->attr,
		.deadline = want->deadline,
		.owner = buf->owner,
	};
	int err;

	err = vcma_bulk_alloc(r, &bulk, buf->blocks, &buf->nr_blocks, busy, nr_busy);
	if (err)
		return err;
	buf->bytes = buf->block_bytes * buf->nr_blocks;
	return 0;
}

/* Guest-physical address of the page at @offset. */
static u64 vcma_buffer_gpa(const struct vcma_buffer *buf, u64 offset)
{
	u64 nr = div64_u64(offset, buf->block_bytes);

	return buf->blocks[nr].gpa + (offset - nr * buf->block_bytes);
}

/* ---- mappings for devices ---- */

/*
 * Use the mapping that the device has as a client. Return: false if it has it no longer, for the
 * mapping was ended with the client. Caller holds the lock, and the buffer has its region.
 */
static bool vcma_buffer_use_client(struct vcma_buffer_map *m)
{
	if (!vcma_client_use(m->client, m->dev))
		return false;
	if (m->client->nr_claims == m->claim)
		return true;
	vcma_client_unuse(m->client);
	return false;
}

/*
 * Can @dev have the buffer, as client @c or, NULL, as any device has memory of the guest? Caller
 * holds the lock, and the buffer has its region. Return: why not, or NULL.
 */
static const char *vcma_buffer_obstacle(const struct vcma_buffer *buf, const struct device *dev,
					const struct vcma_client *c)
{
	/* The program's mapping is cacheable, and can't be made anything else under it. */
	if (c)
		return buf->attr == VCMA_CACHED && vcma_attr_bars_cached(c) ?
			"it ignores caches, and the buffer is cached; uncached ones can be used" : NULL;
	if (!buf->region->mode->has_pages)
		return "it is no client of the buffer's region, which is private";
	/* It would have a copy, of which neither exporter nor other devices know. */
	if (vcma_dev_is_served(dev))
		return "it is a client of other regions only";
	return NULL;
}

static int vcma_buffer_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *at)
{
	struct vcma_buffer *buf = dmabuf->priv;
	const char *obstacle = NULL;
	struct vcma_buffer_map *m;
	int err = 0;

	m = kzalloc(sizeof(*m), GFP_KERNEL);
	if (!m)
		return -ENOMEM;
	m->dev = at->dev;
	INIT_LIST_HEAD(&m->node);
	mutex_lock(&buf->lock);
	m->client = buf->region ? vcma_clients_of(buf->region, at->dev) : NULL;
	if (buf->region)
		obstacle = vcma_buffer_obstacle(buf, at->dev, m->client);
	else
		err = -ENODEV;
	if (obstacle) {
		err = -EOPNOTSUPP;
		dev_warn_ratelimited(at->dev, "virtio_cma: can't use a buffer of %s: %s\n", buf->owner,
				     obstacle);
	}
	mutex_unlock(&buf->lock);
	if (err) {
		kfree(m);
		return err;
	}
	at->priv = m;
	return 0;
}

static void vcma_buffer_detach(struct dma_buf *dmabuf, struct dma_buf_attachment *at)
{
	kfree(at->priv);
}

/* One entry per block, or more if blocks are very large. */
static int vcma_buffer_sg(struct vcma_buffer *buf, struct sg_table *sgt)
{
	unsigned int per_block = DIV_ROUND_UP_ULL(buf->block_bytes, VCMA_SG_MAX);
	struct scatterlist *sg;
	u64 offset = 0;
	int i, err;

	err = sg_alloc_table(sgt, per_block * buf->nr_blocks, GFP_KERNEL);
	if (err)
		return err;
	for_each_sgtable_sg(sgt, sg, i) {
		u64 left = buf->block_bytes - offset % buf->block_bytes;
		u64 bytes = min_t(u64, left, VCMA_SG_MAX);

		if (buf->region->mode->has_pages)
			sg_set_page(sg, pfn_to_page(PHYS_PFN(vcma_buffer_gpa(buf, offset))),
				    bytes, 0);
		else	/* nothing but device addresses */
			sg->length = bytes;
		offset += bytes;
	}
	return 0;
}

static void vcma_buffer_unmap_client(struct vcma_client *c, struct vcma_buffer_map *m,
				     unsigned int nr, unsigned long attrs)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(m->sgt.sgl, sg, nr, i)
		vcma_direct_unmap(c, sg_dma_address(sg), sg_dma_len(sg), m->dir, attrs);
}

static int vcma_buffer_map_client(struct vcma_buffer *buf, struct vcma_client *c,
				  struct vcma_buffer_map *m)
{
	u64 max_dma = min_not_zero(dma_get_mask(m->dev), m->dev->bus_dma_limit);
	struct scatterlist *sg;
	u64 offset = 0;
	int i;

	for_each_sgtable_sg(&m->sgt, sg, i) {
		sg->dma_address = vcma_direct_map(c, vcma_buffer_gpa(buf, offset), sg->length,
						  max_dma, m->dir, 0);
		if (sg->dma_address == DMA_MAPPING_ERROR) {
			dev_err(m->dev, "virtio_cma: can't reach the %#x bytes at %#llx of a buffer of %s: limit %#llx\n",
				sg->length, offset, buf->owner, max_dma);
			vcma_buffer_unmap_client(c, m, i, DMA_ATTR_SKIP_CPU_SYNC);
			return -ERANGE;
		}
		sg_dma_len(sg) = sg->length;
		offset += sg->length;
	}
	m->sgt.nents = m->sgt.orig_nents;
	return 0;
}

static struct sg_table *vcma_buffer_map(struct dma_buf_attachment *at,
					enum dma_data_direction dir)
{
	struct vcma_buffer *buf = at->dmabuf->priv;
	struct vcma_buffer_map *m = at->priv;
	int err = -ENODEV;

	mutex_lock(&buf->lock);
	if (!buf->region)
		goto unlock;
	/* An attachment has one table: a second mapping would need its own. */
	err = list_empty(&m->node) ? vcma_buffer_sg(buf, &m->sgt) : -EBUSY;
	if (err)
		goto unlock;
	m->dir = dir;
	if (m->client && !vcma_client_use(m->client, m->dev)) {
		err = -ENODEV;
	} else if (m->client) {
		m->claim = m->client->nr_claims;
		err = vcma_buffer_map_client(buf, m->client, m);
		vcma_client_unuse(m->client);
	} else {
		err = dma_map_sgtable(m->dev, &m->sgt, dir, 0);
	}
	if (err) {
		sg_free_table(&m->sgt);
		goto unlock;
	}
	list_add(&m->node, &buf->maps);
	buf->nr_uses++;
unlock:
	mutex_unlock(&buf->lock);
	return err ? ERR_PTR(err) : &m->sgt;
}

/* Someone has stopped to use the buffer: it may be idle now. */
static void vcma_buffer_unuse(struct vcma_buffer *buf)
{
	lockdep_assert_held(&buf->lock);
	buf->nr_uses--;
	atomic_set(&buf->user->changed, 1);
	wake_up(&buf->user->wait);
}

static void vcma_buffer_unmap(struct dma_buf_attachment *at, struct sg_table *sgt,
			      enum dma_data_direction dir)
{
	struct vcma_buffer *buf = at->dmabuf->priv;
	struct vcma_buffer_map *m = at->priv;

	mutex_lock(&buf->lock);
	if (m->client) {
		/* Mapped, the buffer is not revoked: it has its region, and that the client. */
		if (vcma_buffer_use_client(m)) {
			vcma_buffer_unmap_client(m->client, m, m->sgt.nents, 0);
			vcma_client_unuse(m->client);
		}
	} else {
		dma_unmap_sgtable(m->dev, &m->sgt, m->dir, 0);
	}
	list_del_init(&m->node);
	sg_free_table(&m->sgt);
	vcma_buffer_unuse(buf);
	mutex_unlock(&buf->lock);
}

/* ---- the CPU's side ---- */

static void vcma_buffer_sync_client(struct vcma_buffer_map *m, bool for_cpu)
{
	struct scatterlist *sg;
	int i;

	if (!vcma_buffer_use_client(m))
		return;
	for_each_sgtable_dma_sg(&m->sgt, sg, i)
		vcma_direct_sync(m->client, sg_dma_address(sg), sg_dma_len(sg), m->dir, for_cpu);
	vcma_client_unuse(m->client);
}

/* Each device decides by its own direction: what the CPU does is not known that well. */
static int vcma_buffer_sync(struct vcma_buffer *buf, bool for_cpu)
{
	struct vcma_buffer_map *m;
	int err = 0;

	mutex_lock(&buf->lock);
	if (!buf->region)
		err = -ENODEV;
	list_for_each_entry(m, &buf->maps, node) {
		if (m->client)
			vcma_buffer_sync_client(m, for_cpu);
		else if (for_cpu)
			dma_sync_sgtable_for_cpu(m->dev, &m->sgt, m->dir);
		else
			dma_sync_sgtable_for_device(m->dev, &m->sgt, m->dir);
	}
	mutex_unlock(&buf->lock);
	return err;
}

static int vcma_buffer_begin_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return vcma_buffer_sync(dmabuf->priv, true);
}

static int vcma_buffer_end_cpu_access(struct dma_buf *dmabuf, enum dma_data_direction dir)
{
	return vcma_buffer_sync(dmabuf->priv, false);
}

static vm_fault_t vcma_buffer_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct vcma_buffer *buf = vma->vm_private_data;
	u64 offset = (u64)vmf->pgoff << PAGE_SHIFT;
	unsigned long addr = vmf->address & PAGE_MASK;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	unsigned int i;

	mutex_lock(&buf->lock);
	for (i = 0; buf->region && i < VCMA_FAULT_PAGES; i++) {
		vm_fault_t one;

		if (offset >= buf->bytes || addr >= vma->vm_end)
			break;
		one = vmf_insert_pfn_prot(vma, addr, PHYS_PFN(vcma_buffer_gpa(buf, offset)),
					  vma->vm_page_prot);
		if (!i)
			ret = one;
		if (one != VM_FAULT_NOPAGE)
			break;
		offset += PAGE_SIZE;
		addr += PAGE_SIZE;
	}
	mutex_unlock(&buf->lock);
	return ret;
}

static const struct vm_operations_struct vcma_buffer_vm_ops = {
	.fault = vcma_buffer_fault,
};

static int vcma_buffer_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct vcma_buffer *buf = dmabuf->priv;

	/*
	 * There is no memory that a private copy could be made of. Not VM_SHARED: that is
	 * missing if the file can't be written.
	 */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	vcma_vm_flags_set(vma, VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP);
	if (buf->attr == VCMA_UNCACHED)
		vma->vm_page_prot = pgprot_writecombine(vma->vm_page_prot);
	vma->vm_ops = &vcma_buffer_vm_ops;
	vma->vm_private_data = buf;
	return 0;
}

/* Return: a mapping of all of the buffer, or NULL. */
static void *vcma_buffer_map_kernel(struct vcma_buffer *buf)
{
	pgprot_t prot = PAGE_KERNEL;
	unsigned long i, nr = buf->bytes >> PAGE_SHIFT;
	struct page **pages;
	void *cpu;

	pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	if (!pages)
		return NULL;
	for (i = 0; i < nr; i++)
		pages[i] = pfn_to_page(PHYS_PFN(vcma_buffer_gpa(buf, (u64)i << PAGE_SHIFT)));
	if (buf->attr == VCMA_UNCACHED)
		prot = pgprot_writecombine(prot);
	cpu = vmap(pages, nr, VM_MAP, prot);
	kvfree(pages);
	return cpu;
}

static int vcma_buffer_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct vcma_buffer *buf = dmabuf->priv;
	int err = -ENODEV;

	mutex_lock(&buf->lock);
	if (!buf->region)
		goto out;
	if (!buf->nr_kernel)
		buf->kernel = buf->nr_blocks == 1 ? buf->blocks[0].cpu :
						    vcma_buffer_map_kernel(buf);
	err = buf->kernel ? 0 : -ENOMEM;
	if (err)
		goto out;
	buf->nr_kernel++;
	buf->nr_uses++;
	iosys_map_set_vaddr(map, buf->kernel);
out:
	mutex_unlock(&buf->lock);
	return err;
}

static void vcma_buffer_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct vcma_buffer *buf = dmabuf->priv;

	mutex_lock(&buf->lock);
	if (!--buf->nr_kernel) {
		if (buf->nr_blocks > 1)
			vunmap(buf->kernel);
		buf->kernel = NULL;
	}
	vcma_buffer_unuse(buf);
	mutex_unlock(&buf->lock);
	iosys_map_clear(map);
}

/* ---- life ---- */

static void vcma_buffer_release(struct dma_buf *dmabuf)
{
	struct vcma_buffer *buf = dmabuf->priv;
	struct vcma_user *u = buf->user;

	mutex_lock(&u->lock);
	list_del(&buf->node);
	mutex_lock(&buf->lock);
	if (buf->region)
		vcma_buffer_end(buf);
	mutex_unlock(&buf->lock);
	mutex_unlock(&u->lock);
	iput(buf->inode);
	kvfree(buf);
	put_device(&u->dev);
}

unsigned int vcma_buffers_revoke(struct vcma_user *u, char *owner)
{
	struct vcma_buffer *buf;
	unsigned int left = 0;

	lockdep_assert_held(&u->lock);
	list_for_each_entry(buf, &u->buffers, node) {
		mutex_lock(&buf->lock);
		if (buf->region && buf->nr_uses) {
			strscpy(owner, buf->owner, sizeof(buf->owner));
			left++;
		} else if (buf->region) {
			unmap_mapping_range(buf->inode->i_mapping, 0, 0, 1);
			dev_warn(buf->region->dev, "region %s: buffer of %s, %llu bytes, is revoked\n",
				 buf->region->name, buf->owner, buf->bytes);
			vcma_buffer_end(buf);
		}
		mutex_unlock(&buf->lock);
	}
	return left;
}

#define VCMA_BUFFER_OPS						\
	.attach = vcma_buffer_attach,				\
	.detach = vcma_buffer_detach,				\
	.map_dma_buf = vcma_buffer_map,				\
	.unmap_dma_buf = vcma_buffer_unmap,			\
	.begin_cpu_access = vcma_buffer_begin_cpu_access,	\
	.end_cpu_access = vcma_buffer_end_cpu_access,		\
	.mmap = vcma_buffer_mmap,				\
	.release = vcma_buffer_release

static const struct dma_buf_ops vcma_buffer_ops = {
	VCMA_BUFFER_OPS,
	.vmap = vcma_buffer_vmap,
	.vunmap = vcma_buffer_vunmap,
};

/*
 * Scattered, and no pages to map as one: an error of vmap() would be a WARN of the kernel,
 * which any program that can find an importer could bring about.
 */
static const struct dma_buf_ops vcma_buffer_ops_no_vmap = {
	VCMA_BUFFER_OPS,
};

static bool vcma_buffer_has_vmap(const struct vcma_buffer *buf)
{
	return buf->nr_blocks == 1 || buf->region->mode->has_pages;
}

/* What is allocated for the blocks of a bulk: those of one granule come one after the other. */
static u64 vcma_buffer_allocated_bytes(const struct vcma_buffer *buf)
{
	const struct vcma_region *r = buf->region;
	u64 granule, last = U64_MAX, nr = 0;
	u32 i;

	for (i = 0; i < buf->nr_blocks; i++) {
		granule = (buf->blocks[i].gpa - r->base_gpa) >> r->granule_shift;
		nr += granule != last;
		last = granule;
	}
	return nr << r->granule_shift;
}

static int vcma_buffer_make(struct vcma_user *u, struct vcma_region *r,
			    const struct vcma_buffer_constraints *want, struct dma_buf **out,
			    struct vcma_bulk_busy *busy, u32 *nr_busy)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	u32 room = nr_busy ? *nr_busy : 0;
	u64 block_bytes, charged_bytes, allocated_bytes;
	struct dma_buf *dmabuf;
	struct vcma_buffer *buf;
	unsigned int order;
	bool whole;
	int err;

	if (nr_busy)
		*nr_busy = 0;
	order = get_order(want->block_bytes);
	block_bytes = PAGE_SIZE << order;
	whole = block_bytes > r->granule_bytes || want->align_bytes > block_bytes;
	charged_bytes = vcma_region_round_up(r, (whole ? want->block_bytes : block_bytes) *
						want->nr_blocks);
	/* Records of many blocks are large: none for who may not have the blocks. */
	err = vcma_quota_charge(&u->quota, current_uid(), charged_bytes);
	if (err)
		return err;
	buf = kvzalloc(struct_size(buf, blocks, want->nr_blocks),
		       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!buf) {
		vcma_quota_uncharge(&u->quota, current_uid(), charged_bytes);
		return -ENOMEM;
	}
	snprintf(buf->owner, sizeof(buf->owner), "%s[%d]", current->comm, task_tgid_nr(current));
	buf->uid = current_uid();
	buf->user = u;
	buf->region = r;
	buf->attr = want->attr;
	buf->block_bytes = want->block_bytes;
	buf->bytes = want->block_bytes * want->nr_blocks;
	buf->order = order;
	buf->charged_bytes = charged_bytes;
	mutex_init(&buf->lock);
	INIT_LIST_HEAD(&buf->maps);

	err = whole ? vcma_buffer_get_whole(buf, r, want) :
		      vcma_buffer_get_bulk(buf, r, want, busy, nr_busy ? &room : NULL);
	if (nr_busy && !whole)
		*nr_busy = room;
	if (err)
		goto uncharge;
	if (!whole) {	/* only what came, but with what is between it */
		allocated_bytes = vcma_buffer_allocated_bytes(buf);
		if (allocated_bytes > buf->charged_bytes)
			err = vcma_quota_charge(&u->quota, buf->uid,
						allocated_bytes - buf->charged_bytes);
		else
			vcma_quota_uncharge(&u->quota, buf->uid,
					    buf->charged_bytes - allocated_bytes);
		if (err) {
			vcma_buffer_free_memory(buf);
			goto free;
		}
		buf->charged_bytes = allocated_bytes;
	}

	info.ops = vcma_buffer_has_vmap(buf) ? &vcma_buffer_ops : &vcma_buffer_ops_no_vmap;
	info.size = buf->bytes;
	info.flags = want->fd_flags & O_ACCMODE;
	info.priv = buf;
	get_device(&u->dev);
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		err = PTR_ERR(dmabuf);
		put_device(&u->dev);
		vcma_buffer_free_memory(buf);
		goto free;
	}
	buf->inode = file_inode(dmabuf->file);
	ihold(buf->inode);
	vcma_report_start(r);
	mutex_lock(&u->lock);
	list_add_tail(&buf->node, &u->buffers);
	mutex_unlock(&u->lock);
	*out = dmabuf;
	return 0;

uncharge:
	vcma_quota_uncharge(&u->quota, buf->uid, buf->charged_bytes);
free:
	kvfree(buf);
	return err;
}

int vcma_buffer_create(struct vcma_user *u, struct vcma_region *r,
		       const struct vcma_buffer_constraints *want, struct dma_buf **out,
		       struct vcma_bulk_busy *busy, u32 *nr_busy)
{
	ktime_t start = ktime_get();
	int err = vcma_buffer_make(u, r, want, out, busy, nr_busy);

	vcma_stats_alloc(&r->stats, VCMA_STATS_USER,
			 (err ? want->block_bytes * want->nr_blocks : (*out)->size) >> PAGE_SHIFT,
			 err, ktime_us_delta(ktime_get(), start));
	return err;
}
