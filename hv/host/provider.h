/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Provider contract: who backs, pins and locates the granules of one region.
 *
 * Providers: local (this process, privileged), fake (tests: synthetic addresses
 * and injected faults). A service client comes later. A provider knows host
 * memory only: no guest-physical address, no client, no wire format.
 *
 * A provider serves one caller at a time: the caller serialises.
 */
#ifndef HVCMA_HOST_PROVIDER_H
#define HVCMA_HOST_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Error text for people; names the object, the value received and the limit. */
struct hvcma_error {
	char text[384];
};

/** hvcma_error_set() - printf into @err; a NULL @err is allowed. */
void hvcma_error_set(struct hvcma_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

struct hvcma_provider_config {
	const char *name;		/* of the region, for messages; copied */
	void *base;			/* mapping of the region in this process */
	uint64_t bytes;
	uint64_t granule_bytes;
	uint64_t page_bytes;		/* host page that backs the mapping; divides the granule */
	uint64_t pin_limit_bytes;	/* 0: no limit */
	int fd;				/* the memory's file, -1 if none: needed to discard */
	bool need_hpa;			/* physical addresses are wanted: refuse without */
};

struct hvcma_provider_stats {
	uint64_t backed_bytes;
	uint64_t pinned_bytes;
	uint64_t nr_pin_calls;
	uint64_t nr_unpin_calls;
};

struct hvcma_provider;

/*
 * Methods. [first, first + nr) are granules; out of range is -ERANGE. All that
 * return int return 0 or a negative errno and are all or nothing.
 */
struct hvcma_provider_ops {
	const char *type;		/* "local", "fake" */
	/* Fault pages in. -ENOMEM: out of (huge)pages; never SIGBUS. */
	int (*back)(struct hvcma_provider *p, uint64_t first, uint64_t nr);
	/* Long-term pin. -EDQUOT: pin limit; -EBUSY: one is pinned already; -ENODATA: one is unbacked. */
	int (*pin)(struct hvcma_provider *p, uint64_t first, uint64_t nr);
	/* -EINVAL if one is not pinned (nothing changed); else cannot fail. */
	int (*unpin)(struct hvcma_provider *p, uint64_t first, uint64_t nr);
	/* Drop host pages of unpinned granules. -EBUSY if one is pinned, -EOPNOTSUPP without fd. */
	int (*discard)(struct hvcma_provider *p, uint64_t first, uint64_t nr);
	/*
	 * Host-physical base of each granule; UINT64_MAX for an unbacked one.
	 * Without need_hpa: 0 for a backed one.
	 * -EIO: a granule is not physically contiguous.
	 */
	int (*hpa)(struct hvcma_provider *p, uint64_t first, uint64_t nr,
		   uint64_t *hpa);
	void (*stats)(const struct hvcma_provider *p,
		      struct hvcma_provider_stats *stats);
	/* Unpins what is pinned. Only after every client is quiet. */
	void (*destroy)(struct hvcma_provider *p);
};

struct hvcma_provider {
	const struct hvcma_provider_ops *ops;
};

/**
 * hvcma_provider_local_create() - provider for memory mapped in this process.
 *
 * Pins through io_uring registered buffers (long-term, FOLL_LONGTERM), finds
 * physical addresses in /proc/self/pagemap (CAP_SYS_ADMIN), backs with
 * MADV_POPULATE_WRITE.
 *
 * Return: 0 with *@out owned by the caller (ops->destroy), or -EPERM (no
 * CAP_SYS_ADMIN and need_hpa; io_uring forbidden), -ENOSYS (no io_uring),
 * -EINVAL (misaligned config), -ENOMEM; @err says it in words.
 */
int hvcma_provider_local_create(const struct hvcma_provider_config *config,
				struct hvcma_provider **out,
				struct hvcma_error *err);

/* A fault: the nr-th call (from 0) of the method fails with error, count times. */
enum hvcma_fake_method {
	HVCMA_FAKE_BACK, HVCMA_FAKE_PIN, HVCMA_FAKE_HPA, HVCMA_FAKE_DISCARD,
	HVCMA_FAKE_NR_METHODS
};

struct hvcma_fake_config {
	uint64_t base_hpa;		/* granule-aligned */
	uint32_t extent_granules;	/* extents of this length; 0: one extent */
	bool shuffle;			/* extents in a scrambled, fixed order */
	bool prebacked;
};

/**
 * hvcma_provider_fake_create() - synthetic memory: nothing is touched or pinned,
 * config->base and fd are ignored.
 *
 * Return: 0, -EINVAL, -ENOMEM.
 */
int hvcma_provider_fake_create(const struct hvcma_provider_config *config,
			       const struct hvcma_fake_config *fake,
			       struct hvcma_provider **out,
			       struct hvcma_error *err);

/** hvcma_fake_inject() - arm a fault of a fake provider; error 0 disarms. */
void hvcma_fake_inject(struct hvcma_provider *p, enum hvcma_fake_method method,
		       uint64_t nr, uint64_t count, int error);

/** hvcma_fake_move() - a migratable granule changes its physical address. -EBUSY if pinned. */
int hvcma_fake_move(struct hvcma_provider *p, uint64_t granule, uint64_t hpa);

#endif /* HVCMA_HOST_PROVIDER_H */
