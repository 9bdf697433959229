// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hog: keeps a test guest's memory full, half-asleep, until it is killed.
 *
 *	hog ANON_MIB [FILE]
 *
 * Holds ANON_MIB of anonymous memory and reads FILE again and again, so that what
 * is left over fills with page cache, and what is freed fills anew. Prints "full"
 * once all of it has been touched. Non-purpose: pinning (pin.c).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB		(1024UL * 1024)
#define PAGE_BYTES	4096UL
#define PAUSE_US	1000	/* between MiBs: the CPUs are the benchmark's */

static char piece[MIB];

/* One MiB more of the file, from the start again at its end. */
static void read_on(int fd)
{
	if (fd >= 0 && read(fd, piece, sizeof(piece)) <= 0)
		lseek(fd, 0, SEEK_SET);
}

int main(int argc, char **argv)
{
	unsigned long anon_bytes, i, at = 0;
	int fd = -1;
	char *anon;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "usage: hog ANON_MIB [FILE]\n");
		return 2;
	}
	anon_bytes = strtoul(argv[1], NULL, 0) * MIB;
	anon = mmap(NULL, anon_bytes + PAGE_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (anon == MAP_FAILED) {
		perror("hog: mmap");
		return 1;
	}
	if (argc == 3) {
		fd = open(argv[2], O_RDONLY);
		if (fd < 0) {
			perror(argv[2]);
			return 1;
		}
		for (i = lseek(fd, 0, SEEK_END) / MIB, lseek(fd, 0, SEEK_SET); i; i--)
			read_on(fd);
	}
	for (i = 0; i < anon_bytes; i += PAGE_BYTES)
		anon[i] = 1;
	puts("full");
	fflush(stdout);
	for (;;) {
		usleep(PAUSE_US);
		read_on(fd);
		for (i = 0; anon_bytes && i < 64; i++) {
			anon[at]++;
			at = (at + PAGE_BYTES) % anon_bytes;
		}
	}
}
