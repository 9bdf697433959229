// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Steps of a device (backend.h). Non-purpose: when they are made (main.c), and how memory comes (hv/host/xen).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>
#include <xen/io/xenbus.h>

#include "hv/host/xen/domain.h"
#include "hv/xen/backend.h"

/*
 * Where guests of Xen on Arm have RAM: GUEST_RAM0 and GUEST_RAM1 of xen/arch-arm.h. Frames are looked for from the
 * end of the first down: kernels begin at its other end when they look for frames to map others' memory at.
 */
#define RAM0_BASE_GPA	UINT64_C(0x40000000)
#define RAM0_END_GPA	UINT64_C(0x100000000)
#define RAM1_BASE_GPA	UINT64_C(0x200000000)
#define RAM1_BYTES	(UINT64_C(1016) << 30)
#define MAX_PLACES	64

/* No state of xenbus: nothing is there. */
#define STATE_NONE	0

const char *hvcma_xen_state_name(uint64_t state)
{
	static const char *const names[] = {
		[STATE_NONE] = "none",
		[XenbusStateInitialising] = "initialising",
		[XenbusStateInitWait] = "init-wait",
		[XenbusStateInitialised] = "initialised",
		[XenbusStateConnected] = "connected",
		[XenbusStateClosing] = "closing",
		[XenbusStateClosed] = "closed",
	};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

void hvcma_xen_device_set(struct hvcma_xen_device *d, uint32_t domid, uint32_t id)
{
	d->domid = domid;
	d->id = id;
	snprintf(d->backend, sizeof(d->backend), HVCMA_XEN_BACKENDS "/%" PRIu32 "/%" PRIu32, domid, id);
	snprintf(d->frontend, sizeof(d->frontend), "/local/domain/%" PRIu32 "/device/vcma/%" PRIu32,
		 domid, id);
}

/* ---- a toolstack's part ---- */

static int write_backend(struct xs_handle *xs, uint32_t t, const struct hvcma_xen_device *d,
			 const struct hvcma_xen_wish *wish)
{
	int ret = hvcma_store_mkdir(xs, t, d->backend,
				    (struct hvcma_store_owner){ .owner = 0, .reader = d->domid });

	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "frontend", "%s", d->frontend);
	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "frontend-id", "%" PRIu32, d->domid);
	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "online", "1");
	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "name", "%s", wish->name);
	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "mode", "%s", wish->mode);
	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "bytes", "%" PRIu64, wish->bytes);
	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "wanted-gpa", "%" PRIu64, wish->base_gpa);
	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "granule-bytes", "%" PRIu64,
					    HVCMA_XEN_GRANULE_BYTES);
	ret = ret ? ret : hvcma_store_write(xs, t, d->backend, "nr-clients", "%" PRIu32,
					    wish->nr_clients);
	for (uint32_t i = 0; i < wish->nr_clients && !ret; i++) {
		const struct hvcma_xen_client_text *c = &wish->clients[i];
		char key[32];

		snprintf(key, sizeof(key), "client/%" PRIu32, i);
		ret = hvcma_store_write(xs, t, d->backend, key, "%s %s %s%s%s",
					c->bus == VIRTIO_CMA_BUS_PCI ? "pci" : "platform", c->path,
					c->name, c->kind[0] ? " " : "", c->kind);
	}
	return ret ? ret : hvcma_store_write(xs, t, d->backend, "state", "%d", XenbusStateInitialising);
}

static int write_frontend(struct xs_handle *xs, uint32_t t, const struct hvcma_xen_device *d)
{
	int ret = hvcma_store_mkdir(xs, t, d->frontend,
				    (struct hvcma_store_owner){ .owner = d->domid, .reader = 0 });

	ret = ret ? ret : hvcma_store_write(xs, t, d->frontend, "backend", "%s", d->backend);
	ret = ret ? ret : hvcma_store_write(xs, t, d->frontend, "backend-id", "0");
	return ret ? ret : hvcma_store_write(xs, t, d->frontend, "state", "%d", XenbusStateInitialising);
}

/* Return: the lowest number that no device of the domain has. */
static uint32_t free_id(struct xs_handle *xs, uint32_t domid)
{
	char dir[HVCMA_STORE_PATH_BYTES];
	int64_t id = -1, next;

	snprintf(dir, sizeof(dir), HVCMA_XEN_BACKENDS "/%" PRIu32, domid);
	while ((next = hvcma_store_next(xs, dir, id)) == id + 1)
		id = next;
	return id + 1;
}

int hvcma_xen_attach(struct xs_handle *xs, uint32_t domid, const struct hvcma_xen_wish *wish,
		     struct hvcma_xen_device *d, struct hvcma_error *err)
{
	xs_transaction_t t;
	int ret;

	if (!xs_is_domain_introduced(xs, domid)) {
		hvcma_error_set(err, "domain %" PRIu32 ": xenstore knows no such domain", domid);
		return -ESRCH;
	}
	do {
		t = xs_transaction_start(xs);
		if (!t) {
			ret = -errno;
			break;
		}
		hvcma_xen_device_set(d, domid, free_id(xs, domid));
		ret = write_backend(xs, t, d, wish);
		ret = ret ? ret : write_frontend(xs, t, d);
		if (xs_transaction_end(xs, t, ret != 0))
			break;
		ret = ret ? ret : -errno;
	} while (ret == -EAGAIN);
	if (ret)
		hvcma_error_set(err, "region %s: xenstore: %s", wish->name, strerror(-ret));
	return ret;
}

int hvcma_xen_detach(struct xs_handle *xs, uint32_t domid, uint32_t id, struct hvcma_error *err)
{
	struct hvcma_xen_device d;
	uint64_t state;
	int ret;

	hvcma_xen_device_set(&d, domid, id);
	if (!hvcma_store_read_u64(xs, &state, "%s/state", d.backend)) {
		hvcma_error_set(err, "domain %" PRIu32 " has no region %" PRIu32, domid, id);
		return -ENOENT;
	}
	ret = hvcma_store_write(xs, XBT_NULL, d.backend, "online", "0");
	if (ret)
		hvcma_error_set(err, "%s/online: %s", d.backend, strerror(-ret));
	return ret;
}

/* ---- frames ---- */

static int set_state(struct xs_handle *xs, const struct hvcma_xen_device *d, int state)
{
	int ret = hvcma_store_write(xs, XBT_NULL, d->backend, "state", "%d", state);

	return ret ? ret : 1;
}

/* Alignment that lets extents be as long as they can be. */
static uint64_t alignment(uint64_t bytes)
{
	uint64_t align = HVCMA_XEN_FRAME_BYTES << HVCMA_XEN_MAX_ORDER;

	while (align > bytes && align > HVCMA_XEN_GRANULE_BYTES)
		align /= 2;
	return align;
}

/* The @nr-th place to look at. Return: false: there is no other. */
static bool place(uint64_t bytes, uint64_t ram_bytes, unsigned int nr, uint64_t *base_gpa)
{
	uint64_t align = alignment(bytes), span = (bytes + align - 1) & ~(align - 1);
	uint64_t above = ram_bytes > RAM0_END_GPA - RAM0_BASE_GPA ?
			 ram_bytes - (RAM0_END_GPA - RAM0_BASE_GPA) : 0;
	uint64_t low = (RAM0_BASE_GPA + ram_bytes + align - 1) & ~(align - 1);
	uint64_t in_ram0 = low < RAM0_END_GPA ? (RAM0_END_GPA - low) / span : 0;

	if (nr >= MAX_PLACES)
		return false;
	if (nr < in_ram0) {
		*base_gpa = RAM0_END_GPA - (nr + 1) * span;
		return true;
	}
	*base_gpa = ((RAM1_BASE_GPA + above + align - 1) & ~(align - 1)) + (nr - in_ram0) * span;
	return *base_gpa + bytes <= RAM1_BASE_GPA + RAM1_BYTES;
}

static int choose_base(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
		       uint64_t bytes, uint64_t *base_gpa, struct hvcma_error *err)
{
	uint64_t wanted = 0, ram_kib = 0, avoid = 0;
	int is_free;

	hvcma_store_read_u64(xs, &wanted, "%s/wanted-gpa", d->backend);
	if (wanted) {
		is_free = hvcma_xen_is_free(x, d->domid, wanted, bytes, err);
		if (!is_free)
			hvcma_error_set(err, "domain %" PRIu32 " has memory at %#" PRIx64 "+%#" PRIx64
					" already", d->domid, wanted, bytes);
		*base_gpa = wanted;
		return is_free > 0 ? 0 : is_free < 0 ? is_free : -EEXIST;
	}
	hvcma_store_read_u64(xs, &ram_kib, "/local/domain/%" PRIu32 "/memory/static-max", d->domid);
	/* The guest did not want the last ones. */
	hvcma_store_read_u64(xs, &avoid, "%s/base-gpa", d->backend);
	for (unsigned int nr = 0; place(bytes, ram_kib * 1024, nr, base_gpa); nr++) {
		if (avoid && *base_gpa == avoid)
			continue;
		is_free = hvcma_xen_is_free(x, d->domid, *base_gpa, bytes, err);
		if (is_free)
			return is_free < 0 ? is_free : 0;
	}
	hvcma_error_set(err, "domain %" PRIu32 ": no free frames for %" PRIu64 " bytes", d->domid, bytes);
	return -ENOSPC;
}

static int propose(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
		   struct hvcma_error *err)
{
	uint64_t bytes, base_gpa;
	int ret;

	if (!hvcma_store_read_u64(xs, &bytes, "%s/bytes", d->backend) || !bytes ||
	    bytes % HVCMA_XEN_GRANULE_BYTES || bytes > RAM1_BYTES) {
		hvcma_error_set(err, "%s/bytes is no number of whole 2 MiB", d->backend);
		return -EINVAL;
	}
	ret = choose_base(x, xs, d, bytes, &base_gpa, err);
	if (ret)
		return ret;
	ret = hvcma_store_write(xs, XBT_NULL, d->backend, "base-gpa", "%" PRIu64, base_gpa);
	return ret ? ret : set_state(xs, d, XenbusStateInitWait);
}

/* ---- memory ---- */

static bool read_range(struct xs_handle *xs, const struct hvcma_xen_device *d, uint64_t *base_gpa,
		       uint64_t *bytes)
{
	return hvcma_store_read_u64(xs, base_gpa, "%s/base-gpa", d->backend) &&
	       hvcma_store_read_u64(xs, bytes, "%s/bytes", d->backend);
}

/* What the limit was is written down first, so that who is killed in between does not raise it twice. */
static int raise_maxmem(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
			uint64_t bytes, struct hvcma_error *err)
{
	uint64_t kib;
	int ret;

	if (!hvcma_store_read_u64(xs, &kib, "%s/maxmem-before-kib", d->backend)) {
		ret = hvcma_xen_maxmem(x, d->domid, &kib, err);
		ret = ret ? ret : hvcma_store_write(xs, XBT_NULL, d->backend, "maxmem-before-kib",
						    "%" PRIu64, kib);
		if (ret)
			return ret;
	}
	return hvcma_xen_set_maxmem(x, d->domid, kib + bytes / 1024, err);
}

static int lower_maxmem(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
			uint64_t bytes, struct hvcma_error *err)
{
	char path[HVCMA_STORE_PATH_BYTES + 32];
	uint64_t before, kib;
	int ret;

	if (!hvcma_store_read_u64(xs, &before, "%s/maxmem-before-kib", d->backend))
		return 0;
	ret = hvcma_xen_maxmem(x, d->domid, &kib, err);
	/* Others may have come and gone meanwhile: only its own part. */
	if (!ret && kib >= bytes / 1024)
		ret = hvcma_xen_set_maxmem(x, d->domid, kib - bytes / 1024, err);
	snprintf(path, sizeof(path), "%s/maxmem-before-kib", d->backend);
	xs_rm(xs, XBT_NULL, path);
	return ret;
}

/* What is told of extents while they are populated. */
struct telling {
	struct xs_handle *xs;
	const struct hvcma_xen_device *d;
	uint32_t nr;
	uint64_t longest_bytes;
};

/* The guest need not ask for each granule of one. */
static void tell_extent(void *opaque, uint64_t gpa, uint64_t bytes)
{
	struct telling *t = opaque;
	char key[32];

	t->nr++;
	if (bytes > t->longest_bytes)
		t->longest_bytes = bytes;
	if (bytes == HVCMA_XEN_GRANULE_BYTES)
		return;
	snprintf(key, sizeof(key), "extent/%#" PRIx64, gpa);
	hvcma_store_write(t->xs, XBT_NULL, t->d->backend, key, "%" PRIu64, bytes);
}

/* Before any of the memory goes: who is killed in between leaves no word of extents that are no more. */
static int unpopulate(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
		      uint64_t base_gpa, uint64_t bytes, struct hvcma_error *err)
{
	char path[HVCMA_STORE_PATH_BYTES + 8];
	int ret;

	snprintf(path, sizeof(path), "%s/extent", d->backend);
	if (!xs_rm(xs, XBT_NULL, path) && errno != ENOENT) {
		ret = -errno;
		hvcma_error_set(err, "%s can't be removed: %s", path, strerror(-ret));
		return ret;
	}
	ret = hvcma_xen_take_back(x, d->domid, base_gpa, bytes, err);
	return ret ? ret : lower_maxmem(x, xs, d, bytes, err);
}

static int populate(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
		    struct hvcma_error *err)
{
	struct telling telling = { .xs = xs, .d = d };
	uint64_t base_gpa, bytes;
	int ret;

	if (!read_range(xs, d, &base_gpa, &bytes)) {
		hvcma_error_set(err, "%s has no base-gpa or bytes", d->backend);
		return -EINVAL;
	}
	ret = raise_maxmem(x, xs, d, bytes, err);
	ret = ret ? ret : hvcma_xen_populate(x, d->domid, base_gpa, bytes, tell_extent, &telling, err);
	if (ret) {
		unpopulate(x, xs, d, base_gpa, bytes, NULL);
		return ret;
	}
	hvcma_store_write(xs, XBT_NULL, d->backend, "nr-extents", "%" PRIu32, telling.nr);
	hvcma_store_write(xs, XBT_NULL, d->backend, "longest-bytes", "%" PRIu64, telling.longest_bytes);
	return set_state(xs, d, XenbusStateConnected);
}

static int take_back(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
		     struct hvcma_error *err)
{
	uint64_t base_gpa, bytes, kib;
	int ret = 0;

	/* Without this key nothing was populated. */
	if (read_range(xs, d, &base_gpa, &bytes) &&
	    hvcma_store_read_u64(xs, &kib, "%s/maxmem-before-kib", d->backend))
		ret = unpopulate(x, xs, d, base_gpa, bytes, err);
	return ret ? ret : set_state(xs, d, XenbusStateClosed);
}

/* ---- steps ---- */

static int forget(struct xs_handle *xs, const struct hvcma_xen_device *d)
{
	char dir[HVCMA_STORE_PATH_BYTES];

	snprintf(dir, sizeof(dir), "/local/domain/%" PRIu32 "/error/device/vcma/%" PRIu32, d->domid, d->id);
	xs_rm(xs, XBT_NULL, dir);
	xs_rm(xs, XBT_NULL, d->frontend);
	xs_rm(xs, XBT_NULL, d->backend);
	snprintf(dir, sizeof(dir), HVCMA_XEN_BACKENDS "/%" PRIu32, d->domid);
	if (hvcma_store_next(xs, dir, -1) < 0)
		xs_rm(xs, XBT_NULL, dir);
	return 1;
}

static int fail(struct xs_handle *xs, const struct hvcma_xen_device *d, int ret,
		const struct hvcma_error *err)
{
	hvcma_store_write(xs, XBT_NULL, d->backend, "error", "%s", err->text);
	set_state(xs, d, XenbusStateClosing);
	return ret;
}

int hvcma_xen_step(struct hvcma_xen *x, struct xs_handle *xs, const struct hvcma_xen_device *d,
		   struct hvcma_error *err)
{
	uint64_t state, other = STATE_NONE, online = 0;
	bool is_over;
	int ret = 0;

	if (!hvcma_store_read_u64(xs, &state, "%s/state", d->backend))
		return 0;
	if (!xs_is_domain_introduced(xs, d->domid))
		return forget(xs, d);
	/* It is about to end, its memory with it. */
	if (!hvcma_xen_exists(x, d->domid))
		return 0;
	hvcma_store_read_u64(xs, &other, "%s/state", d->frontend);
	hvcma_store_read_u64(xs, &online, "%s/online", d->backend);
	is_over = other == XenbusStateClosing || other == XenbusStateClosed || other == STATE_NONE;
	/* It closed and came again before we looked: a watch tells of the last state alone. */
	is_over |= state == XenbusStateConnected && other == XenbusStateInitialising;

	switch (state) {
	case XenbusStateInitialising:
		if (!online)
			return set_state(xs, d, XenbusStateClosed);
		ret = propose(x, xs, d, err);
		break;
	case XenbusStateInitWait:
	case XenbusStateConnected:
		if (is_over)
			return take_back(x, xs, d, err);
		if (!online && other == XenbusStateInitialising)
			return set_state(xs, d, XenbusStateClosed);
		if (!online)
			return set_state(xs, d, XenbusStateClosing);
		if (state == XenbusStateInitWait && other == XenbusStateInitialised)
			ret = populate(x, xs, d, err);
		break;
	case XenbusStateClosing:
		/* A frontend that was never there, or has gone, answers no more. */
		if (other == XenbusStateClosed || other == STATE_NONE || other == XenbusStateInitialising)
			return take_back(x, xs, d, err);
		break;
	case XenbusStateClosed:
		if (!online)
			return forget(xs, d);
		if (other == XenbusStateInitialising)
			return set_state(xs, d, XenbusStateInitialising);
		break;
	}
	return ret < 0 ? fail(xs, d, ret, err) : ret;
}
