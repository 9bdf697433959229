// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * swapped: more memory than a test guest has, each page of which is looked at, and changed, round by
 * round, until the process is killed.
 *
 *	swapped MIB [damage]	prints "round N" at the end of each; a page that is not as it was
 *				left ends it, with 1; "damage" leaves one so
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_BYTES	4096UL
#define WORDS		(PAGE_BYTES / sizeof(uint64_t))

static uint64_t word(uint64_t page, uint64_t round)
{
	return (page << 32 | round) * 0x9e3779b97f4a7c15ULL;
}

int main(int argc, char **argv)
{
	uint64_t nr = argc > 1 ? strtoul(argv[1], NULL, 10) * 256 : 0, round, i, at, *page;
	char *memory = mmap(NULL, nr * PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (!nr || memory == MAP_FAILED)
		return 2;
	for (round = 1;; round++) {
		for (i = 0; i < nr; i++) {
			page = (uint64_t *)(memory + i * PAGE_BYTES);
			for (at = 0; round > 1 && at < WORDS; at += WORDS - 1) {
				if (page[at] == word(i, round - 1))
					continue;
				printf("page %lu is not as it was left in round %lu\n",
				       (unsigned long)i, (unsigned long)round - 1);
				return 1;
			}
			page[0] = word(i, round);
			page[WORDS - 1] = word(i, round);
		}
		printf("round %lu\n", (unsigned long)round);
		fflush(stdout);
		if (argc > 2 && !strcmp(argv[2], "damage"))
			memory[0] ^= 1;
	}
}
