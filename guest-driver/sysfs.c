// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs: one folder "vcma" per region under its device, one value per file, but for
 * tables. What is here stays: docs/ABI/testing and virtio_cma(4) are the contract.
 *
 * Locks: vcma_bindings_lock for the list of clients.
 */
#include <linux/bitmap.h>
#include <linux/device.h>
#include <linux/kstrtox.h>
#include <linux/sysfs.h>

#include "client/attr.h"
#include "client/binding.h"
#include "client/windows.h"
#include "core/mode.h"
#include "core/region.h"
#include "heap/user.h"
#include "main.h"
#include "mm/usage.h"
#include "pool/resv.h"

#define VCMA_SHOW(attr_name, format, value)						\
static ssize_t attr_name##_show(struct device *dev, struct device_attribute *attr,	\
				char *buf)						\
{											\
	struct vcma_region *r = dev_get_drvdata(dev);					\
											\
	return r ? sysfs_emit(buf, format "\n", value) : -ENODEV;			\
}

#define VCMA_ATTR(attr_name, format, value)						\
VCMA_SHOW(attr_name, format, value)							\
static DEVICE_ATTR_RO(attr_name)

/* As the host counts. */
static u64 vcma_pinned_bytes(struct vcma_region *r)
{
	struct virtio_cma_config config = {};

	r->transport->ops->read_config(r->transport, &config);
	return le64_to_cpu(config.pinned_bytes);
}

/* In granules that turned out busy a moment ago. */
static u64 vcma_busy_bytes(struct vcma_region *r)
{
	if (!r->usage)
		return 0;
	return r->granule_bytes * bitmap_weight(r->usage->busy, r->usage->nr);
}

#define VCMA_STAT(stat)	VCMA_ATTR(stat, "%lld", (s64)atomic64_read(&r->stats.stat))

#define VCMA_MAPS(name, what)	VCMA_ATTR(name, "%lld", vcma_stats_mapped(&r->stats, what))

#define VCMA_ALLOCS(name, result, kind) \
	VCMA_ATTR(nr_##name##_##result, "%lld", (s64)atomic64_read(&r->stats.nr_##result[kind]))

VCMA_ATTR(region_name, "%s", r->name);
VCMA_ATTR(mode, "%s", r->mode->name);
VCMA_ATTR(state, "%s", vcma_region_state_name(READ_ONCE(r->state)));
VCMA_ATTR(region_base_gpa, "%#llx", r->base_gpa);
VCMA_ATTR(region_bytes, "%llu", r->bytes);
VCMA_ATTR(granule_bytes, "%llu", r->granule_bytes);

/* ---- bytes ---- */

VCMA_ATTR(online_bytes, "%lld", (s64)atomic64_read(&r->online_bytes));
VCMA_STAT(allocated_bytes);
VCMA_ATTR(ready_bytes, "%llu", vcma_region_ready_bytes(r));
VCMA_ATTR(pinned_bytes, "%llu", vcma_pinned_bytes(r));
VCMA_STAT(coherent_bytes);
VCMA_MAPS(bounce_bytes, VCMA_STATS_BOUNCE_BYTES);
VCMA_STAT(broken_bytes);
VCMA_ATTR(busy_bytes, "%llu", vcma_busy_bytes(r));
VCMA_ATTR(user_bytes, "%lld", r->user ? (s64)atomic64_read(&r->user->quota.bytes) : 0);

/* ---- events ---- */

VCMA_ALLOCS(coherent, ok, VCMA_STATS_COHERENT);
VCMA_ALLOCS(coherent, failed, VCMA_STATS_COHERENT);
VCMA_STAT(nr_coherent_refused);
VCMA_MAPS(nr_map_direct, VCMA_STATS_DIRECT);
VCMA_MAPS(nr_map_bounced, VCMA_STATS_BOUNCED);
VCMA_STAT(nr_map_failed);
VCMA_STAT(nr_cache_syncs);
VCMA_STAT(nr_cache_maintained_blocks);
VCMA_STAT(nr_alloc_requests);
VCMA_STAT(nr_busy_retries);
VCMA_STAT(nr_deadline_missed);
VCMA_ALLOCS(bulk, ok, VCMA_STATS_BULK);
VCMA_ALLOCS(bulk, failed, VCMA_STATS_BULK);
VCMA_STAT(nr_bulk_blocks);
VCMA_ALLOCS(user, ok, VCMA_STATS_USER);
VCMA_ALLOCS(user, failed, VCMA_STATS_USER);

static ssize_t alloc_us_log2_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vcma_region *r = dev_get_drvdata(dev);
	int i, at = 0;

	if (!r)
		return -ENODEV;
	for (i = 0; i < VIRTIO_CMA_NR_LATENCIES; i++)
		at += sysfs_emit_at(buf, at, "%lld%c",
				    (s64)atomic64_read(&r->stats.alloc_us_log2[i]),
				    i < VIRTIO_CMA_NR_LATENCIES - 1 ? ' ' : '\n');
	return at;
}
static DEVICE_ATTR_RO(alloc_us_log2);

/* ---- as in /sys/kernel/mm/cma/NAME ---- */

/* In pages: what drivers and programs have asked for, had and freed. */
static u64 vcma_pages_out(const struct vcma_region *r)
{
	s64 freed = atomic64_read(&r->stats.nr_freed_pages);

	return max_t(s64, atomic64_read(&r->stats.nr_ok_pages) - freed, 0);
}

VCMA_ATTR(total_pages, "%llu", r->bytes >> PAGE_SHIFT);
VCMA_ATTR(available_pages, "%llu", (r->bytes >> PAGE_SHIFT) - vcma_pages_out(r));
VCMA_ATTR(alloc_pages_success, "%lld", (s64)atomic64_read(&r->stats.nr_ok_pages));
VCMA_ATTR(alloc_pages_fail, "%lld", (s64)atomic64_read(&r->stats.nr_failed_pages));
VCMA_ATTR(release_pages_success, "%lld", (s64)atomic64_read(&r->stats.nr_freed_pages));

/* ---- clients ---- */

/* One line each: id, name, kind ("-": any), state, mapping, type that results, why. */
static ssize_t clients_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vcma_region *r = dev_get_drvdata(dev);
	struct vcma_client *c;
	unsigned long id;
	int at = 0;

	if (!r)
		return -ENODEV;
	mutex_lock(&vcma_bindings_lock);
	xa_for_each(&r->clients.by_id, id, c) {
		bool served = c->state == VCMA_CLIENT_CLAIMED;

		at += sysfs_emit_at(buf, at, "%u %s %s %s %s %s %s\n", c->id, c->name,
				    c->kind[0] ? c->kind : "-", vcma_client_state_name(c->state),
				    !served ? "-" : c->attr == VCMA_CACHED ? "cached" : "uncached",
				    served ? vcma_attr_effective(c) : "-",
				    c->state != VCMA_CLIENT_IDLE ? vcma_attr_reason(c) : "-");
	}
	mutex_unlock(&vcma_bindings_lock);
	return at;
}
static DEVICE_ATTR_RO(clients);

/* Of each claimed one, a line per window: id, name, source, bus address, memory's, bytes. */
static ssize_t client_windows_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct vcma_region *r = dev_get_drvdata(dev);
	struct hvcma_dma_windows identity;
	const struct hvcma_dma_windows *w;
	struct vcma_client *c;
	unsigned long id;
	int at = 0;
	u32 i;

	if (!r)
		return -ENODEV;
	hvcma_dma_windows_identity(&identity);
	mutex_lock(&vcma_bindings_lock);
	xa_for_each(&r->clients.by_id, id, c) {
		if (c->state != VCMA_CLIENT_CLAIMED)
			continue;
		w = c->windows ?: &identity;
		for (i = 0; i < w->nr; i++)
			at += sysfs_emit_at(buf, at, "%u %s %s %#llx %#llx %#llx\n", c->id, c->name,
					    vcma_windows_source_name(c->windows_source),
					    w->window[i].bus_base, w->window[i].dma_base,
					    w->window[i].bytes);
	}
	mutex_unlock(&vcma_bindings_lock);
	return at;
}
static DEVICE_ATTR_RO(client_windows);

/* ---- tunables ---- */

/* Of each of the region's ready pools; as the module parameter of that name. */
static ssize_t pool_bytes_store(struct device *dev, struct device_attribute *attr,
				const char *buf, size_t count)
{
	struct vcma_region *r = dev_get_drvdata(dev);
	struct vcma_pool *pool;
	unsigned int i;
	u64 bytes;
	int err;

	if (!r)
		return -ENODEV;
	err = kstrtou64(buf, 0, &bytes);
	if (err)
		return err;
	if (bytes > r->bytes)
		return -EINVAL;
	for (i = 0; (pool = vcma_region_pool(r, i)); i++)
		vcma_pool_resize(pool, bytes);
	return count;
}

VCMA_SHOW(pool_bytes, "%llu", r->pools[0].high_bytes);
static DEVICE_ATTR_RW(pool_bytes);
VCMA_ATTR(pool_low_bytes, "%llu", r->pools[0].low_bytes);

static ssize_t vcma_user_limit_store(struct vcma_region *r, u64 *limit, const char *buf,
				     size_t count)
{
	u64 bytes;
	int err;

	err = kstrtou64(buf, 0, &bytes);
	if (err)
		return err;
	if (bytes > r->bytes)
		return -EINVAL;
	WRITE_ONCE(*limit, bytes);
	return count;
}

#define VCMA_USER_LIMIT(attr_name, limit)						\
static ssize_t attr_name##_store(struct device *dev, struct device_attribute *attr,	\
				 const char *buf, size_t count)				\
{											\
	struct vcma_region *r = dev_get_drvdata(dev);					\
											\
	return r && r->user ? vcma_user_limit_store(r, &r->user->quota.limit, buf, count) : \
			      -ENODEV;							\
}											\
VCMA_SHOW(attr_name, "%llu", r->user ? READ_ONCE(r->user->quota.limit) : 0)		\
static DEVICE_ATTR_RW(attr_name)

VCMA_USER_LIMIT(user_limit_bytes, limit_bytes);
VCMA_USER_LIMIT(user_limit_each_bytes, each_limit_bytes);

/* Of an allocation of order n, its alignment is of order min(n, this). */
static ssize_t max_align_order_store(struct device *dev, struct device_attribute *attr,
				     const char *buf, size_t count)
{
	struct vcma_region *r = dev_get_drvdata(dev);
	unsigned int order;
	int err;

	if (!r)
		return -ENODEV;
	err = kstrtouint(buf, 0, &order);
	if (err)
		return err;
	if (order > 31)
		return -EINVAL;
	WRITE_ONCE(r->max_align_order, order);
	return count;
}

VCMA_SHOW(max_align_order, "%u", READ_ONCE(r->max_align_order));
static DEVICE_ATTR_RW(max_align_order);

static struct attribute *vcma_attrs[] = {
	&dev_attr_region_name.attr,
	&dev_attr_mode.attr,
	&dev_attr_state.attr,
	&dev_attr_region_base_gpa.attr,
	&dev_attr_region_bytes.attr,
	&dev_attr_granule_bytes.attr,
	&dev_attr_online_bytes.attr,
	&dev_attr_allocated_bytes.attr,
	&dev_attr_ready_bytes.attr,
	&dev_attr_pinned_bytes.attr,
	&dev_attr_coherent_bytes.attr,
	&dev_attr_bounce_bytes.attr,
	&dev_attr_broken_bytes.attr,
	&dev_attr_busy_bytes.attr,
	&dev_attr_user_bytes.attr,
	&dev_attr_nr_coherent_ok.attr,
	&dev_attr_nr_coherent_failed.attr,
	&dev_attr_nr_coherent_refused.attr,
	&dev_attr_nr_map_direct.attr,
	&dev_attr_nr_map_bounced.attr,
	&dev_attr_nr_map_failed.attr,
	&dev_attr_nr_cache_syncs.attr,
	&dev_attr_nr_cache_maintained_blocks.attr,
	&dev_attr_nr_alloc_requests.attr,
	&dev_attr_nr_busy_retries.attr,
	&dev_attr_nr_deadline_missed.attr,
	&dev_attr_nr_bulk_ok.attr,
	&dev_attr_nr_bulk_failed.attr,
	&dev_attr_nr_bulk_blocks.attr,
	&dev_attr_nr_user_ok.attr,
	&dev_attr_nr_user_failed.attr,
	&dev_attr_alloc_us_log2.attr,
	&dev_attr_total_pages.attr,
	&dev_attr_available_pages.attr,
	&dev_attr_alloc_pages_success.attr,
	&dev_attr_alloc_pages_fail.attr,
	&dev_attr_release_pages_success.attr,
	&dev_attr_clients.attr,
	&dev_attr_client_windows.attr,
	&dev_attr_pool_bytes.attr,
	&dev_attr_pool_low_bytes.attr,
	&dev_attr_user_limit_bytes.attr,
	&dev_attr_user_limit_each_bytes.attr,
	&dev_attr_max_align_order.attr,
	NULL
};

static const struct attribute_group vcma_group = {
	.name = "vcma",
	.attrs = vcma_attrs,
};

const struct attribute_group *vcma_groups[] = { &vcma_group, NULL };
