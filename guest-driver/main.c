// SPDX-License-Identifier: GPL-2.0-only
/*
 * virtio_cma: contiguous, pinned memory from the hypervisor for devices that no
 * IOMMU serves. Module parameters, and the order in which the parts of a region
 * start and stop.
 *
 * Locks: none here: the transport calls start, stop and finish of a region one after the other.
 */
#include <linux/module.h>

#include "client/binding.h"
#include "client/client.h"
#include "client/disks.h"
#include "client/report.h"
#include "client/reprobe.h"
#include "core/region.h"
#include "dma/coherent.h"
#include "dma/direct.h"
#include "dma/dma_ops.h"
#include "hv/abi/version.h"
#include "heap/user.h"
#include "main.h"
#include "mm/memory.h"
#include "mm/modes.h"
#include "client/poison.h"
#include "pool/resv.h"
#include "sleep.h"
#include "transport/transport.h"

#define CREATE_TRACE_POINTS
#include "core/trace.h"

static unsigned long vcma_pool_bytes;
module_param_named(pool_bytes, vcma_pool_bytes, ulong, 0444);
MODULE_PARM_DESC(pool_bytes,
		 "memory allocated ahead of need, per region and memory type, rounded up to granules, an eighth more in single ones (default: half the region, at most 16 MiB)");

module_param_named(request_timeout_ms, vcma_request_timeout_ms, uint, 0644);
MODULE_PARM_DESC(request_timeout_ms,
		 "how long to wait for the host's answer before giving up on it, 0: without end (default: 30000)");

static char *vcma_regions = "";
module_param_named(regions, vcma_regions, charp, 0444);
MODULE_PARM_DESC(regions,
		 "how much of regions this guest uses, and what it sets aside for clients, as \"name[/client,...[(kind)]]=size;...\"");

module_param_named(alloc_timeout_ms, vcma_alloc_timeout_ms, uint, 0644);
MODULE_PARM_DESC(alloc_timeout_ms,
		 "how long an allocation that may sleep tries to isolate memory, 0: without end (default: 10000)");

/* End the use of the region's memory; no client needs it any more. */
static void vcma_retire(struct vcma_region *r)
{
	if (r->retired)
		return;
	vcma_shrink_stop(r);
	vcma_surrender_stop(r);
	vcma_resvs_destroy(r);
	vcma_region_retire(r);
}

/*
 * Serve the clients of the region behind @transport. May sleep.
 * Return: 0, or an error; the transport must then be reset, and, if *@out was set,
 * vcma_finish() be called.
 */
static int vcma_start(struct vcma_transport *transport, struct vcma_region **out)
{
	char ranges[24] = "";
	struct vcma_region *r;
	int err;

	err = vcma_region_create(transport, &vcma_mm_modes, &r);
	if (err)
		return err;
	err = vcma_resvs_init(r, vcma_pool_bytes);
	if (err) {
		vcma_region_destroy(r);
		return err;
	}
	if (vcma_shrink_start(r))
		dev_warn(r->dev, "region %s: no memory for a shrinker: idle memory is kept\n",
			 r->name);
	vcma_poison_init(r);
	vcma_report_init(r);
	vcma_clients_init(r, &vcma_dma_client_ops);
	transport->event_ctx = r;
	/* Pairs with the transport's load: the context is complete before the call. */
	smp_store_release(&transport->event, vcma_clients_event);

	err = vcma_clients_start(r);
	if (err) {
		vcma_region_set_state(r, VCMA_REGION_STOPPING);
		vcma_retire(r);
		*out = r;
		return err;
	}
	if (r->nr_ranges > 1)
		snprintf(ranges, sizeof(ranges), " in %u ranges", r->nr_ranges);
	dev_info(r->dev, "region %s: %s, %llu bytes at %#llx%s, granule %llu, pool %llu, %u clients%s%s\n",
		 r->name, r->mode->name, r->bytes, r->base_gpa, ranges, r->granule_bytes,
		 r->pools[0].high_bytes, r->nr_clients,
		 r->extents ? ", pinned from the start" : "",
		 vcma_is_version_1(transport) ? "" : ", legacy interface");
	vcma_user_open(r);
	vcma_debugfs_add(r);
	*out = r;
	return 0;
}

/*
 * Unbind the drivers of all clients, release them, free what they have allocated, and end the
 * use of the memory.
 */
static void vcma_stop(struct vcma_region *r)
{
	vcma_region_set_state(r, VCMA_REGION_STOPPING);
	vcma_debugfs_remove(r);
	vcma_user_close(r);
	vcma_clients_stop(r);
	vcma_user_finish(r);
	vcma_report_stop(r);
	vcma_region_wait_idle(r);
	/* What a client may still write to stays as it is until the reset has quiesced it. */
	if (vcma_clients_are_quiesced(r))
		vcma_retire(r);
}

/* The transport was reset: free the region. */
static void vcma_finish(struct vcma_region *r)
{
	vcma_region_set_state(r, VCMA_REGION_DEAD);
	vcma_clients_forget(r);
	vcma_retire(r);
	vcma_poison_destroy(r);
	vcma_region_destroy(r);
}

static bool vcma_in_use(struct vcma_region *r)
{
	return vcma_clients_in_use(r) || vcma_user_in_use(r);
}

static const struct vcma_transport_user vcma_transport_user = {
	.start = vcma_start,
	.stop = vcma_stop,
	.finish = vcma_finish,
	.in_use = vcma_in_use,
	.is_suspend = vcma_sleep_is_suspend,
	.suspend = vcma_suspend,
	.resume = vcma_resume,
	.groups = vcma_groups,
};

static int __init vcma_init(void)
{
	int err;

	err = vcma_resvs_check(vcma_regions);
	if (err)
		return err;
	err = vcma_memory_init();
	if (err)
		return err;
	err = vcma_direct_register();
	if (err)
		goto exit_memory;
	err = vcma_bindings_register(&vcma_dma_ops);
	if (err)
		goto unregister_direct;
	err = vcma_disks_register();
	if (err)
		goto unregister_bindings;
	err = vcma_user_register();
	if (err)
		goto unregister_disks;
	err = vcma_sleep_register();
	if (err)
		goto unregister_user;
	vcma_debugfs_register();
	err = vcma_virtio_register(&vcma_transport_user);
	if (err)
		goto unregister_sleep;
	err = vcma_xen_register(&vcma_transport_user);
	if (err)
		goto unregister_virtio;
	return 0;

unregister_virtio:
	vcma_virtio_unregister();
	vcma_reprobe_stop();
unregister_sleep:
	vcma_debugfs_unregister();
	vcma_sleep_unregister();
unregister_user:
	vcma_user_unregister();
unregister_disks:
	vcma_disks_unregister();
unregister_bindings:
	vcma_bindings_unregister();
unregister_direct:
	vcma_direct_unregister();
exit_memory:
	vcma_memory_exit();
	return err;
}
module_init(vcma_init);

static void __exit vcma_exit(void)
{
	vcma_xen_unregister();
	vcma_virtio_unregister();
	vcma_reprobe_stop();
	vcma_debugfs_unregister();
	vcma_sleep_unregister();
	vcma_user_unregister();
	vcma_disks_unregister();
	vcma_bindings_unregister();
	vcma_direct_unregister();
	vcma_memory_exit();
}
module_exit(vcma_exit);

MODULE_DESCRIPTION("Contiguous host memory for DMA without an IOMMU (virtio-cma)");
MODULE_VERSION(HVCMA_VERSION);
MODULE_LICENSE("GPL");
