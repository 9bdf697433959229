// SPDX-License-Identifier: GPL-2.0-only
/*
 * Xen transport: the frontend of device class "vcma" (docs/xen.md), and requests answered here.
 *
 * The backend gives memory and never hears where it is in the machine: only this guest can ask
 * (xen_grant.h). So the engine that answers requests is here, too (xen_engine.h), and what goes
 * over xenstore is who has what state and, once, what the region is:
 *
 *	backend				here
 *	InitWait, proposes frames	reserve them, Initialised
 *	populates them, Connected	find and check machine addresses, start, Connected
 *	Closing				stop, Closed
 *	takes the memory back, Closed
 *
 * Where machine addresses can't be believed the region is there all the same, and refuses every
 * client: without it their drivers would do DMA to guest-physical addresses.
 *
 * The backend's changes are heard in Xen's own thread, which all devices share, so they are
 * followed by a worker; stopping waits for drivers of clients.
 *
 * Locks: vcma_xen_lock, a mutex, guards the list of devices and each one's phase.
 */
#include <linux/bitmap.h>
#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

#include "hv/abi/virtio_cma.h"
#include "transport.h"
#include "xen_engine.h"
#include "xen_grant.h"

#define VCMA_XEN_MAX_CLIENTS	64
#define VCMA_XEN_MAX_BYTES	(1ULL << 40)
#define VCMA_XEN_START_TIMEOUT	(10 * HZ)

#define VCMA_XEN_FEATURES						\
	(BIT_ULL(VIRTIO_CMA_F_VERSION_1) | BIT_ULL(VIRTIO_CMA_F_REUSABLE) |	\
	 BIT_ULL(VIRTIO_CMA_F_BULK) | BIT_ULL(VIRTIO_CMA_F_KINDS) |		\
	 BIT_ULL(VIRTIO_CMA_F_ATTRIBUTES) | BIT_ULL(VIRTIO_CMA_F_WINDOWS) |	\
	 BIT_ULL(VIRTIO_CMA_F_PINNED))

enum vcma_xen_phase {
	VCMA_XEN_WAITING,	/* for the backend to propose */
	VCMA_XEN_RESERVED,	/* frames are ours, not populated yet */
	VCMA_XEN_SERVING,	/* the region is started */
	VCMA_XEN_ENDED,		/* stopped, or refused; nothing is held */
	VCMA_XEN_NR_STATES
};

struct vcma_xen {
	struct vcma_transport transport;
	struct xenbus_device *xdev;
	struct list_head node;		/* vcma_xen_lock */
	enum vcma_xen_phase phase;	/* of the worker, or of who has cancelled it; read anywhere */
	struct work_struct work;
	struct resource frames;		/* from RESERVED on */
	struct vcma_xen_region what;	/* likewise; clients are its own */
	struct vcma_xen_engine *engine;	/* SERVING */
	struct vcma_region *region;	/* SERVING */
};

static const struct vcma_transport_user *vcma_user;	/* constant while registered */
static DEFINE_MUTEX(vcma_xen_lock);
static LIST_HEAD(vcma_xen_list);
static DECLARE_WAIT_QUEUE_HEAD(vcma_xen_changed);

/* Bit n of entry m: phase m may become phase n. */
static const u8 vcma_xen_steps[VCMA_XEN_NR_STATES] = {
	[VCMA_XEN_WAITING] = BIT(VCMA_XEN_RESERVED) | BIT(VCMA_XEN_ENDED),
	[VCMA_XEN_RESERVED] = BIT(VCMA_XEN_SERVING) | BIT(VCMA_XEN_ENDED),
	[VCMA_XEN_SERVING] = BIT(VCMA_XEN_ENDED),
	[VCMA_XEN_ENDED] = 0,
};

static void vcma_xen_set_phase(struct vcma_xen *vx, enum vcma_xen_phase phase)
{
	if (WARN_ON(!(vcma_xen_steps[vx->phase] & BIT(phase))))
		return;
	dev_dbg(&vx->xdev->dev, "phase %d to %d\n", vx->phase, phase);
	WRITE_ONCE(vx->phase, phase);
	wake_up_all(&vcma_xen_changed);
}

/* ---- requests ---- */

static int vcma_xen_call(struct vcma_transport *t, enum vcma_queue queue,
			 const void *req, size_t req_bytes,
			 void *resp, size_t resp_bytes, size_t *used_bytes)
{
	struct vcma_xen *vx = container_of(t, struct vcma_xen, transport);

	return vcma_xen_engine_call(vx->engine, queue == VCMA_QUEUE_REPORT, req, req_bytes,
				    resp, resp_bytes, used_bytes);
}

static void vcma_xen_read_config(struct vcma_transport *t, struct virtio_cma_config *config)
{
	struct vcma_xen *vx = container_of(t, struct vcma_xen, transport);

	vcma_xen_engine_config(vx->engine, config);
}

static const struct vcma_transport_ops vcma_xen_transport_ops = {
	.call = vcma_xen_call,
	.read_config = vcma_xen_read_config,
};

/* ---- what the backend says ---- */

static int vcma_xen_read_u64(struct vcma_xen *vx, const char *key, u64 *value)
{
	const char *from = vx->xdev->otherend;

	if (xenbus_scanf(XBT_NIL, from, key, "%llu", value) == 1)
		return 0;
	xenbus_dev_error(vx->xdev, -EINVAL, "reading a number from %s/%s", from, key);
	return -EINVAL;
}

/* A word that fits @bytes. */
static int vcma_xen_read_word(struct vcma_xen *vx, const char *key, char *word, size_t bytes)
{
	const char *from = vx->xdev->otherend;
	char *text = xenbus_read(XBT_NIL, from, key, NULL);
	int err = 0;

	if (IS_ERR(text)) {
		err = PTR_ERR(text);
	} else {
		if (strscpy(word, text, bytes) <= 0)
			err = -EINVAL;
		kfree(text);
	}
	if (err)
		xenbus_dev_error(vx->xdev, err, "reading %s/%s, of 1 to %zu bytes", from, key,
				 bytes - 1);
	return err;
}

/* "BUS PATH NAME [KIND]" */
static int vcma_xen_read_client(struct vcma_xen *vx, u32 i, struct vcma_xen_client *c)
{
	char key[24], text[160], bus[10];
	int err, nr;

	snprintf(key, sizeof(key), "client/%u", i);
	err = vcma_xen_read_word(vx, key, text, sizeof(text));
	if (err)
		return err;
	memset(c, 0, sizeof(*c));
	nr = sscanf(text, "%9s %63s %31s %15s", bus, c->path, c->name, c->kind);
	if (nr >= 3 && !strcmp(bus, "pci")) {
		c->bus = VIRTIO_CMA_BUS_PCI;
	} else if (nr >= 3 && !strcmp(bus, "platform")) {
		c->bus = VIRTIO_CMA_BUS_PLATFORM;
	} else {
		xenbus_dev_error(vx->xdev, -EINVAL,
				 "%s/%s is '%s', not 'pci|platform PATH NAME [KIND]'",
				 vx->xdev->otherend, key, text);
		return -EINVAL;
	}
	return 0;
}

static int vcma_xen_read_clients(struct vcma_xen *vx)
{
	struct vcma_xen_client *clients;
	int err = 0;
	u64 nr;
	u32 i;

	err = vcma_xen_read_u64(vx, "nr-clients", &nr);
	if (err)
		return err;
	if (nr > VCMA_XEN_MAX_CLIENTS) {
		xenbus_dev_error(vx->xdev, -E2BIG, "%llu clients, at most %u are possible", nr,
				 VCMA_XEN_MAX_CLIENTS);
		return -E2BIG;
	}
	clients = kcalloc(nr + 1, sizeof(*clients), GFP_KERNEL);
	if (!clients)
		return -ENOMEM;
	for (i = 0; i < nr && !err; i++)
		err = vcma_xen_read_client(vx, i, &clients[i]);
	if (err) {
		kfree(clients);
		return err;
	}
	vx->what.nr_clients = nr;
	vx->what.clients = clients;
	return 0;
}

static int vcma_xen_read_region(struct vcma_xen *vx)
{
	struct vcma_xen_region *what = &vx->what;
	char mode[12];
	int err;

	memset(what, 0, sizeof(*what));
	err = vcma_xen_read_word(vx, "name", what->name, sizeof(what->name)) ?:
	      vcma_xen_read_word(vx, "mode", mode, sizeof(mode)) ?:
	      vcma_xen_read_u64(vx, "base-gpa", &what->base_gpa) ?:
	      vcma_xen_read_u64(vx, "bytes", &what->bytes) ?:
	      vcma_xen_read_u64(vx, "granule-bytes", &what->granule_bytes);
	if (err)
		return err;
	if (!what->bytes || what->bytes > VCMA_XEN_MAX_BYTES ||
	    what->base_gpa > U64_MAX - what->bytes ||
	    what->granule_bytes < PAGE_SIZE || what->granule_bytes > what->bytes ||
	    !is_power_of_2(what->granule_bytes) ||
	    !IS_ALIGNED(what->base_gpa | what->bytes, what->granule_bytes)) {
		xenbus_dev_error(vx->xdev, -EINVAL,
				 "region of %llu bytes at %#llx in granules of %llu: not possible",
				 what->bytes, what->base_gpa, what->granule_bytes);
		return -EINVAL;
	}
	if (!strcmp(mode, "private")) {
		what->mode = VIRTIO_CMA_MODE_PRIVATE;
	} else if (!strcmp(mode, "reusable")) {
		what->mode = VIRTIO_CMA_MODE_REUSABLE;
	} else {
		xenbus_dev_error(vx->xdev, -EINVAL, "mode is '%s', not private or reusable", mode);
		return -EINVAL;
	}
	/* Xen maps RAM Write-Back at stage 2, and leaves FEAT_S2FWB off. */
	what->stage2 = IS_ENABLED(CONFIG_ARM64) ? VIRTIO_CMA_STAGE2_NO_FWB : VIRTIO_CMA_STAGE2_NONE;
	return vcma_xen_read_clients(vx);
}

/* ---- frames ---- */

/* The backend proposes: are these frames free here? */
static int vcma_xen_reserve(struct vcma_xen *vx)
{
	int err;

	/* What went wrong in an earlier life is over. */
	xenbus_rm(XBT_NIL, "error", vx->xdev->nodename);
	err = vcma_xen_read_region(vx);
	if (err)
		return err;
	/* Not busy: the region's mode asks for what it needs inside. */
	vx->frames = (struct resource) {
		.name = "vcma",
		.start = vx->what.base_gpa,
		.end = vx->what.base_gpa + vx->what.bytes - 1,
		.flags = IORESOURCE_MEM,
	};
	err = request_resource(&iomem_resource, &vx->frames);
	if (err) {
		xenbus_dev_error(vx->xdev, err, "frames %#llx+%#llx are in use in this guest",
				 vx->what.base_gpa, vx->what.bytes);
		kfree(vx->what.clients);
		return err;
	}
	vcma_xen_set_phase(vx, VCMA_XEN_RESERVED);
	return xenbus_switch_state(vx->xdev, XenbusStateInitialised);
}

static void vcma_xen_unreserve(struct vcma_xen *vx)
{
	release_resource(&vx->frames);
	kfree(vx->what.clients);
	vx->what.clients = NULL;
}

/* For people, and for the host: where it is. */
static void vcma_xen_tell(struct vcma_xen *vx, const u64 *machine, u64 nr, s64 us)
{
	const struct vcma_xen_region *what = &vx->what;
	u64 i, start = 0, nr_extents = 0;
	char key[32];

	for (i = 1; i <= nr; i++) {
		if (i < nr && machine[i] == machine[i - 1] + what->granule_bytes)
			continue;
		snprintf(key, sizeof(key), "extent/%llu", nr_extents++);
		xenbus_printf(XBT_NIL, vx->xdev->nodename, key, "0x%llx 0x%llx 0x%llx",
			      what->base_gpa + start * what->granule_bytes, machine[start],
			      (i - start) * what->granule_bytes);
		start = i;
	}
	xenbus_printf(XBT_NIL, vx->xdev->nodename, "nr-extents", "%llu", nr_extents);
	xenbus_printf(XBT_NIL, vx->xdev->nodename, "discovery-us", "%lld", us);
	dev_info(&vx->xdev->dev, "region %s: %llu granules in %llu extents of machine memory, found in %lld us\n",
		 what->name, nr, nr_extents, us);
}

/* What the backend has populated in one piece; what can't be is none. */
static void vcma_xen_join(struct vcma_xen *vx, const char *name, unsigned long *joined)
{
	const struct vcma_xen_region *what = &vx->what;
	u64 gpa, bytes, first;
	char key[32];

	snprintf(key, sizeof(key), "extent/%s", name);
	if (kstrtou64(name, 16, &gpa) ||
	    xenbus_scanf(XBT_NIL, vx->xdev->otherend, key, "%llu", &bytes) != 1 ||
	    gpa < what->base_gpa || gpa - what->base_gpa >= what->bytes ||
	    !bytes || bytes > what->bytes - (gpa - what->base_gpa) ||
	    !IS_ALIGNED(gpa | bytes, what->granule_bytes))
		return;
	first = div64_u64(gpa - what->base_gpa, what->granule_bytes);
	bitmap_set(joined, first + 1, div64_u64(bytes, what->granule_bytes) - 1);
}

/* Which granules go on where the one before ends, as the backend says; NULL: no memory. */
static unsigned long *vcma_xen_joined(struct vcma_xen *vx, u64 nr)
{
	unsigned long *joined = kvcalloc(BITS_TO_LONGS(nr), sizeof(*joined), GFP_KERNEL);
	unsigned int i, nr_names;
	char **names;

	if (!joined)
		return NULL;
	names = xenbus_directory(XBT_NIL, vx->xdev->otherend, "extent", &nr_names);
	if (IS_ERR(names))
		return joined;
	for (i = 0; i < nr_names; i++)
		vcma_xen_join(vx, names[i], joined);
	kfree(names);
	return joined;
}

/* Where the region is in the machine; NULL, which is logged, if that is not known. */
static u64 *vcma_xen_discover(struct vcma_xen *vx)
{
	u64 nr = div64_u64(vx->what.bytes, vx->what.granule_bytes);
	u64 *machine = kvmalloc_array(nr, sizeof(*machine), GFP_KERNEL);
	ktime_t start = ktime_get();
	unsigned long *joined = vcma_xen_joined(vx, nr);
	char wrong[160] = "";
	unsigned int self;
	int err;

	if (!machine || !joined)
		goto free;
	if (xenbus_scanf(XBT_NIL, "domid", "", "%u", &self) != 1) {
		xenbus_dev_error(vx->xdev, -ENOENT, "reading this domain's number from domid");
		goto free;
	}
	err = vcma_xen_machine(self, vx->what.base_gpa, vx->what.granule_bytes, nr, joined,
			       machine, wrong, sizeof(wrong));
	if (err) {
		xenbus_dev_error(vx->xdev, err, "machine addresses are not known, all clients are refused: %s",
				 wrong[0] ? wrong : "asking for them failed");
		goto free;
	}
	vcma_xen_tell(vx, machine, nr, ktime_us_delta(ktime_get(), start));
	kvfree(joined);
	return machine;

free:
	kvfree(joined);
	kvfree(machine);
	return NULL;
}

/* ---- the region ---- */

/* The memory is there. On failure the phase is as before. */
static int vcma_xen_start(struct vcma_xen *vx)
{
	struct vcma_region *r = NULL;
	const char *wrong = "";
	u64 *machine = vcma_xen_discover(vx);
	int err;

	/* Nobody may use it: it is not to become RAM. */
	if (!machine)
		vx->what.mode = VIRTIO_CMA_MODE_PRIVATE;
	err = vcma_xen_engine_create(&vx->what, machine, VCMA_XEN_FEATURES, &vx->engine, &wrong);
	if (err) {
		kvfree(machine);
		xenbus_dev_error(vx->xdev, err, "region %s: %s", vx->what.name,
				 err == -ENOMEM ? "no memory" : wrong);
		return err;
	}
	vx->transport.features = VCMA_XEN_FEATURES;
	err = vcma_user->start(&vx->transport, &r);
	if (err) {
		vx->transport.event = NULL;
		if (r)
			vcma_user->finish(r);
		vcma_xen_engine_destroy(vx->engine);
		vx->engine = NULL;
		xenbus_dev_error(vx->xdev, err, "region %s does not start", vx->what.name);
		return err;
	}
	vx->region = r;
	dev_set_drvdata(&vx->xdev->dev, r);
	vcma_xen_set_phase(vx, VCMA_XEN_SERVING);
	return xenbus_switch_state(vx->xdev, XenbusStateConnected);
}

/* Whatever there is ends. */
static void vcma_xen_end(struct vcma_xen *vx)
{
	if (vx->phase == VCMA_XEN_SERVING) {
		dev_set_drvdata(&vx->xdev->dev, NULL);
		vcma_user->stop(vx->region);
		vx->transport.event = NULL;
		vcma_user->finish(vx->region);
		vx->region = NULL;
		vcma_xen_engine_destroy(vx->engine);
		vx->engine = NULL;
	}
	if (vx->phase == VCMA_XEN_SERVING || vx->phase == VCMA_XEN_RESERVED)
		vcma_xen_unreserve(vx);
	if (vx->phase != VCMA_XEN_ENDED)
		vcma_xen_set_phase(vx, VCMA_XEN_ENDED);
}

/* xenbus_read_driver_state() takes other arguments in newer kernels. */
static enum xenbus_state vcma_xen_backend_state(const struct xenbus_device *xdev)
{
	unsigned int state;

	return xenbus_scanf(XBT_NIL, xdev->otherend, "state", "%u", &state) == 1 ?
	       state : XenbusStateUnknown;
}

/* Follow the backend's state. */
static void vcma_xen_work(struct work_struct *work)
{
	struct vcma_xen *vx = container_of(work, struct vcma_xen, work);
	struct xenbus_device *xdev = vx->xdev;
	int err = 0;

	switch (vcma_xen_backend_state(xdev)) {
	case XenbusStateInitWait:
		if (vx->phase == VCMA_XEN_WAITING)
			err = vcma_xen_reserve(vx);
		break;
	case XenbusStateConnected:
		if (vx->phase == VCMA_XEN_RESERVED)
			err = vcma_xen_start(vx);
		break;
	case XenbusStateClosing:
	case XenbusStateClosed:
		if (xdev->state == XenbusStateClosed || vx->phase == VCMA_XEN_WAITING)
			break;
		vcma_xen_end(vx);
		xenbus_frontend_closed(xdev);
		return;
	default:
		break;
	}
	if (err) {
		vcma_xen_end(vx);
		xenbus_switch_state(xdev, XenbusStateClosing);
	}
}

/* ---- xenbus ---- */

/* Devices' own data is the region, for sysfs. */
static struct vcma_xen *vcma_xen_find(const struct xenbus_device *xdev)
{
	struct vcma_xen *vx, *found = NULL;

	mutex_lock(&vcma_xen_lock);
	list_for_each_entry(vx, &vcma_xen_list, node) {
		if (vx->xdev == xdev)
			found = vx;
	}
	mutex_unlock(&vcma_xen_lock);
	return found;
}

static void vcma_xen_backend_changed(struct xenbus_device *xdev, enum xenbus_state state)
{
	struct vcma_xen *vx = vcma_xen_find(xdev);

	if (vx)
		queue_work(system_unbound_wq, &vx->work);
}

static int vcma_xen_probe(struct xenbus_device *xdev, const struct xenbus_device_id *id)
{
	struct vcma_xen *vx = kzalloc(sizeof(*vx), GFP_KERNEL);

	if (!vx)
		return -ENOMEM;
	vx->xdev = xdev;
	vx->transport.ops = &vcma_xen_transport_ops;
	vx->transport.dev = &xdev->dev;
	INIT_WORK(&vx->work, vcma_xen_work);
	mutex_lock(&vcma_xen_lock);
	list_add_tail(&vx->node, &vcma_xen_list);
	mutex_unlock(&vcma_xen_lock);
	/* Another driver, or this one, was here before: the backend begins anew. */
	if (xdev->state != XenbusStateInitialising)
		xenbus_switch_state(xdev, XenbusStateInitialising);
	return 0;
}

static void vcma_xen_remove(struct xenbus_device *xdev)
{
	struct vcma_xen *vx = vcma_xen_find(xdev);

	if (!vx)
		return;
	WRITE_ONCE(vx->transport.removing, true);
	mutex_lock(&vcma_xen_lock);
	list_del(&vx->node);
	mutex_unlock(&vcma_xen_lock);
	/* The core has told the backend that this end is closed only when we return. */
	cancel_work_sync(&vx->work);
	vcma_xen_end(vx);
	kfree(vx);
	wake_up_all(&vcma_xen_changed);
}

/* A saved domain wakes up elsewhere: with other memory. */
static int vcma_xen_suspend(struct xenbus_device *xdev)
{
	struct vcma_xen *vx = vcma_xen_find(xdev);

	if (!vx || READ_ONCE(vx->phase) == VCMA_XEN_ENDED)
		return 0;
	dev_err(&xdev->dev, "a domain with a region can't be saved or migrated\n");
	return -EBUSY;
}

static const struct xenbus_device_id vcma_xen_ids[] = {
	{ "vcma" },
	{ "" }
};

static struct xenbus_driver vcma_xen_driver = {
	.ids = vcma_xen_ids,
	.probe = vcma_xen_probe,
	.remove = vcma_xen_remove,
	.suspend = vcma_xen_suspend,
	.otherend_changed = vcma_xen_backend_changed,
	.not_essential = true,
};

/* Is every device served, or known not to be? */
static bool vcma_xen_all_started(void)
{
	struct vcma_xen *vx;
	bool all = true;

	mutex_lock(&vcma_xen_lock);
	list_for_each_entry(vx, &vcma_xen_list, node)
		all &= READ_ONCE(vx->phase) >= VCMA_XEN_SERVING;
	mutex_unlock(&vcma_xen_lock);
	return all;
}

int vcma_xen_register(const struct vcma_transport_user *user)
{
	long left;
	int err;

	if (!xen_domain())
		return 0;
	vcma_user = user;
	vcma_xen_driver.driver.dev_groups = user->groups;
	err = vcma_xen_tree_register(user);
	if (err)
		return err;
	err = xenbus_register_frontend(&vcma_xen_driver);
	if (err) {
		vcma_xen_tree_unregister();
		return err;
	}
	/* Whoever loads drivers of clients next finds them served. */
	left = wait_event_killable_timeout(vcma_xen_changed, vcma_xen_all_started(),
					   VCMA_XEN_START_TIMEOUT);
	if (!left)
		pr_warn("virtio_cma: the Xen backend of a region does not answer: its clients are not served yet\n");
	return 0;
}

void vcma_xen_unregister(void)
{
	if (vcma_user) {
		xenbus_unregister_driver(&vcma_xen_driver);
		vcma_xen_tree_unregister();
	}
	vcma_user = NULL;
}
