// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blocks read|write DEVICE BYTES COUNT
 *
 * So many requests to a disk, one after the other, past the page cache, from or to one buffer of one value: all
 * that touches data is what serves the requests. (dd has to read what it writes.) The buffer is a file's, so that
 * whoever comes next has the same pages, which are as much in one piece as they were.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER		"/tmp/blocks"

/* Return: so many bytes, or NULL: errno says why. */
static void *buffer(size_t bytes)
{
	int fd = open(BUFFER, O_RDWR | O_CREAT, 0600);
	off_t now = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
	void *buf = MAP_FAILED;

	if (now >= 0 && (now >= (off_t)bytes || !ftruncate(fd, (off_t)bytes)))
		buf = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return buf == MAP_FAILED ? NULL : buf;
}

int main(int argc, char **argv)
{
	int write_it = argc == 5 && !strcmp(argv[1], "write"), fd;
	size_t bytes = argc == 5 ? strtoul(argv[3], NULL, 0) : 0;
	unsigned long count = argc == 5 ? strtoul(argv[4], NULL, 0) : 0, i;
	void *buf;

	if (!bytes || (!write_it && strcmp(argv[1], "read"))) {
		fputs("usage: blocks read|write DEVICE BYTES COUNT\n", stderr);
		return 2;
	}
	fd = open(argv[2], (write_it ? O_WRONLY : O_RDONLY) | O_DIRECT);
	if (fd < 0) {
		perror(argv[2]);
		return 1;
	}
	buf = buffer(bytes);
	if (!buf) {
		perror(BUFFER);
		return 1;
	}
	memset(buf, 0x5a, bytes);
	for (i = 0; i < count; i++) {
		off_t at = (off_t)(i * bytes);
		ssize_t done = write_it ? pwrite(fd, buf, bytes, at) : pread(fd, buf, bytes, at);

		if (done != (ssize_t)bytes) {
			perror(argv[1]);
			return 1;
		}
	}
	return 0;
}
