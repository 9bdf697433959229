// SPDX-License-Identifier: GPL-2.0-only
/*
 * sysfs: one folder "vcma" per region under its device, one value per file.
 */
#include <linux/device.h>
#include <linux/sysfs.h>

#include "mode.h"
#include "region.h"
#include "sysfs.h"

#define VCMA_ATTR(attr_name, format, value)						\
static ssize_t attr_name##_show(struct device *dev, struct device_attribute *attr,	\
				char *buf)						\
{											\
	struct vcma_region *r = dev_get_drvdata(dev);					\
											\
	return r ? sysfs_emit(buf, format "\n", value) : -ENODEV;			\
}											\
static DEVICE_ATTR_RO(attr_name)

#define VCMA_STAT(stat)	VCMA_ATTR(stat, "%lld", (s64)atomic64_read(&r->stats.stat))

VCMA_ATTR(region_name, "%s", r->name);
VCMA_ATTR(mode, "%s", r->mode->name);
VCMA_ATTR(state, "%s", vcma_region_state_name(READ_ONCE(r->state)));
VCMA_ATTR(region_base_gpa, "%#llx", r->base_gpa);
VCMA_ATTR(region_bytes, "%llu", r->bytes);
VCMA_ATTR(granule_bytes, "%llu", r->granule_bytes);
VCMA_STAT(held_bytes);
VCMA_STAT(coherent_bytes);
VCMA_STAT(bounce_bytes);
VCMA_STAT(nr_coherent_ok);
VCMA_STAT(nr_coherent_failed);
VCMA_STAT(nr_coherent_refused);
VCMA_STAT(nr_map_direct);
VCMA_STAT(nr_map_bounced);
VCMA_STAT(nr_map_failed);
VCMA_STAT(nr_cache_syncs);
VCMA_STAT(nr_alloc_requests);

static struct attribute *vcma_attrs[] = {
	&dev_attr_region_name.attr,
	&dev_attr_mode.attr,
	&dev_attr_state.attr,
	&dev_attr_region_base_gpa.attr,
	&dev_attr_region_bytes.attr,
	&dev_attr_granule_bytes.attr,
	&dev_attr_held_bytes.attr,
	&dev_attr_coherent_bytes.attr,
	&dev_attr_bounce_bytes.attr,
	&dev_attr_nr_coherent_ok.attr,
	&dev_attr_nr_coherent_failed.attr,
	&dev_attr_nr_coherent_refused.attr,
	&dev_attr_nr_map_direct.attr,
	&dev_attr_nr_map_bounced.attr,
	&dev_attr_nr_map_failed.attr,
	&dev_attr_nr_cache_syncs.attr,
	&dev_attr_nr_alloc_requests.attr,
	NULL
};

static const struct attribute_group vcma_group = {
	.name = "vcma",
	.attrs = vcma_attrs,
};

const struct attribute_group *vcma_groups[] = { &vcma_group, NULL };
