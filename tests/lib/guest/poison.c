// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * poison: a page of this program breaks, as the machine tells of such (MADV_HWPOISON). Prints its
 * guest-physical address. The kernel kills who uses such a page, which this one expects.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGEMAP_PRESENT	(1ULL << 63)
#define PAGEMAP_PFN	((1ULL << 55) - 1)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void is_broken(int signal)
{
	(void)signal;
	_exit(0);
}

int main(void)
{
	size_t page_bytes = sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	unsigned char *p = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t entry;

	if (fd < 0 || p == MAP_FAILED)
		die("poison: pagemap");
	p[0] = 1;
	if (pread(fd, &entry, sizeof(entry), (uintptr_t)p / page_bytes * sizeof(entry)) != sizeof(entry) ||
	    !(entry & PAGEMAP_PRESENT))
		die("poison: no page");
	printf("0x%llx\n", (unsigned long long)(entry & PAGEMAP_PFN) * page_bytes);
	fflush(stdout);
	signal(SIGBUS, is_broken);
	if (madvise(p, page_bytes, MADV_HWPOISON))
		die("poison: MADV_HWPOISON");
	return 0;
}
