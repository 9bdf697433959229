// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/vcma/NAME (user.h): arguments of the ioctls are copied once and checked here.
 *
 * Locks: vcma_user.region_sem, read while the region is used, written to take it away; vcma_user.lock
 * for the list of buffers. Order: see dmabuf.c.
 */
#include <linux/ctype.h>
#include <linux/dma-buf.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "compat/compat.h"
#include "core/mode.h"
#include "core/region.h"
#include "dma/bulk.h"
#include "dmabuf.h"
#include "heap.h"
#include "uapi/vcma.h"
#include "user.h"

#define VCMA_USER_NAG		(10 * HZ)	/* while waiting for buffers */
#define VCMA_USER_MAX_BUSY	65536		/* ranges in one answer */

static dev_t vcma_user_devt;
static DEFINE_IDA(vcma_user_minors);
/* Not "vcma": that is the folder of attributes below the same device. */
static struct class vcma_user_class = { .name = "virtio_cma" };

/* ---- ioctls ---- */

static long vcma_user_info(struct vcma_user *u, struct vcma_region *r, void __user *arg)
{
	struct vcma_info info = {
		.bytes = r->bytes,
		.granule_bytes = r->granule_bytes,
		.user_bytes = atomic64_read(&u->quota.bytes),
		.user_limit_bytes = READ_ONCE(u->quota.limit_bytes),
		.mode = r->mode->has_pages ? VCMA_MODE_REUSABLE : VCMA_MODE_PRIVATE,
	};

	memcpy(info.name, r->name, strnlen(r->name, sizeof(info.name)));
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

int vcma_user_answer(struct dma_buf *buf, unsigned int fd_flags, s32 *fd, void __user *to,
		     const void *arg, size_t bytes)
{
	int new = get_unused_fd_flags(fd_flags & O_CLOEXEC);

	if (new < 0) {
		dma_buf_put(buf);
		return new;
	}
	*fd = new;
	if (copy_to_user(to, arg, bytes)) {
		put_unused_fd(new);
		dma_buf_put(buf);
		return -EFAULT;
	}
	fd_install(new, buf->file);
	return 0;
}

static ktime_t vcma_user_deadline(u32 timeout_ms)
{
	return timeout_ms ? ktime_add_ms(ktime_get(), timeout_ms) : 0;
}

static enum vcma_attr vcma_user_attr(const struct vcma_region *r, u32 flags)
{
	if (flags & VCMA_ALLOC_UNCACHED || r->attr_policy == VIRTIO_CMA_ATTR_UNCACHED)
		return VCMA_UNCACHED;
	return VCMA_CACHED;
}

static long vcma_user_alloc(struct vcma_user *u, struct vcma_region *r, void __user *arg)
{
	struct vcma_buffer_constraints want;
	struct vcma_alloc a;
	struct dma_buf *buf;
	int err;

	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	if (!a.bytes || a.flags & ~(VCMA_ALLOC_FAST | VCMA_ALLOC_UNCACHED) ||
	    a.fd_flags & ~VCMA_USER_FD_FLAGS ||
	    (a.align_bytes && !is_power_of_2(a.align_bytes)))
		return -EINVAL;
	if (a.bytes > r->bytes || a.align_bytes > r->bytes)
		return -ENOMEM;

	want = (struct vcma_buffer_constraints) {
		.block_bytes = PAGE_ALIGN(a.bytes),
		.align_bytes = a.align_bytes,
		.max_dma = a.max_dma ?: U64_MAX,
		.nr_blocks = 1,
		.flags = a.flags & VCMA_ALLOC_FAST ? VCMA_FAST : 0,
		.fd_flags = a.fd_flags,
		.attr = vcma_user_attr(r, a.flags),
		.deadline = vcma_user_deadline(a.timeout_ms),
	};
	err = vcma_buffer_create(u, r, &want, &buf, NULL, NULL);
	if (err)
		return err;
	a.bytes = buf->size;
	return vcma_user_answer(buf, a.fd_flags, &a.fd, arg, &a, sizeof(a));
}

/* Tell the program where memory was busy. */
static int vcma_user_answer_busy(struct vcma_region *r, const struct vcma_alloc_bulk *a,
				 const struct vcma_bulk_busy *busy)
{
	struct vcma_busy_range __user *to = u64_to_user_ptr(a->busy);
	u32 i;

	for (i = 0; i < a->nr_busy; i++) {
		struct vcma_busy_range range = {
			.offset = busy[i].gpa - r->base_gpa,
			.bytes = busy[i].bytes,
			.why = busy[i].why,
		};

		if (copy_to_user(&to[i], &range, sizeof(range)))
			return -EFAULT;
	}
	return 0;
}

static int vcma_user_bulk(struct vcma_user *u, struct vcma_region *r,
			  struct vcma_alloc_bulk *a, struct vcma_bulk_busy *busy,
			  void __user *arg)
{
	const struct vcma_buffer_constraints want = {
		.block_bytes = a->block_bytes,
		.max_dma = a->max_dma ?: U64_MAX,
		.nr_blocks = a->nr_blocks,
		.flags = a->flags & VCMA_ALLOC_FAST ? VCMA_FAST : 0,
		.fd_flags = a->fd_flags,
		.attr = vcma_user_attr(r, a->flags),
		.deadline = vcma_user_deadline(a->timeout_ms),
	};
	struct dma_buf *buf = NULL;
	int err, copied;

	err = vcma_buffer_create(u, r, &want, &buf, busy, busy ? &a->nr_busy : NULL);
	a->nr_blocks = err ? 0 : div64_u64(buf->size, a->block_bytes);
	a->fd = -1;
	copied = vcma_user_answer_busy(r, a, busy);
	if (!err && !copied)
		return vcma_user_answer(buf, a->fd_flags, &a->fd, arg, a, sizeof(*a));
	if (!err)
		dma_buf_put(buf);
	else if (!copied && copy_to_user(arg, a, sizeof(*a)))
		copied = -EFAULT;
	return copied ?: err;
}

static long vcma_user_alloc_bulk(struct vcma_user *u, struct vcma_region *r, void __user *arg)
{
	struct vcma_bulk_busy *busy = NULL;
	struct vcma_alloc_bulk a;
	long err;

	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	if (!a.nr_blocks || !is_power_of_2(a.block_bytes) || a.block_bytes < PAGE_SIZE ||
	    a.flags & ~(VCMA_ALLOC_FAST | VCMA_ALLOC_UNCACHED) ||
	    a.fd_flags & ~VCMA_USER_FD_FLAGS || a.nr_busy > VCMA_USER_MAX_BUSY)
		return -EINVAL;
	if (a.block_bytes > r->granule_bytes || a.nr_blocks > div64_u64(r->bytes, a.block_bytes))
		return -ENOMEM;
	if (a.nr_busy) {
		busy = kvcalloc(a.nr_busy, sizeof(*busy), GFP_KERNEL);
		if (!busy)
			return -ENOMEM;
	}
	err = vcma_user_bulk(u, r, &a, busy, arg);
	kvfree(busy);
	return err;
}

static long vcma_user_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct vcma_user *u = file->private_data;
	void __user *to = (void __user *)arg;
	long ret;

	down_read(&u->region_sem);
	if (!u->region) {
		ret = -ENODEV;
		goto out;
	}
	switch (cmd) {
	case VCMA_IOC_INFO:
		ret = vcma_user_info(u, u->region, to);
		break;
	case VCMA_IOC_ALLOC:
		ret = vcma_user_alloc(u, u->region, to);
		break;
	case VCMA_IOC_ALLOC_BULK:
		ret = vcma_user_alloc_bulk(u, u->region, to);
		break;
	default:
		ret = -ENOTTY;
	}
out:
	up_read(&u->region_sem);
	return ret;
}

static int vcma_user_file_open(struct inode *inode, struct file *file)
{
	/* The file keeps cdev, and cdev its parent, which is u->dev. */
	file->private_data = container_of(inode->i_cdev, struct vcma_user, cdev);
	return nonseekable_open(inode, file);
}

static const struct file_operations vcma_user_fops = {
	.owner = THIS_MODULE,
	.open = vcma_user_file_open,
	.unlocked_ioctl = vcma_user_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* ---- life ---- */

static void vcma_user_free(struct device *dev)
{
	struct vcma_user *u = container_of(dev, struct vcma_user, dev);

	ida_free(&vcma_user_minors, MINOR(dev->devt));
	kfree(u);
}

/* The host chose the name; it becomes a path. */
static bool vcma_user_name_is_plain(const char *name)
{
	const char *c;

	for (c = name; *c; c++) {
		if (!isalnum(*c) && !strchr("_-+:.", *c))
			return false;
	}
	return *name && *name != '.';
}

static int vcma_user_create(struct vcma_region *r)
{
	struct vcma_user *u;
	struct device *old;
	int minor, err;

	if (!vcma_user_name_is_plain(r->name))
		return -EINVAL;
	u = kzalloc(sizeof(*u), GFP_KERNEL);
	if (!u)
		return -ENOMEM;
	minor = ida_alloc_max(&vcma_user_minors, VCMA_USER_MINORS - 1, GFP_KERNEL);
	if (minor < 0) {
		kfree(u);
		return minor;
	}
	init_rwsem(&u->region_sem);
	mutex_init(&u->lock);
	INIT_LIST_HEAD(&u->buffers);
	init_waitqueue_head(&u->wait);
	u->region = r;
	vcma_quota_init(&u->quota, r->bytes / 2, r->bytes);

	device_initialize(&u->dev);
	u->dev.class = &vcma_user_class;
	u->dev.parent = r->dev;
	u->dev.devt = MKDEV(MAJOR(vcma_user_devt), minor);
	u->dev.release = vcma_user_free;
	/* '!' becomes '/' below /dev. */
	err = dev_set_name(&u->dev, "vcma!%s", r->name);
	if (err)
		goto put;
	old = class_find_device_by_name(&vcma_user_class, dev_name(&u->dev));
	if (old) {
		put_device(old);
		err = -EEXIST;
		goto put;
	}
	cdev_init(&u->cdev, &vcma_user_fops);
	u->cdev.owner = THIS_MODULE;
	err = cdev_device_add(&u->cdev, &u->dev);
	if (err)
		goto put;
	r->user = u;
	vcma_heap_open(u, r);
	return 0;

put:
	put_device(&u->dev);
	return err;
}

void vcma_user_open(struct vcma_region *r)
{
	int err = vcma_user_create(r);

	if (err)
		dev_warn(r->dev, "region %s: no /dev/vcma/%s: %pe\n", r->name, r->name,
			 ERR_PTR(err));
}

void vcma_user_close(struct vcma_region *r)
{
	struct vcma_user *u = r->user;

	if (!u)
		return;
	vcma_heap_close(u);
	cdev_device_del(&u->cdev, &u->dev);
	down_write(&u->region_sem);
	u->region = NULL;
	up_write(&u->region_sem);
}

static bool vcma_user_revoke(struct vcma_user *u, char *owner)
{
	unsigned int left;

	mutex_lock(&u->lock);
	left = vcma_buffers_revoke(u, owner);
	mutex_unlock(&u->lock);
	return !left;
}

void vcma_user_finish(struct vcma_region *r)
{
	struct vcma_user *u = r->user;
	char owner[VCMA_OWNER_BYTES];

	if (!u)
		return;
	while (!vcma_user_revoke(u, owner)) {
		dev_warn(r->dev, "region %s: waits for a buffer of %s that a device or the kernel has mapped\n",
			 r->name, owner);
		wait_event_timeout(u->wait, atomic_xchg(&u->changed, 0), VCMA_USER_NAG);
	}
	r->user = NULL;
	put_device(&u->dev);
}

bool vcma_user_in_use(struct vcma_region *r)
{
	return r->user && atomic64_read(&r->user->quota.bytes);
}

struct vcma_users_names {
	char *names;
	size_t bytes, len;
};

static int vcma_users_name(struct device *dev, void *data)
{
	struct vcma_users_names *n = data;
	struct vcma_user *u = container_of(dev, struct vcma_user, dev);

	if (dev->release == vcma_user_free && atomic64_read(&u->quota.bytes))
		n->len += scnprintf(n->names + n->len, n->bytes - n->len, "%sprograms (%s)",
				    n->len ? ", " : "", dev_name(dev));
	return 0;
}

size_t vcma_users_names(char *names, size_t bytes)
{
	struct vcma_users_names n = { .names = names, .bytes = bytes };

	names[0] = '\0';
	class_for_each_device(&vcma_user_class, NULL, &n, vcma_users_name);
	return n.len;
}

int vcma_user_register(void)
{
	int err = alloc_chrdev_region(&vcma_user_devt, 0, VCMA_USER_MINORS, "vcma");

	if (err)
		return err;
	err = vcma_heap_register();
	if (err)
		goto unregister_user;
	err = class_register(&vcma_user_class);
	if (err)
		goto unregister_heap;
	return 0;

unregister_heap:
	vcma_heap_unregister();
unregister_user:
	unregister_chrdev_region(vcma_user_devt, VCMA_USER_MINORS);
	return err;
}

void vcma_user_unregister(void)
{
	class_unregister(&vcma_user_class);
	vcma_heap_unregister();
	unregister_chrdev_region(vcma_user_devt, VCMA_USER_MINORS);
	ida_destroy(&vcma_user_minors);
}
