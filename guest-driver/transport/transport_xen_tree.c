// SPDX-License-Identifier: GPL-2.0-only
/*
 * The region of a domain that Xen itself has started (dom0less), which has no xenstore and no backend: all of its
 * RAM (mode ram), as a node of the partial device tree says (docs/bindings/hvcma,xen-ram.yaml). As transport_xen.c,
 * with the host's part of the protocol in the guest. Nobody says what Xen gave in one piece, so each page is
 * asked for, and of the region is what is contiguous in granules.
 *
 * Locks: none: probe and its end are the driver core's, one after the other.
 */
#include <linux/device.h>
#include <linux/ioport.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_address.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "hv/abi/virtio_cma.h"
#include "hv/core/engine.h"
#include "transport.h"
#include "xen_engine.h"
#include "xen_grant.h"

#define VCMA_TREE_GRANULE_BYTES	((u64)SZ_2M)
#define VCMA_TREE_GRANULE_PAGES	(VCMA_TREE_GRANULE_BYTES >> XEN_PAGE_SHIFT)

#define VCMA_TREE_MAX_CLIENTS	64

#define VCMA_TREE_FEATURES						\
	(BIT_ULL(VIRTIO_CMA_F_VERSION_1) | BIT_ULL(VIRTIO_CMA_F_BULK) |	\
	 BIT_ULL(VIRTIO_CMA_F_KINDS) | BIT_ULL(VIRTIO_CMA_F_ATTRIBUTES) |	\
	 BIT_ULL(VIRTIO_CMA_F_WINDOWS) | BIT_ULL(VIRTIO_CMA_F_PINNED) |	\
	 BIT_ULL(VIRTIO_CMA_F_RAM))

struct vcma_tree {
	struct vcma_transport transport;
	struct vcma_xen_region what;
	struct hvcma_gpa_range ranges[VIRTIO_CMA_MAX_RANGES];
	struct vcma_xen_engine *engine;
	struct vcma_region *region;
};

static const struct vcma_transport_user *vcma_tree_user;	/* constant while registered */

/* ---- requests ---- */

static int vcma_tree_call(struct vcma_transport *t, enum vcma_queue queue, const void *req,
			  size_t req_bytes, void *resp, size_t resp_bytes, size_t *used_bytes)
{
	struct vcma_tree *vt = container_of(t, struct vcma_tree, transport);

	return vcma_xen_engine_call(vt->engine, queue == VCMA_QUEUE_REPORT, req, req_bytes,
				    resp, resp_bytes, used_bytes);
}

static void vcma_tree_read_config(struct vcma_transport *t, struct virtio_cma_config *config)
{
	struct vcma_tree *vt = container_of(t, struct vcma_tree, transport);

	vcma_xen_engine_config(vt->engine, config);
}

static const struct vcma_transport_ops vcma_tree_transport_ops = {
	.call = vcma_tree_call,
	.read_config = vcma_tree_read_config,
};

/* ---- what the tree says ---- */

/* Word @i of a property, of less than @bytes. */
static int vcma_tree_read_word(struct device *dev, const char *property, u32 i, char *word,
			       size_t bytes)
{
	const char *text;
	int err = of_property_read_string_index(dev->of_node, property, i, &text);

	if (!err && strscpy(word, text, bytes) <= 0)
		err = -EINVAL;
	if (err)
		dev_err(dev, "entry %u of '%s' is not a word of 1 to %zu bytes\n", i, property,
			bytes - 1);
	return err;
}

static int vcma_tree_read_client(struct device *dev, u32 i, struct vcma_xen_client *c)
{
	struct device_node *node = of_parse_phandle(dev->of_node, "clients", i);
	struct resource registers;
	int err;

	if (!node)
		return dev_err_probe(dev, -EINVAL, "entry %u of 'clients' leads to no node\n", i);
	err = of_address_to_resource(node, 0, &registers);
	if (err) {
		dev_err(dev, "client %pOF has no registers: %pe\n", node, ERR_PTR(err));
	} else {
		c->bus = VIRTIO_CMA_BUS_PLATFORM;
		snprintf(c->path, sizeof(c->path), "0x%llx", (u64)registers.start);
		if (of_property_count_strings(dev->of_node, "client-names") > 0)
			err = vcma_tree_read_word(dev, "client-names", i, c->name, sizeof(c->name));
		else
			snprintf(c->name, sizeof(c->name), "%pOFn-%llx", node, (u64)registers.start);
	}
	of_node_put(node);
	return err;
}

static int vcma_tree_read(struct device *dev, struct vcma_xen_region *what)
{
	int nr = of_count_phandle_with_args(dev->of_node, "clients", NULL), err;
	struct vcma_xen_client *clients;
	int i;

	if (nr < 1 || nr > VCMA_TREE_MAX_CLIENTS)
		return dev_err_probe(dev, -EINVAL, "'clients' has %d entries, 1 to %d are possible\n",
				     max(nr, 0), VCMA_TREE_MAX_CLIENTS);
	clients = devm_kcalloc(dev, nr, sizeof(*clients), GFP_KERNEL);
	if (!clients)
		return -ENOMEM;
	err = vcma_tree_read_word(dev, "region-name", 0, what->name, sizeof(what->name));
	for (i = 0; i < nr && !err; i++)
		err = vcma_tree_read_client(dev, i, &clients[i]);
	what->clients = clients;
	what->nr_clients = nr;
	return err;
}

/* ---- memory ---- */

/* A piece of RAM. */
struct vcma_tree_ram {
	struct hvcma_gpa_range pieces[VIRTIO_CMA_MAX_RANGES];
	u32 nr;
	u64 bytes;
};

/* Whole granules of it. */
static int vcma_tree_add_ram(struct resource *res, void *opaque)
{
	struct vcma_tree_ram *ram = opaque;
	u64 base = ALIGN(res->start, VCMA_TREE_GRANULE_BYTES);
	u64 end = ALIGN_DOWN(res->end + 1, VCMA_TREE_GRANULE_BYTES);

	if (base >= end)
		return 0;
	if (ram->nr == VIRTIO_CMA_MAX_RANGES)
		return -E2BIG;
	ram->pieces[ram->nr++] = (struct hvcma_gpa_range){ base, end - base };
	ram->bytes += end - base;
	return 0;
}

static int vcma_tree_find_ram(struct device *dev, struct vcma_tree_ram *ram)
{
	int err = walk_iomem_res_desc(IORES_DESC_NONE, IORESOURCE_SYSTEM_RAM | IORESOURCE_BUSY, 0,
				      -1, ram, vcma_tree_add_ram);

	if (err != -E2BIG && ram->nr)
		return 0;
	return dev_err_probe(dev, err == -E2BIG ? err : -ENOMEM,
			     "RAM is in more than %d pieces, or in none of %llu bytes\n",
			     VIRTIO_CMA_MAX_RANGES, VCMA_TREE_GRANULE_BYTES);
}

static int vcma_tree_add_granule(struct vcma_tree *vt, u64 gpa, u64 dma, u64 *granule)
{
	struct vcma_xen_region *what = &vt->what;
	struct hvcma_gpa_range *last = what->nr_ranges ? &vt->ranges[what->nr_ranges - 1] : NULL;

	if (!last || last->base_gpa + last->bytes != gpa) {
		if (what->nr_ranges == VIRTIO_CMA_MAX_RANGES)
			return -E2BIG;
		last = &vt->ranges[what->nr_ranges++];
		*last = (struct hvcma_gpa_range){ gpa, 0 };
	}
	last->bytes += VCMA_TREE_GRANULE_BYTES;
	granule[what->bytes / VCMA_TREE_GRANULE_BYTES] = dma;
	what->bytes += VCMA_TREE_GRANULE_BYTES;
	return 0;
}

/* Is a granule in one piece in the machine, and aligned there? */
static bool vcma_tree_is_whole(const u64 *pages)
{
	u64 i;

	for (i = 0; i < VCMA_TREE_GRANULE_PAGES; i++) {
		if (pages[i] != pages[0] + (i << XEN_PAGE_SHIFT))
			return false;
	}
	return IS_ALIGNED(pages[0], VCMA_TREE_GRANULE_BYTES);
}

/*
 * What of a piece is in one piece in the machine becomes the region's. Not all of it has to be: Linux has
 * put a page of Xen's (shared_info) in the place of one of its own, and 6.1 maps what it asks for where it has
 * given pages back for that.
 */
static int vcma_tree_ask(struct vcma_tree *vt, u16 self, const struct hvcma_gpa_range *piece,
			 u64 *granule, char *wrong, size_t wrong_bytes)
{
	u64 nr = piece->bytes >> XEN_PAGE_SHIFT, i;
	u64 *pages = kvmalloc_array(nr, sizeof(*pages), GFP_KERNEL);
	int err;

	if (!pages)
		return -ENOMEM;
	err = vcma_xen_machine_pages(self, piece->base_gpa, nr, pages, wrong, wrong_bytes);
	for (i = 0; i < nr && !err; i += VCMA_TREE_GRANULE_PAGES) {
		if (vcma_tree_is_whole(pages + i))
			err = vcma_tree_add_granule(vt, piece->base_gpa + (i << XEN_PAGE_SHIFT),
						    pages[i], granule);
	}
	kvfree(pages);
	return err;
}

/* Nothing is known: all of it, at no address that anybody is told. */
static void vcma_tree_refuse(struct vcma_tree *vt, const struct vcma_tree_ram *ram, u64 *granule)
{
	u64 off;
	u32 i;

	vt->what.refuses = true;
	vt->what.nr_ranges = 0;
	vt->what.bytes = 0;
	for (i = 0; i < ram->nr; i++) {
		for (off = 0; off < ram->pieces[i].bytes; off += VCMA_TREE_GRANULE_BYTES)
			vcma_tree_add_granule(vt, ram->pieces[i].base_gpa + off,
					      ram->pieces[i].base_gpa + off, granule);
	}
}

/* Where RAM is in the machine. If that is not known, which is logged, clients are refused. */
static int vcma_tree_discover(struct device *dev, struct vcma_tree *vt, u64 **granule)
{
	struct vcma_tree_ram ram = { .nr = 0 };
	ktime_t start = ktime_get();
	char wrong[160] = "";
	u16 self = 0;
	int err;
	u32 i;

	err = vcma_tree_find_ram(dev, &ram);
	if (err)
		return err;
	*granule = kvmalloc_array(ram.bytes / VCMA_TREE_GRANULE_BYTES, sizeof(**granule),
				  GFP_KERNEL);
	if (!*granule)
		return -ENOMEM;
	err = vcma_xen_find_self(&self);
	for (i = 0; i < ram.nr && !err; i++)
		err = vcma_tree_ask(vt, self, &ram.pieces[i], *granule, wrong, sizeof(wrong));
	if (!err && !vt->what.nr_ranges) {
		snprintf(wrong, sizeof(wrong), "no granule of RAM is in one piece there");
		err = -EUCLEAN;
	}
	if (err) {
		dev_err(dev, "machine addresses are not known (%pe), all clients are refused: %s\n",
			ERR_PTR(err), wrong[0] ? wrong : "asking for them failed");
		vcma_tree_refuse(vt, &ram, *granule);
	} else {
		dev_info(dev, "region %s: domain %u, %llu of %llu bytes of RAM are in granules of the machine's, found in %lld us\n",
			 vt->what.name, self, vt->what.bytes, ram.bytes,
			 ktime_us_delta(ktime_get(), start));
	}
	vt->what.base_gpa = vt->ranges[0].base_gpa;
	vt->what.granule_bytes = VCMA_TREE_GRANULE_BYTES;
	vt->what.ranges = vt->ranges;
	return 0;
}

/* ---- the region ---- */

static void vcma_tree_end(void *opaque)
{
	struct vcma_tree *vt = opaque;

	WRITE_ONCE(vt->transport.removing, true);
	vcma_tree_user->stop(vt->region);
	vt->transport.event = NULL;
	vcma_tree_user->finish(vt->region);
	vcma_xen_engine_destroy(vt->engine);
}

static int vcma_tree_start(struct device *dev, struct vcma_tree *vt)
{
	const char *wrong = "";
	u64 *granule;
	int err;

	err = vcma_tree_discover(dev, vt, &granule);
	if (err)
		return err;
	err = vcma_xen_engine_create(&vt->what, granule, VCMA_TREE_FEATURES, &vt->engine, &wrong);
	if (err) {
		kvfree(granule);
		return dev_err_probe(dev, err, "region %s: %s\n", vt->what.name, wrong);
	}
	vt->transport.features = VCMA_TREE_FEATURES;
	vt->transport.has_ram_beside = true;
	err = vcma_tree_user->start(&vt->transport, &vt->region);
	if (!err)
		return 0;
	vt->transport.event = NULL;
	if (vt->region)
		vcma_tree_user->finish(vt->region);
	vcma_xen_engine_destroy(vt->engine);
	return dev_err_probe(dev, err, "region %s does not start\n", vt->what.name);
}

static int vcma_tree_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct vcma_tree *vt = devm_kzalloc(dev, sizeof(*vt), GFP_KERNEL);
	int err;

	if (!vt)
		return -ENOMEM;
	vt->transport.ops = &vcma_tree_transport_ops;
	vt->transport.dev = dev;
	vt->what.mode = VIRTIO_CMA_MODE_RAM;
	/* Xen maps RAM Write-Back at stage 2, and leaves FEAT_S2FWB off. */
	vt->what.stage2 = VIRTIO_CMA_STAGE2_NO_FWB;
	err = vcma_tree_read(dev, &vt->what) ?: vcma_tree_start(dev, vt);
	if (err)
		return err;
	dev_set_drvdata(dev, vt->region);
	return devm_add_action_or_reset(dev, vcma_tree_end, vt);
}

static const struct of_device_id vcma_tree_ids[] = {
	{ .compatible = "hvcma,xen-ram" },
	{ }
};
MODULE_DEVICE_TABLE(of, vcma_tree_ids);

static struct platform_driver vcma_tree_driver = {
	.probe = vcma_tree_probe,
	.driver = {
		.name = "vcma-xen-ram",
		.of_match_table = vcma_tree_ids,
	},
};

int vcma_xen_tree_register(const struct vcma_transport_user *user)
{
	int err;

	vcma_tree_user = user;
	vcma_tree_driver.driver.dev_groups = user->groups;
	err = platform_driver_register(&vcma_tree_driver);
	if (err)
		vcma_tree_user = NULL;
	return err;
}

void vcma_xen_tree_unregister(void)
{
	platform_driver_unregister(&vcma_tree_driver);
	vcma_tree_user = NULL;
}
