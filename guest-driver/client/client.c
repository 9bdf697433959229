// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients: the table, CLAIM, RELEASE (client.h).
 *
 * Locks: vcma_bindings_lock for the table, claims and states; vcma_names_lock beside it for where
 * a client is; vcma_client.buffers_lock for others than its driver. Order: see core/region.h.
 */
#include <linux/bitops.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "attr.h"
#include "binding.h"
#include "client.h"
#include "compat/compat.h"
#include "core/region.h"
#include "core/request.h"
#include "core/trace.h"
#include "pool/reserve.h"
#include "pool/resv.h"
#include "report.h"
#include "windows.h"

/* Table entries asked for at once. */
#define VCMA_CLIENTS_PER_REQUEST	32U

static const char * const vcma_client_state_names[] = {
	[VCMA_CLIENT_IDLE] = "idle",
	[VCMA_CLIENT_CLAIMED] = "claimed",
	[VCMA_CLIENT_REFUSED] = "refused",
};

/* Bit n of entry m: state m may become state n. */
static const u8 vcma_client_steps[VCMA_CLIENT_NR_STATES] = {
	[VCMA_CLIENT_IDLE] = BIT(VCMA_CLIENT_CLAIMED) | BIT(VCMA_CLIENT_REFUSED),
	[VCMA_CLIENT_CLAIMED] = BIT(VCMA_CLIENT_IDLE),
	[VCMA_CLIENT_REFUSED] = BIT(VCMA_CLIENT_IDLE),
};

const char *vcma_client_state_name(enum vcma_client_state state)
{
	return vcma_client_state_names[state];
}

static void vcma_client_set_state(struct vcma_client *c, enum vcma_client_state state)
{
	lockdep_assert_held(&vcma_bindings_lock);
	WARN(!(vcma_client_steps[c->state] & BIT(state)), "client %s: %s to %s",
	     c->name, vcma_client_state_name(c->state), vcma_client_state_name(state));
	trace_vcma_client_state(c, c->state, state);
	WRITE_ONCE(c->state, state);
}

bool vcma_client_is_valid(const struct vcma_client *c)
{
	lockdep_assert_held(&vcma_bindings_lock);
	switch (c->state) {
	case VCMA_CLIENT_IDLE:
		return !c->binding && !c->dev && !c->linked;
	case VCMA_CLIENT_CLAIMED:
		return c->binding && c->has_pool && c->attr < VCMA_NR_ATTRS;
	case VCMA_CLIENT_REFUSED:
		return c->binding;
	default:
		return false;
	}
}

/* ---- the table ---- */

static struct vcma_client *vcma_client_get(struct vcma_region *r, u32 id)
{
	struct vcma_client *c = xa_load(&r->clients.by_id, id);
	int err;

	if (c)
		return c;
	c = kzalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return NULL;
	c->region = r;
	c->id = id;
	spin_lock_init(&c->bulk_lock);
	init_rwsem(&c->buffers_lock);
	INIT_LIST_HEAD(&c->bulk_blocks);
	c->pool_user.id = id;
	c->pool_user.name = c->name;
	vcma_reserve_init(&c->pool_user.reserve, r->granule_bytes);
	r->clients.ops->init(c);
	err = xa_err(xa_store(&r->clients.by_id, id, c, GFP_KERNEL));
	if (err) {
		kfree(c);
		return NULL;
	}
	return c;
}

/* Return: 0, -ENOMEM or -EPROTO. */
static int vcma_client_update(struct vcma_region *r, u32 id,
			      const struct virtio_cma_client *wire, u32 *nr_absent)
{
	struct vcma_client *c;
	u64 base = 0;

	if (le32_to_cpu(wire->id) != id ||
	    wire->coherent >= VIRTIO_CMA_NR_COHERENT ||
	    wire->state > VIRTIO_CMA_CLIENT_CLAIMED ||
	    strnlen(wire->path, sizeof(wire->path)) == sizeof(wire->path))
		goto wrong;
	if (wire->state != VIRTIO_CMA_CLIENT_ABSENT) {
		if (wire->bus != VIRTIO_CMA_BUS_PCI && wire->bus != VIRTIO_CMA_BUS_PLATFORM)
			goto wrong;
		if (wire->bus == VIRTIO_CMA_BUS_PLATFORM && kstrtou64(wire->path, 16, &base))
			goto wrong;
	}

	c = vcma_client_get(r, id);
	if (!c)
		return -ENOMEM;
	spin_lock(&vcma_names_lock);
	c->bus = wire->bus;
	c->host_state = wire->state;
	c->mmio_base = base;
	memcpy(c->path, wire->path, sizeof(wire->path));
	spin_unlock(&vcma_names_lock);
	memcpy(c->name, wire->name, sizeof(wire->name));
	memcpy(c->kind, wire->kind, sizeof(wire->kind));
	if (!c->has_pool)	/* else as when it was claimed */
		c->resv = wire->resv ?: vcma_resv_of(r, c->name, c->kind);
	*nr_absent += wire->state == VIRTIO_CMA_CLIENT_ABSENT;
	return 0;

wrong:
	vcma_region_break(r, "CLIENTS: malformed table entry");
	return -EPROTO;
}

static int vcma_clients_refresh(struct vcma_region *r)
{
	u32 first, nr, i, nr_absent = 0;
	struct virtio_cma_client *wire;
	u64 seen;
	int err = 0;

	lockdep_assert_held(&vcma_bindings_lock);
	if (!r->nr_clients)
		return 0;
	wire = kcalloc(VCMA_CLIENTS_PER_REQUEST, sizeof(*wire), GFP_KERNEL);
	if (!wire)
		return -ENOMEM;

	seen = vcma_bindings_newest();
	atomic_set(&r->clients.stale, 0);
	for (first = 0; !err && first < r->nr_clients; first += nr) {
		nr = min(r->nr_clients - first, VCMA_CLIENTS_PER_REQUEST);
		err = vcma_request_clients(r, first, nr, wire);
		for (i = 0; !err && i < nr; i++)
			err = vcma_client_update(r, first + i, &wire[i], &nr_absent);
	}
	kfree(wire);
	if (!err) {
		spin_lock(&vcma_names_lock);
		r->clients.nr_absent = nr_absent;
		r->clients.seen = seen;
		spin_unlock(&vcma_names_lock);
	}
	if (err) {
		atomic_set(&r->clients.stale, 1);
		dev_err(r->dev, "region %s: reading the client table: %pe\n", r->name,
			ERR_PTR(err));
	}
	return err;
}

static void vcma_clients_refresh_work(struct work_struct *work)
{
	struct vcma_clients *cs = container_of(work, struct vcma_clients, refresh_work);
	struct vcma_region *r = container_of(cs, struct vcma_region, clients);

	mutex_lock(&vcma_bindings_lock);
	/* When it ends, nobody asks any more, and what the table refers to is about to go. */
	if (READ_ONCE(r->state) == VCMA_REGION_READY && atomic_read(&cs->stale))
		vcma_clients_refresh(r);
	mutex_unlock(&vcma_bindings_lock);
}

void vcma_clients_changed(struct vcma_region *r)
{
	atomic_set(&r->clients.stale, 1);
	queue_work(r->wq, &r->clients.refresh_work);
}

static void vcma_clients_wanted(struct vcma_region *r, const struct virtio_cma_event *event,
				size_t bytes)
{
	const struct virtio_cma_event_wanted *wanted =
		container_of(event, struct virtio_cma_event_wanted, event);

	if (bytes < sizeof(*wanted) || !vcma_has_feature(r->transport, VIRTIO_CMA_F_SURRENDER)) {
		dev_warn_ratelimited(r->dev, "region %s: event 3 of %zu bytes, which was not negotiated or is too short\n",
				     r->name, bytes);
		return;
	}
	vcma_surrender_wanted(r, le64_to_cpu(wanted->bytes), le32_to_cpu(wanted->deadline_ms));
}

void vcma_clients_event(void *ctx, const struct virtio_cma_event *event, size_t bytes)
{
	struct vcma_region *r = ctx;

	/* A newer host may say more, or of other things: nothing to us. */
	if (bytes < sizeof(*event)) {
		dev_warn_ratelimited(r->dev, "region %s: event of %zu bytes\n", r->name, bytes);
		return;
	}
	switch (le32_to_cpu(event->type)) {
	case VIRTIO_CMA_EVENT_CLIENT_ADDED:
	case VIRTIO_CMA_EVENT_CLIENT_REMOVED:
		vcma_clients_changed(r);
		break;
	case VIRTIO_CMA_EVENT_WANTED:
		vcma_clients_wanted(r, event, bytes);
		break;
	default:
		dev_dbg_ratelimited(r->dev, "region %s: unknown event %u\n", r->name,
				    le32_to_cpu(event->type));
	}
}

/* ---- matching ---- */

/* "0000:00/03.0/00.1": root bus, then slot.function of each hop down to @pdev. */
static bool vcma_pci_path(struct pci_dev *pdev, char *path, size_t size)
{
	char tail[VIRTIO_CMA_PATH_BYTES] = "", hop[sizeof(tail)];
	struct pci_bus *bus;

	for (;;) {
		if (snprintf(hop, sizeof(hop), "/%02x.%x%s", PCI_SLOT(pdev->devfn),
			     PCI_FUNC(pdev->devfn), tail) >= sizeof(hop))
			return false;
		strscpy(tail, hop, sizeof(tail));
		bus = pdev->bus;
		if (pci_is_root_bus(bus))
			break;
		if (!bus->self)		/* virtual bus of SR-IOV */
			return false;
		pdev = bus->self;
	}
	return snprintf(path, size, "%04x:%02x%s", pci_domain_nr(bus), bus->number,
			tail) < size;
}

bool vcma_dev_address(struct device *dev, struct vcma_address *address)
{
	struct resource *res;

	if (dev_is_pci(dev)) {
		address->bus = VIRTIO_CMA_BUS_PCI;
		return vcma_pci_path(to_pci_dev(dev), address->path, sizeof(address->path));
	}
	if (dev->bus != &platform_bus_type)
		return false;
	res = platform_get_resource(to_platform_device(dev), IORESOURCE_MEM, 0);
	if (!res)
		return false;
	address->bus = VIRTIO_CMA_BUS_PLATFORM;
	address->mmio_base = res->start;
	return true;
}

static bool vcma_client_is_at(const struct vcma_client *c,
			      const struct vcma_address *address)
{
	if (c->host_state == VIRTIO_CMA_CLIENT_ABSENT || c->bus != address->bus)
		return false;
	if (c->bus == VIRTIO_CMA_BUS_PCI)
		return !strcmp(c->path, address->path);
	return c->mmio_base == address->mmio_base;
}

bool vcma_clients_may_match(struct vcma_region *r, const struct vcma_address *address, u64 born)
{
	struct vcma_client *c;
	unsigned long id;

	lockdep_assert_held(&vcma_names_lock);
	xa_for_each(&r->clients.by_id, id, c) {
		if (vcma_client_is_at(c, address))
			return true;
	}
	return born > r->clients.seen && READ_ONCE(r->state) == VCMA_REGION_READY &&
	       (atomic_read(&r->clients.stale) || r->clients.nr_absent);
}

struct vcma_client *vcma_clients_of(struct vcma_region *r, const struct device *dev)
{
	struct vcma_client *c;
	unsigned long id;

	xa_for_each(&r->clients.by_id, id, c) {
		if (READ_ONCE(c->dev) == dev && vcma_client_is_claimed(c))
			return c;
	}
	return NULL;
}

static unsigned int vcma_clients_find(struct vcma_region *r,
				      const struct vcma_address *address,
				      struct vcma_client **clients, unsigned int max)
{
	struct vcma_client *c;
	unsigned int nr = 0;
	unsigned long id;

	xa_for_each(&r->clients.by_id, id, c) {
		if (!vcma_client_is_at(c, address))
			continue;
		if (nr < max)
			clients[nr] = c;
		nr++;
	}
	return nr;
}

/*
 * A device may have been plugged since the table was read, and its notification may
 * come later than the bus's own: while there are clients that have not been seen, ask.
 */
unsigned int vcma_clients_match(struct vcma_region *r, const struct vcma_address *address,
				struct vcma_client **clients, unsigned int max)
{
	unsigned int nr;

	lockdep_assert_held(&vcma_bindings_lock);
	if (READ_ONCE(r->state) == VCMA_REGION_READY && atomic_read(&r->clients.stale))
		vcma_clients_refresh(r);
	nr = vcma_clients_find(r, address, clients, max);
	if (!nr && READ_ONCE(r->state) == VCMA_REGION_READY && r->clients.nr_absent) {
		vcma_clients_refresh(r);
		nr = vcma_clients_find(r, address, clients, max);
	}
	return nr;
}

/* ---- use by others than its driver ---- */

bool vcma_client_use(struct vcma_client *c, const struct device *dev)
{
	down_read(&c->buffers_lock);
	if (c->has_buffers && c->dev == dev)
		return true;
	up_read(&c->buffers_lock);
	return false;
}

void vcma_client_unuse(struct vcma_client *c)
{
	up_read(&c->buffers_lock);
}

/* What has begun is over on return. */
static void vcma_client_set_buffers(struct vcma_client *c, bool has)
{
	down_write(&c->buffers_lock);
	c->has_buffers = has;
	c->nr_claims += has;
	up_write(&c->buffers_lock);
}

/* ---- claim and release ---- */

/* Return: 0 with memory at hand for the client, or an error, and not claimed. */
static int vcma_client_claim(struct vcma_client *c)
{
	u32 coherent = vcma_attr_view(c->dev);
	struct vcma_region *r = c->region;
	struct vcma_claim claim;
	int err;

	err = vcma_windows_read(c);
	if (err) {
		dev_err(c->dev, "region %s: client '%s': which memory it reaches is not known: %pe\n",
			r->name, c->name, ERR_PTR(err));
		vcma_attr_refused(c, VIRTIO_CMA_REASON_NONE);
		return err;
	}
	err = vcma_request_claim(r, c->id, coherent, &claim);
	/* Claimed already: an earlier RELEASE has failed. */
	if (err == -EALREADY && !vcma_request_release(r, c->id))
		err = vcma_request_claim(r, c->id, coherent, &claim);
	dev_dbg(c->dev, "region %s: client '%s': CLAIM: %d\n", r->name, c->name, err);
	if (err) {
		vcma_attr_refused(c, err == -EACCES ? claim.reason : VIRTIO_CMA_REASON_NONE);
		return err;
	}
	lockdep_assert_held(&vcma_bindings_lock);	/* for the pools: resv.h */
	err = vcma_attr_obey(c, &claim);
	if (!err) {
		c->pools = vcma_resv_pools(r, c->resv);
		c->pool_user.dev = c->dev;
		err = c->pools ? vcma_pool_get(&c->pools[c->attr], &c->pool_user) : -ENOMEM;
		if (err)
			dev_dbg(c->dev, "region %s: client '%s': nothing for its pool: %pe\n",
				r->name, c->name, ERR_PTR(err));
	}
	c->has_pool = !err;
	if (!err)
		vcma_reserve_fill(&c->pool_user, U64_MAX);
	if (err) {
		c->pools = NULL;
		vcma_request_release(r, c->id);
	}
	return err;
}

/* The client is quiesced: what it had is free, and its pool has one user less. */
static void vcma_client_free_all(struct vcma_client *c)
{
	c->region->clients.ops->free_all(c);
	if (c->has_pool)
		vcma_pool_put(&c->pools[c->attr], &c->pool_user);
	c->pools = NULL;
	c->has_pool = false;
}

/* Return: 0 if the device does no more DMA, and what it had is free; or why not. */
static int vcma_client_release(struct vcma_client *c)
{
	struct vcma_region *r = c->region;
	int err = vcma_request_release(r, c->id);

	/* A device that is gone does no DMA. */
	if (err && err != -ENODEV && err != -EALREADY) {
		dev_err(r->dev, "region %s: client '%s' may still do DMA: %pe\n", r->name,
			c->name, ERR_PTR(err));
		return err;
	}
	dev_dbg(r->dev, "region %s: client '%s' is quiesced\n", r->name, c->name);
	vcma_client_free_all(c);
	vcma_region_retry_frees(r);
	return 0;
}

void vcma_client_attach(struct vcma_client *c, struct vcma_binding *b)
{
	struct vcma_region *r = c->region;
	struct device *dev = b->dev;
	int err = -ESHUTDOWN;

	c->binding = b;
	WRITE_ONCE(c->dev, dev);
	c->warned_late = false;
	c->linked = device_link_add(dev, r->dev, DL_FLAG_STATELESS);
	if (READ_ONCE(r->state) == VCMA_REGION_READY)
		err = c->has_pool ? vcma_client_release(c) : 0;
	if (!err)
		err = vcma_client_claim(c);
	vcma_client_set_state(c, err ? VCMA_CLIENT_REFUSED : VCMA_CLIENT_CLAIMED);
	vcma_client_set_buffers(c, !err);
	vcma_assert_valid(vcma_client_is_valid(c));
	if (err) {
		dev_err(dev, "region %s: client '%s' gets no DMA: %pe\n", r->name, c->name,
			ERR_PTR(err));
		return;
	}
	vcma_report_start(r);
	vcma_windows_log(c);
	dev_info(dev, "region %s: client '%s', %s addresses, %s\n", r->name, c->name,
		 r->flags & VIRTIO_CMA_FLAG_HPA ? "host-physical" : "guest-physical",
		 c->attr == VCMA_CACHED ? "cached" : "uncached");
}

void vcma_client_detach(struct vcma_client *c)
{
	struct vcma_region *r = c->region;
	s64 coherent, bounce;
	int direct;

	vcma_client_set_buffers(c, false);
	/* By its ends: the link went with the device, if that was removed after a failed probe. */
	if (c->linked)
		device_link_remove(c->dev, r->dev);
	c->linked = false;

	if (c->state == VCMA_CLIENT_CLAIMED) {
		coherent = atomic64_read(&c->coherent_bytes);
		bounce = vcma_pool_mapped_bytes(&c->pools[c->attr], &c->pool_user);
		direct = atomic_read(&c->direct.nr);
		if (coherent || bounce || direct)
			dev_warn(c->dev, "region %s: driver left %lld bytes allocated, %lld mapped, %d mappings without copy\n",
				 r->name, coherent, bounce, direct);
		vcma_region_flush_frees(r);
		vcma_client_release(c);
	}
	vcma_client_set_state(c, VCMA_CLIENT_IDLE);
	c->binding = NULL;
	c->pool_user.dev = NULL;
	WRITE_ONCE(c->dev, NULL);
	vcma_assert_valid(vcma_client_is_valid(c));
}

/* ---- all clients of a region ---- */

struct device *vcma_clients_first_dev(struct vcma_region *r)
{
	struct vcma_client *c;
	unsigned long id;

	lockdep_assert_held(&vcma_bindings_lock);
	xa_for_each(&r->clients.by_id, id, c) {
		if (c->state != VCMA_CLIENT_IDLE)
			return get_device(c->dev);
	}
	return NULL;
}

void vcma_clients_init(struct vcma_region *r, const struct vcma_client_ops *ops)
{
	struct vcma_clients *cs = &r->clients;

	cs->ops = ops;
	xa_init(&cs->by_id);
	INIT_LIST_HEAD(&cs->windows);
	INIT_LIST_HEAD(&cs->node);
	INIT_WORK(&cs->refresh_work, vcma_clients_refresh_work);
}

int vcma_clients_start(struct vcma_region *r)
{
	int err;

	mutex_lock(&vcma_bindings_lock);
	err = vcma_clients_refresh(r);
	mutex_unlock(&vcma_bindings_lock);
	if (err)
		return err;
	vcma_region_set_state(r, VCMA_REGION_READY);
	vcma_bindings_add_region(r);
	return 0;
}

void vcma_clients_stop(struct vcma_region *r)
{
	struct vcma_client *c;
	unsigned long id;

	vcma_bindings_remove_region(r);
	mutex_lock(&vcma_bindings_lock);
	xa_for_each(&r->clients.by_id, id, c) {
		vcma_client_set_buffers(c, false);
		if (c->has_pool && vcma_region_is_live(r))
			vcma_client_release(c);
	}
	mutex_unlock(&vcma_bindings_lock);
}

bool vcma_clients_are_quiesced(struct vcma_region *r)
{
	struct vcma_client *c;
	bool quiesced = true;
	unsigned long id;

	mutex_lock(&vcma_bindings_lock);
	xa_for_each(&r->clients.by_id, id, c)
		quiesced &= !c->has_pool;
	mutex_unlock(&vcma_bindings_lock);
	return quiesced;
}

void vcma_clients_forget(struct vcma_region *r)
{
	struct vcma_client *c;
	unsigned long id;

	cancel_work_sync(&r->clients.refresh_work);
	xa_for_each(&r->clients.by_id, id, c) {
		vcma_client_free_all(c);
		kfree(c);
	}
	xa_destroy(&r->clients.by_id);
	vcma_windows_forget(r);
}

bool vcma_clients_in_use(struct vcma_region *r)
{
	struct device *dev;

	mutex_lock(&vcma_bindings_lock);
	dev = vcma_clients_first_dev(r);
	mutex_unlock(&vcma_bindings_lock);
	put_device(dev);
	return dev;
}
