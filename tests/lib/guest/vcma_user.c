// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What programs do with /dev/vcma/NAME, run in test guests by tests/vm/test_user.sh.
 *
 *	vcma_user buffers FILE		buffers, their limits and refusals; prints TAP
 *	vcma_user bulk FILE		buffers of many blocks; prints TAP
 *	vcma_user busy FILE NR		NR blocks of 64 KiB of a region of which pages are pinned:
 *					not all come, and why; prints TAP
 *	vcma_user fast FILE NR FITS MOST	as many by VCMA_ALLOC_FAST: at least FITS, at most
 *					MOST, nothing is migrated; then all without it; prints TAP
 *	vcma_user late FILE BYTES NR SECONDS MS	one buffer, and one of NR blocks of 64 KiB, of a region full
 *					of files: not in a millisecond, which is told within
 *					SECONDS, but within MS; prints TAP
 *	vcma_user each FILE		one buffer of each kind, whatever comes of it
 *	vcma_user import FILE DEV ERR [CACHED]	/dev/vcma_import's device DEV copies in a buffer, or
 *					refuses with that errno, CACHED for cached ones if that
 *					is another; prints TAP
 *	vcma_user hold FILE BYTES [DEV VERB]	makes a buffer, says "held", and touches it
 *					until it is revoked: "revoked", exit 0. With DEV and
 *					VERB the importer has it, too
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vcma.h"
#include "importer.h"
#include "tap.h"

#define MIB	(1024UL * 1024)

static unsigned long page_bytes;

static int region_open(const char *file)
{
	int fd = open(file, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		printf("Bail out! %s: %s\n", file, strerror(errno));
		exit(1);
	}
	return fd;
}

/* Return: descriptor or -errno. */
static int buffer_get(int region, struct vcma_alloc *alloc)
{
	alloc->fd_flags = O_RDWR | O_CLOEXEC;
	return ioctl(region, VCMA_IOC_ALLOC, alloc) ? -errno : alloc->fd;
}

static int buffer_simple(int region, __u64 bytes)
{
	struct vcma_alloc alloc = { .bytes = bytes };

	return buffer_get(region, &alloc);
}

static struct vcma_info info_get(int region)
{
	struct vcma_info info = { .bytes = 0 };

	if (ioctl(region, VCMA_IOC_INFO, &info))
		result(false, "VCMA_IOC_INFO: %s", strerror(errno));
	return info;
}

/* Buffers are freed when their last file goes, which may be a little later than close(). */
static bool returned(int region)
{
	int tries = 100;

	while (info_get(region).user_bytes && --tries)
		usleep(20000);
	return tries;
}

static char *buffer_map(int fd, size_t bytes)
{
	return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
}

static bool is_byte(const char *p, size_t bytes, char value)
{
	while (bytes--) {
		if (*p++ != value)
			return false;
	}
	return true;
}

static int sync_buffer(int fd, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
}

/* ---- buffers ---- */

static void test_one(int region, __u64 bytes, __u32 flags, const char *what)
{
	struct vcma_alloc alloc = { .bytes = bytes, .flags = flags };
	int fd = buffer_get(region, &alloc), status;
	char *p;

	if (!result(fd >= 0, "%s: %llu bytes: %s", what, bytes, fd < 0 ? strerror(-fd) : "got"))
		return;
	result(alloc.bytes >= bytes && !(alloc.bytes % page_bytes) &&
	       lseek(fd, 0, SEEK_END) == (off_t)alloc.bytes, "%s: whole pages, %llu", what,
	       alloc.bytes);
	result(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%s: closed on exec", what);
	p = buffer_map(fd, alloc.bytes);
	if (!result(p != MAP_FAILED, "%s: mapped", what))
		goto out;
	result(!sync_buffer(fd, DMA_BUF_SYNC_START), "%s: begin", what);
	result(is_byte(p, alloc.bytes, 0), "%s: cleared", what);
	memset(p, 0x5a, alloc.bytes);
	result(!sync_buffer(fd, DMA_BUF_SYNC_END), "%s: end", what);
	if (!fork())
		_exit(is_byte(p, alloc.bytes, 0x5a) ? (p[0] = 0x33, 0) : 1);
	wait(&status);
	result(!status && p[0] == 0x33, "%s: a child has the same memory", what);
	munmap(p, alloc.bytes);
	p = buffer_map(fd, alloc.bytes);
	result(p != MAP_FAILED && is_byte(p + 1, alloc.bytes - 1, 0x5a),
	       "%s: mapped again, contents are there", what);
	close(fd);
	result(p[0] == 0x33, "%s: the mapping outlives the descriptor", what);
	munmap(p, alloc.bytes);
	result(returned(region), "%s: freed", what);
	return;
out:
	close(fd);
}

/* A descriptor that can't be written gives mappings that can't be written. */
static void test_read_only(int region)
{
	struct vcma_alloc alloc = { .bytes = MIB, .fd_flags = O_RDONLY | O_CLOEXEC };
	char *p;

	if (!result(!ioctl(region, VCMA_IOC_ALLOC, &alloc), "read only: got"))
		return;
	p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, alloc.fd, 0);
	result(p != MAP_FAILED && is_byte(p, MIB, 0), "read only: mapped, cleared");
	result(p != MAP_FAILED && mprotect(p, MIB, PROT_READ | PROT_WRITE) && errno == EACCES,
	       "read only: can't be made writable");
	result(buffer_map(alloc.fd, MIB) == MAP_FAILED && errno == EACCES,
	       "read only: no writable mapping");
	result(mmap(NULL, MIB, PROT_READ, MAP_PRIVATE, alloc.fd, 0) == MAP_FAILED &&
	       errno == EINVAL, "read only: no private mapping");
	if (p != MAP_FAILED)
		munmap(p, MIB);
	close(alloc.fd);
	result(returned(region), "read only: freed");
}

/* Above a granule the host needs a run of them in its own memory, which it may not have. */
static void test_large(int region, __u64 bytes)
{
	int fd = buffer_simple(region, bytes);

	if (fd == -ENOMEM) {
		printf("ok %u - large # SKIP the host's memory is fragmented\n", ++nr_tests);
		return;
	}
	close(fd);
	test_one(region, bytes, 0, "large");
}

static void refused(int region, const char *what, struct vcma_alloc alloc, int err)
{
	int fd = buffer_get(region, &alloc);

	result(fd == -err, "refused: %s: %s", what, fd >= 0 ? "got" : strerror(-fd));
	if (fd >= 0)
		close(fd);
}

/* How many buffers of one size can be had is a matter of granules, however small they are. */
static void test_limit(int region, __u64 bytes)
{
	struct vcma_info info = info_get(region);
	int fds[64], nr, err;

	for (nr = 0, err = 0; nr < 64 && !err; nr++) {
		fds[nr] = buffer_simple(region, bytes);
		if (fds[nr] < 0)
			err = -fds[nr--];
	}
	result(err == EDQUOT && nr * info.granule_bytes <= info.user_limit_bytes,
	       "refused: one too many of %llu bytes, after %d: %s", bytes, nr, strerror(err));
	while (nr--)
		close(fds[nr]);
	result(returned(region), "refused: all is freed");
}

static void test_refusals(int region)
{
	struct vcma_info info = info_get(region);
	struct vcma_alloc alloc = { .bytes = MIB, .fd_flags = O_APPEND };
	int fd;

	refused(region, "no bytes", (struct vcma_alloc) { .bytes = 0 }, EINVAL);
	refused(region, "unknown flags", (struct vcma_alloc) { .bytes = 1, .flags = 8 }, EINVAL);
	refused(region, "odd alignment",
		(struct vcma_alloc) { .bytes = 1, .align_bytes = 3 * page_bytes }, EINVAL);
	refused(region, "more than the region",
		(struct vcma_alloc) { .bytes = info.bytes + 1 }, ENOMEM);
	refused(region, "as much as there are numbers",
		(struct vcma_alloc) { .bytes = ~0ULL }, ENOMEM);
	refused(region, "above the limit",
		(struct vcma_alloc) { .bytes = info.user_limit_bytes + page_bytes }, EDQUOT);
	refused(region, "below the first page",
		(struct vcma_alloc) { .bytes = page_bytes, .max_dma = page_bytes - 2 }, ERANGE);
	result(ioctl(region, VCMA_IOC_ALLOC, &alloc) && errno == EINVAL,
	       "refused: other flags of the descriptor");
	result(ioctl(region, VCMA_IOC_ALLOC, NULL) && errno == EFAULT, "refused: no arguments");
	result(ioctl(region, _IO(0xc5, 99)) && errno == ENOTTY, "refused: unknown ioctl");

	fd = buffer_simple(region, MIB);
	result(mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED &&
	       errno == EINVAL, "refused: private mapping");
	result(mmap(NULL, 2 * MIB, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED &&
	       errno == EINVAL, "refused: mapping beyond the end");
	close(fd);

	test_limit(region, info.granule_bytes);
	test_limit(region, 1);
}

/* No descriptor left: the buffer must not stay. */
static void test_no_descriptor(int region)
{
	struct rlimit old, none;
	int fd;

	getrlimit(RLIMIT_NOFILE, &old);
	none = old;
	none.rlim_cur = region + 1;
	setrlimit(RLIMIT_NOFILE, &none);
	fd = buffer_simple(region, MIB);
	setrlimit(RLIMIT_NOFILE, &old);
	result(fd == -EMFILE, "no descriptor: refused");
	result(returned(region), "no descriptor: nothing stays");
}

static int buffers(const char *file)
{
	int region = region_open(file);
	struct vcma_info info = info_get(region);

	result(info.bytes && info.granule_bytes && info.user_limit_bytes <= info.bytes,
	       "region %.32s: %llu bytes, limit %llu", info.name, info.bytes,
	       info.user_limit_bytes);
	result(!info.user_bytes && !info.reserved, "nothing is in use");
	test_one(region, 1, 0, "one byte");
	test_one(region, MIB + 5, 0, "odd size");
	test_large(region, 3 * MIB + 5);
	test_one(region, MIB, VCMA_ALLOC_UNCACHED, "uncached");
	test_one(region, MIB, VCMA_ALLOC_FAST, "fast");
	test_read_only(region);
	test_refusals(region);
	test_no_descriptor(region);
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}

/* ---- bulk ---- */

static int bulk_get(int region, struct vcma_alloc_bulk *bulk)
{
	bulk->fd_flags = O_RDWR | O_CLOEXEC;
	return ioctl(region, VCMA_IOC_ALLOC_BULK, bulk) ? -errno : bulk->fd;
}

static void bulk_refused(int region, const char *what, struct vcma_alloc_bulk bulk, int err)
{
	int fd = bulk_get(region, &bulk);

	result(fd == -err, "bulk refused: %s: %s", what, fd >= 0 ? "got" : strerror(-fd));
	if (fd >= 0)
		close(fd);
}

static void test_bulk(int region, __u32 flags, const char *what)
{
	struct vcma_alloc_bulk bulk = { .block_bytes = 65536, .nr_blocks = 100, .flags = flags };
	bool good = true;
	__u32 i;
	char *p;
	int fd;

	fd = bulk_get(region, &bulk);
	result(fd >= 0 && bulk.nr_blocks == 100, "bulk, %s: %u of 100 blocks: %s", what,
	       bulk.nr_blocks, fd < 0 ? strerror(-fd) : "got");
	p = buffer_map(fd, 100 * 65536);
	if (!result(p != MAP_FAILED && is_byte(p, 100 * 65536, 0),
		    "bulk, %s: mapped as one, cleared", what))
		return;
	for (i = 0; i < 100; i++)
		memset(p + i * 65536UL, i, 65536);
	for (i = 0; i < 100; i++)
		good &= is_byte(p + i * 65536UL, 65536, i);
	result(good, "bulk, %s: no two blocks are the same memory", what);
	munmap(p, 100 * 65536);
	close(fd);
	result(returned(region), "bulk, %s: freed", what);
}

static int bulk(const char *file)
{
	int region = region_open(file), fd;
	struct vcma_info info = info_get(region);
	struct vcma_alloc_bulk bulk;
	__u32 most = info.user_limit_bytes / 65536;

	test_bulk(region, 0, "cached");
	test_bulk(region, VCMA_ALLOC_UNCACHED, "uncached");
	bulk = (struct vcma_alloc_bulk) { .block_bytes = 65536, .nr_blocks = most,
					  .timeout_ms = 10000 };
	fd = bulk_get(region, &bulk);
	result(fd >= 0 && bulk.nr_blocks && bulk.nr_blocks <= most &&
	       info_get(region).user_bytes >= bulk.nr_blocks * 65536ULL,
	       "bulk: %u blocks of the %u that the limit allows", bulk.nr_blocks, most);
	bulk_refused(region, "nothing is left of the limit",
		     (struct vcma_alloc_bulk) { .block_bytes = 65536, .nr_blocks = most }, EDQUOT);
	close(fd);
	bulk_refused(region, "no blocks", (struct vcma_alloc_bulk) { .block_bytes = 65536 }, EINVAL);
	bulk_refused(region, "odd blocks",
		     (struct vcma_alloc_bulk) { .block_bytes = 3 * page_bytes, .nr_blocks = 1 }, EINVAL);
	bulk_refused(region, "less than pages",
		     (struct vcma_alloc_bulk) { .block_bytes = 512, .nr_blocks = 1 }, EINVAL);
	bulk_refused(region, "blocks above a granule",
		     (struct vcma_alloc_bulk) { .block_bytes = 2 * info.granule_bytes,
						.nr_blocks = 1 }, ENOMEM);
	bulk_refused(region, "more than the region",
		     (struct vcma_alloc_bulk) { .block_bytes = 65536, .nr_blocks = ~0U }, ENOMEM);
	bulk_refused(region, "busy ranges where there is no room for them",
		     (struct vcma_alloc_bulk) { .block_bytes = 65536, .nr_blocks = 1,
						.nr_busy = ~0U }, EINVAL);
	result(returned(region), "bulk: freed");
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}

/* Pages of the region are pinned, here and there: the answer says where and why. */
static int busy(const char *file, __u32 nr)
{
	struct vcma_alloc_bulk bulk = { .block_bytes = 65536, .nr_blocks = nr, .nr_busy = 4096,
					.timeout_ms = 20000 };
	struct vcma_busy_range *ranges = calloc(bulk.nr_busy, sizeof(*ranges));
	__u32 nr_pinned = 0, nr_bad = 0, room = bulk.nr_busy, i;
	int region = region_open(file), fd;
	struct vcma_info info = info_get(region);

	bulk.busy = (uintptr_t)ranges;
	fd = bulk_get(region, &bulk);
	result(fd >= 0 && bulk.nr_blocks < nr, "busy: %u of %u blocks: %s", bulk.nr_blocks, nr,
	       fd < 0 ? strerror(-fd) : "got");
	if (bulk.nr_busy > room)
		bulk.nr_busy = 0;
	for (i = 0; i < bulk.nr_busy; i++) {
		nr_pinned += ranges[i].why == VCMA_WHY_PINNED;
		nr_bad += !ranges[i].bytes || (ranges[i].offset | ranges[i].bytes) % page_bytes ||
			  ranges[i].bytes > info.bytes || ranges[i].reserved ||
			  ranges[i].offset > info.bytes - ranges[i].bytes;
	}
	result(nr_pinned, "busy: %u ranges, %u of them pinned", bulk.nr_busy, nr_pinned);
	result(!nr_bad, "busy: whole pages of the region");
	close(fd);

	/* No room for more than one: one is written, and what lies behind it is not. */
	memset(ranges, 0x5a, 2 * sizeof(*ranges));
	bulk.nr_blocks = nr;
	bulk.nr_busy = 1;
	fd = bulk_get(region, &bulk);
	result(fd >= 0 && bulk.nr_busy == 1 && ranges[0].bytes <= info.bytes &&
	       is_byte((char *)&ranges[1], sizeof(*ranges), 0x5a), "busy: no more than fit");
	close(fd);
	result(returned(region), "busy: freed");
	free(ranges);
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}

/* Pages that the kernel has migrated since it started. */
static unsigned long nr_migrated(void)
{
	FILE *file = fopen("/proc/vmstat", "r");
	unsigned long value, nr = 0;
	char name[64];

	while (file && fscanf(file, "%63s %lu", name, &value) == 2) {
		if (!strcmp(name, "pgmigrate_success"))
			nr = value;
	}
	if (file)
		fclose(file);
	return nr;
}

static int fast(const char *file, __u32 nr, __u32 fits, __u32 most)
{
	struct vcma_alloc_bulk bulk = { .block_bytes = 65536, .nr_blocks = nr,
					.flags = VCMA_ALLOC_FAST };
	unsigned long before = nr_migrated(), after;
	int region = region_open(file), fd;
	__u32 got;

	fd = bulk_get(region, &bulk);
	after = nr_migrated();
	got = fd < 0 ? 0 : bulk.nr_blocks;
	result(got >= fits && got <= most, "fast: %u of %u blocks, %u to %u can be: %s", got, nr,
	       fits, most, fd < 0 ? strerror(-fd) : "got");
	result(after == before, "fast: %lu pages were migrated", after - before);
	if (fd >= 0)
		close(fd);
	result(returned(region), "fast: freed");

	bulk.nr_blocks = nr;
	bulk.flags = 0;
	fd = bulk_get(region, &bulk);
	after = nr_migrated();
	result(fd >= 0 && bulk.nr_blocks == nr, "thorough: %u of %u blocks: %s", bulk.nr_blocks, nr,
	       fd < 0 ? strerror(-fd) : "got");
	if (got < nr)
		result(after > before, "thorough: %lu pages were migrated", after - before);
	if (fd >= 0)
		close(fd);
	result(returned(region), "thorough: freed");
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void outcome(bool good, const char *what, int fd, __u32 nr, double since_s)
{
	result(good, "%s: %u blocks: %s, after %.3f s", what, fd < 0 ? 0 : nr,
	       fd < 0 ? strerror(-fd) : "got", now_s() - since_s);
	if (fd >= 0)
		close(fd);
}

/* Both without time first: what is freed lies empty. */
static int late(const char *file, __u64 bytes, __u32 nr, double most_s, __u32 patience_ms)
{
	struct vcma_alloc_bulk bulk = { .block_bytes = 65536, .nr_blocks = nr, .timeout_ms = 1 };
	struct vcma_alloc alloc = { .bytes = bytes, .timeout_ms = 1 };
	int region = region_open(file), fd;
	bool fragmented;
	double start;

	start = now_s();
	fd = buffer_get(region, &alloc);
	fragmented = fd == -ENOMEM;	/* no run of granules in the host's memory */
	outcome(fragmented || (fd == -ETIMEDOUT && now_s() - start < most_s),
		fragmented ? "late: one # SKIP fragmented host" : "late: one", fd, 1, start);
	start = now_s();
	fd = bulk_get(region, &bulk);	/* some may come: then there is no error */
	outcome((fd < 0 ? fd == -ETIMEDOUT : bulk.nr_blocks < nr) && now_s() - start < most_s,
		"late: many", fd, bulk.nr_blocks, start);
	result(returned(region), "late: all is freed");

	start = now_s();
	alloc.timeout_ms = patience_ms;
	fd = buffer_get(region, &alloc);
	outcome(fd >= 0 || (fragmented && fd == -ENOMEM), "in time: one", fd, 1, start);
	start = now_s();
	bulk.nr_blocks = nr;
	bulk.timeout_ms = patience_ms;
	fd = bulk_get(region, &bulk);
	outcome(fd >= 0 && bulk.nr_blocks == nr, "in time: many", fd, bulk.nr_blocks, start);
	result(returned(region), "in time: all is freed");
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}

/* For the calls that it makes in the kernel: none of them need succeed. */
static int each(const char *file)
{
	struct vcma_busy_range ranges[16];
	struct vcma_alloc_bulk bulk = {
		.block_bytes = 65536, .nr_blocks = 40, .busy = (uintptr_t)ranges, .nr_busy = 16,
	};
	struct vcma_alloc alloc = { .bytes = 3 * MIB };
	int region = region_open(file), fds[4];
	unsigned int i;
	char *p;

	fds[0] = bulk_get(region, &bulk);
	bulk.flags = VCMA_ALLOC_UNCACHED;
	fds[1] = bulk_get(region, &bulk);
	fds[2] = buffer_get(region, &alloc);
	alloc.flags = VCMA_ALLOC_UNCACHED;
	fds[3] = buffer_get(region, &alloc);
	for (i = 0; i < 4; i++) {
		if (fds[i] < 0)
			continue;
		p = buffer_map(fds[i], page_bytes);
		if (p != MAP_FAILED)
			p[0] = 1;
		close(fds[i]);
	}
	return 0;
}

/* ---- importers ---- */

/* @fd: a buffer of 1 MiB; @vmap_err: what mapping it for the kernel comes to */
static void test_import(int region, int fd, const char *device, const char *what, int expected,
			int vmap_err)
{
	char *p = buffer_map(fd, MIB);
	int err;

	if (!result(p != MAP_FAILED, "import by device %s, %s: mapped", device, what))
		return;
	sync_buffer(fd, DMA_BUF_SYNC_START);
	memset(p, 0x11, MIB / 2);
	memset(p + MIB / 2, 0x22, MIB / 2);
	sync_buffer(fd, DMA_BUF_SYNC_END);

	err = importer(device, "copy", fd);
	result(err == expected, "import by device %s, %s: %s", device, what, strerror(err));
	if (err)
		goto out;
	sync_buffer(fd, DMA_BUF_SYNC_START);
	result(is_byte(p + MIB / 2, 64, 0x11) && is_byte(p + MIB / 2 + 64, 64, 0x22),
	       "import by device %s, %s: it has copied 64 bytes", device, what);
	memset(p, 0x44, 64);
	sync_buffer(fd, DMA_BUF_SYNC_END);

	err = importer(device, "twice", fd);
	result(err == EBUSY, "import by device %s, %s: not mapped twice: %s", device, what,
	       strerror(err));

	err = importer(device, "vmap", fd);
	result(err == vmap_err, "vmap, %s: %s", what, strerror(err));
	if (err)
		goto out;
	result(is_byte(p + MIB / 2, 64, 0x44), "vmap, %s: the kernel has copied 64 bytes", what);
	importer(device, "drop", fd);
out:
	munmap(p, MIB);
	close(fd);
	result(returned(region), "import, %s: freed", what);
}

static int import(const char *file, const char *device, int expected, int cached)
{
	struct vcma_alloc_bulk bulk = { .block_bytes = 65536, .nr_blocks = MIB / 65536,
					.flags = VCMA_ALLOC_UNCACHED };
	struct vcma_alloc alloc = { .bytes = MIB };
	int region = region_open(file);
	/* Scattered blocks need struct pages to be mapped as one. */
	int vmap_err = info_get(region).mode == VCMA_MODE_PRIVATE ? EINVAL : 0;

	test_import(region, buffer_get(region, &alloc), device, "cached", cached, 0);
	alloc.flags = VCMA_ALLOC_UNCACHED;
	test_import(region, buffer_get(region, &alloc), device, "uncached", expected, 0);
	test_import(region, bulk_get(region, &bulk), device, "bulk, uncached", expected, vmap_err);
	bulk.flags = 0;
	test_import(region, bulk_get(region, &bulk), device, "bulk, cached", cached, vmap_err);
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}

/* ---- a buffer that is revoked ---- */

static sigjmp_buf taken_away;

static void on_sigbus(int nr)
{
	siglongjmp(taken_away, nr);
}

static int hold(const char *file, __u64 bytes, const char *device, const char *verb)
{
	int region = region_open(file), fd = buffer_simple(region, bytes), err;
	volatile char *p = fd < 0 ? MAP_FAILED : buffer_map(fd, bytes);

	if (p == MAP_FAILED)
		return 1;
	if (device) {
		err = importer(device, verb, fd);
		if (err) {
			printf("%s: %s\n", verb, strerror(err));
			return 1;
		}
	}
	signal(SIGBUS, on_sigbus);
	if (sigsetjmp(taken_away, 1)) {
		err = buffer_simple(region, bytes);
		printf("revoked; another: %s\n", err < 0 ? strerror(-err) : "got");
		return 0;
	}
	printf("held\n");
	fflush(stdout);
	for (;;) {
		p[bytes - 1]++;
		usleep(20000);
	}
}

int main(int argc, char **argv)
{
	page_bytes = sysconf(_SC_PAGESIZE);
	if (argc == 3 && !strcmp(argv[1], "buffers"))
		return buffers(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "bulk"))
		return bulk(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "busy"))
		return busy(argv[2], atoi(argv[3]));
	if (argc == 6 && !strcmp(argv[1], "fast"))
		return fast(argv[2], atoi(argv[3]), atoi(argv[4]), atoi(argv[5]));
	if (argc == 7 && !strcmp(argv[1], "late"))
		return late(argv[2], strtoull(argv[3], NULL, 0), atoi(argv[4]), atof(argv[5]), atoi(argv[6]));
	if (argc == 3 && !strcmp(argv[1], "each"))
		return each(argv[2]);
	if ((argc == 5 || argc == 6) && !strcmp(argv[1], "import"))
		return import(argv[2], argv[3], atoi(argv[4]), atoi(argv[argc - 1]));
	if ((argc == 4 || argc == 6) && !strcmp(argv[1], "hold"))
		return hold(argv[2], strtoull(argv[3], NULL, 0), argc == 6 ? argv[4] : NULL,
			    argc == 6 ? argv[5] : NULL);
	fprintf(stderr, "vcma_user: unknown command\n");
	return 2;
}
