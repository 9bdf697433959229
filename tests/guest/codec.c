// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_codec: a codec as the media framework knows them, whose frames are contiguous
 * (videobuf2-dma-contig). Each of QEMU's "edu" devices becomes one:
 *
 *	video node "ADDRESS source"	frames come in (V4L2_BUF_TYPE_VIDEO_OUTPUT)
 *	video node "ADDRESS sink"	and go out (V4L2_BUF_TYPE_VIDEO_CAPTURE)
 *
 * When both have a frame, the device moves samples (codec.h) from the one to the other by DMA, at
 * offsets from the one address that the framework has for the frame: what is not contiguous is
 * moved from and to the wrong places. The device has 4 KiB and takes its time, so that whole frames
 * would take minutes. The log tells where a frame is. It knows nothing of virtio_cma.
 *
 * Locks: of each node, for its queue and its file; @lock for the frames that wait, a leaf.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <media/v4l2-device.h>
#include <media/v4l2-ioctl.h>
#include <media/videobuf2-dma-contig.h>
#include <media/videobuf2-v4l2.h>

#include "codec.h"
#include "edu.h"

#define CODEC_MAX_BYTES	SZ_64M

enum codec_end { CODEC_SOURCE, CODEC_SINK, CODEC_ENDS };

struct codec_frame {
	struct vb2_v4l2_buffer vb;	/* first: the framework's part */
	struct list_head node;
};

struct codec_node {
	struct codec *codec;
	struct video_device vdev;
	struct vb2_queue queue;
	struct mutex lock;
	struct list_head frames;	/* that wait */
	u32 bytes;			/* of a frame, whole pages */
};

struct codec {
	struct v4l2_device v4l2;
	struct device *dev;
	void __iomem *regs;
	struct codec_node nodes[CODEC_ENDS];
	spinlock_t lock;
	struct work_struct work;
};

static const char *const codec_names[CODEC_ENDS] = { "source", "sink" };

static struct codec_frame *codec_frame(struct vb2_buffer *vb)
{
	return container_of(to_vb2_v4l2_buffer(vb), struct codec_frame, vb);
}

static const char *codec_name(const struct codec_node *node)
{
	return codec_names[node - node->codec->nodes];
}

/* ---- moving frames ---- */

static int codec_move(struct codec *c, struct vb2_buffer *source, struct vb2_buffer *sink)
{
	dma_addr_t from = vb2_dma_contig_plane_dma_addr(source, 0);
	dma_addr_t to = vb2_dma_contig_plane_dma_addr(sink, 0);
	unsigned long bytes = min(vb2_plane_size(source, 0), vb2_plane_size(sink, 0));
	unsigned int i;
	int err = 0;

	for (i = 0; i < CODEC_SAMPLES && !err; i++) {
		err = edu_read_memory(c->regs, from + codec_sample(bytes, i), CODEC_SAMPLE_BYTES) ?:
		      edu_write_memory(c->regs, to + codec_sample(bytes, i), CODEC_SAMPLE_BYTES);
	}
	vb2_set_plane_payload(sink, 0, bytes);
	return err;
}

/* Take one frame of each node, if both have any. */
static bool codec_take(struct codec *c, struct codec_frame *frames[CODEC_ENDS])
{
	bool both;
	int end;

	spin_lock(&c->lock);
	both = !list_empty(&c->nodes[CODEC_SOURCE].frames) &&
	       !list_empty(&c->nodes[CODEC_SINK].frames);
	for (end = 0; both && end < CODEC_ENDS; end++) {
		frames[end] = list_first_entry(&c->nodes[end].frames, struct codec_frame, node);
		list_del(&frames[end]->node);
	}
	spin_unlock(&c->lock);
	return both;
}

static void codec_work(struct work_struct *work)
{
	struct codec *c = container_of(work, struct codec, work);
	struct codec_frame *frames[CODEC_ENDS];
	int end, err;

	while (codec_take(c, frames)) {
		err = codec_move(c, &frames[CODEC_SOURCE]->vb.vb2_buf,
				 &frames[CODEC_SINK]->vb.vb2_buf);
		for (end = 0; end < CODEC_ENDS; end++)
			vb2_buffer_done(&frames[end]->vb.vb2_buf,
					err ? VB2_BUF_STATE_ERROR : VB2_BUF_STATE_DONE);
	}
}

/* ---- queues ---- */

static int codec_queue_setup(struct vb2_queue *q, unsigned int *nr_buffers,
			     unsigned int *nr_planes, unsigned int sizes[],
			     struct device *devs[])
{
	struct codec_node *node = vb2_get_drv_priv(q);

	if (*nr_planes)
		return sizes[0] < node->bytes ? -EINVAL : 0;
	*nr_planes = 1;
	sizes[0] = node->bytes;
	return 0;
}

/* In how many pieces the DMA API says that memory of ours is; a negative code if it can't say. */
static int codec_pieces(struct codec *c, struct vb2_buffer *vb)
{
	struct sg_table sgt;
	int err = dma_get_sgtable(c->dev, &sgt, vb2_plane_vaddr(vb, 0),
				  vb2_dma_contig_plane_dma_addr(vb, 0), vb2_plane_size(vb, 0));

	if (err)
		return err;
	err = sgt.orig_nents;
	sg_free_table(&sgt);
	return err;
}

static int codec_buf_init(struct vb2_buffer *vb)
{
	struct codec_node *node = vb2_get_drv_priv(vb->vb2_queue);
	dma_addr_t dma = vb2_dma_contig_plane_dma_addr(vb, 0);

	if (vb->memory == VB2_MEMORY_DMABUF)
		dev_info(node->codec->dev, "%s: frame of %lu bytes imported at %pad\n",
			 codec_name(node), vb2_plane_size(vb, 0), &dma);
	else if (vb->vb2_queue->non_coherent_mem)
		dev_info(node->codec->dev, "%s: frame of %lu bytes, not coherent, at %pad\n",
			 codec_name(node), vb2_plane_size(vb, 0), &dma);
	else
		dev_info(node->codec->dev, "%s: frame of %lu bytes, pieces: %d, at %pad\n",
			 codec_name(node), vb2_plane_size(vb, 0),
			 codec_pieces(node->codec, vb), &dma);
	return 0;
}

static int codec_buf_prepare(struct vb2_buffer *vb)
{
	struct codec_node *node = vb2_get_drv_priv(vb->vb2_queue);

	to_vb2_v4l2_buffer(vb)->field = V4L2_FIELD_NONE;
	return vb2_plane_size(vb, 0) < node->bytes ? -EINVAL : 0;
}

static void codec_buf_queue(struct vb2_buffer *vb)
{
	struct codec_node *node = vb2_get_drv_priv(vb->vb2_queue);
	struct codec *c = node->codec;

	spin_lock(&c->lock);
	list_add_tail(&codec_frame(vb)->node, &node->frames);
	spin_unlock(&c->lock);
	schedule_work(&c->work);
}

/* What waits is taken back, what is being moved is waited for. */
static void codec_stop_streaming(struct vb2_queue *q)
{
	struct codec_node *node = vb2_get_drv_priv(q);
	struct codec_frame *frame, *next;
	LIST_HEAD(frames);

	spin_lock(&node->codec->lock);
	list_splice_init(&node->frames, &frames);
	spin_unlock(&node->codec->lock);
	flush_work(&node->codec->work);
	list_for_each_entry_safe(frame, next, &frames, node)
		vb2_buffer_done(&frame->vb.vb2_buf, VB2_BUF_STATE_ERROR);
}

static const struct vb2_ops codec_queue_ops = {
	.queue_setup = codec_queue_setup,
	.buf_init = codec_buf_init,
	.buf_prepare = codec_buf_prepare,
	.buf_queue = codec_buf_queue,
	.stop_streaming = codec_stop_streaming,
};

/* ---- video nodes ---- */

static int codec_querycap(struct file *file, void *priv, struct v4l2_capability *cap)
{
	strscpy(cap->driver, KBUILD_MODNAME, sizeof(cap->driver));
	strscpy(cap->card, KBUILD_MODNAME, sizeof(cap->card));
	return 0;
}

/* A compressed format: how large a frame can be is for programs to say. */
static int codec_enum_fmt(struct file *file, void *priv, struct v4l2_fmtdesc *f)
{
	if (f->index)
		return -EINVAL;
	f->pixelformat = V4L2_PIX_FMT_MJPEG;
	return 0;
}

static int codec_try_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	u32 bytes = clamp_t(u32, f->fmt.pix.sizeimage, 2 * CODEC_SAMPLE_BYTES, CODEC_MAX_BYTES);

	f->fmt.pix = (struct v4l2_pix_format) {
		.width = 8192,
		.height = 8192,
		.pixelformat = V4L2_PIX_FMT_MJPEG,
		.field = V4L2_FIELD_NONE,
		.sizeimage = PAGE_ALIGN(bytes),
	};
	return 0;
}

static int codec_s_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct codec_node *node = video_drvdata(file);

	if (vb2_is_busy(&node->queue))
		return -EBUSY;
	codec_try_fmt(file, priv, f);
	node->bytes = f->fmt.pix.sizeimage;
	return 0;
}

static int codec_g_fmt(struct file *file, void *priv, struct v4l2_format *f)
{
	struct codec_node *node = video_drvdata(file);

	f->fmt.pix.sizeimage = node->bytes;
	return codec_try_fmt(file, priv, f);
}

static const struct v4l2_ioctl_ops codec_ioctl_ops = {
	.vidioc_querycap = codec_querycap,
	.vidioc_enum_fmt_vid_cap = codec_enum_fmt,
	.vidioc_enum_fmt_vid_out = codec_enum_fmt,
	.vidioc_try_fmt_vid_cap = codec_try_fmt,
	.vidioc_try_fmt_vid_out = codec_try_fmt,
	.vidioc_s_fmt_vid_cap = codec_s_fmt,
	.vidioc_s_fmt_vid_out = codec_s_fmt,
	.vidioc_g_fmt_vid_cap = codec_g_fmt,
	.vidioc_g_fmt_vid_out = codec_g_fmt,
	.vidioc_reqbufs = vb2_ioctl_reqbufs,
	.vidioc_querybuf = vb2_ioctl_querybuf,
	.vidioc_qbuf = vb2_ioctl_qbuf,
	.vidioc_dqbuf = vb2_ioctl_dqbuf,
	.vidioc_expbuf = vb2_ioctl_expbuf,
	.vidioc_streamon = vb2_ioctl_streamon,
	.vidioc_streamoff = vb2_ioctl_streamoff,
};

static const struct v4l2_file_operations codec_fops = {
	.owner = THIS_MODULE,
	.open = v4l2_fh_open,
	.release = vb2_fop_release,
	.poll = vb2_fop_poll,
	.mmap = vb2_fop_mmap,
	.unlocked_ioctl = video_ioctl2,
};

/* Programs wait by poll(): whoever waited in DQBUF would keep the node's lock on some kernels. */
static int codec_add_node(struct codec *c, enum codec_end end)
{
	struct codec_node *node = &c->nodes[end];
	struct vb2_queue *q = &node->queue;
	struct video_device *vdev = &node->vdev;
	int err;

	q->type = end == CODEC_SOURCE ? V4L2_BUF_TYPE_VIDEO_OUTPUT : V4L2_BUF_TYPE_VIDEO_CAPTURE;
	q->io_modes = VB2_MMAP | VB2_DMABUF;
	q->dev = c->dev;
	q->drv_priv = node;
	q->ops = &codec_queue_ops;
	q->mem_ops = &vb2_dma_contig_memops;
	q->buf_struct_size = sizeof(struct codec_frame);
	q->timestamp_flags = V4L2_BUF_FLAG_TIMESTAMP_COPY;
	q->lock = &node->lock;
	q->allow_cache_hints = 1;
	err = vb2_queue_init(q);
	if (err)
		return err;

	snprintf(vdev->name, sizeof(vdev->name), "%s %s", dev_name(c->dev), codec_names[end]);
	vdev->v4l2_dev = &c->v4l2;
	vdev->fops = &codec_fops;
	vdev->ioctl_ops = &codec_ioctl_ops;
	vdev->release = video_device_release_empty;
	vdev->lock = &node->lock;
	vdev->queue = q;
	vdev->vfl_dir = end == CODEC_SOURCE ? VFL_DIR_TX : VFL_DIR_RX;
	vdev->device_caps = V4L2_CAP_STREAMING |
			    (end == CODEC_SOURCE ? V4L2_CAP_VIDEO_OUTPUT : V4L2_CAP_VIDEO_CAPTURE);
	video_set_drvdata(vdev, node);
	return video_register_device(vdev, VFL_TYPE_VIDEO, -1);
}

/* ---- the device ---- */

/* Files may be open for longer than the driver is bound. */
static void codec_release(struct v4l2_device *v4l2)
{
	struct codec *c = container_of(v4l2, struct codec, v4l2);

	v4l2_device_unregister(v4l2);
	kfree(c);
}

static int codec_enable(struct codec *c, struct pci_dev *pdev)
{
	int err = dma_set_mask_and_coherent(c->dev, DMA_BIT_MASK(40)) ?:
		  vb2_dma_contig_set_max_seg_size(c->dev, UINT_MAX) ?:
		  pcim_enable_device(pdev);

	if (err)
		return err;
	c->regs = pcim_iomap(pdev, 0, 0);
	if (!c->regs)
		return -ENOMEM;
	pci_set_master(pdev);
	return 0;
}

static int codec_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct codec *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int err, end;

	if (!c)
		return -ENOMEM;
	c->dev = &pdev->dev;
	spin_lock_init(&c->lock);
	INIT_WORK(&c->work, codec_work);
	for (end = 0; end < CODEC_ENDS; end++) {
		c->nodes[end].codec = c;
		c->nodes[end].bytes = CODEC_MAX_BYTES;
		mutex_init(&c->nodes[end].lock);
		INIT_LIST_HEAD(&c->nodes[end].frames);
	}
	err = v4l2_device_register(c->dev, &c->v4l2);
	if (err) {
		kfree(c);
		return err;
	}
	c->v4l2.release = codec_release;
	err = codec_enable(c, pdev);
	for (end = 0; end < CODEC_ENDS && !err; end++)
		err = codec_add_node(c, end);
	if (!err)
		return 0;
	/* One that was never registered is left alone. */
	for (end = 0; end < CODEC_ENDS; end++)
		vb2_video_unregister_device(&c->nodes[end].vdev);
	v4l2_device_put(&c->v4l2);
	return err;
}

static void codec_remove(struct pci_dev *pdev)
{
	struct v4l2_device *v4l2 = pci_get_drvdata(pdev);
	struct codec *c = container_of(v4l2, struct codec, v4l2);
	int end;

	for (end = 0; end < CODEC_ENDS; end++)
		vb2_video_unregister_device(&c->nodes[end].vdev);
	flush_work(&c->work);
	v4l2_device_disconnect(v4l2);
	v4l2_device_put(v4l2);
	pci_clear_master(pdev);
}

static const struct pci_device_id codec_ids[] = {
	{ PCI_DEVICE(EDU_VENDOR, EDU_DEVICE) },
	{ 0 }
};
MODULE_DEVICE_TABLE(pci, codec_ids);

static struct pci_driver codec_driver = {
	.name = KBUILD_MODNAME,
	.id_table = codec_ids,
	.probe = codec_probe,
	.remove = codec_remove,
};
module_pci_driver(codec_driver);

MODULE_DESCRIPTION("codec of the media framework on QEMU's edu device");
MODULE_LICENSE("GPL");
