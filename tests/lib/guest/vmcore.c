// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmcore: looks for a word in the memory of a crashed kernel, from its crash kernel.
 *
 *	vmcore GPA BYTES WORD
 *
 * Prints how often the word stands in [GPA, GPA + BYTES); fails if /proc/vmcore does not have
 * all of that range. Words that go over the end of a chunk are not seen.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES	(1 << 20)

static unsigned long count(const char *p, size_t bytes, const char *word)
{
	size_t length = strlen(word);
	const char *end = p + bytes;
	unsigned long nr = 0;

	while ((p = memmem(p, end - p, word, length))) {
		p += length;
		nr++;
	}
	return nr;
}

/* The part of the dump that has all of the range: its place in the file, or -1. */
static off_t find(int fd, unsigned long long gpa, unsigned long long bytes)
{
	Elf64_Ehdr elf;
	Elf64_Phdr part;
	int i;

	if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf))
		return -1;
	for (i = 0; i < elf.e_phnum; i++) {
		off_t at = elf.e_phoff + i * sizeof(part);

		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			return -1;
		if (part.p_type == PT_LOAD && gpa >= part.p_paddr &&
		    gpa + bytes <= part.p_paddr + part.p_filesz)
			return part.p_offset + (gpa - part.p_paddr);
	}
	return -1;
}

int main(int argc, char **argv)
{
	unsigned long long bytes, done;
	static char chunk[CHUNK_BYTES];
	unsigned long nr = 0;
	off_t start;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: see the head of vmcore.c\n");
		return 2;
	}
	fd = open("/proc/vmcore", O_RDONLY);
	if (fd < 0) {
		perror("/proc/vmcore");
		return 1;
	}
	bytes = strtoull(argv[2], NULL, 0);
	start = find(fd, strtoull(argv[1], NULL, 0), bytes);
	if (start < 0) {
		fprintf(stderr, "/proc/vmcore does not have %s+%s\n", argv[1], argv[2]);
		return 1;
	}
	for (done = 0; done < bytes; done += CHUNK_BYTES) {
		if (pread(fd, chunk, CHUNK_BYTES, start + done) != CHUNK_BYTES) {
			perror("/proc/vmcore");
			return 1;
		}
		nr += count(chunk, CHUNK_BYTES, argv[3]);
	}
	printf("%lu\n", nr);
	return 0;
}
