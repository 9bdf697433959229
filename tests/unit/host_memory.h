/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of hv/host: real memory to work on, and children that have lost
 * a privilege. Include after <cmocka.h>.
 */
#ifndef HVCMA_TESTS_UNIT_HOST_MEMORY_H
#define HVCMA_TESTS_UNIT_HOST_MEMORY_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/memfd.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/host/hugepages.h"
#include "hv/host/provider.h"
#include "tests/lib/child.h"
#include "tests/lib/pool_lock.h"

#define MIB		(UINT64_C(1) << 20)
#define HUGE_BYTES	(2 * MIB)
#define SMALL_BYTES	((uint64_t)sysconf(_SC_PAGESIZE))

/* At the start of main(). */
#define SKIP_ALL_UNLESS_ROOT()							\
	do {									\
		if (geteuid()) {						\
			puts("1..0 # SKIP needs root: physical addresses, hugepage pools"); \
			return 77;						\
		}								\
	} while (0)

#define skip_because(...)							\
	do {									\
		printf("# skipped: " __VA_ARGS__);				\
		putchar('\n');							\
		skip();								\
	} while (0)

struct memory {
	int fd;
	char *base;
	uint64_t bytes;
	uint64_t page_bytes;
};

/* Others take pages meanwhile, some without the lock of tests: what they took is asked for again. */
#define POOL_TRIES	50
#define POOL_PAUSE_US	100000

/* Pool pages that nobody has been promised, after raising the pool if allowed. */
static inline bool have_hugepages(uint64_t pages)
{
	struct hvcma_hugepages pool;
	FILE *f;

	for (int i = 0; i < POOL_TRIES; i++) {
		if (i)
			usleep(POOL_PAUSE_US);
		if (hvcma_hugepages_read(HUGE_BYTES, &pool))
			return false;
		if (pool.free - pool.reserved >= pages)
			return true;
		f = fopen("/proc/sys/vm/nr_hugepages", "we");
		if (!f)
			return false;
		fprintf(f, "%llu\n",
			(unsigned long long)(pool.total + pages - (pool.free - pool.reserved)));
		fclose(f);
	}
	printf("# no %llu hugepages: of %llu in the pool %llu are free, and %llu of these promised\n",
	       (unsigned long long)pages, (unsigned long long)pool.total,
	       (unsigned long long)pool.free, (unsigned long long)pool.reserved);
	return false;
}

/* Takes over @fd. The address is aligned to 2 MiB. */
static inline struct memory map_file(int fd, uint64_t bytes, uint64_t page_bytes)
{
	struct memory m = { .fd = fd, .bytes = bytes, .page_bytes = page_bytes };
	char *space;

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
	space = mmap(NULL, bytes + HUGE_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(space != MAP_FAILED);
	m.base = (char *)(((uintptr_t)space + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1));
	if (m.base != space)
		munmap(space, (size_t)(m.base - space));
	munmap(m.base + bytes, (size_t)(space + HUGE_BYTES - m.base));
	if (mmap(m.base, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_NORESERVE,
		 fd, 0) != m.base)
		fail_msg("mmap: %s", strerror(errno));
	return m;
}

static inline struct memory huge_memory(uint64_t pages)
{
	return map_file(memfd_create("hvcma-test", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING |
				     (21u << MFD_HUGE_SHIFT)),
			pages * HUGE_BYTES, HUGE_BYTES);
}

static inline struct memory small_memory(uint64_t bytes)
{
	return map_file(memfd_create("hvcma-test", MFD_CLOEXEC), bytes, SMALL_BYTES);
}

static inline void memory_free(struct memory *m)
{
	munmap(m->base, m->bytes);
	close(m->fd);
}

static inline struct hvcma_provider_config config_of(const struct memory *m)
{
	return (struct hvcma_provider_config){
		.name = "banka", .base = m->base, .bytes = m->bytes, .granule_bytes = m->page_bytes,
		.page_bytes = m->page_bytes, .fd = m->fd, .need_hpa = true,
	};
}

static inline struct hvcma_provider *local_provider(const struct hvcma_provider_config *config)
{
	struct hvcma_provider *p = NULL;
	struct hvcma_error err = { "" };

	if (hvcma_provider_local_create(config, &p, &err))
		fail_msg("create: %s", err.text);
	assert_string_equal(p->ops->type, "local");
	return p;
}

/*
 * A hugetlbfs of this process alone with room for a few pages: what is in use
 * of it can be counted to the page, whatever else the machine is doing, and
 * running out of it hurts nobody. A page counts until its last pin is gone.
 */
struct small_pool {
	char path[64];
};

static inline bool small_pool_make(struct small_pool *pool, unsigned int pages)
{
	char options[64];
	bool enough = true, mounted = false;
	int error = 0;

	if (unshare(CLONE_NEWNS) || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL))
		return false;
	strcpy(pool->path, "/tmp/hvcma-pool-XXXXXX");
	if (!mkdtemp(pool->path))
		return false;
	/* min_size: these pages are its own from now on. */
	snprintf(options, sizeof(options), "pagesize=2M,size=%uM,min_size=%uM", pages * 2,
		 pages * 2);
	for (int i = 0; i < POOL_TRIES && enough && !mounted; i++) {
		int lock = pool_lock();

		enough = have_hugepages(pages);
		mounted = enough && !mount("hvcma", pool->path, "hugetlbfs", 0, options);
		error = errno;
		pool_unlock(lock);
		if (enough && !mounted)
			usleep(POOL_PAUSE_US);
	}
	if (enough && !mounted)
		printf("# no hugetlbfs of %u pages: %s\n", pages, strerror(error));
	if (!mounted)
		rmdir(pool->path);
	return mounted;
}

static inline void small_pool_free(struct small_pool *pool)
{
	umount2(pool->path, MNT_DETACH);
	rmdir(pool->path);
}

static inline long small_pool_used(const struct small_pool *pool)
{
	struct statfs fs;

	assert_int_equal(statfs(pool->path, &fs), 0);
	return (long)(fs.f_blocks - fs.f_bfree);
}

/* Does the use reach @pages within two seconds? */
static inline bool small_pool_settles(const struct small_pool *pool, long pages)
{
	int i;

	for (i = 0; i < 200 && small_pool_used(pool) != pages; i++)
		usleep(10000);
	return small_pool_used(pool) == pages;
}

static inline struct memory small_pool_memory(const struct small_pool *pool, uint64_t pages)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "%s/memory", pool->path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	unlink(path);
	return map_file(fd, pages * HUGE_BYTES, HUGE_BYTES);
}

/* ---- children that may do less ---- */

struct outcome {
	int ret;
	struct hvcma_error err;
};

/* @body runs in a child, which it may spoil at will. */
static inline struct outcome in_child(void (*body)(struct outcome *o))
{
	struct outcome o = { 0 };
	int pair[2], status;
	pid_t pid;

	fflush(NULL);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		be_a_child();
		body(&o);
		_exit(write(pair[1], &o, sizeof(o)) == sizeof(o) ? 0 : 1);
	}
	close(pair[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("the child ended with status %#x", status);
	assert_int_equal(read(pair[0], &o, sizeof(o)), sizeof(o));
	close(pair[0]);
	return o;
}

/* In a child: there is no cmocka to report to. */
static inline void drop_capability(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	must(!syscall(SYS_capget, &header, data), "capget");
	data[CAP_TO_INDEX(capability)].effective &= ~CAP_TO_MASK(capability);
	data[CAP_TO_INDEX(capability)].permitted &= ~CAP_TO_MASK(capability);
	must(!syscall(SYS_capset, &header, data), "capset");
}

/* From now on system call @nr fails with @error, if its third argument is @arg2 (-1: any). */
static inline void forbid(int nr, int arg2, int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)nr, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)arg2, 0, arg2 == -1 ? 0 : 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned int)error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]), .filter = filter,
	};

	must(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
	must(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "seccomp");
}

static inline void limit_resource(int resource, uint64_t value)
{
	const struct rlimit limit = { value, value };

	must(!setrlimit(resource, &limit), "setrlimit");
}

static inline void need_huge(uint64_t pages)
{
	if (!have_hugepages(pages))
		skip_because("no %llu free hugepages of 2 MiB", (unsigned long long)pages);
}

#endif /* HVCMA_TESTS_UNIT_HOST_MEMORY_H */
