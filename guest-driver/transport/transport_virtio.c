// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtio transport: the virtio driver, its three queues, and the calls on them.
 *
 * A call's buffers are its own, not the caller's: if the device does not answer
 * in time they stay allocated until it answers after all, or is reset. From then
 * on the transport is stopped: a device that answers one request late would
 * answer others wrongly.
 *
 * On reboot and kexec the virtio bus, or this driver where the bus does not, resets the
 * device, and the host with it quiesces the clients; the clients' own drivers have been
 * shut down by then (client.c links them to us).
 *
 * A region that is online adds memory to the guest, and for that waits for a lock that comes
 * before the device's own, with which probe and resume are called: so it starts in a worker.
 * Loading the module waits for these workers, with no lock held.
 *
 * Locks: vcma_virtio.lock, a leaf, guards the queues and the calls' states.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/semaphore.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "compat/compat.h"
#include "transport.h"

#define VCMA_NR_EVENTS		16
#define VCMA_CALL_DESCRIPTORS	2
#define VCMA_WAIT_STEP		(HZ / 2)
#define VCMA_FREEZE_PATIENCE	(5 * HZ)
#define VCMA_FREEZE_STEP_MS	20

unsigned int vcma_request_timeout_ms = 30000;

static const struct vcma_transport_user *vcma_user;	/* constant while registered */

struct vcma_call {
	struct completion done;
	int err;		/* valid when done */
	u32 used_bytes;
	bool abandoned;		/* nobody waits: free when the device is done */
	void *req;
	void *resp;
};

struct vcma_virtio {
	struct vcma_transport transport;
	struct virtio_device *vdev;
	struct vcma_region *region;	/* NULL: not started */
	struct work_struct start_work;
	struct virtqueue *vqs[VIRTIO_CMA_NR_VQS];
	struct semaphore room[VIRTIO_CMA_NR_VQS];	/* calls that fit the queue */
	spinlock_t lock;
	bool stopped;
	bool suspended;			/* the region waits for restore */
	struct virtio_cma_event_wanted events[VCMA_NR_EVENTS];	/* the longest */
};

/* Devices whose start_work is on its way. */
static atomic_t vcma_virtio_nr_starting = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(vcma_virtio_started);

static void vcma_call_free(struct vcma_call *call)
{
	if (!call)
		return;
	kfree(call->req);
	kfree(call->resp);
	kfree(call);
}

static struct vcma_call *vcma_call_new(const void *req, size_t req_bytes, size_t resp_bytes)
{
	struct vcma_call *call = kzalloc(sizeof(*call), GFP_NOIO);

	if (!call)
		return NULL;
	init_completion(&call->done);
	call->req = kmemdup(req, req_bytes, GFP_NOIO);
	call->resp = kzalloc(resp_bytes, GFP_NOIO);
	if (!call->req || !call->resp) {
		vcma_call_free(call);
		return NULL;
	}
	return call;
}

/* The device is done with @call. Caller holds the lock. */
static void vcma_call_end(struct vcma_call *call, int err, u32 used_bytes)
{
	if (call->abandoned) {
		vcma_call_free(call);
		return;
	}
	call->err = err;
	call->used_bytes = used_bytes;
	complete(&call->done);
}

static void vcma_virtio_answered(struct virtqueue *vq)
{
	struct vcma_virtio *vv = vq->vdev->priv;
	struct vcma_call *call;
	unsigned long flags;
	unsigned int len;

	spin_lock_irqsave(&vv->lock, flags);
	while ((call = virtqueue_get_buf(vq, &len)))
		vcma_call_end(call, 0, len);
	spin_unlock_irqrestore(&vv->lock, flags);
}

static int vcma_virtio_submit(struct vcma_virtio *vv, struct virtqueue *vq,
			      struct vcma_call *call, size_t req_bytes, size_t resp_bytes)
{
	struct scatterlist out, in, *sgs[] = { &out, &in };
	unsigned long flags;
	bool notify = false;
	int err = 0;

	sg_init_one(&out, call->req, req_bytes);
	sg_init_one(&in, call->resp, resp_bytes);
	spin_lock_irqsave(&vv->lock, flags);
	if (vv->stopped || virtqueue_is_broken(vq))
		err = -ESHUTDOWN;
	if (!err)
		err = virtqueue_add_sgs(vq, sgs, 1, 1, call, GFP_ATOMIC);
	if (!err)
		notify = virtqueue_kick_prepare(vq);
	spin_unlock_irqrestore(&vv->lock, flags);
	if (notify)
		virtqueue_notify(vq);
	return err;
}

/* Return: 0 if the device is done with @call; else why not, and it is not ours any more. */
static int vcma_virtio_wait(struct vcma_virtio *vv, struct virtqueue *vq,
			     struct vcma_call *call)
{
	unsigned int limit_ms = READ_ONCE(vcma_request_timeout_ms);
	long left = limit_ms ? msecs_to_jiffies(limit_ms) : MAX_SCHEDULE_TIMEOUT;
	unsigned long flags;
	int err = 0;

	/* In steps: nobody wakes us when the bus gives the device up. */
	do {
		long step = min_t(long, left, VCMA_WAIT_STEP);

		if (wait_for_completion_timeout(&call->done, step))
			return 0;
		left -= step;
	} while (left && !virtqueue_is_broken(vq));

	spin_lock_irqsave(&vv->lock, flags);
	if (!completion_done(&call->done)) {
		call->abandoned = true;
		vv->stopped = true;
		err = virtqueue_is_broken(vq) ? -ESHUTDOWN : -ETIMEDOUT;
	}
	spin_unlock_irqrestore(&vv->lock, flags);
	return err;
}

static int vcma_virtio_call(struct vcma_transport *t, enum vcma_queue queue,
			    const void *req, size_t req_bytes,
			    void *resp, size_t resp_bytes, size_t *used_bytes)
{
	struct vcma_virtio *vv = container_of(t, struct vcma_virtio, transport);
	int nr = queue == VCMA_QUEUE_REPORT ? VIRTIO_CMA_VQ_REPORT : VIRTIO_CMA_VQ_REQUEST;
	struct vcma_call *call;
	int err;

	call = vcma_call_new(req, req_bytes, resp_bytes);
	if (!call)
		return -ENOMEM;

	down(&vv->room[nr]);
	err = vcma_virtio_submit(vv, vv->vqs[nr], call, req_bytes, resp_bytes);
	if (err)
		goto out;
	err = vcma_virtio_wait(vv, vv->vqs[nr], call);
	if (err) {
		call = NULL;
		goto out;
	}
	err = call->err;
	if (!err) {
		*used_bytes = call->used_bytes;
		memcpy(resp, call->resp, min_t(size_t, call->used_bytes, resp_bytes));
	}
out:
	up(&vv->room[nr]);
	vcma_call_free(call);
	return err;
}

static void vcma_virtio_read_config(struct vcma_transport *t, struct virtio_cma_config *config)
{
	struct vcma_virtio *vv = container_of(t, struct vcma_virtio, transport);

	virtio_cread_bytes(vv->vdev, 0, config, sizeof(*config));
}

static const struct vcma_transport_ops vcma_virtio_ops = {
	.call = vcma_virtio_call,
	.read_config = vcma_virtio_read_config,
};

/* ---- events ---- */

/* Caller holds the lock. The queue has room for all events. */
static void vcma_virtio_post_event(struct vcma_virtio *vv, struct virtio_cma_event_wanted *event)
{
	struct scatterlist sg;

	sg_init_one(&sg, event, sizeof(*event));
	virtqueue_add_inbuf(vv->vqs[VIRTIO_CMA_VQ_EVENT], &sg, 1, event, GFP_ATOMIC);
}

static void vcma_virtio_event(struct virtqueue *vq)
{
	struct vcma_virtio *vv = vq->vdev->priv;
	struct vcma_transport *t = &vv->transport;
	void (*deliver)(void *ctx, const struct virtio_cma_event *event, size_t bytes);
	struct virtio_cma_event_wanted *event, copy;
	unsigned long flags;
	unsigned int len;

	deliver = smp_load_acquire(&t->event);	/* pairs with who sets it */
	spin_lock_irqsave(&vv->lock, flags);
	while (!vv->stopped && (event = virtqueue_get_buf(vq, &len))) {
		copy = *event;
		vcma_virtio_post_event(vv, event);
		if (deliver)
			deliver(t->event_ctx, &copy.event, len);
	}
	spin_unlock_irqrestore(&vv->lock, flags);
	virtqueue_kick(vq);
}

/* ---- the device ---- */

/* Now, or before, the device is reset. */
static void vcma_virtio_del_vqs(struct vcma_virtio *vv)
{
	vv->vdev->config->del_vqs(vv->vdev);
	memset(vv->vqs, 0, sizeof(vv->vqs));
}

static int vcma_virtio_find_vqs(struct vcma_virtio *vv)
{
	static const struct vcma_vq_spec specs[VIRTIO_CMA_NR_VQS] = {
		[VIRTIO_CMA_VQ_REQUEST] = { "request", vcma_virtio_answered },
		[VIRTIO_CMA_VQ_EVENT] = { "event", vcma_virtio_event },
		[VIRTIO_CMA_VQ_REPORT] = { "report", vcma_virtio_answered },
	};
	struct virtio_device *vdev = vv->vdev;
	int err, i;

	err = vcma_find_vqs(vdev, VIRTIO_CMA_NR_VQS, vv->vqs, specs);
	if (err) {
		memset(vv->vqs, 0, sizeof(vv->vqs));
		return err;
	}
	for (i = 0; i < VIRTIO_CMA_NR_VQS; i++) {
		unsigned int size = virtqueue_get_vring_size(vv->vqs[i]);

		if (size < VCMA_CALL_DESCRIPTORS) {
			dev_err(&vdev->dev, "queue %d has only %u descriptors\n", i, size);
			vcma_virtio_del_vqs(vv);
			return -EINVAL;
		}
		sema_init(&vv->room[i], size / VCMA_CALL_DESCRIPTORS);
	}
	return 0;
}

static const unsigned int vcma_virtio_features[] = {
	VIRTIO_CMA_F_VERSION_1,
	VIRTIO_CMA_F_REUSABLE,
	VIRTIO_CMA_F_BULK,
	VIRTIO_CMA_F_KINDS,
	VIRTIO_CMA_F_ATTRIBUTES,
	VIRTIO_CMA_F_SUSPEND,
	VIRTIO_CMA_F_WINDOWS,
	VIRTIO_CMA_F_PINNED,
	VIRTIO_CMA_F_RAM,
	VIRTIO_CMA_F_SURRENDER,
};

/* Set up the queues and let the device run; it is not served yet. */
static int vcma_virtio_open(struct vcma_virtio *vv)
{
	struct virtio_device *vdev = vv->vdev;
	unsigned long flags;
	int err, i;

	vv->transport.features = 0;
	for (i = 0; i < ARRAY_SIZE(vcma_virtio_features); i++)
		if (virtio_has_feature(vdev, vcma_virtio_features[i]))
			vv->transport.features |= BIT_ULL(vcma_virtio_features[i]);
	err = vcma_virtio_find_vqs(vv);
	if (err)
		return err;
	vv->stopped = false;
	virtio_device_ready(vdev);

	spin_lock_irqsave(&vv->lock, flags);
	for (i = 0; i < min_t(int, VCMA_NR_EVENTS, vv->vqs[VIRTIO_CMA_VQ_EVENT]->num_free); i++)
		vcma_virtio_post_event(vv, &vv->events[i]);
	spin_unlock_irqrestore(&vv->lock, flags);
	virtqueue_kick(vv->vqs[VIRTIO_CMA_VQ_EVENT]);
	return 0;
}

/* Reset the device: on return it has freed everything and answers no more. */
static void vcma_virtio_reset(struct vcma_virtio *vv)
{
	unsigned long flags;
	void *call;

	spin_lock_irqsave(&vv->lock, flags);
	vv->stopped = true;
	spin_unlock_irqrestore(&vv->lock, flags);
	virtio_reset_device(vv->vdev);

	if (!vv->vqs[0])
		return;
	spin_lock_irqsave(&vv->lock, flags);
	while ((call = virtqueue_detach_unused_buf(vv->vqs[VIRTIO_CMA_VQ_REQUEST])))
		vcma_call_end(call, -ESHUTDOWN, 0);
	while ((call = virtqueue_detach_unused_buf(vv->vqs[VIRTIO_CMA_VQ_REPORT])))
		vcma_call_end(call, -ESHUTDOWN, 0);
	while (virtqueue_detach_unused_buf(vv->vqs[VIRTIO_CMA_VQ_EVENT]))
		;
	spin_unlock_irqrestore(&vv->lock, flags);
}

/* Undo open. */
static void vcma_virtio_close(struct vcma_virtio *vv)
{
	vcma_virtio_reset(vv);
	vcma_virtio_del_vqs(vv);
}

/* The device is open, but for one that could not be resumed. @r: what it has served, or NULL */
static void vcma_virtio_end(struct vcma_virtio *vv, struct vcma_region *r)
{
	vcma_virtio_reset(vv);
	vv->transport.event = NULL;
	if (r)
		vcma_user->finish(r);
	vcma_virtio_del_vqs(vv);
}

/* On failure the device is closed. */
static int vcma_virtio_serve(struct vcma_virtio *vv)
{
	struct vcma_region *r = NULL;
	int err;

	err = vcma_user->start(&vv->transport, &r);
	if (err) {
		vcma_virtio_end(vv, r);
		return err;
	}
	vv->region = r;
	dev_set_drvdata(&vv->vdev->dev, r);
	return 0;
}

static void vcma_virtio_stop(struct vcma_virtio *vv)
{
	dev_set_drvdata(&vv->vdev->dev, NULL);
	vcma_user->stop(vv->region);
	vcma_virtio_end(vv, vv->region);
	vv->region = NULL;
}

static void vcma_virtio_start_ended(void)
{
	if (atomic_dec_and_test(&vcma_virtio_nr_starting))
		wake_up_all(&vcma_virtio_started);
}

static void vcma_virtio_start_work(struct work_struct *work)
{
	struct vcma_virtio *vv = container_of(work, struct vcma_virtio, start_work);
	int err = vcma_virtio_serve(vv);

	if (err)
		dev_err(&vv->vdev->dev, "does not serve: %pe\n", ERR_PTR(err));
	vcma_virtio_start_ended();
}

/* The device is open. Return: 0 (it serves, or soon will); or an error, and it is closed. */
static int vcma_virtio_start(struct vcma_virtio *vv)
{
	u32 mode;

	virtio_cread_le(vv->vdev, struct virtio_cma_config, mode, &mode);
	if (mode != VIRTIO_CMA_MODE_REUSABLE)
		return vcma_virtio_serve(vv);
	atomic_inc(&vcma_virtio_nr_starting);
	queue_work(system_unbound_wq, &vv->start_work);
	return 0;
}

/* A device that offers a part of the rest without it is broken; so it is one of before features. */
static int vcma_virtio_validate(struct virtio_device *vdev)
{
	int i;

	if (__virtio_test_bit(vdev, VIRTIO_CMA_F_VERSION_1))
		return 0;
	for (i = 0; i < ARRAY_SIZE(vcma_virtio_features); i++)
		__virtio_clear_bit(vdev, vcma_virtio_features[i]);
	return 0;
}

static int vcma_virtio_probe(struct virtio_device *vdev)
{
	struct vcma_virtio *vv;
	int err;

	if (!virtio_has_feature(vdev, VIRTIO_F_VERSION_1)) {
		dev_err(&vdev->dev, "legacy virtio device: VIRTIO_F_VERSION_1 is required\n");
		return -ENODEV;
	}
	vv = kzalloc(sizeof(*vv), GFP_KERNEL);
	if (!vv)
		return -ENOMEM;
	vv->vdev = vdev;
	vv->transport.ops = &vcma_virtio_ops;
	vv->transport.dev = &vdev->dev;
	spin_lock_init(&vv->lock);
	INIT_WORK(&vv->start_work, vcma_virtio_start_work);
	vdev->priv = vv;

	err = vcma_virtio_open(vv) ?: vcma_virtio_start(vv);
	if (err)
		goto free;
	return 0;

free:
	vdev->priv = NULL;
	kfree(vv);
	return err;
}

static void vcma_virtio_remove(struct virtio_device *vdev)
{
	struct vcma_virtio *vv = vdev->priv;

	/* A start that is under way may want the lock that this caller has. */
	WRITE_ONCE(vv->transport.removing, true);
	if (cancel_work_sync(&vv->start_work)) {
		vcma_virtio_close(vv);
		vcma_virtio_start_ended();
	}
	if (vv->region)
		vcma_virtio_stop(vv);
	vdev->priv = NULL;
	kfree(vv);
}

#ifdef CONFIG_PM_SLEEP
/*
 * A suspend leaves everything where it is, if the host can. Else, and in an image of this guest,
 * pinned memory does not survive: neither its addresses nor its contents.
 */
static int vcma_virtio_freeze(struct virtio_device *vdev)
{
	unsigned long give_up = jiffies + VCMA_FREEZE_PATIENCE;
	struct vcma_virtio *vv = vdev->priv;

	/* It may wait for a lock whose holder waits for this device. */
	while (work_busy(&vv->start_work)) {
		if (time_after(jiffies, give_up)) {
			dev_err(&vdev->dev, "can't suspend while the region is being added\n");
			return -EBUSY;
		}
		msleep(VCMA_FREEZE_STEP_MS);
	}
	if (!vv->region)	/* an earlier start failed */
		return 0;
	if (vcma_user->is_suspend() && !vcma_user->suspend(vv->region)) {
		vcma_virtio_close(vv);
		vv->suspended = true;
		return 0;
	}
	if (vcma_user->in_use(vv->region)) {
		dev_err(&vdev->dev, "can't suspend while clients or buffers use the region\n");
		return -EBUSY;
	}
	vcma_virtio_stop(vv);
	return 0;
}

static int vcma_virtio_restore(struct virtio_device *vdev)
{
	struct vcma_virtio *vv = vdev->priv;
	int err = vcma_virtio_open(vv);

	if (vv->suspended) {
		vv->suspended = false;
		vcma_user->resume(vv->region);
		return err;
	}
	return err ?: vcma_virtio_start(vv);
}
#endif

/*
 * Reboot, or kexec. Kernels whose virtio bus does this itself never come here; others would leave
 * the host with what the next kernel knows nothing of.
 */
static void vcma_virtio_shutdown(struct device *dev)
{
	struct virtio_device *vdev = dev_to_virtio(dev);
	struct vcma_virtio *vv = vdev->priv;
	unsigned long flags;

	spin_lock_irqsave(&vv->lock, flags);
	vv->stopped = true;
	spin_unlock_irqrestore(&vv->lock, flags);
	virtio_break_device(vdev);
	virtio_reset_device(vdev);
}

static const struct virtio_device_id vcma_virtio_ids[] = {
	{ VIRTIO_ID_CMA, VIRTIO_DEV_ANY_ID },
	{ 0 },
};
MODULE_DEVICE_TABLE(virtio, vcma_virtio_ids);

static struct virtio_driver vcma_virtio_driver = {
	.driver.name = KBUILD_MODNAME,
	.driver.owner = THIS_MODULE,
	.driver.shutdown = vcma_virtio_shutdown,
	.id_table = vcma_virtio_ids,
	.feature_table = vcma_virtio_features,
	.feature_table_size = ARRAY_SIZE(vcma_virtio_features),
	.validate = vcma_virtio_validate,
	.probe = vcma_virtio_probe,
	.remove = vcma_virtio_remove,
#ifdef CONFIG_PM_SLEEP
	.freeze = vcma_virtio_freeze,
	.restore = vcma_virtio_restore,
#endif
};

int vcma_virtio_register(const struct vcma_transport_user *user)
{
	int err;

	vcma_user = user;
	vcma_virtio_driver.driver.dev_groups = user->groups;
	err = register_virtio_driver(&vcma_virtio_driver);

	/* Whoever loads drivers of clients next finds them served. */
	if (!err)
		wait_event_killable(vcma_virtio_started, !atomic_read(&vcma_virtio_nr_starting));
	return err;
}

void vcma_virtio_unregister(void)
{
	unregister_virtio_driver(&vcma_virtio_driver);
}
