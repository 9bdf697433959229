// SPDX-License-Identifier: GPL-2.0-only
/*
 * vcma_foreign DEVICE: buffers that are ordinary RAM of the guest, from the kernel's own exporters,
 * used by device DEVICE of /dev/vcma_import, which is a client. Prints TAP.
 *
 *	udmabuf		pages of a memfd; of what importers have mapped its syncs know nothing: refused
 *	system heap	syncs what importers have mapped: data arrives both ways
 *
 * Their data goes through copies, which are made when a buffer is mapped and unmapped, and by
 * whoever syncs a mapping that stays.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "importer.h"

#define MIB	(1024UL * 1024)
#define BYTES	64

static unsigned int nr_tests, nr_failed;
static const char *device;

static bool result(bool good, const char *what, const char *how)
{
	nr_failed += !good;
	printf("%s %u - %s: %s\n", good ? "ok" : "not ok", ++nr_tests, what, how);
	return good;
}

static void sync_buffer(int fd, __u64 flags)
{
	struct dma_buf_sync sync = { .flags = flags | DMA_BUF_SYNC_RW };

	ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
}

/* Return: a buffer of 1 MiB and in *@p the memory it is made of; or -1. */
static int udmabuf(char **p)
{
	struct udmabuf_create create = { .size = MIB };
	int memory, file, fd = -1;

	memory = memfd_create("vcma_foreign", MFD_ALLOW_SEALING);
	if (memory < 0 || ftruncate(memory, MIB) || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK))
		return -1;
	*p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	file = open("/dev/udmabuf", O_RDWR);
	if (file >= 0 && *p != MAP_FAILED) {
		create.memfd = memory;
		fd = ioctl(file, UDMABUF_CREATE, &create);
	}
	close(file);
	close(memory);
	return fd;
}

static int heap(char **p)
{
	struct dma_heap_allocation_data data = { .len = MIB, .fd_flags = O_RDWR };
	int file = open("/dev/dma_heap/system", O_RDWR);

	if (file < 0 || ioctl(file, DMA_HEAP_IOCTL_ALLOC, &data))
		return -1;
	close(file);
	*p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, data.fd, 0);
	return *p == MAP_FAILED ? -1 : (int)data.fd;
}

static void fill(int fd, char *p, char first)
{
	sync_buffer(fd, DMA_BUF_SYNC_START);
	memset(p, 0x22, MIB);
	memset(p, first, BYTES);
	sync_buffer(fd, DMA_BUF_SYNC_END);
}

/* Has the device copied the first bytes to where the second half begins, and nothing else? */
static bool is_copied(int fd, const char *p, char first)
{
	const char *half = p + MIB / 2;
	bool good = true;
	int i;

	sync_buffer(fd, DMA_BUF_SYNC_START);
	for (i = 0; i < BYTES; i++)
		good &= half[i] == first && half[BYTES + i] == 0x22 && half[-1 - i] == 0x22;
	sync_buffer(fd, DMA_BUF_SYNC_END);
	return good;
}

static void test_refused(const char *what, int (*make)(char **p))
{
	char *p = NULL;
	int fd = make(&p);

	if (!result(fd >= 0, what, "made, and mapped by the program"))
		return;
	fill(fd, p, 0x11);
	result(importer(device, "copy", fd) == EIO, what, "can't be mapped for the device");
	result(importer(device, "keep", fd) == EIO, what, "nor a second time");
	munmap(p, MIB);
	close(fd);
}

static void test_synced(const char *what, int (*make)(char **p))
{
	char *p = NULL;
	int fd = make(&p);

	if (!result(fd >= 0, what, "made, and mapped by the program"))
		return;
	fill(fd, p, 0x11);
	result(!importer(device, "copy", fd) && is_copied(fd, p, 0x11), what,
	       "mapped for as long as it is used: data arrives both ways");
	result(!importer(device, "keep", fd), what, "mapped for good");
	fill(fd, p, 0x44);
	result(!importer(device, "sync", fd) && is_copied(fd, p, 0x44), what,
	       "the importer syncs it: data arrives both ways");
	fill(fd, p, 0x55);
	result(!importer(device, "use", fd) && is_copied(fd, p, 0x55), what,
	       "the program syncs it: data arrives both ways");
	importer(device, "drop", fd);
	munmap(p, MIB);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	device = argv[1];
	test_refused("udmabuf", udmabuf);
	test_synced("system heap", heap);
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}
