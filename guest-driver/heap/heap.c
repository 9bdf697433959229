// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/dma_heap/NAME (heap.h).
 *
 * Locks: vcma_user.region_sem, read, while the region is used.
 */
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-heap.h>

#include "core/region.h"
#include "dma/coherent.h"
#include "dmabuf.h"
#include "heap.h"
#include "user.h"

struct vcma_heap {
	struct device dev;		/* counts references */
	struct cdev cdev;
	struct vcma_user *user;		/* with a reference */
};

static dev_t vcma_heap_devt;

static long vcma_heap_alloc(struct vcma_user *u, struct vcma_region *r,
			    struct dma_heap_allocation_data *a, void __user *to, size_t bytes)
{
	u32 timeout_ms = READ_ONCE(vcma_alloc_timeout_ms);
	struct vcma_buffer_constraints want;
	struct dma_buf *buf;
	int err;

	if (!a->len || a->fd || a->fd_flags & ~VCMA_USER_FD_FLAGS || a->heap_flags)
		return -EINVAL;
	if (a->len > r->bytes)
		return -ENOMEM;
	want = (struct vcma_buffer_constraints) {
		.block_bytes = PAGE_ALIGN(a->len),
		.max_dma = U64_MAX,
		.nr_blocks = 1,
		.fd_flags = a->fd_flags,
		.attr = r->attr_policy == VIRTIO_CMA_ATTR_UNCACHED ? VCMA_UNCACHED : VCMA_CACHED,
		.deadline = timeout_ms ? ktime_add_ms(ktime_get(), timeout_ms) : 0,
	};
	err = vcma_buffer_create(u, r, &want, &buf, NULL, NULL);
	if (err)
		return err;
	a->len = buf->size;
	return vcma_user_answer(buf, a->fd_flags, (s32 *)&a->fd, to, a, bytes);
}

/* Programs that were built with an older or a newer header have less or more of it. */
static long vcma_heap_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcma_heap *heap = file->private_data;
	struct vcma_user *u = heap->user;
	struct dma_heap_allocation_data a = {};
	void __user *to = (void __user *)arg;
	size_t bytes = min_t(size_t, _IOC_SIZE(cmd), sizeof(a));
	long ret = -ENODEV;

	if (_IOC_TYPE(cmd) != DMA_HEAP_IOC_MAGIC || _IOC_NR(cmd) != _IOC_NR(DMA_HEAP_IOCTL_ALLOC))
		return -ENOTTY;
	if (bytes < offsetofend(struct dma_heap_allocation_data, fd_flags))
		return -EINVAL;
	if (copy_from_user(&a, to, bytes))
		return -EFAULT;
	down_read(&u->region_sem);
	if (u->region)
		ret = vcma_heap_alloc(u, u->region, &a, to, bytes);
	up_read(&u->region_sem);
	return ret;
}

static int vcma_heap_file_open(struct inode *inode, struct file *file)
{
	/* The file keeps cdev, and cdev its parent, which is heap->dev. */
	file->private_data = container_of(inode->i_cdev, struct vcma_heap, cdev);
	return nonseekable_open(inode, file);
}

static const struct file_operations vcma_heap_fops = {
	.owner = THIS_MODULE,
	.open = vcma_heap_file_open,
	.unlocked_ioctl = vcma_heap_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* ---- life ---- */

static void vcma_heap_free(struct device *dev)
{
	struct vcma_heap *heap = container_of(dev, struct vcma_heap, dev);

	put_device(&heap->user->dev);
	kfree(heap);
}

static int vcma_heap_create(struct vcma_user *u, struct vcma_region *r)
{
	struct vcma_heap *heap;
	int err;

	heap = kzalloc(sizeof(*heap), GFP_KERNEL);
	if (!heap)
		return -ENOMEM;
	get_device(&u->dev);
	heap->user = u;
	device_initialize(&heap->dev);
	heap->dev.class = u->dev.class;
	heap->dev.parent = r->dev;
	heap->dev.devt = MKDEV(MAJOR(vcma_heap_devt), MINOR(u->dev.devt));
	heap->dev.release = vcma_heap_free;
	err = dev_set_name(&heap->dev, "dma_heap!%s", r->name);
	if (err)
		goto put;
	cdev_init(&heap->cdev, &vcma_heap_fops);
	heap->cdev.owner = THIS_MODULE;
	err = cdev_device_add(&heap->cdev, &heap->dev);
	if (err)
		goto put;
	u->heap = heap;
	return 0;

put:
	put_device(&heap->dev);
	return err;
}

void vcma_heap_open(struct vcma_user *u, struct vcma_region *r)
{
	int err = vcma_heap_create(u, r);

	if (err)
		dev_warn(r->dev, "region %s: no /dev/dma_heap/%s: %pe\n", r->name, r->name,
			 ERR_PTR(err));
}

void vcma_heap_close(struct vcma_user *u)
{
	if (!u->heap)
		return;
	cdev_device_del(&u->heap->cdev, &u->heap->dev);
	put_device(&u->heap->dev);
	u->heap = NULL;
}

int vcma_heap_register(void)
{
	return alloc_chrdev_region(&vcma_heap_devt, 0, VCMA_USER_MINORS, "vcma_heap");
}

void vcma_heap_unregister(void)
{
	unregister_chrdev_region(vcma_heap_devt, VCMA_USER_MINORS);
}
