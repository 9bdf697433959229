// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Granules of a region: backed, pinned, located, unpinned, discarded, as far as quotas and the
 * reserve of hugepages allow. How it is done is the provider's affair.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "hv/host/hugepages.h"
#include "hv/service/memory.h"

#define LOOK_GRANULES	256

static enum hvcmad_status status_of(int ret)
{
	switch (ret) {
	case 0:
		return HVCMAD_S_OK;
	case -EACCES:
		return HVCMAD_S_REFUSED;
	case -EDQUOT:
		return HVCMAD_S_QUOTA;
	case -ERANGE:
		return HVCMAD_S_RANGE;
	case -EBUSY:		/* to pin: pinned already; to discard: pinned */
	case -ENODATA:		/* to pin: unbacked */
	case -EINVAL:		/* to unpin: not pinned */
		return HVCMAD_S_STATE;
	case -ENOBUFS:
		return HVCMAD_S_NO_BACKING;
	case -EAGAIN:
		return HVCMAD_S_AGAIN;
	case -ENOMEM:
		return HVCMAD_S_NO_MEMORY;
	default:
		return HVCMAD_S_IO;
	}
}

/* What the provider's method has returned, with its words. */
static enum hvcmad_status provided(const struct hvcmad_region *r, int ret, struct hvcma_error *err)
{
	if (ret)
		*err = r->provider->error;
	return status_of(ret);
}

/*
 * Hugepages that the range may take at most: those of its granules that are not mapped here, but no
 * more than the file lacks (who has the file may have made them).
 */
static int missing_pages(const struct hvcmad_region *r, uint64_t first, uint64_t nr, uint64_t *missing)
{
	uint64_t hpa[LOOK_GRANULES], absent = 0, lacking, have;
	struct hvcma_provider *p = r->provider;
	struct stat st;

	while (nr) {
		uint64_t n = nr < LOOK_GRANULES ? nr : LOOK_GRANULES, i;
		int ret = p->ops->look(p, first, n, hpa);

		if (ret)
			return ret;
		for (i = 0; i < n; i++)
			absent += hpa[i] == HVCMA_HPA_ABSENT;
		first += n;
		nr -= n;
	}
	absent *= r->granule_bytes / r->page_bytes;
	if (fstat(r->fd, &st))
		return -EIO;
	lacking = (uint64_t)st.st_size / r->page_bytes;
	have = (uint64_t)st.st_blocks * 512 / r->page_bytes;
	lacking -= have < lacking ? have : lacking;
	*missing = absent < lacking ? absent : lacking;
	return 0;
}

/* What of the pool is neither in use nor promised to others nor kept back; a file's own pool may have pages that are promised to itself. */
static int available_pages(const struct hvcmad_memory *m, const struct hvcmad_region *r, uint64_t *available)
{
	uint64_t keep = hvcmad_config_keep_bytes(m->config, r->page_bytes) / r->page_bytes;
	struct hvcma_hugepages pool;
	struct statfs fs;
	uint64_t have;

	if (hvcma_hugepages_read(r->page_bytes, &pool) || fstatfs(r->fd, &fs))
		return -EIO;
	have = pool.free;
	if (r->is_limited)
		have = fs.f_bavail < have ? fs.f_bavail : have;
	else
		have -= pool.reserved < have ? pool.reserved : have;
	*available = have - (keep < have ? keep : have);
	return 0;
}

/* Would less stay free than others wait for, who come first? */
static int check_turn(const struct hvcmad_memory *m, const struct hvcmad_region *r, uint64_t first, uint64_t nr,
		      struct hvcma_error *err)
{
	uint64_t held = hvcmad_turns_held(m, r) / r->page_bytes, missing = 0, available = 0;

	if (!held)
		return 0;
	if (missing_pages(r, first, nr, &missing) || available_pages(m, r, &available)) {
		hvcma_error_set(err, "region %s: cannot find out how many hugepages are free", r->name);
		return -EIO;
	}
	if (!missing || (available >= held && missing <= available - held))
		return 0;
	hvcma_error_set(err, "region %s: it is not its turn", r->name);
	return -ENOBUFS;
}

/* Would less stay free than the configuration keeps back? */
static int check_reserve(const struct hvcmad_memory *m, const struct hvcmad_region *r, uint64_t first,
			 uint64_t nr, struct hvcma_error *err)
{
	uint64_t keep = hvcmad_config_keep_bytes(m->config, r->page_bytes) / r->page_bytes;
	uint64_t missing = 0, available;
	struct hvcma_hugepages pool;
	int ret;

	if (!keep)
		return 0;
	ret = missing_pages(r, first, nr, &missing);
	if (!ret)
		ret = hvcma_hugepages_read(r->page_bytes, &pool);
	if (ret) {
		hvcma_error_set(err, "region %s: cannot find out how many hugepages are free", r->name);
		return -EIO;
	}
	available = pool.free - (pool.reserved < pool.free ? pool.reserved : pool.free);
	if (!missing || (available >= keep && missing <= available - keep))
		return 0;
	hvcma_error_set(err, "region %s: %" PRIu64 " hugepages more of the %" PRIu64
			" that are free would leave less than the %" PRIu64 " that the configuration keeps back",
			r->name, missing, available, keep);
	return -ENOBUFS;
}

/* It is refused, or, as they can give it, to ask again. */
static int ask_others(struct hvcmad_memory *m, struct hvcmad_region *r, uint64_t first, uint64_t nr,
		      struct hvcma_error *err)
{
	uint64_t missing, available;

	if (hvcmad_arrange_has_pool(m, r->page_bytes)) {
		hvcma_error_set(err, "region %s: a search for pages has those that are free, for the moment", r->name);
		return -EAGAIN;
	}
	if (missing_pages(r, first, nr, &missing) || available_pages(m, r, &available))
		return -ENOBUFS;
	return hvcmad_turns_want(m, r, missing * r->page_bytes, available * r->page_bytes, hvcmad_now_us(), err) ? -EAGAIN : -ENOBUFS;
}

/* Is it allowed anything, has the pool so much, and is it for this region? -ENOBUFS: it has not, or it is not. */
static int may_back(struct hvcmad_memory *m, struct hvcmad_region *r, uint64_t first, uint64_t nr,
		    struct hvcma_error *err)
{
	int ret = hvcmad_vm_may_pin(r->vm, 0, err);

	hvcmad_turns_look(m, hvcmad_now_us());
	if (!ret)
		ret = check_reserve(m, r, first, nr, err);
	if (!ret)
		ret = check_turn(m, r, first, nr, err);
	return ret;
}

static enum hvcmad_status back(struct hvcmad_memory *m, struct hvcmad_region *r, uint64_t first, uint64_t nr,
			       struct hvcma_error *err)
{
	int ret = may_back(m, r, first, nr, err);

	if (ret)
		return status_of(ret == -ENOBUFS ? ask_others(m, r, first, nr, err) : ret);
	ret = r->provider->ops->back(r->provider, first, nr);
	if (!ret) {
		hvcmad_pin_table_set_backed(&r->table, first, nr, true);
		hvcmad_turn_has(r);
		return HVCMAD_S_OK;
	}
	*err = r->provider->error;
	return status_of(ret == -ENOMEM ? ask_others(m, r, first, nr, err) : ret);
}

static int check_addresses(const struct hvcmad_region *r, struct hvcma_error *err)
{
	if (r->has_addresses && r->vm->unsafe_noiommu)
		return 0;
	hvcma_error_set(err, r->vm->unsafe_noiommu ?
			"region %s: it was registered when VM %s might not see host-physical addresses" :
			"region %s: VM %s may not see host-physical addresses: the configuration lacks unsafe-noiommu",
			r->name, r->vm->name);
	return -EACCES;
}

static enum hvcmad_status addresses(struct hvcmad_region *r, uint64_t first, uint64_t nr, bool now,
				    uint64_t *address, struct hvcma_error *err)
{
	struct hvcma_provider *p = r->provider;
	uint64_t i;
	int ret = p->ops->hpa(p, first, nr, address);

	for (i = 0; !ret && i < nr; i++) {
		if ((!now && hvcmad_pin_table_state(&r->table, first + i) != HVCMAD_PIN_PINNED) || address[i] >= HVCMA_HPA_SWAPPED)
			address[i] = HVCMAD_ADDRESS_NONE;
	}
	return provided(r, ret, err);
}

/* Of what is pinned they were noted when it was: are all of them? */
static bool noted(const struct hvcmad_region *r, uint64_t first, uint64_t nr, uint64_t *address)
{
	uint64_t i;

	for (i = 0; i < nr; i++) {
		address[i] = hvcmad_pin_table_address(&r->table, first + i);
		if (!address[i])
			return false;
	}
	return true;
}

/* Those that were to be pinned or unpinned, and now are or are not; that counts for the VM, too. */
static void settle(struct hvcmad_region *r, uint64_t first, uint64_t nr, uint64_t before)
{
	uint64_t after = hvcmad_region_stats(r).pinned_bytes;
	bool more = hvcmad_pin_table_state(&r->table, first) == HVCMAD_PIN_PINNING;
	uint64_t done = (more ? after - before : before - after) / r->granule_bytes;

	if (more)
		hvcmad_region_note_addresses(r, first, done);
	hvcmad_pin_table_set(&r->table, first, done, more ? HVCMAD_PIN_PINNED : HVCMAD_PIN_NONE);
	hvcmad_pin_table_set(&r->table, first + done, nr - done, more ? HVCMAD_PIN_NONE : HVCMAD_PIN_PINNED);
	hvcmad_vm_pinned(r->vm, before, after);
}

/* What is not in the right state is for the provider to refuse. */
static enum hvcmad_status unpin(struct hvcmad_region *r, uint64_t first, uint64_t nr, struct hvcma_error *err)
{
	uint64_t before = hvcmad_region_stats(r).pinned_bytes;
	bool fits = hvcmad_pin_table_all(&r->table, first, nr, HVCMAD_PIN_PINNED);
	int ret;

	if (fits)
		hvcmad_pin_table_set(&r->table, first, nr, HVCMAD_PIN_UNPINNING);
	ret = r->provider->ops->unpin(r->provider, first, nr);
	if (fits)
		settle(r, first, nr, before);
	return provided(r, ret, err);
}

static enum hvcmad_status pin(struct hvcmad_region *r, const struct hvcmad_range_req *q, uint64_t *address,
			      struct hvcma_error *err)
{
	bool wanted = q->flags & HVCMAD_PIN_ADDRESSES;
	uint64_t before = hvcmad_region_stats(r).pinned_bytes;
	struct hvcma_error ignored;
	enum hvcmad_status status;
	bool fits;
	int ret = hvcmad_vm_may_pin(r->vm, q->nr * r->granule_bytes, err);

	if (!ret && wanted)
		ret = check_addresses(r, err);
	if (ret)
		return status_of(ret);
	fits = hvcmad_pin_table_all(&r->table, q->first, q->nr, HVCMAD_PIN_NONE);
	if (fits)
		hvcmad_pin_table_set(&r->table, q->first, q->nr, HVCMAD_PIN_PINNING);
	status = provided(r, r->provider->ops->pin(r->provider, q->first, q->nr), err);
	if (fits)
		settle(r, q->first, q->nr, before);
	if (status || !wanted || noted(r, q->first, q->nr, address))
		return status;
	status = addresses(r, q->first, q->nr, false, address, err);
	if (status)
		unpin(r, q->first, q->nr, &ignored);
	return status;
}

static void tell_pinned(const struct hvcmad_region *r, uint64_t first, uint64_t nr, uint64_t *bits)
{
	uint64_t i;

	memset(bits, 0, HVCMAD_PINNED_WORDS(nr) * sizeof(*bits));
	for (i = 0; i < nr; i++)
		bits[i / 64] |= (uint64_t)(hvcmad_pin_table_state(&r->table, first + i) == HVCMAD_PIN_PINNED) << i % 64;
}

static enum hvcmad_status check_size(const struct hvcmad_region *r, const struct hvcmad_range_req *q,
				     struct hvcma_error *err)
{
	uint64_t first = q->first, nr = q->nr, all = r->bytes / r->granule_bytes;

	if (first >= all || nr > all - first) {
		hvcma_error_set(err, "region %s: %" PRIu64 " granules from %" PRIu64 " on: there are only %" PRIu64,
				r->name, nr, first, all);
		return HVCMAD_S_RANGE;
	}
	if (nr > 1 && nr > HVCMAD_MAX_RANGE_BYTES / r->granule_bytes) {
		hvcma_error_set(err, "region %s: %" PRIu64 " granules of %" PRIu64 " bytes: one request is for %" PRIu64
				" bytes at most, or one granule", r->name, nr, r->granule_bytes,
				HVCMAD_MAX_RANGE_BYTES);
		return HVCMAD_S_TOO_BIG;
	}
	return HVCMAD_S_OK;
}

static bool changes_pages(uint32_t op)
{
	return op == HVCMAD_OP_BACK || op == HVCMAD_OP_PIN || op == HVCMAD_OP_DISCARD;
}

/* Of the whole region, or of what is to be low. */
static enum hvcmad_status may_arrange(struct hvcmad_memory *m, struct hvcmad_region *r,
				      const struct hvcmad_arrange_req *q, struct hvcma_error *err)
{
	uint64_t bytes = q->flags & HVCMAD_ARRANGE_RUNS ? r->bytes : q->low_bytes;
	int ret = check_addresses(r, err);

	if (!ret && hvcmad_region_stats(r).pinned_bytes) {
		hvcma_error_set(err, "region %s: some of it is pinned, and has to stay where it is", r->name);
		return HVCMAD_S_STATE;
	}
	if (!ret && (!bytes || bytes > r->bytes || bytes % r->granule_bytes)) {
		hvcma_error_set(err, "region %s: %" PRIu64 " bytes below 4 GiB are not whole granules, and no more than the "
				"region has, %" PRIu64, r->name, bytes, r->bytes);
		return HVCMAD_S_INVAL;
	}
	if (!ret)
		ret = may_back(m, r, 0, bytes / r->granule_bytes, err);
	if (!ret)
		ret = hvcmad_vm_may_search(r->vm, hvcmad_now_us(), err);
	return status_of(ret);
}

/* Nobody is asked to surrender memory for it: who has others wait for what lies right would wait long. */
enum hvcmad_status hvcmad_region_arrange(struct hvcmad_memory *m, struct hvcmad_region *region,
					 const struct hvcmad_arrange_req *request, struct hvcmad_arrange_resp *out,
					 struct hvcma_error *err)
{
	enum hvcmad_status status;
	uint64_t keep_bytes;

	if (!hvcmad_arrange_begins(m, region))
		return hvcmad_arrange_outcome(region, request, out, err);
	status = may_arrange(m, region, request, err);
	if (status)
		return status;
	keep_bytes = hvcmad_config_keep_bytes(m->config, region->page_bytes) + hvcmad_turns_held(m, region);
	return hvcmad_arrange_begin(m, region, request, keep_bytes / region->page_bytes, err);
}

enum hvcmad_status hvcmad_region_range(struct hvcmad_memory *m, struct hvcmad_region *region,
				       const struct hvcmad_range_req *request, uint64_t *answer,
				       struct hvcma_error *err)
{
	uint64_t first = request->first, nr = request->nr;
	struct hvcma_provider *p = region->provider;
	enum hvcmad_status status = check_size(region, request, err);
	int ret;

	if (status)
		return status;
	if (region->search && changes_pages(request->hdr.op)) {
		hvcma_error_set(err, "region %s: its pages are being searched for: ask for the outcome first", region->name);
		return HVCMAD_S_STATE;
	}
	switch (request->hdr.op) {
	case HVCMAD_OP_BACK:
		return back(m, region, first, nr, err);
	case HVCMAD_OP_PIN:
		return pin(region, request, answer, err);
	case HVCMAD_OP_UNPIN:
		return unpin(region, first, nr, err);
	case HVCMAD_OP_ADDRESSES:
		ret = check_addresses(region, err);
		return ret ? status_of(ret) : addresses(region, first, nr, request->flags & HVCMAD_ADDRESSES_NOW,
							answer, err);
	case HVCMAD_OP_PINNED:
		tell_pinned(region, first, nr, answer);
		return HVCMAD_S_OK;
	case HVCMAD_OP_DISCARD:
		ret = p->ops->discard(p, first, nr);
		if (!ret) {
			hvcmad_pin_table_set_backed(&region->table, first, nr, false);
			hvcmad_turn_gave(region, nr * region->granule_bytes);
		}
		return provided(region, ret, err);
	default:
		hvcma_error_set(err, "unknown operation %" PRIu32, request->hdr.op);
		return HVCMAD_S_UNSUPP;
	}
}
