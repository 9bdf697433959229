// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions that there are: see memory.h. What is done with their granules is in memory_range.c.
 */
#define _GNU_SOURCE	/* memfd_create, F_GET_SEALS */
#include "hv/service/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT	26
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE	0x10
#endif

void hvcmad_memory_init(struct hvcmad_memory *m, const struct hvcmad_config *config, struct hvcmad_keep *keep)
{
	*m = (struct hvcmad_memory){ .config = config, .keep = keep };
	m->end = &m->first;
}

void hvcmad_memory_fini(struct hvcmad_memory *m)
{
	hvcmad_arrange_fini(m);
}

static enum hvcmad_status status_of(int ret)
{
	switch (ret) {
	case 0:
		return HVCMAD_S_OK;
	case -EAGAIN:
		return HVCMAD_S_AGAIN;
	case -EINVAL:
		return HVCMAD_S_INVAL;
	case -EACCES:
		return HVCMAD_S_REFUSED;
	case -EDQUOT:
		return HVCMAD_S_QUOTA;
	case -EBADF:
		return HVCMAD_S_DESCRIPTOR;
	case -EEXIST:
		return HVCMAD_S_EXISTS;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return HVCMAD_S_NO_MEMORY;
	default:
		return HVCMAD_S_IO;
	}
}

/* One with a limit has a pool of its own inside the kernel's. */
static bool has_limit(const struct statfs *fs)
{
	return fs->f_blocks && fs->f_blocks != (__fsblkcnt_t)-1;
}

/*
 * Is it memory that can be pinned? The seals are asked for first: only memfds and files of hugetlbfs
 * have them, and no other file's owner is asked (FUSE may never answer an fstat()).
 */
static int look_at_file(struct hvcmad_region *r, int fd, struct hvcma_error *err)
{
	const int no_writing = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;
	int flags = fcntl(fd, F_GETFL), seals = fcntl(fd, F_GET_SEALS);
	struct statfs fs;
	struct stat st;

	if (flags < 0 || seals < 0 || fstatfs(fd, &fs) || fs.f_type != HUGETLBFS_MAGIC || fstat(fd, &st) ||
	    !S_ISREG(st.st_mode)) {
		hvcma_error_set(err, "region %s: the descriptor is not of a memfd with hugepages, nor of a file of a hugetlbfs",
				r->name);
		return -EBADF;
	}
	if ((flags & O_ACCMODE) != O_RDWR || flags & O_PATH) {
		hvcma_error_set(err, "region %s: the file is not open for reading and writing", r->name);
		return -EBADF;
	}
	if (seals & no_writing) {
		hvcma_error_set(err, "region %s: the file is sealed against writing", r->name);
		return -EBADF;
	}
	r->page_bytes = (uint64_t)fs.f_bsize;
	if (r->granule_bytes % r->page_bytes || r->offset % r->page_bytes) {
		hvcma_error_set(err, "region %s: granules of %" PRIu64 " bytes at offset %" PRIu64
				" are not whole hugepages of the file, %" PRIu64, r->name, r->granule_bytes,
				r->offset, r->page_bytes);
		return -EINVAL;
	}
	if ((uint64_t)st.st_size < r->offset + r->bytes) {
		hvcma_error_set(err, "region %s: the file has %" PRIu64 " bytes, the region would end at %" PRIu64,
				r->name, (uint64_t)st.st_size, r->offset + r->bytes);
		return -EINVAL;
	}
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	r->is_limited = has_limit(&fs);
	return 0;
}

/* One that can't shrink under the region, for whoever has it. */
static int make_file(struct hvcmad_region *r, struct hvcma_error *err)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	unsigned int shift = (unsigned int)__builtin_ctzll(r->page_bytes);
	int fd, ret;

	fd = memfd_create(r->name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | shift << MFD_HUGE_SHIFT);
	if (fd >= 0 && !ftruncate(fd, (off_t)r->bytes) && !fcntl(fd, F_ADD_SEALS, seals)) {
		r->fd = fd;
		return 0;
	}
	ret = -errno;
	if (fd < 0 && ret == -ENODEV) {
		hvcma_error_set(err, "region %s: this kernel has no hugepages of %" PRIu64 " bytes", r->name,
				r->page_bytes);
		return -EINVAL;
	}
	hvcma_error_set(err, "region %s: cannot make a memfd of %" PRIu64 " bytes: %s", r->name, r->bytes,
			strerror(-ret));
	if (fd >= 0)
		close(fd);
	return ret == -EINVAL ? -EIO : ret;
}

static int check_others(const struct hvcmad_memory *m, const struct hvcmad_region *r, struct hvcma_error *err)
{
	const struct hvcmad_region *o;

	if (hvcmad_memory_find_name(m, r->vm, r->name)) {
		hvcma_error_set(err, "region %s: the VM has one of this name", r->name);
		return -EEXIST;
	}
	for (o = m->first; o; o = o->next) {
		if (o->dev == r->dev && o->ino == r->ino && o->offset < r->offset + r->bytes &&
		    r->offset < o->offset + o->bytes) {
			hvcma_error_set(err, o->owner ? "region %s: this memory is in a region already" :
					"region %s: this memory was a client's that has ended, and a device may still "
					"write to it", r->name);
			return -EEXIST;
		}
	}
	if (hvcmad_arrange_is_at(m, r)) {
		hvcma_error_set(err, "region %s: a search for pages of this memory is about to stop", r->name);
		return -EAGAIN;
	}
	return 0;
}

static int map(struct hvcmad_region *r, struct hvcma_error *err)
{
	int ret;

	r->base = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, r->fd,
		       (off_t)r->offset);
	if (r->base == MAP_FAILED) {
		ret = -errno;
		hvcma_error_set(err, "region %s: cannot map %" PRIu64 " bytes: %s", r->name, r->bytes,
				strerror(-ret));
		return ret == -EINVAL ? -EIO : ret;
	}
	/* Were this process to fork, pages that are pinned would have to stay its own. */
	madvise(r->base, r->bytes, MADV_DONTFORK);
	return 0;
}

static void add(struct hvcmad_memory *m, struct hvcmad_region *r)
{
	*m->end = r;
	m->end = &r->next;
	r->peer->refs++;
}

enum hvcmad_status hvcmad_memory_register(struct hvcmad_memory *m, struct hvcmad_vm *vm, void *owner,
					  struct hvcmad_peer *peer, const struct hvcmad_register_req *request, int fd,
					  struct hvcmad_region **out, struct hvcma_error *err)
{
	struct hvcmad_region *r;
	int ret;

	if (m->last_id == UINT32_MAX) {
		hvcma_error_set(err, "all numbers of regions are used up: start the service again");
		return HVCMAD_S_NO_MEMORY;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		hvcma_error_set(err, "no memory for a region");
		return HVCMAD_S_NO_MEMORY;
	}
	memcpy(r->name, request->name, sizeof(r->name));
	hvcmad_turn_init(&r->turn);
	r->vm = vm;
	r->owner = owner;
	r->peer = peer;
	r->pid = (pid_t)peer->record.pid;
	r->bytes = request->bytes;
	r->granule_bytes = request->granule_bytes;
	r->page_bytes = request->page_bytes;
	r->offset = request->offset;

	/* First what is cheap to refuse; nothing is made for one who may not. */
	ret = hvcmad_vm_add_region(vm, r->bytes, err);
	if (ret)
		goto free_region;
	if (request->flags & HVCMAD_REGISTER_MAKE) {
		ret = make_file(r, err);
	} else {
		r->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		ret = r->fd < 0 ? -errno : 0;
		if (ret)
			hvcma_error_set(err, "region %s: no descriptor more: %s", r->name, strerror(-ret));
	}
	if (ret)
		goto remove_from_vm;
	ret = look_at_file(r, r->fd, err);
	if (!ret)
		ret = check_others(m, r, err);
	if (!ret)
		ret = map(r, err);
	if (ret)
		goto close_file;
	r->id = ++m->last_id;
	r->has_addresses = vm->unsafe_noiommu;
	ret = hvcmad_region_keep(m, r, err);
	if (ret)
		goto unmap;
	add(m, r);
	*out = r;
	return HVCMAD_S_OK;

unmap:
	munmap(r->base, r->bytes);
close_file:
	close(r->fd);
remove_from_vm:
	hvcmad_vm_remove_region(vm, r->bytes);
free_region:
	free(r);
	return status_of(ret);
}

/* Texts and sizes that this service could have written itself. */
static bool is_good(const struct hvcmad_region_record *c)
{
	return c->id && c->name[0] && !c->name[sizeof(c->name) - 1] && c->granule_bytes && c->page_bytes &&
	       c->bytes && !(c->bytes % c->granule_bytes) && !(c->granule_bytes % c->page_bytes) &&
	       c->bytes <= (uint64_t)INT64_MAX && c->offset <= (uint64_t)INT64_MAX - c->bytes;
}

int hvcmad_memory_adopt(struct hvcmad_memory *m, struct hvcmad_vm *vm, void *owner, struct hvcmad_peer *peer,
			struct hvcmad_found *found, struct hvcmad_region **out, struct hvcma_error *err)
{
	struct hvcmad_region_record record;
	struct hvcmad_region *r;
	struct statfs fs;
	struct stat st;
	int ret;

	memcpy(&record, found->record, sizeof(record));
	if (found->record_bytes != sizeof(record) || !is_good(&record) || found->nr_fds != 2 ||
	    fstat(found->fd[0], &st) || fstatfs(found->fd[0], &fs)) {
		hvcma_error_set(err, "what the keeper has of a region is no good");
		return -EINVAL;
	}
	r = calloc(1, sizeof(*r));
	if (!r) {
		hvcma_error_set(err, "no memory for a region");
		return -ENOMEM;
	}
	memcpy(r->name, record.name, sizeof(r->name));
	hvcmad_turn_init(&r->turn);
	r->vm = vm;
	r->owner = owner;
	r->peer = peer;
	r->pid = (pid_t)peer->record.pid;
	r->id = record.id;
	r->bytes = record.bytes;
	r->granule_bytes = record.granule_bytes;
	r->page_bytes = record.page_bytes;
	r->offset = record.offset;
	r->has_addresses = record.has_addresses;
	r->fd = found->fd[0];
	r->dev = st.st_dev;
	r->ino = st.st_ino;
	r->is_limited = has_limit(&fs);
	ret = map(r, err);
	if (ret)
		goto free_region;
	ret = hvcmad_region_keep_on(m, r, found, err);
	if (ret)
		goto unmap;
	hvcmad_vm_restore_region(vm, r->bytes);
	hvcmad_vm_pinned(vm, 0, hvcmad_region_stats(r).pinned_bytes);
	if (r->id > m->last_id)
		m->last_id = r->id;
	add(m, r);
	*out = r;
	return 0;

unmap:
	munmap(r->base, r->bytes);
free_region:
	free(r);
	return ret;
}

struct hvcma_provider_stats hvcmad_region_stats(const struct hvcmad_region *region)
{
	struct hvcma_provider_stats stats = { 0 };

	region->provider->ops->stats(region->provider, &stats);
	return stats;
}

void hvcmad_memory_unregister(struct hvcmad_memory *m, struct hvcmad_region *region)
{
	struct hvcmad_region **at = &m->first;

	while (*at != region)
		at = &(*at)->next;
	*at = region->next;
	if (!*at)
		m->end = at;

	hvcmad_arrange_end(region);
	hvcmad_turn_withdraw(region);
	hvcmad_vm_pinned(region->vm, hvcmad_region_stats(region).pinned_bytes, 0);
	hvcmad_region_unkeep(m, region);
	munmap(region->base, region->bytes);
	close(region->fd);
	hvcmad_peer_put(region->peer);
	hvcmad_vm_remove_region(region->vm, region->bytes);
	free(region);
}

struct hvcmad_region *hvcmad_memory_find(const struct hvcmad_memory *m, const void *owner, uint32_t id)
{
	struct hvcmad_region *r;

	for (r = m->first; r; r = r->next) {
		if (r->id == id && r->owner == owner)
			return r;
	}
	return NULL;
}

struct hvcmad_region *hvcmad_memory_find_name(const struct hvcmad_memory *m, const struct hvcmad_vm *vm,
					      const char *name)
{
	struct hvcmad_region *r;

	for (r = m->first; r; r = r->next) {
		if (r->owner && r->vm == vm && !strcmp(r->name, name))
			return r;
	}
	return NULL;
}

bool hvcmad_memory_has(const struct hvcmad_memory *m, const void *owner)
{
	const struct hvcmad_region *r = m->first;

	while (r && r->owner != owner)
		r = r->next;
	return r;
}

unsigned int hvcmad_memory_hold(struct hvcmad_memory *m, const void *owner)
{
	struct hvcmad_region *r;
	unsigned int nr = 0;

	for (r = m->first; r; r = r->next) {
		if (r->owner != owner)
			continue;
		r->owner = NULL;
		hvcmad_turn_withdraw(r);
		hvcmad_turn_has(r);
		nr++;
	}
	return nr;
}

static bool is_held(const struct hvcmad_region *r, pid_t pid)
{
	return !r->owner && r->pid == pid;
}

uint64_t hvcmad_memory_kept_bytes(const struct hvcmad_memory *m, pid_t pid)
{
	const struct hvcmad_region *r;
	uint64_t bytes = 0;

	for (r = m->first; r; r = r->next)
		bytes += is_held(r, pid) ? r->bytes : 0;
	return bytes;
}

unsigned int hvcmad_memory_release(struct hvcmad_memory *m, pid_t pid)
{
	struct hvcmad_region *r = m->first, *next;
	unsigned int nr = 0;

	for (; r; r = next) {
		next = r->next;
		if (!is_held(r, pid))
			continue;
		hvcmad_memory_unregister(m, r);
		nr++;
	}
	return nr;
}

unsigned int hvcmad_memory_end(struct hvcmad_memory *m, const void *owner)
{
	struct hvcmad_region *r = m->first, *next;
	unsigned int nr = 0;

	for (; r; r = next) {
		next = r->next;
		if (r->owner != owner)
			continue;
		hvcmad_memory_unregister(m, r);
		nr++;
	}
	return nr;
}
