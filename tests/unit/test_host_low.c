// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Hugepages below an address, on the machine itself: the pool gains them and no others, and is
 * what it was after whatever ends it: a signal, a kill, a limit that nothing is below; a file
 * gets them in place of its own.
 *
 * check: alone
 * For a moment the pool takes most of memory.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hv/cli/command.h"
#include "hv/host/contiguous.h"
#include "hv/host/hugepages.h"
#include "hv/host/low_hugepages.h"
#include "hv/host/pagemap.h"
#include "tests/lib/pool_lock.h"
#include "tests/unit/hvcma_program.h"

#define PAGE	(UINT64_C(2) << 20)
#define LIMIT	(UINT64_C(1) << 32)
#define NR	4
#define POOL	"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"

static uint64_t pool_before;
static int lock = -1;
static struct hvcma_error err;

static uint64_t pool_size(void)
{
	struct hvcma_hugepages pool = { 0 };

	assert_int_equal(hvcma_hugepages_read(PAGE, &pool), 0);
	return pool.total;
}

static void set_pool(uint64_t nr)
{
	FILE *f = fopen(POOL, "w");

	assert_non_null(f);
	fprintf(f, "%llu", (unsigned long long)nr);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	(void)state;
	if (access(POOL, W_OK))
		return 0;
	lock = pool_lock();
	pool_before = pool_size();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (access(POOL, W_OK))
		return 0;
	if (pool_size() > pool_before)
		set_pool(pool_before);
	pool_unlock(lock);
	return 0;
}

static void need_root(void)
{
	if (access(POOL, W_OK))
		skip();
}

static struct hvcma_low_request request(void)
{
	return (struct hvcma_low_request){
		.page_bytes = PAGE, .limit = LIMIT, .nr = NR, .spare_bytes = UINT64_C(1) << 30,
	};
}

static void the_pool_gains_low_pages(void **state)
{
	struct hvcma_low_request r = request();
	struct hvcma_low_result result;
	struct hvcma_pagemap pagemap;
	uint64_t hpa[NR], nr_low = 0;
	char *at;

	(void)state;
	need_root();
	if (hvcma_low_hugepages_add(&r, &result, &err))
		fail_msg("%s", err.text);
	if (result.is_short_of_memory && result.nr < NR)
		skip();				/* this machine is too busy */
	assert_int_equal(result.nr, NR);
	assert_int_equal(result.pool_before, pool_before);
	assert_int_equal(result.pool_after, pool_before + NR);
	assert_int_equal(pool_size(), pool_before + NR);
	/* and they are the next that it gives out */
	at = mmap(NULL, NR * PAGE, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (21 << 26), -1, 0);
	assert_ptr_not_equal(at, MAP_FAILED);
	assert_int_equal(hvcma_populate(at, NR * PAGE), 0);
	assert_int_equal(hvcma_pagemap_open(&pagemap, &err), 0);
	assert_int_equal(hvcma_pagemap_locate(&pagemap, at, PAGE, PAGE, NR, hpa), 0);
	for (int i = 0; i < NR; i++)
		nr_low += hpa[i] < LIMIT;
	hvcma_pagemap_close(&pagemap);
	munmap(at, NR * PAGE);
	assert_int_equal(nr_low, NR);
}

static void nothing_is_that_low(void **state)
{
	struct hvcma_low_request r = request();
	struct hvcma_low_result result;

	(void)state;
	need_root();
	r.limit = PAGE;				/* firmware's and the kernel's own */
	r.nr = 1;
	if (hvcma_low_hugepages_add(&r, &result, &err))
		fail_msg("%s", err.text);
	assert_int_equal(result.nr, 0);
	assert_true(result.pool_most > pool_before);
	assert_int_equal(pool_size(), pool_before);
}

static void requests_that_are_none(void **state)
{
	struct hvcma_low_request r = request();
	struct hvcma_low_result result;

	(void)state;
	need_root();
	r.nr = LIMIT / PAGE + 1;
	assert_int_equal(hvcma_low_hugepages_add(&r, &result, &err), -EINVAL);
	r = request();
	r.nr = 0;
	assert_int_equal(hvcma_low_hugepages_add(&r, &result, &err), -EINVAL);
	r = request();
	r.limit = PAGE - 1;
	assert_int_equal(hvcma_low_hugepages_add(&r, &result, &err), -EINVAL);
	r = request();
	r.page_bytes = 3 << 20;
	assert_int_equal(hvcma_low_hugepages_add(&r, &result, &err), -EINVAL);
	r.page_bytes = UINT64_C(8) << 20;
	assert_true(hvcma_low_hugepages_add(&r, &result, &err) < 0);
	assert_non_null(strstr(err.text, "hugepages-8192kB"));
	assert_int_equal(pool_size(), pool_before);
}

static void interrupted_or_beside_another(void **state)
{
	static const atomic_bool stop = true;
	struct hvcma_low_request r = request();
	struct hvcma_low_result result;
	int fd;

	(void)state;
	need_root();
	r.stop = &stop;
	assert_int_equal(hvcma_low_hugepages_add(&r, &result, &err), -EINTR);
	assert_non_null(strstr(err.text, "interrupted"));
	assert_int_equal(pool_size(), pool_before);
	r.stop = NULL;
	fd = open(POOL, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(hvcma_low_hugepages_add(&r, &result, &err), -EBUSY);
	close(fd);
	assert_int_equal(pool_size(), pool_before);
}

static void wait_ms(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

/* A guard that has brought the pool back has a moment more to go: until then it has the lock. */
static void wait_for_guard(void)
{
	int fd = open(POOL, O_RDWR | O_CLOEXEC);

	assert_int_equal(flock(fd, LOCK_EX), 0);
	close(fd);
}

/* The program, ended by @number while the pool is large. Return: its status. */
static int end_by(int number)
{
	pid_t pid = fork();
	int status = 0, turns = 20000;

	assert_true(pid >= 0);
	if (!pid) {
		execl(hvcma_program(), "hvcma", "hugepages", "--low", "2G", "--spare", "1G", NULL);
		_exit(127);
	}
	while (pool_size() == pool_before && --turns && !waitpid(pid, &status, WNOHANG))
		;
	assert_true(pool_size() > pool_before);
	kill(pid, number);
	waitpid(pid, &status, 0);
	/* what it had mapped goes with it, then its guard is through */
	for (turns = 1000; pool_size() != pool_before && --turns;)
		wait_ms(10);
	wait_for_guard();
	assert_int_equal(pool_size(), pool_before);
	return status;
}

static void ended_in_the_midst(void **state)
{
	int status;

	(void)state;
	need_root();
	status = end_by(SIGKILL);
	assert_true(WIFSIGNALED(status));
	status = end_by(SIGTERM);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), HVCMA_EXIT_FAILED);
}

/* A file of 2 * NR pages that are its own already. */
static char *map_file(int *fd)
{
	char *base;

	*fd = memfd_create("low", MFD_HUGETLB | MFD_CLOEXEC | (21 << 26));
	assert_true(*fd >= 0);
	assert_int_equal(ftruncate(*fd, 2 * NR * PAGE), 0);
	base = mmap(NULL, 2 * NR * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	assert_ptr_not_equal(base, MAP_FAILED);
	assert_int_equal(hvcma_populate(base, 2 * NR * PAGE), 0);
	return base;
}

/* Return: how many of the pages from @first on are below @limit now. */
static uint64_t get_low(int fd, char *base, uint64_t first, uint64_t nr, uint64_t limit)
{
	const struct hvcma_contiguous_request r = {
		.fd = fd, .offset_bytes = first * PAGE, .base = base + first * PAGE, .low_only = true,
		.want = { .page_bytes = PAGE, .nr = nr, .low_nr = nr, .low_limit = limit },
	};
	struct hvcma_contiguous_result got;

	if (hvcma_contiguous_back(&r, &got, &err))
		fail_msg("%s", err.text);
	return got.runs.nr_low;
}

static void a_file_gets_them(void **state)
{
	struct hvcma_low_request r = request();
	struct hvcma_low_result result;
	uint64_t free_before;
	struct hvcma_hugepages pool;
	char *base;
	int fd;

	(void)state;
	need_root();
	set_pool(pool_before + 2 * NR);
	base = map_file(&fd);
	r.nr = 2 * NR;
	if (hvcma_low_hugepages_add(&r, &result, &err))
		fail_msg("%s", err.text);
	if (result.nr < NR)
		skip();				/* this machine is too busy */
	assert_int_equal(hvcma_hugepages_read(PAGE, &pool), 0);
	free_before = pool.free;
	memset(base, 0x5a, 2 * NR * PAGE);
	/* not those at the start */
	assert_int_equal(get_low(fd, base, NR, NR, LIMIT), NR);
	assert_int_equal(base[NR * PAGE - 1], 0x5a);
	assert_int_equal(hvcma_hugepages_read(PAGE, &pool), 0);
	assert_int_equal(pool.free, free_before);
	/* they stay; and where nothing is low enough, there is a page all the same */
	assert_int_equal(get_low(fd, base, NR, NR, LIMIT), NR);
	assert_int_equal(get_low(fd, base, 0, 2 * NR, PAGE), 0);
	memset(base, 0xa5, 2 * NR * PAGE);
	munmap(base, 2 * NR * PAGE);
	close(fd);
}

/* A region whose first half is to be low. */
static void a_region_has_them(void **state)
{
	struct hvcma_low_request r = request();
	struct hvcma_low_result result;
	struct hvcma_provider_config config = {
		.name = "banka", .bytes = 2 * NR * PAGE, .granule_bytes = PAGE, .page_bytes = PAGE,
		.need_hpa = true, .low_bytes = NR * PAGE,
	};
	struct hvcma_provider_stats stats;
	struct hvcma_provider *p = NULL;
	uint64_t hpa[2 * NR];
	int ret;

	(void)state;
	need_root();
	set_pool(pool_before + 2 * NR);
	config.base = map_file(&config.fd);
	/* as it is: what the pool has; none is refused, and said */
	ret = hvcma_provider_local_create(&config, &p, &err);
	if (ret) {
		assert_int_equal(ret, -ENODATA);
		assert_non_null(strstr(err.text, "region banka: 8388608 bytes below 0x100000000 are wanted, but no free hugepage"));
	} else {
		p->ops->destroy(p);
	}
	if (hvcma_low_hugepages_add(&r, &result, &err))
		fail_msg("%s", err.text);
	if (result.nr < NR)
		skip();				/* this machine is too busy */
	assert_int_equal(hvcma_provider_local_create(&config, &p, &err), 0);
	p->ops->stats(p, &stats);
	assert_int_equal(stats.low_bytes, NR * PAGE);
	assert_int_equal(stats.backed_bytes, 2 * NR * PAGE);
	assert_int_equal(p->ops->hpa(p, 0, 2 * NR, hpa), 0);
	for (int i = 0; i < NR; i++)
		assert_true(hpa[i] < LIMIT);
	p->ops->destroy(p);

	config.low_bytes = PAGE / 2;
	assert_int_equal(hvcma_provider_local_create(&config, &p, &err), -EINVAL);
	config.low_bytes = config.bytes + PAGE;
	assert_int_equal(hvcma_provider_local_create(&config, &p, &err), -EINVAL);
	config.low_bytes = PAGE;
	config.need_hpa = false;
	assert_int_equal(hvcma_provider_local_create(&config, &p, &err), -EINVAL);
	config.need_hpa = true;
	config.granule_bytes = 2 * PAGE;
	config.low_bytes = 2 * PAGE;
	assert_int_equal(hvcma_provider_local_create(&config, &p, &err), -EINVAL);
	assert_non_null(strstr(err.text, "region banka: 4194304 bytes below 0x100000000 need a file"));
	munmap(config.base, config.bytes);
	close(config.fd);
}

static void the_command(void **state)
{
	static char out[4096];

	(void)state;
	assert_int_equal(hvcma_run("hugepages --low 2M --add 2M", out, sizeof(out)), HVCMA_EXIT_USAGE);
	assert_non_null(strstr(out, "three things"));
	assert_int_equal(hvcma_run("hugepages --low 3M", out, sizeof(out)), HVCMA_EXIT_USAGE);
	assert_int_equal(hvcma_run("hugepages --low much", out, sizeof(out)), HVCMA_EXIT_USAGE);
	assert_int_equal(hvcma_run("hugepages --low 2M now", out, sizeof(out)), HVCMA_EXIT_USAGE);
	assert_int_equal(hvcma_run("hugepages --low 5G", out, sizeof(out)), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(out, "2560 pages"));
	need_root();
	assert_int_equal(hvcma_run("hugepages --low 2M --limit 2M --json", out, sizeof(out)), HVCMA_EXIT_FAILED);
	assert_non_null(strstr(out, "\"added\":0"));
	assert_non_null(strstr(out, "fewer than wanted"));
	assert_int_equal(pool_size(), pool_before);
}

#define LOW_TEST(name)	cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOW_TEST(the_pool_gains_low_pages),
		LOW_TEST(nothing_is_that_low),
		LOW_TEST(requests_that_are_none),
		LOW_TEST(interrupted_or_beside_another),
		LOW_TEST(ended_in_the_midst),
		LOW_TEST(a_file_gets_them),
		LOW_TEST(a_region_has_them),
		LOW_TEST(the_command),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
