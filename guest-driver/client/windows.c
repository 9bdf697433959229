// SPDX-License-Identifier: GPL-2.0-only
/*
 * Windows of clients (windows.h).
 *
 * A list that was ever in use stays as long as its region: who works in the background for a
 * client may have it when that has long gone. Lists are few, and each is kept once.
 *
 * Locks: vcma_bindings_lock for the region's lists; a list itself never changes.
 */
#include <linux/device.h>
#include <linux/slab.h>

#include "binding.h"
#include "core/extents.h"
#include "core/region.h"
#include "core/request.h"
#include "windows.h"

struct vcma_windows {
	struct list_head node;
	struct hvcma_dma_windows w;
};

const char *vcma_windows_source_name(u32 source)
{
	static const char * const names[VIRTIO_CMA_NR_SOURCES] = {
		[VIRTIO_CMA_SOURCE_NONE] = "none",
		[VIRTIO_CMA_SOURCE_DEVICE_TREE] = "device-tree",
		[VIRTIO_CMA_SOURCE_ACPI] = "acpi",
		[VIRTIO_CMA_SOURCE_OPTION] = "option",
	};

	return source < ARRAY_SIZE(names) ? names[source] : "?";
}

/* Return: the region's own copy of a list, or NULL: no memory. */
static const struct hvcma_dma_windows *vcma_windows_keep(struct vcma_region *r,
							 const struct hvcma_dma_windows *w)
{
	struct vcma_windows *kept;

	list_for_each_entry(kept, &r->clients.windows, node) {
		if (hvcma_dma_windows_equal(&kept->w, w))
			return &kept->w;
	}
	kept = kmalloc(sizeof(*kept), GFP_KERNEL);
	if (!kept)
		return NULL;
	kept->w = *w;
	list_add(&kept->node, &r->clients.windows);
	return &kept->w;
}

int vcma_windows_read(struct vcma_client *c)
{
	const struct hvcma_dma_windows *kept = NULL;
	u32 source = VIRTIO_CMA_SOURCE_NONE;
	struct hvcma_dma_windows *w;
	int err;

	lockdep_assert_held(&vcma_bindings_lock);
	w = kmalloc(sizeof(*w), GFP_KERNEL);
	if (!w)
		return -ENOMEM;
	err = vcma_request_windows(c->region, c->id, w, &source);
	if (err == -EOPNOTSUPP) {
		err = 0;
	} else if (!err && !hvcma_dma_windows_is_identity(w)) {
		kept = vcma_windows_keep(c->region, w);
		err = kept ? 0 : -ENOMEM;
	}
	kfree(w);
	if (err)
		return err;
	c->windows = kept;
	c->windows_source = source;
	c->pool_user.windows = kept;
	return 0;
}

void vcma_windows_log(const struct vcma_client *c)
{
	const char *source = vcma_windows_source_name(c->windows_source);
	const struct hvcma_dma_windows *w = c->windows;
	u32 i;

	if (!w)
		dev_info(c->dev, "region %s: client '%s': no windows, bus addresses are those of memory (source: %s)\n",
			 c->region->name, c->name, source);
	for (i = 0; w && i < w->nr; i++)
		dev_info(c->dev, "region %s: client '%s': window %u: bus %#llx is memory %#llx, %#llx bytes, offset %s%#llx (source: %s)\n",
			 c->region->name, c->name, i, w->window[i].bus_base, w->window[i].dma_base,
			 w->window[i].bytes, w->window[i].bus_base < w->window[i].dma_base ? "-" : "+",
			 w->window[i].bus_base < w->window[i].dma_base ?
			 w->window[i].dma_base - w->window[i].bus_base :
			 w->window[i].bus_base - w->window[i].dma_base, source);
}

void vcma_windows_forget(struct vcma_region *r)
{
	struct vcma_windows *w, *next;

	list_for_each_entry_safe(w, next, &r->clients.windows, node)
		kfree(w);
	INIT_LIST_HEAD(&r->clients.windows);
}

/* The last byte of what lies below @end, with what is known of the region; 0: nothing does. */
static u64 vcma_region_highest(const struct vcma_region *r, u64 end)
{
	const struct vcma_extents *x = r->extents;
	u32 i;

	for (i = x ? x->nr : 0; i; i--) {
		const struct vcma_extent *e = &x->by_dma[i - 1];

		if (e->base_dma < end)
			return min(e->base_dma + e->bytes, end) - 1;
	}
	if (x)
		return 0;
	return r->flags & VIRTIO_CMA_FLAG_HPA ? end - 1 :
						min(r->base_gpa + r->span_bytes, end) - 1;
}

u64 vcma_client_highest(const struct vcma_client *c)
{
	u64 highest = 0, at;
	u32 i;

	if (!c->windows)
		return vcma_region_highest(c->region, U64_MAX);
	for (i = 0; i < c->windows->nr; i++) {
		const struct hvcma_dma_window *w = &c->windows->window[i];

		at = vcma_region_highest(c->region, w->dma_base + w->bytes);
		if (at > w->dma_base)
			highest = max(highest, w->bus_base + (at - w->dma_base));
	}
	return highest;
}

/* Where one window ends and another begins what is one extent is in two pieces. */
u64 vcma_client_boundary(const struct vcma_client *c)
{
	const struct vcma_extents *x = c->region->extents;

	if (x && c->windows && c->windows->nr > 1)
		return c->region->granule_bytes;
	return x ? x->boundary_bytes : 0;
}

u64 vcma_windows_lowest(const struct vcma_client *c)
{
	u64 lowest = U64_MAX;
	u32 i;

	for (i = 0; i < c->windows->nr; i++)
		lowest = min(lowest, c->windows->window[i].bus_base);
	return lowest;
}
