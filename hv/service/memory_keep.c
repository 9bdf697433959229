// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions and the keeper: the provider on rings that the keeper has, too, and how it is made again by the
 * next service, or on the rings of the next keeper. Pins are never all gone meanwhile: what is pinned
 * anew is so before the old rings are let go.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/host/pin.h"
#include "hv/service/log.h"
#include "hv/service/memory.h"

static struct hvcmad_region *region_of(struct hvcmad_kept *kept)
{
	return (struct hvcmad_region *)((char *)kept - offsetof(struct hvcmad_region, kept));
}

static struct hvcmad_about about(const struct hvcmad_region *r)
{
	return (struct hvcmad_about){ .vm = r->vm->name, .region = r->name, .pid = r->pid };
}

static void free_rings(int *ring_fds, size_t nr_rings)
{
	while (nr_rings)
		close(ring_fds[--nr_rings]);
	free(ring_fds);
}

/* Takes the rings over on success. @pinned: what they have pinned; NULL: nothing. */
static int provide(struct hvcmad_region *r, int *ring_fds, size_t nr_rings, const uint8_t *pinned,
		   struct hvcma_provider **out, struct hvcma_error *err)
{
	const struct hvcma_provider_config config = {
		.name = r->name, .base = r->base, .bytes = r->bytes, .granule_bytes = r->granule_bytes,
		.page_bytes = r->page_bytes, .fd = r->fd, .fd_offset_bytes = r->offset,
		.need_hpa = r->has_addresses, .ring_fds = ring_fds, .nr_rings = nr_rings, .pinned = pinned,
	};

	return hvcma_provider_local_create(&config, out, err);
}

/* By a provider that has pinned nothing yet, all that the table says. All, or a negative errno. */
static int pin_again(struct hvcmad_region *r, struct hvcma_provider *p, struct hvcma_error *err)
{
	uint64_t at = 0, first, nr;
	int ret = 0;

	while (!ret && (nr = hvcmad_pin_table_next(&r->table, at, HVCMAD_PIN_PINNED, &first))) {
		ret = p->ops->pin(p, first, nr);
		at = first + nr;
	}
	if (ret)
		*err = p->error;
	return ret;
}

/* The keeper is another one, and has made these rings. */
static int renew(struct hvcmad_kept *kept, int *ring_fds, size_t nr_rings, struct hvcma_error *err)
{
	struct hvcmad_region *r = region_of(kept);
	struct hvcma_provider *p;
	int ret = provide(r, ring_fds, nr_rings, NULL, &p, err);

	if (ret) {
		free_rings(ring_fds, nr_rings);
		return ret;
	}
	ret = pin_again(r, p, err);
	if (ret) {
		p->ops->destroy(p);
		return ret;
	}
	r->provider->ops->destroy(r->provider);
	r->provider = p;
	return 0;
}

static void describe(struct hvcmad_region *r)
{
	const struct hvcma_pin_layout layout = hvcma_pin_layout_of(r->bytes, r->granule_bytes);

	r->record = (struct hvcmad_region_record){
		.head = { HVCMAD_RECORD_REGION, HVCMAD_RECORD_VERSION, r->peer->record.head.peer },
		.id = r->id, .has_addresses = r->has_addresses, .bytes = r->bytes,
		.granule_bytes = r->granule_bytes, .page_bytes = r->page_bytes, .offset = r->offset,
	};
	memcpy(r->record.name, r->name, sizeof(r->record.name));
	r->kept = (struct hvcmad_kept){
		.nr_fds = 2, .fd = { r->fd, r->table.fd }, .record = &r->record, .record_bytes = sizeof(r->record),
		.nr_slots = layout.nr_slots, .slots_per_ring = layout.slots_per_ring, .renew = renew,
	};
}

int hvcmad_region_keep(struct hvcmad_memory *m, struct hvcmad_region *r, struct hvcma_error *err)
{
	size_t nr_rings;
	int *ring_fds;
	int ret = hvcmad_pin_table_make(&r->table, r->bytes / r->granule_bytes);

	if (ret) {
		hvcma_error_set(err, "region %s: no memory for its table: %s", r->name, strerror(-ret));
		return -ENOMEM;
	}
	describe(r);
	ret = hvcmad_keep_put(m->keep, &r->kept, &ring_fds, &nr_rings, err);
	if (ret)
		goto fini_table;
	ret = provide(r, ring_fds, nr_rings, NULL, &r->provider, err);
	if (!ret)
		return 0;

	free_rings(ring_fds, nr_rings);
	hvcmad_keep_drop(m->keep, &r->kept);
fini_table:
	hvcmad_pin_table_fini(&r->table);
	return ret;
}

void hvcmad_region_unkeep(struct hvcmad_memory *m, struct hvcmad_region *r)
{
	uint64_t at = 0, first, nr;

	while ((nr = hvcmad_pin_table_next(&r->table, at, HVCMAD_PIN_PINNED, &first))) {
		hvcmad_pin_table_set(&r->table, first, nr, HVCMAD_PIN_UNPINNING);
		at = first + nr;
	}
	r->provider->ops->destroy(r->provider);
	hvcmad_keep_drop(m->keep, &r->kept);
	hvcmad_pin_table_fini(&r->table);
}

void hvcmad_region_note_addresses(struct hvcmad_region *r, uint64_t first, uint64_t nr)
{
	struct hvcma_provider *p = r->provider;
	uint64_t hpa, i;

	for (i = first; r->has_addresses && i < first + nr; i++) {
		if (!p->ops->hpa(p, i, 1, &hpa) && hpa < HVCMA_HPA_SWAPPED)
			hvcmad_pin_table_set_address(&r->table, i, hpa);
	}
}

/* ---- what the service before has left ---- */

static int map_granule(struct hvcmad_region *r, uint64_t granule)
{
	return hvcma_populate((char *)r->base + granule * r->granule_bytes, r->granule_bytes);
}

/*
 * Pages that are pinned are in the file, unless its owner has made holes: then this would be another page,
 * and not where devices write to. Others were asked for by BACK, and may be gone again.
 */
static void map_pages(struct hvcmad_region *r, struct hvcma_error *err)
{
	uint64_t i;
	int ret;

	for (i = 0; i < r->table.nr; i++) {
		bool pinned = hvcmad_pin_table_state(&r->table, i) != HVCMAD_PIN_NONE;

		if (!pinned && !hvcmad_pin_table_is_backed(&r->table, i))
			continue;
		ret = map_granule(r, i);
		if (!ret || !pinned)
			continue;
		hvcma_error_set(err, "region %s: pinned pages are not in its file any more: %s", r->name, strerror(-ret));
		r->has_addresses = false;
	}
}

static void check_pinned(struct hvcmad_region *r, struct hvcma_error *err)
{
	struct hvcma_provider *p = r->provider;
	uint64_t at = 0, first, nr, hpa, known;

	while (r->has_addresses && (nr = hvcmad_pin_table_next(&r->table, at, HVCMAD_PIN_PINNED, &first))) {
		for (at = first; r->has_addresses && at < first + nr; at++) {
			known = hvcmad_pin_table_address(&r->table, at);
			if (known && !p->ops->hpa(p, at, 1, &hpa) && hpa == known)
				continue;
			hvcma_error_set(err, "region %s: the page of pinned granule %" PRIu64
					" is not the one that was pinned", r->name, at);
			r->has_addresses = false;
		}
	}
}

/* All that is not NONE counts as pinned, so that it can be unpinned. NULL: no memory. */
static uint8_t *pinned_perhaps(const struct hvcmad_region *r)
{
	uint8_t *pinned = malloc(r->table.nr);
	uint64_t i;

	for (i = 0; pinned && i < r->table.nr; i++)
		pinned[i] = hvcmad_pin_table_state(&r->table, i) != HVCMAD_PIN_NONE;
	return pinned;
}

/* What was begun, and nobody was told that it was done. */
static int end_begun(struct hvcmad_region *r, struct hvcma_provider *p)
{
	static const enum hvcmad_pin_state begun[] = { HVCMAD_PIN_PINNING, HVCMAD_PIN_UNPINNING };
	uint64_t first, nr, i;

	for (i = 0; i < 2; i++) {
		while ((nr = hvcmad_pin_table_next(&r->table, 0, begun[i], &first))) {
			int ret = p ? p->ops->unpin(p, first, nr) : 0;

			if (ret)
				return ret;
			hvcmad_pin_table_set(&r->table, first, nr, HVCMAD_PIN_NONE);
		}
	}
	return 0;
}

/* On the rings that the keeper has. They are taken over on success alone. */
static int go_on(struct hvcmad_region *r, struct hvcmad_found *found, struct hvcma_error *err)
{
	uint8_t *pinned = pinned_perhaps(r);
	struct hvcma_provider *p;
	int *copies;
	size_t i;
	int ret;

	if (!pinned)
		return -ENOMEM;
	copies = calloc(found->nr_rings + 1, sizeof(*copies));
	for (i = 0; copies && i < found->nr_rings; i++)
		copies[i] = found->ring_fds[i];
	ret = copies ? provide(r, copies, found->nr_rings, pinned, &p, err) : -ENOMEM;
	free(pinned);
	if (ret) {
		free(copies);
		return ret;
	}
	/* It has them from here on. A table that the service before was just taking away can't be used. */
	free(found->ring_fds);
	found->ring_fds = NULL;
	found->nr_rings = 0;
	r->provider = p;
	return end_begun(r, p);
}

/*
 * By new rings: the keeper has lost the old ones, or they are of no use; then there is a provider on them. It ends when
 * all is pinned anew, and not before; without that it is left alone, as its end would unpin.
 */
static int begin_anew(struct hvcmad_memory *m, struct hvcmad_region *r, uint32_t old_id, struct hvcma_error *err)
{
	struct hvcma_provider *p, *old = r->provider;
	size_t nr_rings;
	int *ring_fds;
	int ret;

	end_begun(r, NULL);
	ret = hvcmad_keep_put(m->keep, &r->kept, &ring_fds, &nr_rings, err);
	if (ret)
		return ret;
	ret = provide(r, ring_fds, nr_rings, NULL, &p, err);
	if (ret) {
		free_rings(ring_fds, nr_rings);
		goto drop;
	}
	ret = pin_again(r, p, err);
	if (ret) {
		p->ops->destroy(p);
		goto drop;
	}
	r->provider = p;
	if (old)
		old->ops->destroy(old);
	hvcmad_keep_forget(m->keep, old_id);
	return 0;

drop:
	hvcmad_keep_drop(m->keep, &r->kept);
	return ret;
}

int hvcmad_region_keep_on(struct hvcmad_memory *m, struct hvcmad_region *r, struct hvcmad_found *found,
			  struct hvcma_error *err)
{
	const struct hvcmad_about who = about(r);
	struct hvcma_error why = { "" };
	int ret = hvcmad_pin_table_adopt(&r->table, found->fd[1], r->bytes / r->granule_bytes);

	if (ret) {
		hvcma_error_set(err, "region %s: its table: %s", r->name, strerror(-ret));
		return ret;
	}
	describe(r);
	map_pages(r, &why);
	ret = found->ring_fds ? go_on(r, found, err) : -ENODATA;
	if (!ret) {
		hvcmad_keep_adopt(m->keep, &r->kept, found->id);
	} else {
		hvcmad_log(LOG_WARNING, HVCMAD_EVENT_KEEPER, &who,
			   "VM %s: region %s is pinned anew: the keeper has no pins of it", r->vm->name, r->name);
		ret = begin_anew(m, r, found->id, err);
	}
	if (ret) {
		munmap(r->table.entry, r->table.nr * sizeof(*r->table.entry));	/* the file is the caller's */
		return ret;
	}
	found->nr_fds = 0;
	check_pinned(r, &why);
	if (why.text[0])
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_FAULT, &who, "VM %s: %s: no addresses are told any more",
			   r->vm->name, why.text);
	return 0;
}
