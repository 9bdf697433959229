// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pin: keeps pages of a test guest from being migrated, the ways programs do it.
 *
 *	pin direct FILE MIB [BASE:MIB]	reads FILE with O_DIRECT into a buffer, without end
 *	pin splice MIB [BASE:MIB]	puts pages into pipes, and out again, without end
 *	pin uring MIB [BASE:MIB]	registers buffers with io_uring, drops them, without end
 *	pin spread MIB PERCENT RUN UNIT BASE:MIB...
 *
 * Once they have begun they say "pinning", with a range how many of the first pages lie
 * in it.
 *
 * spread fills MIB of anonymous memory, keeps PERCENT of the pages that came to lie in
 * the physical ranges, in aligned runs of RUN pages, in pipes, and frees the rest. It
 * prints for each range how many pages it pinned and how many aligned groups of UNIT
 * pages have none of them, then sleeps. Same arguments, same choice of runs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define MIB		(1024UL * 1024)
#define PAGE_BYTES	4096UL
#define PIPE_PAGES	256UL		/* as many as a pipe takes by default rules */
#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned char *anonymous(size_t bytes)
{
	unsigned char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("pin: mmap");
	madvise(p, bytes, MADV_NOHUGEPAGE);
	return p;
}

static void touch(unsigned char *p, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i += PAGE_BYTES)
		p[i] = i / PAGE_BYTES;
}

struct range {
	uint64_t base_page, nr_pages;
	unsigned char *marks;	/* per page: MINE, then perhaps PINNED */
	unsigned long nr_mine, nr_pinned;
};

enum { MINE = 1, PINNED = 2 };

static void range_parse(struct range *r, const char *text)
{
	char *end;

	r->base_page = strtoull(text, &end, 0) / PAGE_BYTES;
	if (*end != ':') {
		fprintf(stderr, "pin: '%s' is not BASE:MIB\n", text);
		exit(2);
	}
	r->nr_pages = strtoull(end + 1, NULL, 0) * MIB / PAGE_BYTES;
	r->marks = calloc(r->nr_pages, 1);
	if (!r->marks)
		die("pin: calloc");
}

static struct range *range_of(struct range *ranges, int nr, uint64_t page)
{
	int i;

	for (i = 0; i < nr; i++) {
		if (page - ranges[i].base_page < ranges[i].nr_pages)
			return &ranges[i];
	}
	return NULL;
}

static int pagemap_open(void)
{
	int fd = open("/proc/self/pagemap", O_RDONLY);

	if (fd < 0)
		die("pin: pagemap");
	return fd;
}

/* Number of the physical page at @p, 0 if there is none. */
static uint64_t page_of(int pagemap, const unsigned char *p)
{
	uint64_t entry;
	off_t at = (uintptr_t)p / PAGE_BYTES * sizeof(entry);

	if (pread(pagemap, &entry, sizeof(entry), at) != sizeof(entry) ||
	    !(entry & PAGEMAP_PRESENT))
		return 0;
	return entry & PAGEMAP_PFN;
}

/* Pages at @p are pinned: say so, once, and how many lie in the range, if one was given. */
static void started(const unsigned char *p, size_t bytes, struct range *r)
{
	static int said;
	unsigned long inside = 0;
	int pagemap;
	size_t at;

	if (said++)
		return;
	if (r) {
		pagemap = pagemap_open();
		for (at = 0; at < bytes; at += PAGE_BYTES)
			inside += !!range_of(r, 1, page_of(pagemap, p + at));
		close(pagemap);
		printf("pinning inside=%lu\n", inside);
	} else {
		puts("pinning");
	}
	fflush(stdout);
}

static void pin_direct(const char *file, size_t bytes, struct range *r)
{
	int fd = open(file, O_RDONLY | O_DIRECT);
	unsigned char *p = anonymous(bytes);

	if (fd < 0)
		die(file);
	for (;;) {
		if (read(fd, p, bytes) <= 0 && lseek(fd, 0, SEEK_SET))
			die("pin: O_DIRECT read");
		started(p, bytes, r);
	}
}

/* Return: the end to read from; the pages stay pinned until it is closed or read. */
static int pipe_full(unsigned char *p, size_t pages, int *write_end)
{
	struct iovec iov = { .iov_base = p, .iov_len = pages * PAGE_BYTES };
	int ends[2];

	if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, PIPE_PAGES * PAGE_BYTES) < 0)
		die("pin: pipe");
	if (vmsplice(ends[1], &iov, 1, SPLICE_F_NONBLOCK) != (ssize_t)iov.iov_len)
		die("pin: vmsplice");
	*write_end = ends[1];
	return ends[0];
}

static void pin_splice(size_t bytes, struct range *r)
{
	size_t nr = bytes / (PIPE_PAGES * PAGE_BYTES), i;
	int (*ends)[2] = calloc(nr, sizeof(*ends));
	unsigned char *p;

	if (!ends)
		die("pin: calloc");
	for (;;) {
		p = anonymous(bytes);
		touch(p, bytes);
		for (i = 0; i < nr; i++)
			ends[i][0] = pipe_full(p + i * PIPE_PAGES * PAGE_BYTES, PIPE_PAGES,
					       &ends[i][1]);
		started(p, bytes, r);
		usleep(100000);
		for (i = 0; i < nr; i++) {
			close(ends[i][0]);
			close(ends[i][1]);
		}
		munmap(p, bytes);
	}
}

static void pin_uring(size_t bytes, struct range *r)
{
	struct io_uring_params params;
	struct iovec iov;
	int fd;

	memset(&params, 0, sizeof(params));
	fd = syscall(SYS_io_uring_setup, 1, &params);
	if (fd < 0)
		die("pin: io_uring_setup");
	for (;;) {
		iov.iov_base = anonymous(bytes);
		iov.iov_len = bytes;
		touch(iov.iov_base, bytes);
		if (syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1) == 0) {
			started(iov.iov_base, bytes, r);
			usleep(100000);
			syscall(SYS_io_uring_register, fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
		}
		munmap(iov.iov_base, bytes);
	}
}

/* All of a run is chosen or none; by position only. */
static int is_chosen(uint64_t page, unsigned int percent, unsigned int run)
{
	uint64_t x = page / run;

	x = (x ^ (x >> 31)) * 0x9e3779b97f4a7c15ULL;
	return (x >> 32) % 100 < percent;
}

static void range_print(const struct range *r, unsigned int unit)
{
	unsigned long clean = 0;
	uint64_t i;
	unsigned int k;

	for (i = 0; i + unit <= r->nr_pages; i += unit) {
		for (k = 0; k < unit && !(r->marks[i + k] & PINNED); k++)
			;
		clean += k == unit;
	}
	printf("pages=%lu mine=%lu pinned=%lu clean=%lu\n", (unsigned long)r->nr_pages,
	       r->nr_mine, r->nr_pinned, clean);
}

static void pin_spread(size_t bytes, unsigned int percent, unsigned int run,
		       unsigned int unit, char **texts, int nr)
{
	int pagemap = pagemap_open(), i, full = 0, write_end = -1;
	struct range *ranges = calloc(nr, sizeof(*ranges)), *r;
	unsigned char *p = anonymous(bytes);
	struct iovec iov = { .iov_len = PAGE_BYTES };
	uint64_t page;
	size_t at;

	if (!ranges)
		die("pin: calloc");
	for (i = 0; i < nr; i++)
		range_parse(&ranges[i], texts[i]);
	touch(p, bytes);
	for (at = 0; at < bytes; at += PAGE_BYTES) {
		iov.iov_base = p + at;
		page = page_of(pagemap, iov.iov_base);
		r = range_of(ranges, nr, page);
		if (!r)
			continue;
		r->marks[page - r->base_page] |= MINE;
		r->nr_mine++;
		if (!is_chosen(page, percent, run))
			continue;
		if (full++ % PIPE_PAGES == 0)
			pipe_full(iov.iov_base, 1, &write_end);
		else if (vmsplice(write_end, &iov, 1, SPLICE_F_NONBLOCK) != (ssize_t)PAGE_BYTES)
			die("pin: vmsplice");
		r->marks[page - r->base_page] |= PINNED;
		r->nr_pinned++;
	}
	munmap(p, bytes);
	for (i = 0; i < nr; i++)
		range_print(&ranges[i], unit);
	started(NULL, 0, NULL);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	struct range range, *r = NULL;
	int nr = argc;

	if (argc > 2 && strcmp(how, "spread") && strchr(argv[argc - 1], ':')) {
		range_parse(&range, argv[--nr]);
		r = &range;
	}
	if (!strcmp(how, "direct") && nr == 4) {
		pin_direct(argv[2], strtoul(argv[3], NULL, 0) * MIB, r);
	} else if (!strcmp(how, "splice") && nr == 3) {
		pin_splice(strtoul(argv[2], NULL, 0) * MIB, r);
	} else if (!strcmp(how, "uring") && nr == 3) {
		pin_uring(strtoul(argv[2], NULL, 0) * MIB, r);
	} else if (!strcmp(how, "spread") && argc >= 7) {
		pin_spread(strtoul(argv[2], NULL, 0) * MIB, strtoul(argv[3], NULL, 0),
			   strtoul(argv[4], NULL, 0), strtoul(argv[5], NULL, 0), argv + 6,
			   argc - 6);
	}
	fprintf(stderr, "usage: see the head of pin.c\n");
	return 2;
}
