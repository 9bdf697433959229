// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Example: memory of a virtio-cma region in a program.
 *
 *	vcma_buffer /dev/vcma/NAME BYTES
 *
 * Gets one buffer, contiguous for the device, writes to it, and shows what it got. The
 * descriptor is a dma-buf: hand it to whatever imports those (V4L2, DRM, ...), in this
 * process or, through a socket, in another.
 *
 *	cc -I/usr/include/hvcma -o vcma_buffer vcma_buffer.c
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vcma.h"

static int fail(const char *what)
{
	fprintf(stderr, "vcma_buffer: %s: %s\n", what, strerror(errno));
	return 1;
}

/* Between the two, the CPU may use the buffer; devices that have it mapped may not. */
static int sync_buffer(int fd, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
}

int main(int argc, char **argv)
{
	struct vcma_alloc alloc = { .fd_flags = O_RDWR | O_CLOEXEC, .timeout_ms = 5000 };
	struct vcma_info info;
	char *memory;
	int region;

	if (argc != 3) {
		fprintf(stderr, "usage: vcma_buffer /dev/vcma/NAME BYTES\n");
		return 2;
	}
	region = open(argv[1], O_RDWR | O_CLOEXEC);
	if (region < 0)
		return fail(argv[1]);
	if (ioctl(region, VCMA_IOC_INFO, &info))
		return fail("VCMA_IOC_INFO");
	printf("region %.32s: %llu bytes, granule %llu, %llu of %llu in buffers\n", info.name,
	       info.bytes, info.granule_bytes, info.user_bytes, info.user_limit_bytes);

	alloc.bytes = strtoull(argv[2], NULL, 0);
	if (ioctl(region, VCMA_IOC_ALLOC, &alloc))
		return fail("VCMA_IOC_ALLOC");
	close(region);		/* the buffer does not need it */

	memory = mmap(NULL, alloc.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, alloc.fd, 0);
	if (memory == MAP_FAILED)
		return fail("mmap");
	if (sync_buffer(alloc.fd, DMA_BUF_SYNC_START))
		return fail("DMA_BUF_IOCTL_SYNC");
	snprintf(memory, alloc.bytes, "hello, device");
	if (sync_buffer(alloc.fd, DMA_BUF_SYNC_END))
		return fail("DMA_BUF_IOCTL_SYNC");
	printf("buffer of %llu bytes, descriptor %d: '%s'\n", alloc.bytes, alloc.fd, memory);

	munmap(memory, alloc.bytes);
	close(alloc.fd);
	return 0;
}
