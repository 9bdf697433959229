// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bindings: devices, the regions that serve them, and the buses (binding.h).
 *
 * Which notification does what:
 *	BIND_DRIVER		dma_configure() is done, probe() is next: attach
 *	UNBOUND_DRIVER		the driver and its managed resources are gone: detach
 *	DRIVER_NOT_BOUND	probe() failed, but managed resources are freed only
 *				later and no notification follows: a work item
 *				waits for the device's lock, then detaches
 *
 * Most devices are none of ours. Theirs are told without vcma_bindings_lock, whose owner may
 * wait for the host: one is ours if a table names it, and may be if it came to its bus after a
 * table was read that has entries without a device. So each device's birth is kept.
 *
 * Lock order: see region.h. Notifications come with the device's lock held.
 */
#include <linux/dma-direct.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "binding.h"
#include "client.h"
#include "compat/compat.h"
#include "core/region.h"
#include "reprobe.h"
#include "windows.h"

DEFINE_MUTEX(vcma_bindings_lock);
DEFINE_SPINLOCK(vcma_names_lock);

#define VCMA_LATE_CLIENTS	4	/* entries of one device in one table that are looked at */

static LIST_HEAD(vcma_regions);		/* by vcma_clients.node */
static LIST_HEAD(vcma_bindings);
static DEFINE_XARRAY(vcma_bound);	/* the bindings, by device; read without the lock */
static DEFINE_XARRAY(vcma_births);	/* of devices that came since, by device */
static atomic64_t vcma_nr_births;
static struct workqueue_struct *vcma_bindings_wq;
static const struct dma_map_ops *vcma_bindings_ops;	/* constant while registered */

/*
 * For a device that should have had a binding of its own, but memory was short:
 * nothing serves it.
 */
static struct vcma_binding vcma_binding_empty;

static const char * const vcma_kind_names[] = {
	[VCMA_KIND_COHERENT] = "coherent",
	[VCMA_KIND_STREAMING] = "streaming",
	[VCMA_KIND_OTHER] = "",
};

/* ---- order of the sources ---- */

/* Fallback order: lower first; entries of another kind only where nothing else is. */
enum vcma_rank {
	VCMA_RANK_KIND,
	VCMA_RANK_ANY_KIND,
	VCMA_RANK_OTHER_KIND,
	VCMA_RANK_DEFAULT,	/* + the three above, for the default region */
	VCMA_NR_RANKS = 2 * VCMA_RANK_DEFAULT
};

static unsigned int vcma_source_rank(const struct vcma_client *c, const char *kind)
{
	unsigned int rank = c->region->flags & VIRTIO_CMA_FLAG_DEFAULT ? VCMA_RANK_DEFAULT : 0;

	if (!strcmp(c->kind, kind))
		return rank + VCMA_RANK_KIND;
	return rank + (c->kind[0] ? VCMA_RANK_OTHER_KIND : VCMA_RANK_ANY_KIND);
}

struct vcma_client *vcma_binding_named_source(const struct vcma_binding *b, const char *kind,
					      unsigned int i)
{
	unsigned int rank, n, nr = 0;

	for (rank = 0; rank < VCMA_NR_RANKS; rank++) {
		/* Of another kind: the client's region stands in for a missing kind. */
		if (rank % VCMA_RANK_DEFAULT == VCMA_RANK_OTHER_KIND && nr)
			continue;
		for (n = 0; n < b->nr_clients; n++) {
			struct vcma_client *c = b->clients[n];

			if (vcma_client_is_claimed(c) && vcma_source_rank(c, kind) == rank &&
			    nr++ == i)
				return c;
		}
	}
	return NULL;
}

/* Where the sources of @kind are in clients[], behind the clients themselves. */
static void vcma_binding_sort(struct vcma_binding *b)
{
	struct vcma_client *c;
	unsigned int kind, nr;

	for (kind = 0; kind < VCMA_NR_KINDS; kind++) {
		b->sources[kind] = &b->clients[b->nr_clients * (1 + kind)];
		for (nr = 0; nr < b->nr_clients; nr++) {
			c = vcma_binding_named_source(b, vcma_kind_names[kind], nr);
			if (!c)
				break;
			b->sources[kind][nr] = c;
			dev_dbg(b->dev, "virtio_cma: source %u of %s memory: region %s, client '%s'\n",
				nr, kind == VCMA_KIND_OTHER ? "other" : vcma_kind_names[kind],
				c->region->name, c->name);
		}
		b->nr_sources[kind] = nr;
	}
}

struct vcma_client *vcma_binding_by_dma(const struct vcma_binding *b, u64 dma)
{
	struct vcma_client *c, *found = NULL;
	unsigned int i = 0;

	rcu_read_lock();
	while (!found && (c = vcma_binding_next_claimed(b, &i))) {
		if (vcma_block_by_dma(c->region, vcma_to_dma(c, dma)))
			found = c;
	}
	rcu_read_unlock();
	return found;
}

bool vcma_binding_is_valid(const struct vcma_binding *b)
{
	unsigned int i, kind, nr_claimed = 0;

	lockdep_assert_held(&vcma_bindings_lock);
	for (i = 0; i < b->nr_clients; i++) {
		const struct vcma_client *c = b->clients[i];

		if (c->binding != b || c->dev != b->dev || c->state == VCMA_CLIENT_IDLE ||
		    !vcma_client_is_valid(c))
			return false;
		nr_claimed += vcma_client_is_claimed(c);
	}
	for (kind = 0; kind < VCMA_NR_KINDS; kind++) {
		if (b->nr_sources[kind] > nr_claimed || !b->nr_sources[kind] != !nr_claimed)
			return false;
	}
	return b->dev;
}

/* ---- attach and detach ---- */

static struct vcma_binding *vcma_binding_find(const struct device *dev)
{
	lockdep_assert_held(&vcma_bindings_lock);
	return xa_load(&vcma_bound, (unsigned long)dev);
}

/* ---- whose notifications are of interest ---- */

u64 vcma_bindings_newest(void)
{
	return atomic64_read(&vcma_nr_births);
}

static void vcma_dev_is_born(struct device *dev)
{
	unsigned long birth = atomic64_inc_return(&vcma_nr_births);

	/* Without memory for it: as one that was always there. Its table entry comes with an event. */
	xa_store(&vcma_births, (unsigned long)dev, xa_mk_value(birth), GFP_KERNEL);
}

static u64 vcma_dev_birth(struct device *dev)
{
	void *birth = xa_load(&vcma_births, (unsigned long)dev);

	return birth ? xa_to_value(birth) : 0;
}

/* May a region serve it? Nobody is asked, nor waited for. */
static bool vcma_dev_may_be_client(struct device *dev)
{
	u64 birth = vcma_dev_birth(dev);
	struct vcma_address address = {};
	struct vcma_region *r;
	bool may = false;

	if (!vcma_dev_address(dev, &address))
		return false;
	spin_lock(&vcma_names_lock);
	list_for_each_entry(r, &vcma_regions, clients.node)
		may |= vcma_clients_may_match(r, &address, birth);
	spin_unlock(&vcma_names_lock);
	if (!may)
		dev_dbg(dev, "virtio_cma: no region names it by path '%s' or registers at %#llx\n",
			address.path, address.mmio_base);
	return may;
}

bool vcma_dev_is_served(const struct device *dev)
{
	return xa_load(&vcma_bound, (unsigned long)dev) ||
	       dev->dma_ops == &vcma_binding_empty.ops;
}

u64 vcma_dev_boundary(const struct device *dev)
{
	const struct vcma_binding *b = xa_load(&vcma_bound, (unsigned long)dev);
	u64 boundary_bytes = 0;
	struct vcma_client *c;
	unsigned int i = 0;

	while (b && (c = vcma_binding_next_claimed(b, &i)))
		boundary_bytes = min_not_zero(boundary_bytes, vcma_client_boundary(c));
	return boundary_bytes;
}

static unsigned int vcma_bindings_match(const struct vcma_address *address,
					struct vcma_client **clients, unsigned int max)
{
	struct vcma_region *r;
	unsigned int nr = 0;

	list_for_each_entry(r, &vcma_regions, clients.node) {
		unsigned int room = nr < max ? max - nr : 0;

		nr += vcma_clients_match(r, address, room ? clients + nr : NULL, room);
	}
	return nr;
}

static void vcma_binding_set_ops(struct vcma_binding *b)
{
	memcpy((void *)&b->ops, vcma_bindings_ops, sizeof(b->ops));
}

/* Return: a binding with its clients, none attached; NULL if memory is short. */
static struct vcma_binding *vcma_binding_new(struct device *dev,
					     const struct vcma_address *address,
					     unsigned int nr)
{
	struct vcma_binding *b;

	b = kzalloc(struct_size(b, clients, nr * (1 + VCMA_NR_KINDS)), GFP_KERNEL);
	if (!b)
		return NULL;
	/* The second reading may find one that was plugged since: next time. */
	b->nr_clients = min(vcma_bindings_match(address, b->clients, nr), nr);
	vcma_binding_set_ops(b);
	if (xa_err(xa_store(&vcma_bound, (unsigned long)dev, b, GFP_KERNEL))) {
		kfree(b);
		return NULL;
	}
	b->dev = get_device(dev);
	list_add_tail(&b->node, &vcma_bindings);
	return b;
}

/* Does its bus have other addresses than the machine? The host's are the machine's. */
static bool vcma_dev_is_translated(const struct device *dev)
{
	const struct bus_dma_region *m;

	for (m = dev->dma_range_map; m && m->size; m++) {
		if (m->cpu_start != m->dma_start)
			return true;
	}
	return false;
}

/* Return: why @dev can't be served, whoever names it; or NULL. */
static const char *vcma_dev_obstacle(struct device *dev)
{
	if (dev->dma_ops || vcma_dev_has_iommu_dma(dev))
		return "has DMA operations already";
	if (vcma_dev_is_translated(dev))
		return "its bus has addresses of its own (dma-ranges)";
	return NULL;
}

/* @dev is about to be probed. */
static void vcma_binding_attach(struct device *dev)
{
	struct vcma_address address = {};
	struct vcma_binding *b;
	const char *obstacle;
	unsigned int nr, i;

	b = vcma_binding_find(dev);
	if (b) {
		/* A failed probe before this one has not been cleaned up yet. */
		b->probe_failed = false;
		set_dma_ops(dev, &b->ops);
		return;
	}
	if (!vcma_dev_address(dev, &address))
		return;
	nr = vcma_bindings_match(&address, NULL, 0);
	if (!nr) {
		dev_dbg(dev, "virtio_cma: no region names it any more\n");
		return;
	}
	obstacle = vcma_dev_obstacle(dev);
	if (obstacle) {
		dev_warn(dev, "virtio_cma: a client, but %s: left alone\n", obstacle);
		return;
	}
	if (!try_module_get(THIS_MODULE))
		return;

	b = vcma_binding_new(dev, &address, nr);
	if (!b) {
		dev_err(dev, "virtio_cma: gets no DMA: %pe\n", ERR_PTR(-ENOMEM));
		set_dma_ops(dev, &vcma_binding_empty.ops);
		return;
	}
	set_dma_ops(dev, &b->ops);
	vcma_dev_need_dma_sync(dev);
	for (i = 0; i < b->nr_clients; i++)
		vcma_client_attach(b->clients[i], b);
	vcma_binding_sort(b);
	if (b->nr_clients == 1 && vcma_client_is_claimed(b->clients[0]))
		vcma_fast_init(&b->fast, b->clients[0]);
	vcma_assert_valid(vcma_binding_is_valid(b));
}

/* The counterpart where there was no memory for a binding: nothing can be in use. */
static void vcma_binding_detach_empty(struct device *dev)
{
	if (dev->dma_ops != &vcma_binding_empty.ops)
		return;
	set_dma_ops(dev, NULL);
	module_put(THIS_MODULE);
}

/* The device of @b has no driver any more. */
static void vcma_binding_detach(struct vcma_binding *b)
{
	struct device *dev = b->dev;
	unsigned int i;

	if (dev->dma_ops == &b->ops)
		set_dma_ops(dev, NULL);
	list_del(&b->node);
	xa_erase(&vcma_bound, (unsigned long)dev);
	vcma_fast_end(&b->fast);
	for (i = 0; i < b->nr_clients; i++)
		vcma_client_detach(b->clients[i]);
	kfree(b);
	put_device(dev);
	module_put(THIS_MODULE);
}

bool vcma_dev_is_bound(struct device *dev)
{
	bool bound;

	mutex_lock(&vcma_bindings_lock);
	bound = vcma_binding_find(dev);
	mutex_unlock(&vcma_bindings_lock);
	return bound;
}

/* Detach @dev, unless a driver is bound to it again. Caller holds no lock. */
static void vcma_dev_detach(struct device *dev)
{
	struct vcma_binding *b;

	device_lock(dev);
	mutex_lock(&vcma_bindings_lock);
	b = vcma_binding_find(dev);
	if (b && !dev->driver)
		vcma_binding_detach(b);
	mutex_unlock(&vcma_bindings_lock);
	device_unlock(dev);
}

/* Return: a device whose probe() has failed, with a reference, or NULL. */
static struct device *vcma_bindings_next_failed(void)
{
	struct device *dev = NULL;
	struct vcma_binding *b;

	mutex_lock(&vcma_bindings_lock);
	list_for_each_entry(b, &vcma_bindings, node) {
		if (!b->probe_failed)
			continue;
		b->probe_failed = false;
		dev = get_device(b->dev);
		break;
	}
	mutex_unlock(&vcma_bindings_lock);
	return dev;
}

static void vcma_bindings_failed_work(struct work_struct *work)
{
	struct device *dev;

	while ((dev = vcma_bindings_next_failed())) {
		vcma_dev_detach(dev);
		put_device(dev);
	}
}
static DECLARE_WORK(vcma_failed_work, vcma_bindings_failed_work);

/* ---- buses ---- */

static int vcma_bindings_notify(struct notifier_block *nb, unsigned long action, void *data)
{
	struct device *dev = data;
	struct vcma_binding *b;

	switch (action) {
	case BUS_NOTIFY_ADD_DEVICE:
		vcma_dev_is_born(dev);
		return NOTIFY_DONE;
	case BUS_NOTIFY_REMOVED_DEVICE:
		xa_erase(&vcma_births, (unsigned long)dev);
		return NOTIFY_DONE;
	case BUS_NOTIFY_BIND_DRIVER:
		if (!vcma_dev_is_served(dev) && !vcma_dev_may_be_client(dev))
			return NOTIFY_DONE;
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
	case BUS_NOTIFY_DRIVER_NOT_BOUND:
		if (!vcma_dev_is_served(dev))
			return NOTIFY_DONE;
		break;
	default:
		return NOTIFY_DONE;
	}

	mutex_lock(&vcma_bindings_lock);
	switch (action) {
	case BUS_NOTIFY_BIND_DRIVER:
		vcma_binding_attach(dev);
		break;
	case BUS_NOTIFY_UNBOUND_DRIVER:
		b = vcma_binding_find(dev);
		if (b)
			vcma_binding_detach(b);
		else
			vcma_binding_detach_empty(dev);
		break;
	case BUS_NOTIFY_DRIVER_NOT_BOUND:
		b = vcma_binding_find(dev);
		if (b) {
			dev_dbg(dev, "virtio_cma: probe has failed: to be released\n");
			b->probe_failed = true;
			queue_work(vcma_bindings_wq, &vcma_failed_work);
		} else {
			vcma_binding_detach_empty(dev);
		}
		break;
	}
	mutex_unlock(&vcma_bindings_lock);
	return NOTIFY_DONE;
}

static struct notifier_block vcma_pci_nb = { .notifier_call = vcma_bindings_notify };
static struct notifier_block vcma_platform_nb = { .notifier_call = vcma_bindings_notify };

int vcma_bindings_register(const struct dma_map_ops *ops)
{
	int err;

	vcma_bindings_ops = ops;
	vcma_binding_set_ops(&vcma_binding_empty);
	vcma_bindings_wq = alloc_workqueue("vcma", WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	if (!vcma_bindings_wq)
		return -ENOMEM;
	err = bus_register_notifier(&pci_bus_type, &vcma_pci_nb);
	if (err)
		goto destroy_wq;
	err = bus_register_notifier(&platform_bus_type, &vcma_platform_nb);
	if (err)
		goto unregister_pci;
	return 0;

unregister_pci:
	bus_unregister_notifier(&pci_bus_type, &vcma_pci_nb);
destroy_wq:
	destroy_workqueue(vcma_bindings_wq);
	return err;
}

void vcma_bindings_unregister(void)
{
	bus_unregister_notifier(&platform_bus_type, &vcma_platform_nb);
	bus_unregister_notifier(&pci_bus_type, &vcma_pci_nb);
	destroy_workqueue(vcma_bindings_wq);
	WARN_ON(!list_empty(&vcma_regions) || !list_empty(&vcma_bindings));
	xa_destroy(&vcma_births);
}

/* ---- regions come and go ---- */

bool vcma_dev_is_missed(struct device *dev)
{
	struct vcma_address address = {};
	bool missed;

	if (!vcma_dev_address(dev, &address))
		return false;
	mutex_lock(&vcma_bindings_lock);
	missed = !vcma_binding_find(dev) && vcma_bindings_match(&address, NULL, 0);
	mutex_unlock(&vcma_bindings_lock);
	return missed;
}

/* Has @r an entry for a device, of which its binding knows nothing, that was not told of yet? */
static bool vcma_region_is_late(struct vcma_region *r, const struct vcma_address *address)
{
	struct vcma_client *clients[VCMA_LATE_CLIENTS];
	unsigned int nr = vcma_clients_match(r, address, clients, ARRAY_SIZE(clients));
	bool late = false;

	for (nr = min_t(unsigned int, nr, ARRAY_SIZE(clients)); nr; nr--) {
		struct vcma_client *c = clients[nr - 1];

		late |= READ_ONCE(c->state) == VCMA_CLIENT_IDLE && !c->warned_late;
		c->warned_late = true;
	}
	return late;
}

void vcma_dev_tell_late(struct device *dev)
{
	struct vcma_address address = {};
	struct vcma_region *r;

	if (!vcma_dev_address(dev, &address))
		return;
	mutex_lock(&vcma_bindings_lock);
	if (vcma_binding_find(dev)) {
		list_for_each_entry(r, &vcma_regions, clients.node) {
			if (vcma_region_is_late(r, &address))
				dev_info(dev, "region %s serves it from its next bind on\n",
					 r->name);
		}
	}
	mutex_unlock(&vcma_bindings_lock);
}

size_t vcma_bindings_names(char *names, size_t bytes)
{
	struct vcma_binding *b;
	size_t len = 0;

	names[0] = '\0';
	mutex_lock(&vcma_bindings_lock);
	list_for_each_entry(b, &vcma_bindings, node)
		len += scnprintf(names + len, bytes - len, "%s'%s' (%s)", len ? ", " : "",
				 b->clients[0]->name, dev_name(b->dev));
	mutex_unlock(&vcma_bindings_lock);
	return len;
}

void vcma_bindings_add_region(struct vcma_region *r)
{
	mutex_lock(&vcma_bindings_lock);
	spin_lock(&vcma_names_lock);
	list_add_tail(&r->clients.node, &vcma_regions);
	spin_unlock(&vcma_names_lock);
	mutex_unlock(&vcma_bindings_lock);
	vcma_reprobe_start();
}

/*
 * Return: the device of a client of @r that is not IDLE, with a reference. NULL if
 * there is none; then the region is on the list no longer.
 */
static struct device *vcma_bindings_next_of(struct vcma_region *r)
{
	struct device *dev;

	mutex_lock(&vcma_bindings_lock);
	dev = vcma_clients_first_dev(r);
	if (!dev) {
		spin_lock(&vcma_names_lock);
		list_del_init(&r->clients.node);
		spin_unlock(&vcma_names_lock);
	}
	mutex_unlock(&vcma_bindings_lock);
	return dev;
}

void vcma_bindings_remove_region(struct vcma_region *r)
{
	struct device *dev;

	while ((dev = vcma_bindings_next_of(r))) {
		device_release_driver(dev);
		vcma_dev_detach(dev);	/* no notification came if probe had failed */
		put_device(dev);
	}
}
