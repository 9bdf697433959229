// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the local provider says where it is not allowed or not able to work.
 * Each is had by a child that gave up a privilege, set itself a limit, or put
 * itself under a seccomp filter. The filter is the real refusal in the case of
 * io_uring; it also stands in for what a kernel can't be made to do on demand
 * (poisoned pages, failing reads).
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/host_memory.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE	23
#endif

#define REGION_BYTES	(8 * MIB)

/* For children: a region of small pages, and an attempt to serve it. */
static struct hvcma_provider *attempt(struct outcome *o, uint64_t bytes, uint64_t pin_limit_bytes,
				      bool need_hpa)
{
	struct hvcma_provider_config config = {
		.name = "banka", .bytes = bytes, .granule_bytes = SMALL_BYTES,
		.page_bytes = SMALL_BYTES, .pin_limit_bytes = pin_limit_bytes,
		.need_hpa = need_hpa,
	};
	struct hvcma_provider *p = NULL;

	config.fd = memfd_create("hvcma-test", MFD_CLOEXEC);
	must(config.fd >= 0 && !ftruncate(config.fd, (off_t)bytes), "memfd");
	config.base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, config.fd, 0);
	must(config.base != MAP_FAILED, "mmap");
	o->ret = hvcma_provider_local_create(&config, &p, &o->err);
	return p;
}

/* The last method that failed is the outcome. */
static void conclude(struct outcome *o, struct hvcma_provider *p, int ret)
{
	o->ret = ret;
	o->err = p->error;
}

static uint64_t pinned_bytes(struct hvcma_provider *p)
{
	struct hvcma_provider_stats stats;

	p->ops->stats(p, &stats);
	return stats.pinned_bytes;
}

static void nothing_given_up(struct outcome *o)
{
	struct hvcma_provider *p = attempt(o, REGION_BYTES, 0, true);

	if (p)
		p->ops->destroy(p);
}

static void the_child_alone_is_no_reason(void **state)
{
	struct outcome o = in_child(nothing_given_up);

	(void)state;
	if (o.ret)
		fail_msg("%d: %s", o.ret, o.err.text);	/* the control for all that follow */
}

static void no_sys_admin(struct outcome *o)
{
	drop_capability(CAP_SYS_ADMIN);
	attempt(o, REGION_BYTES, 0, true);
}

static void no_cap_sys_admin_refuses_addresses(void **state)
{
	struct outcome o = in_child(no_sys_admin);

	(void)state;
	assert_int_equal(o.ret, -EPERM);
	assert_words(o.err.text, "region banka: physical addresses");
	assert_words(o.err.text, "CAP_SYS_ADMIN");
}

static void no_sys_admin_no_hpa(struct outcome *o)
{
	struct hvcma_provider *p;
	uint64_t hpa[2];

	drop_capability(CAP_SYS_ADMIN);
	p = attempt(o, REGION_BYTES, 0, false);
	must(p && !p->ops->back(p, 0, 1) && !p->ops->pin(p, 0, 1) && !p->ops->hpa(p, 0, 2, hpa),
	     "use");
	must(!hpa[0] && hpa[1] == UINT64_MAX, "hpa");
	p->ops->destroy(p);
}

static void no_cap_sys_admin_still_pins(void **state)
{
	struct outcome o = in_child(no_sys_admin_no_hpa);

	(void)state;
	assert_int_equal(o.ret, 0);
}

static void setup_eperm(struct outcome *o)
{
	forbid(SYS_io_uring_setup, -1, EPERM);
	attempt(o, REGION_BYTES, 0, true);
}

static void setup_enosys(struct outcome *o)
{
	forbid(SYS_io_uring_setup, -1, ENOSYS);
	attempt(o, REGION_BYTES, 0, true);
}

static void setup_enomem(struct outcome *o)
{
	forbid(SYS_io_uring_setup, -1, ENOMEM);
	attempt(o, REGION_BYTES, 0, true);
}

static void register_einval(struct outcome *o)
{
	forbid(SYS_io_uring_register, -1, EINVAL);	/* as Linux before 5.19 says */
	attempt(o, REGION_BYTES, 0, true);
}

static void io_uring_forbidden_by_seccomp(void **state)
{
	struct outcome o = in_child(setup_eperm);

	(void)state;
	assert_int_equal(o.ret, -EPERM);
	assert_words(o.err.text, "region banka: pinning needs io_uring");
	assert_words(o.err.text, "seccomp");
}

static void io_uring_missing_or_old_or_failing(void **state)
{
	struct outcome o = in_child(setup_enosys);

	(void)state;
	assert_int_equal(o.ret, -ENOSYS);
	assert_words(o.err.text, "region banka: pinning needs io_uring, which this kernel lacks");
	o = in_child(register_einval);
	assert_int_equal(o.ret, -ENOSYS);
	assert_words(o.err.text, "Linux 5.19");
	o = in_child(setup_enomem);
	assert_int_equal(o.ret, -ENOMEM);
	assert_words(o.err.text, "io_uring instance 1 of 4");
}

static const char sysctl_path[] = "/proc/sys/kernel/io_uring_disabled";

static void sysctl_write(char value)
{
	int fd = open(sysctl_path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, &value, 1), 1);
	close(fd);
}

static void unprivileged(struct outcome *o)
{
	drop_capability(CAP_SYS_ADMIN);
	attempt(o, REGION_BYTES, 0, false);
}

/* 1 forbids it to the unprivileged only: what else runs here is not disturbed. */
static void io_uring_forbidden_by_sysctl(void **state)
{
	struct outcome o;
	int fd = open(sysctl_path, O_RDONLY | O_CLOEXEC);
	char old;

	(void)state;
	if (fd < 0)
		skip_because("this kernel has no sysctl kernel.io_uring_disabled (Linux 6.6)");
	assert_int_equal(read(fd, &old, 1), 1);
	close(fd);
	sysctl_write('1');
	o = in_child(unprivileged);
	sysctl_write(old);
	assert_int_equal(o.ret, -EPERM);
	assert_words(o.err.text, "region banka: pinning needs io_uring");
	assert_words(o.err.text, "kernel.io_uring_disabled=1");
}

static void few_descriptors(struct outcome *o)
{
	limit_resource(RLIMIT_NOFILE, 32);
	attempt(o, 64 * MIB, 0, true);		/* 32 rings of 512 granules */
}

static void too_few_descriptors(void **state)
{
	struct outcome o = in_child(few_descriptors);

	(void)state;
	if (SMALL_BYTES != 4096)
		skip_because("the figures are those of 4 KiB pages");
	assert_int_equal(o.ret, -EMFILE);
	assert_words(o.err.text, "region banka: pinning needs 32 io_uring descriptors");
	assert_words(o.err.text, "RLIMIT_NOFILE is 32");
}

static void small_memlock(struct outcome *o)
{
	drop_capability(CAP_IPC_LOCK);
	limit_resource(RLIMIT_MEMLOCK, REGION_BYTES / 2);
	attempt(o, REGION_BYTES, 0, true);
}

static void memlock_below_the_region_is_refused_at_once(void **state)
{
	struct outcome o = in_child(small_memlock);

	(void)state;
	assert_int_equal(o.ret, -EPERM);
	assert_words(o.err.text, "region banka: up to 8388608 bytes may be pinned");
	assert_words(o.err.text, "RLIMIT_MEMLOCK is 4194304");
	assert_words(o.err.text, "CAP_IPC_LOCK");
}

/* Linux 6.1 takes a second to give back what was unpinned. */
static bool pins_soon(struct hvcma_provider *p, uint64_t first, uint64_t nr)
{
	int i;

	for (i = 0; i < 300 && p->ops->pin(p, first, nr); i++)
		usleep(10000);
	return i < 300;
}

static void shared_memlock(struct outcome *o)
{
	uint64_t half = REGION_BYTES / 4 / SMALL_BYTES;
	struct hvcma_provider *a, *b;

	drop_capability(CAP_IPC_LOCK);
	limit_resource(RLIMIT_MEMLOCK, REGION_BYTES / 2);
	a = attempt(o, REGION_BYTES, REGION_BYTES / 2, true);	/* each alone would do */
	must(a, "first");
	b = attempt(o, REGION_BYTES, REGION_BYTES / 2, true);
	must(b, "second");
	must(!a->ops->back(a, 0, 2 * half) && !b->ops->back(b, 0, 2 * half), "back");
	must(!a->ops->pin(a, 0, half + 1), "pin in the first");
	conclude(o, b, b->ops->pin(b, 0, half));
	must(o->ret && !pinned_bytes(b), "second pinned");
	must(pins_soon(b, 0, half / 2), "pin less");
	must(b->ops->pin(b, half / 2, half) == -ENOMEM, "pin more");
	must(!a->ops->unpin(a, 0, half + 1), "unpin");
	must(pins_soon(b, half / 2, half), "pin after unpin");
	a->ops->destroy(a);
	b->ops->destroy(b);
}

static void memlock_used_up_by_another_region(void **state)
{
	struct outcome o = in_child(shared_memlock);

	(void)state;
	assert_int_equal(o.ret, -ENOMEM);
	assert_words(o.err.text, "region banka: cannot pin 2097152 bytes more");
	assert_words(o.err.text, "RLIMIT_MEMLOCK is 4194304");
}

static void no_proc(struct outcome *o)
{
	must(!unshare(CLONE_NEWNS) && !mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) &&
	     !mount("none", "/proc", "tmpfs", 0, NULL), "hide /proc");
	attempt(o, REGION_BYTES, 0, true);
}

static void without_proc_there_is_no_provider(void **state)
{
	struct outcome o = in_child(no_proc);

	(void)state;
	assert_int_equal(o.ret, -ENOENT);
	assert_words(o.err.text, "region banka: cannot open /proc/self/pagemap");
}

static void late_register_filter(struct outcome *o)
{
	struct hvcma_provider *p = attempt(o, REGION_BYTES, 0, true);

	must(p && !p->ops->back(p, 0, 8) && !p->ops->pin(p, 0, 4), "start");
	forbid(SYS_io_uring_register, -1, EBADFD);
	must(p->ops->pin(p, 4, 4) == -EIO && strstr(p->error.text, "refuses to pin"), "pin");
	conclude(o, p, p->ops->unpin(p, 0, 4));
	must(pinned_bytes(p) == 4 * SMALL_BYTES, "count");
	must(p->ops->discard(p, 0, 1) == -EBUSY, "discard");
}

static void a_failed_unpin_leaves_the_granules_pinned(void **state)
{
	struct outcome o = in_child(late_register_filter);

	(void)state;
	assert_int_equal(o.ret, -EIO);
	assert_words(o.err.text, "refuses to unpin granule 0, it stays pinned");
}

static void poison(struct outcome *o)
{
	struct hvcma_provider *p = attempt(o, REGION_BYTES, 0, true);

	must(p, "start");
	forbid(SYS_madvise, MADV_POPULATE_WRITE, EHWPOISON);
	conclude(o, p, p->ops->back(p, 2, 3));
}

static void small_memory_short(struct outcome *o)
{
	struct hvcma_provider *p = attempt(o, REGION_BYTES, 0, true);

	must(p, "start");
	forbid(SYS_madvise, MADV_POPULATE_WRITE, ENOMEM);
	conclude(o, p, p->ops->back(p, 2, 3));
}

static void poisoned_and_missing_memory_are_warned_apart(void **state)
{
	struct outcome o = in_child(poison);

	(void)state;
	assert_int_equal(o.ret, -EIO);
	assert_words(o.err.text, "region banka: a page of granules 2 to 4 is poisoned");
	o = in_child(small_memory_short);
	assert_int_equal(o.ret, -ENOMEM);
	assert_words(o.err.text, "region banka: the host has no memory for");
}

static void unreadable_pagemap(struct outcome *o)
{
	struct hvcma_provider *p = attempt(o, REGION_BYTES, 0, true);
	uint64_t hpa[1];

	must(p, "start");
	forbid(SYS_pread64, -1, EIO);
	must(p->ops->back(p, 0, 1) == -EIO, "back");
	conclude(o, p, p->ops->hpa(p, 0, 1, hpa));
}

static void unreadable_pagemap_at_start(struct outcome *o)
{
	forbid(SYS_pread64, -1, EIO);
	attempt(o, REGION_BYTES, 0, true);
}

static void a_pagemap_that_cannot_be_read(void **state)
{
	struct outcome o = in_child(unreadable_pagemap);

	(void)state;
	assert_int_equal(o.ret, -EIO);
	assert_words(o.err.text, "region banka: cannot read /proc/self/pagemap");
	o = in_child(unreadable_pagemap_at_start);
	assert_int_equal(o.ret, -EIO);
	assert_words(o.err.text, "region banka: cannot read /proc/self/pagemap");
}

static void bad_configs_are_refused(void **state)
{
	static char memory[4096];
	const struct {
		uintptr_t base;
		uint64_t bytes, granule, page, offset;
		const char *words;
	} bad[] = {
		{ 1 << 20, MIB, 3 * 65536, 65536, 0, "granule of 196608" },
		{ 1 << 20, MIB + 1, 65536, 65536, 0, "size of 1048577" },
		{ 1 << 20, MIB, 65536, 512, 0, "host pages of 512" },
		{ (1 << 20) + 4096, MIB, 65536, 65536, 0, "0x101000" },
		{ 1 << 20, MIB, 65536, 65536, 4096, "offset 4096" },
		{ 0, MIB, 65536, 65536, 0, "mapping at" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct hvcma_provider_config config = {
			.name = "odd", .base = (void *)bad[i].base, .bytes = bad[i].bytes,
			.granule_bytes = bad[i].granule, .page_bytes = bad[i].page, .fd = -1,
			.fd_offset_bytes = bad[i].offset,
		};
		struct hvcma_provider *p = (void *)memory;
		struct hvcma_error err = { "" };

		assert_int_equal(hvcma_provider_local_create(&config, &p, &err), -EINVAL);
		assert_int_equal(hvcma_provider_local_create(&config, &p, NULL), -EINVAL);
		assert_ptr_equal(p, memory);
		assert_words(err.text, "region odd");
		assert_words(err.text, bad[i].words);
	}
}

static int open_descriptors(void)
{
	int fd, nr = 0;

	for (fd = 0; fd < 1024; fd++)
		nr += fcntl(fd, F_GETFD) >= 0;
	return nr;
}

static void refused_starts_leave_nothing(struct outcome *o)
{
	int before, i;

	limit_resource(RLIMIT_NOFILE, 40);
	for (i = 0; i < 20; i++) {
		bool fits = i % 2;	/* 32 or 64 rings */
		struct hvcma_provider_config config = {
			.name = "banka", .bytes = (fits ? 64 : 128) * MIB,
			.granule_bytes = SMALL_BYTES, .page_bytes = SMALL_BYTES, .fd = -1,
		};
		struct hvcma_provider *p = NULL;

		config.base = mmap(NULL, config.bytes, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		must(config.base != MAP_FAILED, "mmap");
		before = open_descriptors();
		o->ret = hvcma_provider_local_create(&config, &p, &o->err);
		if (!o->ret)
			p->ops->destroy(p);
		must(open_descriptors() == before, "descriptors");
		must((o->ret == 0) == fits, "create");
	}
}

static void refusals_and_ends_leak_no_descriptor(void **state)
{
	(void)state;
	if (SMALL_BYTES != 4096)
		skip_because("the figures are those of 4 KiB pages");
	assert_int_equal(in_child(refused_starts_leave_nothing).ret, 0);	/* the last */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_child_alone_is_no_reason),
		cmocka_unit_test(no_cap_sys_admin_refuses_addresses),
		cmocka_unit_test(no_cap_sys_admin_still_pins),
		cmocka_unit_test(io_uring_forbidden_by_seccomp),
		cmocka_unit_test(io_uring_missing_or_old_or_failing),
		cmocka_unit_test(io_uring_forbidden_by_sysctl),
		cmocka_unit_test(too_few_descriptors),
		cmocka_unit_test(memlock_below_the_region_is_refused_at_once),
		cmocka_unit_test(memlock_used_up_by_another_region),
		cmocka_unit_test(without_proc_there_is_no_provider),
		cmocka_unit_test(a_failed_unpin_leaves_the_granules_pinned),
		cmocka_unit_test(poisoned_and_missing_memory_are_warned_apart),
		cmocka_unit_test(a_pagemap_that_cannot_be_read),
		cmocka_unit_test(bad_configs_are_refused),
		cmocka_unit_test(refusals_and_ends_leak_no_descriptor),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
