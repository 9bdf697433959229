// SPDX-License-Identifier: GPL-2.0-only
/*
 * taker PAGE_KIB PAGES: takes each hugepage of that size that becomes free, up to so many, fills it with a pattern, and
 * looks at all that it has again and again: what changes there, a device has written that was told to
 * write to the memory of somebody else.
 *
 * It says "ready" once it waits, "takes" when it has its first page, and at its end (SIGTERM) "taken N, corrupted M", in
 * pages. On standard error what it found first in each.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23	/* Linux 5.14 */
#endif
#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT		26
#endif

#define MAX_PAGES	256
#define PAUSE_US	200	/* while there is nothing to be had */

static volatile sig_atomic_t ends;

static void on_term(int sig)
{
	(void)sig;
	ends = 1;
}

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static uint64_t pattern(unsigned int page, size_t word)
{
	return 0x9e3779b97f4a7c15ULL * (page + 1) + word;
}

/* Return: is it (still) what was written? */
static bool look(const volatile uint64_t *words, size_t nr_words, unsigned int page)
{
	size_t i;

	for (i = 0; i < nr_words; i++) {
		uint64_t word = words[i];

		if (word == pattern(page, i))
			continue;
		fprintf(stderr, "taker: page %u, at 0x%zx: 0x%016llx\n", page, i * sizeof(word),
			(unsigned long long)word);
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	size_t page_bytes = argc == 3 ? strtoul(argv[1], NULL, 0) << 10 : 0, i;
	unsigned int nr_pages = argc == 3 ? (unsigned int)strtoul(argv[2], NULL, 0) : 0;
	unsigned int taken = 0, corrupted = 0, page;
	struct sigaction action = { .sa_handler = on_term };
	bool bad[MAX_PAGES] = { false };
	char *memory;

	if (!page_bytes || !nr_pages || nr_pages > MAX_PAGES) {
		fputs("usage: taker PAGE_KIB PAGES\n", stderr);
		return 2;
	}
	/* Nothing is reserved: whoever waits for pages takes none from those that need them. */
	memory = mmap(NULL, nr_pages * page_bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_HUGETLB |
		      __builtin_ctzl(page_bytes) << MAP_HUGE_SHIFT, -1, 0);
	if (memory == MAP_FAILED || sigaction(SIGTERM, &action, NULL)) {
		perror("taker");
		return 1;
	}
	say("ready");
	do {
		while (taken < nr_pages && !madvise(memory + taken * page_bytes, page_bytes, MADV_POPULATE_WRITE)) {
			uint64_t *words = (uint64_t *)(memory + taken * page_bytes);

			for (i = 0; i < page_bytes / sizeof(*words); i++)
				words[i] = pattern(taken, i);
			if (!taken++)
				say("takes");
		}
		for (page = 0; page < taken; page++) {
			if (bad[page] || look((uint64_t *)(memory + page * page_bytes), page_bytes / sizeof(uint64_t), page))
				continue;
			bad[page] = true;
			corrupted++;
		}
		if (!taken)
			usleep(PAUSE_US);
	} while (!ends);
	printf("taken %u, corrupted %u\n", taken, corrupted);
	return 0;
}
