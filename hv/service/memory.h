/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Regions: memory that clients have registered, or had made, mapped here, with a provider
 * (hv/host/provider.h) that backs, pins and locates it. Knows VMs (account.h), the reserve of
 * hugepages and files; no socket. The service never touches the contents.
 *
 * Methods return a status of hv/abi/hvcmad.h; if it is not OK nothing has changed, where not said
 * otherwise, and @err has words.
 */
#ifndef HVCMA_SERVICE_MEMORY_H
#define HVCMA_SERVICE_MEMORY_H

#include "hv/service/account.h"

/* In one request, unless it is for one granule: zeroing that much delays others by 0.1 s. */
#define HVCMAD_MAX_RANGE_BYTES	(UINT64_C(256) << 20)

struct hvcmad_region {
	struct hvcmad_region *next;
	void *owner;			/* the session */
	struct hvcmad_vm *vm;
	pid_t pid;
	uint32_t id;
	char name[HVCMAD_NAME_BYTES];
	int fd;
	void *base;
	uint64_t bytes;
	uint64_t granule_bytes;
	uint64_t page_bytes;
	uint64_t offset;		/* in the file */
	dev_t dev;
	ino_t ino;
	bool has_addresses;		/* the VM might see them when it was registered */
	struct hvcma_provider *provider;
	bool *pinned;			/* each granule, as the provider was told */
};

/* All regions, by their numbers. */
struct hvcmad_memory {
	struct hvcmad_region *first;
	struct hvcmad_region **end;
	uint32_t last_id;
	const struct hvcmad_config *config;	/* as it is now; borrowed */
};

void hvcmad_memory_init(struct hvcmad_memory *m, const struct hvcmad_config *config);

/**
 * hvcmad_memory_register() - a region more.
 * @pid: of the client, for reports
 * @request: well-formed
 * @fd: the file; stays the caller's, whatever is returned; -1 with MAKE
 * @out: out: the region, which is the memory's. With MAKE its fd is the file that was made
 *
 * Return: OK, INVAL, REFUSED, QUOTA, DESCRIPTOR, EXISTS, NO_MEMORY, IO.
 */
enum hvcmad_status hvcmad_memory_register(struct hvcmad_memory *m, struct hvcmad_vm *vm, void *owner,
					  pid_t pid, const struct hvcmad_register_req *request, int fd,
					  struct hvcmad_region **out, struct hvcma_error *err);

/** hvcmad_memory_unregister() - unpins what is pinned; the region is gone. */
void hvcmad_memory_unregister(struct hvcmad_memory *m, struct hvcmad_region *region);

/** hvcmad_memory_find() - NULL: not one of this owner's. */
struct hvcmad_region *hvcmad_memory_find(const struct hvcmad_memory *m, const void *owner, uint32_t id);

/** hvcmad_memory_find_name() - NULL: the VM has none of this name. */
struct hvcmad_region *hvcmad_memory_find_name(const struct hvcmad_memory *m, const struct hvcmad_vm *vm,
					      const char *name);

/** hvcmad_memory_has() - has this owner a region? */
bool hvcmad_memory_has(const struct hvcmad_memory *m, const void *owner);

/** hvcmad_memory_end() - unregister all of this owner. Return: how many. */
unsigned int hvcmad_memory_end(struct hvcmad_memory *m, const void *owner);

/**
 * hvcmad_region_range() - BACK, PIN, UNPIN, ADDRESSES, DISCARD or PINNED.
 * @request: well-formed
 * @answer: out, for what is answered with addresses: one for each granule; with PINNED: its bits
 *
 * Return: OK, UNSUPP, REFUSED, QUOTA, RANGE, TOO_BIG, STATE, NO_BACKING, NO_MEMORY, IO. UNPIN that
 * fails with IO may have unpinned the first ones.
 */
enum hvcmad_status hvcmad_region_range(struct hvcmad_memory *m, struct hvcmad_region *region,
				       const struct hvcmad_range_req *request, uint64_t *answer,
				       struct hvcma_error *err);

/** hvcmad_region_stats() - as its provider has them. */
struct hvcma_provider_stats hvcmad_region_stats(const struct hvcmad_region *region);

#endif /* HVCMA_SERVICE_MEMORY_H */
