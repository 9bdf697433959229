// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions that a process takes up again by another session, once the one that it had them by is over:
 * what comes back, and to whom it does not. Pages are counted in a hugetlbfs of this test alone. The
 * service's own end is for test_restart.c.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/service/rig.h"

static struct small_pool pool;

static void region_with_pins(int fd, const char *name, const struct memory *m)
{
	assert_status(OK, client_register(fd, name, m->bytes, m->fd));
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, got.reg.region, 0, 3, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, got.reg.region, 1, 2, 0));
}

static void a_region_comes_back(void **state)
{
	struct memory m = small_pool_memory(&pool, 4);
	int fd = client_open(&rig), again;
	struct stat file, passed;
	uint32_t r;

	(void)state;
	region_with_pins(fd, "banka", &m);
	assert_status(OK, client_status(fd, 0, 0));
	r = got.status.regions[0].region;

	again = client_open(&rig);
	assert_refused(NO_REGION, "no session of this process that is over has a region banka",
		       client_resume(again, "banka"));	/* it is not over yet */
	close(fd);
	do {	/* the service hears of it when it does */
		usleep(1000);
	} while (client_resume(again, "banka") == HVCMAD_S_NO_REGION);
	assert_int_equal(got.hdr.status, HVCMAD_S_OK);
	assert_int_equal(got.resume.region, r);
	assert_int_equal(got.resume.bytes, m.bytes);
	assert_int_equal(got.resume.offset, 0);
	assert_int_equal(got.resume.granule_bytes, m.page_bytes);
	assert_int_equal(got.resume.page_bytes, m.page_bytes);
	assert_int_equal(fstat(got.fd, &passed), 0);
	assert_int_equal(fstat(m.fd, &file), 0);
	assert_true(passed.st_dev == file.st_dev && passed.st_ino == file.st_ino);
	close(got.fd);

	assert_status(OK, client_range(again, HVCMAD_OP_PINNED, r, 0, 4, 0));
	assert_int_equal(got.pinned.pinned[0], 6);
	assert_status(OK, client_range(again, HVCMAD_OP_PINNED, r, 2, 2, 0));
	assert_int_equal(got.pinned.pinned[0], 1);
	assert_status(RANGE, client_range(again, HVCMAD_OP_PINNED, r, 2, 3, 0));
	assert_status(OK, client_range(again, HVCMAD_OP_UNPIN, r, 1, 2, 0));
	assert_status(OK, client_unregister(again, r));
	assert_status(NO_REGION, client_resume(again, "banka"));
	memory_free(&m);
	assert_true(small_pool_settles(&pool, 0));
	close(again);
	daemon_settles(&rig, rig.idle);
}

/* One for each session that wants it: the others stay. */
static void regions_come_back_one_by_one(void **state)
{
	struct memory a = small_pool_memory(&pool, 4), b = small_pool_memory(&pool, 4);
	int fd = client_open(&rig), one = client_open(&rig), other = client_open(&rig);

	(void)state;
	assert_status(OK, client_register(fd, "a", a.bytes, a.fd));
	assert_status(OK, client_register(fd, "b", b.bytes, b.fd));
	close(fd);
	do {
		usleep(1000);
	} while (client_resume(one, "a") == HVCMAD_S_NO_REGION);
	close(got.fd);
	assert_status(OK, client_resume(other, "b"));
	close(got.fd);
	assert_status(NO_REGION, client_resume(one, "b"));
	assert_status(OK, client_status(one, 0, 0));
	assert_int_equal(got.status.nr_total, 1);
	assert_string_equal((char *)got.status.regions[0].name, "a");
	client_close(one);
	client_close(other);
	memory_free(&a);
	memory_free(&b);
	daemon_settles(&rig, rig.idle);
}

/* Of the same VM, and yet somebody else. */
static void another_process(void)
{
	int fd = client_open(&rig);

	must(client_resume(fd, "banka") == HVCMAD_S_NO_REGION, "a region of another process");
	must(client_register(fd, "banka", HUGE_BYTES, -1) == HVCMAD_S_EXISTS, "its name");
	close(fd);
}

static void a_region_comes_back_to_its_process_alone(void **state)
{
	struct memory m = small_pool_memory(&pool, 4);
	int fd = client_open(&rig), again;

	(void)state;
	region_with_pins(fd, "banka", &m);
	close(fd);
	daemon_says(&rig, "its session is over, and it has regions");
	ends_well(as_user(0, another_process));
	again = client_open(&rig);
	assert_status(OK, client_resume(again, "banka"));
	close(got.fd);
	client_close(again);
	memory_free(&m);
	daemon_settles(&rig, rig.idle);
}

static int begin(void **state)
{
	if (!small_pool_make(&pool, 8))
		return -1;
	return rig_start(state);
}

static int end(void **state)
{
	rig_stop(state);
	small_pool_free(&pool);
	return 0;
}

int main(void)
{
#define T(test)	cmocka_unit_test(test)
	const struct CMUnitTest tests[] = {
		T(a_region_comes_back),
		T(regions_come_back_one_by_one),
		T(a_region_comes_back_to_its_process_alone),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, begin, end);
}
