// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_import: an ordinary importer of dma-bufs. Binds QEMU's "edu" devices, and does with
 * a program's buffer what is written to /dev/vcma_import, as "DEVICE VERB FD":
 *
 *	copy	map it; the device copies its first 64 bytes to where its second half begins
 *	keep	map it, until drop
 *	use	the device copies likewise in what is kept
 *	sync	the same, between syncs for the device and for the CPU
 *	twice	map it twice by one attachment
 *	vmap	map it for the kernel; its first 64 bytes are copied likewise; until drop
 *	drop	undo keep and vmap; FD does not matter
 *
 * A write fails as the operation does. It knows nothing of virtio_cma.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>

#include "edu.h"

/* Up to 6.1 the plain ones take no lock and want none. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define dma_buf_vmap_unlocked	dma_buf_vmap
#define dma_buf_vunmap_unlocked	dma_buf_vunmap
#endif

#define IMPORT_MAX	4	/* devices, in the order they were found */
#define IMPORT_BYTES	64

struct import {
	struct device *dev;
	void __iomem *regs;
	struct dma_buf *buf;			/* kept */
	struct dma_buf_attachment *at;		/* keep */
	struct sg_table *sgt;
	struct iosys_map map;			/* vmap */
};

static DEFINE_MUTEX(import_lock);
static struct import *imports[IMPORT_MAX];

/* Device address of byte @offset. */
static u64 import_dma(struct sg_table *sgt, u64 offset)
{
	struct scatterlist *sg;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (offset < sg_dma_len(sg))
			return sg_dma_address(sg) + offset;
		offset -= sg_dma_len(sg);
	}
	return 0;
}

static void import_drop(struct import *im)
{
	if (!im->buf)
		return;
	if (im->sgt)
		dma_buf_unmap_attachment_unlocked(im->at, im->sgt, DMA_BIDIRECTIONAL);
	if (im->at)
		dma_buf_detach(im->buf, im->at);
	if (!iosys_map_is_null(&im->map))
		dma_buf_vunmap_unlocked(im->buf, &im->map);
	iosys_map_clear(&im->map);
	dma_buf_put(im->buf);
	im->sgt = NULL;
	im->at = NULL;
	im->buf = NULL;
}

/* Keep @fd's buffer, mapped for the device. */
static int import_keep(struct import *im, int fd)
{
	int err;

	if (im->buf)
		return -EBUSY;
	im->buf = dma_buf_get(fd);
	if (IS_ERR(im->buf)) {
		err = PTR_ERR(im->buf);
		im->buf = NULL;
		return err;
	}
	im->at = dma_buf_attach(im->buf, im->dev);
	if (IS_ERR(im->at)) {
		err = PTR_ERR(im->at);
		im->at = NULL;
		goto drop;
	}
	im->sgt = dma_buf_map_attachment_unlocked(im->at, DMA_BIDIRECTIONAL);
	if (!IS_ERR(im->sgt))
		return 0;
	err = PTR_ERR(im->sgt);
	im->sgt = NULL;
drop:
	import_drop(im);
	return err;
}

/* A second mapping that comes is good for nothing, and undone first. */
static int import_twice(struct import *im, int fd)
{
	int err = import_keep(im, fd);
	struct sg_table *again;

	if (err)
		return err;
	again = dma_buf_map_attachment_unlocked(im->at, DMA_BIDIRECTIONAL);
	if (IS_ERR(again))
		err = PTR_ERR(again);
	else
		dma_buf_unmap_attachment_unlocked(im->at, again, DMA_BIDIRECTIONAL);
	import_drop(im);
	return err;
}

static int import_use(struct import *im)
{
	if (!im->sgt)
		return -ENODATA;
	return edu_read_memory(im->regs, import_dma(im->sgt, 0), IMPORT_BYTES) ?:
	       edu_write_memory(im->regs, import_dma(im->sgt, im->buf->size / 2), IMPORT_BYTES);
}

static int import_sync(struct import *im)
{
	int err;

	if (!im->sgt)
		return -ENODATA;
	dma_sync_sgtable_for_device(im->dev, im->sgt, DMA_BIDIRECTIONAL);
	err = import_use(im);
	dma_sync_sgtable_for_cpu(im->dev, im->sgt, DMA_BIDIRECTIONAL);
	return err;
}

static int import_copy(struct import *im, int fd)
{
	int err = import_keep(im, fd);

	if (err)
		return err;
	err = import_use(im);
	import_drop(im);
	return err;
}

static int import_vmap(struct import *im, int fd)
{
	u8 bytes[IMPORT_BYTES];
	int err;

	if (im->buf)
		return -EBUSY;
	im->buf = dma_buf_get(fd);
	if (IS_ERR(im->buf)) {
		err = PTR_ERR(im->buf);
		im->buf = NULL;
		return err;
	}
	err = dma_buf_vmap_unlocked(im->buf, &im->map);
	if (err) {
		iosys_map_clear(&im->map);
		import_drop(im);
		return err;
	}
	iosys_map_memcpy_from(bytes, &im->map, 0, sizeof(bytes));
	iosys_map_memcpy_to(&im->map, im->buf->size / 2, bytes, sizeof(bytes));
	return 0;
}

static ssize_t import_write(struct file *file, const char __user *from, size_t bytes,
			    loff_t *pos)
{
	char line[32] = "", verb[16] = "";
	unsigned int nr;
	int fd, err;

	if (bytes >= sizeof(line) || copy_from_user(line, from, bytes))
		return -EFAULT;
	if (sscanf(line, "%u %15s %d", &nr, verb, &fd) != 3 || nr >= IMPORT_MAX)
		return -EINVAL;
	mutex_lock(&import_lock);
	if (!imports[nr]) {
		err = -ENODEV;
	} else if (!strcmp(verb, "copy")) {
		err = import_copy(imports[nr], fd);
	} else if (!strcmp(verb, "twice")) {
		err = import_twice(imports[nr], fd);
	} else if (!strcmp(verb, "keep")) {
		err = import_keep(imports[nr], fd);
	} else if (!strcmp(verb, "use")) {
		err = import_use(imports[nr]);
	} else if (!strcmp(verb, "sync")) {
		err = import_sync(imports[nr]);
	} else if (!strcmp(verb, "vmap")) {
		err = import_vmap(imports[nr], fd);
	} else if (!strcmp(verb, "drop")) {
		import_drop(imports[nr]);
		err = 0;
	} else {
		err = -EINVAL;
	}
	mutex_unlock(&import_lock);
	return err ?: bytes;
}

static const struct file_operations import_fops = {
	.owner = THIS_MODULE,
	.write = import_write,
};

static struct miscdevice import_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vcma_import",
	.fops = &import_fops,
};

static int import_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct import *im;
	unsigned int i;
	int err;

	im = devm_kzalloc(&pdev->dev, sizeof(*im), GFP_KERNEL);
	if (!im)
		return -ENOMEM;
	im->dev = &pdev->dev;
	dma_set_max_seg_size(im->dev, UINT_MAX);
	err = dma_set_mask_and_coherent(im->dev, DMA_BIT_MASK(40));
	if (!err)
		err = pcim_enable_device(pdev);
	if (err)
		return err;
	im->regs = pcim_iomap(pdev, 0, 0);
	if (!im->regs)
		return -ENOMEM;
	pci_set_master(pdev);
	pci_set_drvdata(pdev, im);

	mutex_lock(&import_lock);
	for (i = 0; i < IMPORT_MAX && imports[i]; i++)
		;
	if (i < IMPORT_MAX)
		imports[i] = im;
	mutex_unlock(&import_lock);
	return i < IMPORT_MAX ? 0 : -ENOSPC;
}

static void import_remove(struct pci_dev *pdev)
{
	struct import *im = pci_get_drvdata(pdev);
	unsigned int i;

	mutex_lock(&import_lock);
	import_drop(im);
	for (i = 0; i < IMPORT_MAX; i++) {
		if (imports[i] == im)
			imports[i] = NULL;
	}
	mutex_unlock(&import_lock);
	pci_clear_master(pdev);
}

static const struct pci_device_id import_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};
MODULE_DEVICE_TABLE(pci, import_ids);

static struct pci_driver import_driver = {
	.name = KBUILD_MODNAME,
	.id_table = import_ids,
	.probe = import_probe,
	.remove = import_remove,
};

static int __init import_init(void)
{
	int err = misc_register(&import_misc);

	if (err)
		return err;
	err = pci_register_driver(&import_driver);
	if (err)
		misc_deregister(&import_misc);
	return err;
}
module_init(import_init);

static void __exit import_exit(void)
{
	misc_deregister(&import_misc);
	pci_unregister_driver(&import_driver);
}
module_exit(import_exit);

MODULE_DESCRIPTION("dma-buf importer on QEMU's edu device");
MODULE_LICENSE("GPL");
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
MODULE_IMPORT_NS("DMA_BUF");
#else
MODULE_IMPORT_NS(DMA_BUF);
#endif
