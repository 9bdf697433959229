/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Provider contract: who backs, pins and locates the granules of one region.
 *
 * Providers: local (this process, privileged), service (hvcmad, for a process
 * without privileges), and for tests fake (testing/provider_fake.h). A provider
 * knows host memory only: no guest-physical address, no client.
 *
 * A provider serves one caller at a time: the caller serialises.
 *
 * What can fail in this folder returns 0 or a negative errno, and says it in words
 * where there is a struct hvcma_error; bool answers a question.
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

/* What devices with 32 address bits reach. */
#define HVCMA_LOW_LIMIT	(UINT64_C(1) << 32)

struct hvcma_provider_config {
	const char *name;		/* of the region, for messages; copied */
	void *base;			/* mapping of the region in this process */
	uint64_t bytes;
	uint64_t granule_bytes;
	uint64_t page_bytes;		/* host page behind the mapping; divides the granule */
	uint64_t pin_limit_bytes;	/* 0: no limit */
	int fd;				/* the memory's file, to discard; -1: none; borrowed */
	uint64_t fd_offset_bytes;	/* where in the file the region begins */
	bool need_hpa;			/* physical addresses are wanted: refuse without */
	/*
	 * Of the first granules, so much is to be backed by hugepages below
	 * HVCMA_LOW_LIMIT, and be there from the start: their contents are lost. Needs fd
	 * and need_hpa, and a granule that is one page. 0: wherever they are.
	 */
	uint64_t low_bytes;
	/*
	 * Granules are to be backed from the start by runs of hugepages that are as long as
	 * can be had, of which one has run_bytes at least (0: as it comes). Contents, and what
	 * it needs, as low_bytes.
	 */
	bool is_contiguous;
	uint64_t run_bytes;
	/*
	 * Rings to pin by that others have made (pin.h), and the granules that are pinned by them
	 * already; taken over on success. NULL: it makes its own, nothing is pinned.
	 */
	int *ring_fds;
	size_t nr_rings;
	const uint8_t *pinned;		/* one for each granule, not 0: it is; borrowed for the call */
};

struct hvcma_provider_stats {
	uint64_t backed_bytes;
	uint64_t pinned_bytes;
	uint64_t nr_pin_calls;		/* refused ones, too */
	uint64_t nr_unpin_calls;
	uint64_t low_bytes;		/* of config.low_bytes, what was got */
	uint64_t run_bytes;		/* with config.is_contiguous: the longest run that was got */
	uint64_t nr_runs;		/* and how many there were; both 0 without */
};

struct hvcma_provider;

/* In place of a granule's host-physical address. */
#define HVCMA_HPA_ABSENT	UINT64_MAX		/* not all of its pages are there */
#define HVCMA_HPA_SPLIT		(UINT64_MAX - 1)	/* they are not one physical run */
#define HVCMA_HPA_SWAPPED	(UINT64_MAX - 2)	/* its contents are kept, not all in memory */

/*
 * Methods. [first, first + nr) are granules; out of range is -ERANGE, an empty
 * range does nothing. All that return int return 0 or a negative errno, and
 * leave the words for a failure in p->error. All are all or nothing, except
 * where said.
 */
struct hvcma_provider_ops {
	const char *type;		/* "local", "service", "fake" */
	/*
	 * Populate unbacked granules with host pages (zeroed; backed ones keep theirs).
	 * -ENOMEM: out of (huge)pages; never SIGBUS. -EAGAIN: the same, but a service has
	 * asked others for some: there may be enough in a moment. -EIO: a page is poisoned;
	 * -EOPNOTSUPP: the kernel cannot populate. On failure what was faulted
	 * in is discarded; where that is impossible (no fd) the granules that
	 * did get all their pages stay backed, and stats and hpa say so.
	 */
	int (*back)(struct hvcma_provider *p, uint64_t first, uint64_t nr);
	/*
	 * Long-term pin. -EDQUOT: pin limit; -EBUSY: one is pinned already;
	 * -ENODATA: one is unbacked; -ENOMEM: RLIMIT_MEMLOCK, or the kernel is
	 * short of memory; -EIO: the kernel refused for another reason.
	 * May move pages (out of movable zones): ask for hpa afterwards.
	 */
	int (*pin)(struct hvcma_provider *p, uint64_t first, uint64_t nr);
	/*
	 * -EINVAL if one is not pinned (nothing changed). -EIO: the kernel
	 * refused; the granules it refused stay pinned, which is safe.
	 * Old kernels (seen with Linux 6.1) let go up to two seconds later:
	 * only then can a discarded hugepage be had again.
	 */
	int (*unpin)(struct hvcma_provider *p, uint64_t first, uint64_t nr);
	/*
	 * Discard host pages of unpinned granules; their contents are lost.
	 * -EBUSY if one is pinned, -EOPNOTSUPP without fd, -EIO.
	 */
	int (*discard)(struct hvcma_provider *p, uint64_t first, uint64_t nr);
	/*
	 * Host-physical base of each granule; HVCMA_HPA_ABSENT for one that is
	 * unbacked, or in swap: to back it brings it in. Without need_hpa: 0 for
	 * a backed one. Final for pinned granules only. Waits up to 50 ms for a
	 * pinned one that the kernel tries to move at the moment.
	 * -EIO: a granule is not physically contiguous, or a pinned one is no
	 * longer mapped (someone else discarded it).
	 */
	int (*hpa)(struct hvcma_provider *p, uint64_t first, uint64_t nr,
		   uint64_t *hpa);
	/*
	 * What can be seen of each granule now, for reports: its address as hpa
	 * tells it, or HVCMA_HPA_*. SWAPPED is in swap, or just being moved, or
	 * has all of its contents in the file and not in this mapping. Changes
	 * nothing and waits for nothing. -EIO: the kernel does not tell.
	 */
	int (*look)(struct hvcma_provider *p, uint64_t first, uint64_t nr,
		    uint64_t *hpa);
	void (*stats)(const struct hvcma_provider *p,
		      struct hvcma_provider_stats *stats);
	/* Unpins what is pinned, then frees. Only after every client is quiesced. */
	void (*destroy)(struct hvcma_provider *p);
};

struct hvcma_provider {
	const struct hvcma_provider_ops *ops;
	struct hvcma_error error;	/* words for the last method that failed */
};

/**
 * hvcma_populate() - make the pages of [@base, @base + @bytes), which are mapped
 * shared and writable, be there, as ops->back of the local provider does; that is
 * quick afterwards. Slow, as pages that are new are zeroed.
 *
 * Touches no provider: may be called by any thread, whatever others do meanwhile.
 *
 * Return: 0 or the negative errno of madvise(); some may be there then.
 */
int hvcma_populate(void *base, uint64_t bytes);

/**
 * hvcma_provider_local_create() - provider for memory mapped in this process.
 *
 * Pins through io_uring registered buffers (long-term, FOLL_LONGTERM), finds
 * physical addresses in /proc/self/pagemap (CAP_SYS_ADMIN), backs with
 * MADV_POPULATE_WRITE. Granules whose pages are in place already count as
 * backed. The mapping must be shared, writable, and outlive the provider.
 *
 * Return: 0 with *@out owned by the caller (ops->destroy), or -EPERM (no
 * CAP_SYS_ADMIN and need_hpa; io_uring forbidden; RLIMIT_MEMLOCK below what may
 * be pinned and no CAP_IPC_LOCK), -EMFILE (too few file descriptors), -ENOSYS
 * (no io_uring, or one before Linux 5.19), -EINVAL (misaligned config),
 * -ENOMEM (also: no page for a granule that is to be low), -ENODATA (no page below
 * HVCMA_LOW_LIMIT at all, though some are wanted), -ENOSPC (no run of run_bytes; @err
 * says how long the longest is), -EIO, or the errno of opening
 * /proc/self/pagemap; @err says it in words.
 */
int hvcma_provider_local_create(const struct hvcma_provider_config *config,
				struct hvcma_provider **out,
				struct hvcma_error *err);

/**
 * hvcma_provider_service_create() - provider that has a service do it.
 * @path: of the service's socket; copied
 * @config: fd is needed; base with low_bytes and is_contiguous alone, whose memory policy the service is told. It
 *	decides what is a pin too much beside pin_limit_bytes
 *
 * This process needs no privilege: the service's configuration says what is allowed. What methods
 * see of granules that nobody has backed by the provider is what the service sees, and only with
 * need_hpa. Where the service refuses, is about to end, or has gone, they return -EIO, -ENOMEM
 * (hugepages, memory) or -EDQUOT (quotas), within HVCMA_SERVICE_TIMEOUT_MS
 * (service_link.h), with its words.
 *
 * Return: 0 with *@out owned by the caller, -EINVAL, -EOPNOTSUPP (low_bytes, is_contiguous: the service is too
 * old), -ENOMEM, as hvcma_service_link_get(), or the errno of what the service answered to REGISTER, ARRANGE
 * (-ENOSPC: no run of run_bytes, or no page that is low; -EAGAIN: it has not found out in five minutes), or to
 * ADDRESSES with need_hpa; @err says it in words.
 */
int hvcma_provider_service_create(const char *path, const struct hvcma_provider_config *config,
				  struct hvcma_provider **out, struct hvcma_error *err);

/**
 * hvcma_provider_service_offer() - on request, memory of this region is discarded: the service may ask.
 * @fd: out: readable, without blocking, once for each time that it does; at its end the offer has
 *	ended, with the service or with the session. The caller's
 *
 * Return: 0, -EOPNOTSUPP (another provider, or a service that knows no turns), or as other methods; words in p->error.
 */
int hvcma_provider_service_offer(struct hvcma_provider *p, int *fd);

/** hvcma_provider_service_withdraw() - nothing is offered any more. Return: as hvcma_provider_service_offer(). */
int hvcma_provider_service_withdraw(struct hvcma_provider *p);

/**
 * hvcma_provider_service_wanted() - what the service asks of the region just now.
 * @bytes: out: to be discarded; 0: nothing
 * @deadline_ms: out: time that is left for it
 *
 * Return: as hvcma_provider_service_offer().
 */
int hvcma_provider_service_wanted(struct hvcma_provider *p, uint64_t *bytes, uint32_t *deadline_ms);

/**
 * hvcma_provider_service_version() - the version of hvcma that its service is of, as it is now, not to be trusted in what it
 * says; "" if @p has no service, or one that does not tell. The provider's.
 */
const char *hvcma_provider_service_version(const struct hvcma_provider *p);

/**
 * hvcma_provider_local_pin_fds() - the descriptors that hold a local provider's
 * pins, all there from its creation on.
 * @fds: out, the array; owned by the provider, valid until it is destroyed
 *
 * A duplicate of each one in another process keeps every pin alive when this
 * process dies (see keeper.h); destroy still unpins.
 *
 * Return: their number, 0 if @p is not local.
 */
size_t hvcma_provider_local_pin_fds(const struct hvcma_provider *p,
				    const int **fds);

#endif /* HVCMA_HOST_PROVIDER_H */
