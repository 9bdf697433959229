// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * udmabuf: could a udmabuf keep a service's pins, in the place of a keeper's io_uring (docs/architecture.md)? What the
 * running kernel does is shown, as TAP: of which files it makes one, whether it keeps hugepages where they are and from
 * others, whether it can be sent to another process and outlives all others, where it ends; and what a pin costs beside
 * io_uring's. Needs free hugepages of 2 MiB on two NUMA nodes and a hugetlbfs at /huge. Non-purpose: its use for devices.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_HUGE_2MB
#define MFD_HUGE_2MB	(21U << 26)
#endif

#define MIB		(1024UL * 1024)
#define HUGE_BYTES	(2 * MIB)
#define NR_COST		24		/* hugepages of a request whose cost is shown */
#define LIMIT_PAGES	33		/* more than size_limit_mb, as it is by default */
#define MOVE_ALL	(1 << 1)	/* MPOL_MF_MOVE */

static unsigned int nr_tests, nr_failed;

static bool result(bool is_good, const char *what)
{
	printf("%sok %u - %s\n", is_good ? "" : "not ", ++nr_tests, what);
	nr_failed += !is_good;
	return is_good;
}

/* What the kernel does, without a wish of ours. */
static void shown(const char *what, int err)
{
	printf("# %s: %s\n", what, err ? strerror(err) : "yes");
}

static void die(const char *what)
{
	printf("# %s: %s\n", what, strerror(errno));
	result(false, "the trial runs");
	exit(1);
}

/* Return: a memfd of hugepages. */
static int huge_memfd(unsigned long nr_pages, unsigned int seals)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | MFD_HUGE_2MB);

	if (fd < 0 || ftruncate(fd, (off_t)(nr_pages * HUGE_BYTES)) || (seals && fcntl(fd, F_ADD_SEALS, seals)))
		die("memfd");
	return fd;
}

static char *map(int fd, unsigned long nr_pages)
{
	char *p = mmap(NULL, nr_pages * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

/* Return: the udmabuf, or a negative error. */
static int keep(int memfd, unsigned long first_page, unsigned long nr_pages)
{
	struct udmabuf_create create = {
		.memfd = (__u32)memfd, .flags = UDMABUF_FLAGS_CLOEXEC,
		.offset = first_page * HUGE_BYTES, .size = nr_pages * HUGE_BYTES,
	};
	int file = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), fd = ioctl(file, UDMABUF_CREATE, &create), err = errno;

	close(file);
	return fd < 0 ? -err : fd;
}

/* Return: a ring that has these pages pinned. */
static int ring_keep(char *p, unsigned long nr_pages)
{
	struct iovec iov = { .iov_base = p, .iov_len = nr_pages * HUGE_BYTES };
	struct io_uring_params params = { 0 };
	int fd = (int)syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0 || syscall(SYS_io_uring_register, fd, IORING_REGISTER_BUFFERS, &iov, 1))
		die("io_uring");
	return fd;
}

static int send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) < 0 ? errno : 0;
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

static unsigned long nr_free(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned long nr = 0;

	if (!f || fscanf(f, "%lu", &nr) != 1)
		die("free_hugepages");
	fclose(f);
	return nr;
}

/* The kernel frees a file's pages a little after its last descriptor is closed. */
static bool is_free(unsigned long nr)
{
	int looks;

	for (looks = 0; looks < 100 && nr_free() != nr; looks++)
		usleep(20000);
	return nr_free() == nr;
}

static uint64_t page_of(const char *p)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry = 0;

	if (pread(fd, &entry, sizeof(entry), (off_t)((uintptr_t)p / 4096 * sizeof(entry))) != sizeof(entry))
		die("pagemap");
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

/* Is the page somewhere else when the kernel has been told to move it to the other node? */
static bool is_moved(char *p)
{
	uint64_t before = page_of(p);
	int node = -1, status;
	void *page = p;

	if (syscall(SYS_move_pages, 0, 1UL, &page, NULL, &node, 0))
		die("move_pages");
	node = !node;
	if (syscall(SYS_move_pages, 0, 1UL, &page, &node, &status, MOVE_ALL) < 0)
		die("move_pages");
	*(volatile char *)p;
	return page_of(p) != before;
}

static void of_which_files(void)
{
	int shrinks = huge_memfd(1, 0), sealed = huge_memfd(1, F_SEAL_SHRINK), fd, file, rw;

	fd = keep(sealed, 0, 1);
	if (!result(fd >= 0, "of a hugetlb memfd that is sealed against shrinking it is made"))
		exit(1);
	close(fd);
	fd = keep(shrinks, 0, 1);
	result(fd == -EINVAL, "of one that is not it is refused");
	file = open("/huge/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (file < 0 || ftruncate(file, HUGE_BYTES))
		die("/huge/file");
	result(fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK) && errno == EPERM, "a file of a hugetlbfs can't be sealed");
	fd = keep(file, 0, 1);
	result(fd < 0, "nor is it made of one");
	rw = ring_keep(map(file, 1), 1);
	result(rw >= 0, "io_uring pins each of these");
	close(rw);
	close(file);
	unlink("/huge/file");
	close(shrinks);
	close(sealed);
}

static void what_it_keeps(void)
{
	int memfd = huge_memfd(2, F_SEAL_SHRINK), udmabuf;
	unsigned long before = nr_free();
	char *p = map(memfd, 2);
	uint64_t page;

	result(is_moved(p), "control: without it the kernel moves a page");
	udmabuf = keep(memfd, 0, 1);
	result(udmabuf >= 0 && !is_moved(p), "with it the page stays where it is");
	result(is_moved(p + HUGE_BYTES), "and the one beside it is moved still");
	page = page_of(p);
	p[0] = 0x5a;
	result(!fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 2 * HUGE_BYTES) && is_free(before - 1),
	       "punched, the page that it has is not free, the other one is");
	p[0] = 0;
	result(page_of(p) != page, "and the file has another page in its place");
	munmap(p, 2 * HUGE_BYTES);
	close(memfd);
	result(is_free(before - 1), "of a file that is gone it keeps the page");
	close(udmabuf);
	result(is_free(before), "closed, it lets it go");
}

/* Another process makes it, sends it and is killed. */
static void who_has_it(void)
{
	unsigned long before = nr_free();
	int pair[2], udmabuf, memfd, status;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		die("socketpair");
	child = fork();
	if (!child) {
		memfd = huge_memfd(1, F_SEAL_SHRINK);
		udmabuf = keep(memfd, 0, 1);
		status = send_fd(pair[1], udmabuf);
		if (write(pair[1], &status, sizeof(status)) < 0)
			_exit(1);
		status = send_fd(pair[1], ring_keep(map(memfd, 1), 1));
		if (write(pair[1], &status, sizeof(status)) < 0)
			_exit(1);
		pause();
	}
	udmabuf = receive_fd(pair[0]);
	result(read(pair[0], &status, sizeof(status)) == sizeof(status) && !status && udmabuf >= 0, "it can be sent");
	result(read(pair[0], &status, sizeof(status)) == sizeof(status) && status == EINVAL, "a ring can't");
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	result(is_free(before - 1), "who has made it is killed: whoever was sent it has the page still");
	close(udmabuf);
	result(is_free(before), "closed, too: the page is free");
	close(pair[0]);
	close(pair[1]);
}

static void where_it_ends(void)
{
	int memfd = huge_memfd(LIMIT_PAGES, F_SEAL_SHRINK), fd;
	unsigned long before = nr_free();

	fd = keep(memfd, 0, LIMIT_PAGES);
	result(fd == -EINVAL, "more than 64 MiB are refused, if its parameter is not set");
	fd = keep(memfd, 0, 1);
	shown("of a page that nobody has touched it is made", fd < 0 ? -fd : 0);
	result(fd < 0 ? is_free(before) : is_free(before - 1), "and then it has it, or there is none");
	if (fd >= 0)
		close(fd);
	close(memfd);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void what_it_costs(void)
{
	int memfd = huge_memfd(NR_COST, F_SEAL_SHRINK), fd, i;
	double udmabuf_us = 1e12, ring_us = 1e12, began;
	char *p = map(memfd, NR_COST);

	for (i = 0; i < 20; i++) {
		began = now_us();
		fd = keep(memfd, 0, NR_COST);
		if (now_us() - began < udmabuf_us)
			udmabuf_us = now_us() - began;
		close(fd);
		began = now_us();
		fd = ring_keep(p, NR_COST);
		if (now_us() - began < ring_us)
			ring_us = now_us() - began;
		close(fd);
	}
	printf("# %d hugepages, the fastest of 20: udmabuf %.0f us, a new ring %.0f us\n", NR_COST, udmabuf_us, ring_us);
	munmap(p, NR_COST * HUGE_BYTES);
	close(memfd);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	of_which_files();
	what_it_keeps();
	who_has_it();
	where_it_ends();
	what_it_costs();
	printf("1..%u\n", nr_tests);
	return !!nr_failed;
}
