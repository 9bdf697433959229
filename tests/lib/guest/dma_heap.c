// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What programs that know the kernel's dma-heaps do with one, run in test guests by
 * tests/vm/test_heap.sh, on our files and on the kernel's own.
 *
 *	dma_heap check FILE		buffers, what is in them, refusals; prints TAP
 *	dma_heap users FILE EACH ALL	the limit of a user and of all is so many bytes; prints TAP
 *	dma_heap take FILE BYTES	one buffer, and back: 0, or the errno as exit status
 *	dma_heap fill FILE BYTES NR	NR buffers, as far as they can be had, and back; prints how
 *					many, and how many milliseconds the slowest took
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define MIB		(1024UL * 1024)
#define NR_BUFFERS	8

static int heap_open(const char *file)
{
	int heap = open(file, O_RDONLY | O_CLOEXEC);

	if (heap < 0) {
		printf("Bail out! %s: %s\n", file, strerror(errno));
		exit(1);
	}
	return heap;
}

/* Return: descriptor or -errno. */
static int take_with(int heap, uint64_t bytes, uint32_t fd_flags)
{
	struct dma_heap_allocation_data data = { .len = bytes, .fd_flags = fd_flags };

	return ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : (int)data.fd;
}

static int take(int heap, uint64_t bytes)
{
	return take_with(heap, bytes, O_RDWR | O_CLOEXEC);
}

static int sync_buffer(int fd, uint64_t flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
}

static bool is_zero(const char *p, size_t bytes)
{
	while (bytes--) {
		if (*p++)
			return false;
	}
	return true;
}

/* Is it zero? Then it is not. */
static bool was_zero(int fd, size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	bool zero;

	if (p == MAP_FAILED || sync_buffer(fd, DMA_BUF_SYNC_START))
		return false;
	zero = is_zero(p, bytes);
	memset(p, 0xff, bytes);
	return !sync_buffer(fd, DMA_BUF_SYNC_END) && !munmap(p, bytes) && zero;
}

static void contents(int heap)
{
	static const size_t sizes[] = { 4096, 20000, MIB, 4 * MIB };
	int fds[NR_BUFFERS], round, i;
	bool good = true;
	char *p;
	size_t n;

	for (n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
		size_t bytes = (sizes[n] + 4095) & ~4095UL;
		int fd = take(heap, sizes[n]);

		result(fd >= 0 && lseek(fd, 0, SEEK_END) == (off_t)bytes,
		       "%zu bytes: whole pages, got %d", sizes[n], fd);
		result(was_zero(fd, bytes), "%zu bytes: cleared, mapped, synced", sizes[n]);
		close(fd);
	}
	for (round = 0; round < 2; round++) {
		for (i = 0; i < NR_BUFFERS; i++) {
			fds[i] = take(heap, MIB);
			good &= fds[i] >= 0 && was_zero(fds[i], MIB);
		}
		for (i = 0; i < NR_BUFFERS; i++)
			close(fds[i]);
	}
	result(good, "what others wrote is in no buffer");

	fds[0] = take(heap, MIB);
	fds[1] = dup(fds[0]);
	p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	close(fds[0]);
	if (p != MAP_FAILED)
		strcpy(p, "kept");
	munmap(p, MIB);
	p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fds[1], 0);
	result(p != MAP_FAILED && !strcmp(p, "kept"), "a buffer lives as long as a descriptor");
	close(fds[1]);
	result(p != MAP_FAILED && !strcmp(p, "kept"), "or a mapping");
	munmap(p, MIB);
}

/* Of a program with the header of Linux 5.5, and of one of years to come. */
static void other_headers(int heap)
{
	struct {
		__u64 len;
		__u32 fd, fd_flags;
	} older = { .len = MIB, .fd_flags = O_RDWR | O_CLOEXEC };
	struct {
		struct dma_heap_allocation_data data;
		__u64 more[2];
	} newer = { .data = { .len = MIB, .fd_flags = O_RDWR | O_CLOEXEC }, .more = { 1, 2 } };
	int ret;

	ret = ioctl(heap, _IOWR(DMA_HEAP_IOC_MAGIC, 0, older), &older);
	result(!ret && was_zero((int)older.fd, MIB), "a shorter request");
	if (!ret)
		close((int)older.fd);
	ret = ioctl(heap, _IOWR(DMA_HEAP_IOC_MAGIC, 0, newer), &newer);
	result(!ret && was_zero((int)newer.data.fd, MIB) && newer.more[0] == 1 && newer.more[1] == 2,
	       "a longer request: what is behind it is left alone");
	if (!ret)
		close((int)newer.data.fd);
}

static void flags(int heap)
{
	int fd = take_with(heap, MIB, O_RDWR);

	result(fd >= 0 && !(fcntl(fd, F_GETFD) & FD_CLOEXEC), "without O_CLOEXEC");
	close(fd);
	fd = take(heap, MIB);
	result(fd >= 0 && fcntl(fd, F_GETFD) & FD_CLOEXEC, "with O_CLOEXEC");
	close(fd);
	fd = take_with(heap, MIB, O_RDONLY | O_CLOEXEC);
	result(fd >= 0 && mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED &&
	       errno == EACCES, "a descriptor for reading can't be written through");
	close(fd);
}

static void refused(int heap, struct dma_heap_allocation_data data, const char *what)
{
	int ret = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data);

	result(ret < 0 && errno == EINVAL, "%s: %s", what, ret ? strerror(errno) : "got it");
}

static void refusals(int heap)
{
	const struct dma_heap_allocation_data good = { .len = MIB, .fd_flags = O_RDWR | O_CLOEXEC };
	struct dma_heap_allocation_data data = good;

	data.fd = 7;
	refused(heap, data, "a descriptor that is given");
	data = good;
	data.fd_flags = ~(uint32_t)(O_CLOEXEC | O_RDWR);
	refused(heap, data, "unknown flags of the descriptor");
	data = good;
	data.heap_flags = ~0ULL;
	refused(heap, data, "unknown flags of the heap");
	data = good;
	data.len = 0;
	refused(heap, data, "nothing");
	result(ioctl(-1, DMA_HEAP_IOCTL_ALLOC, &data) < 0 && errno == EBADF, "no heap");
	result(ioctl(heap, DMA_HEAP_IOCTL_ALLOC, NULL) < 0 && errno == EFAULT, "no request");
	result(ioctl(heap, _IOWR(DMA_HEAP_IOC_MAGIC, 77, data), &data) < 0 &&
	       (errno == ENOTTY || errno == EINVAL), "an unknown request");
}

/* ---- limits ---- */

/* A user in a process of his own, who takes a buffer and keeps it until he is killed. */
struct user {
	pid_t pid;
	int err;
};

static struct user user_takes(int heap, uid_t uid, uint64_t bytes)
{
	struct user u = { .err = EIO };
	int said[2];

	if (pipe(said))
		exit(1);
	u.pid = fork();
	if (!u.pid) {
		int err = EPERM;

		if (!setuid(uid)) {
			int fd = take(heap, bytes);

			err = fd < 0 ? -fd : 0;
		}
		if (write(said[1], &err, sizeof(err)) != sizeof(err))
			_exit(1);
		for (;;)
			pause();
	}
	close(said[1]);
	if (read(said[0], &u.err, sizeof(u.err)) != sizeof(u.err))
		u.err = EIO;
	close(said[0]);
	return u;
}

static void user_ends(const struct user *u)
{
	kill(u->pid, SIGKILL);
	waitpid(u->pid, NULL, 0);
}

static void users(int heap, uint64_t each, uint64_t all)
{
	struct user a, b, c;

	result(take(heap, 1ULL << 50) == -ENOMEM, "more than there is");	/* the kernel's would try */
	a = user_takes(heap, 1000, each);
	result(!a.err, "one user: as much as each may have: %s", strerror(a.err));
	b = user_takes(heap, 1000, each / 2);
	result(b.err == EDQUOT, "the same in another process: %s", strerror(b.err));
	user_ends(&b);
	b = user_takes(heap, 1001, all - each);
	result(!b.err, "another user: %s", strerror(b.err));
	c = user_takes(heap, 1002, each / 2);
	result(c.err == EDQUOT, "a third one: all have too much: %s", strerror(c.err));
	user_ends(&c);
	user_ends(&a);
	c = user_takes(heap, 1000, each);
	result(!c.err, "the first one, whose buffers are gone: %s", strerror(c.err));
	user_ends(&c);
	user_ends(&b);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void fill(int heap, uint64_t bytes, int nr)
{
	uint64_t slowest = 0;
	int got = 0;

	while (nr--) {
		uint64_t start = now_ms();

		got += take(heap, bytes) >= 0;
		if (now_ms() - start > slowest)
			slowest = now_ms() - start;
	}
	printf("%d %d\n", got, (int)slowest);
}

int main(int argc, char **argv)
{
	int heap, fd;

	if (argc < 3)
		return 2;
	heap = heap_open(argv[2]);
	if (argc == 4 && !strcmp(argv[1], "take")) {
		fd = take(heap, strtoull(argv[3], NULL, 0));
		return fd < 0 ? -fd : 0;
	}
	if (argc == 5 && !strcmp(argv[1], "fill")) {
		fill(heap, strtoull(argv[3], NULL, 0), atoi(argv[4]));
		return 0;
	}
	if (argc == 5 && !strcmp(argv[1], "users")) {
		users(heap, strtoull(argv[3], NULL, 0), strtoull(argv[4], NULL, 0));
	} else {
		contents(heap);
		other_headers(heap);
		flags(heap);
		refusals(heap);
	}
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}
