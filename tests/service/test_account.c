// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Quotas of each VM and of all, without memory or sockets: what is refused has changed nothing,
 * what goes is given back, a new configuration counts for VMs that are there. How often a VM may have pages searched for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "hv/service/account.h"

#define MIB	(UINT64_C(1) << 20)

static struct hvcmad_rule rules[] = {
	{ .name = "a", .has_uid = true, .uid = 1, .quota = { 8 * MIB, 4 * MIB, 2, 2 }, .unsafe_noiommu = true,
	  .unsafe_no_reset = true },
	{ .name = "b", .has_uid = true, .uid = 2, .quota = { 8 * MIB, 8 * MIB, 4, 1 } },
};

static struct hvcmad_config config(void)
{
	return (struct hvcmad_config){ .total = { 12 * MIB, 8 * MIB, 3, 2 }, .rule = rules, .nr_rules = 2 };
}

static struct hvcmad_identity id(uid_t uid, const char *cgroup)
{
	struct hvcmad_identity id = { .pid = 99, .uid = uid };

	snprintf(id.cgroup, sizeof(id.cgroup), "%s", cgroup);
	return id;
}

static struct hvcmad_vm *join(struct hvcmad_accounts *all, uid_t uid, const char *cgroup)
{
	struct hvcmad_identity who = id(uid, cgroup);
	struct hvcmad_config c = config();
	struct hvcma_error err = { "" };
	struct hvcmad_vm *vm = NULL;

	all->quota = c.total;
	if (hvcmad_vm_join(all, &c, &who, &vm, &err))
		fail_msg("%s", err.text);
	return vm;
}

/* Refused with @ret, in these words; the usage is as before. */
#define assert_over(call, ret, words)						\
	do {									\
		struct hvcmad_usage before = all.used;				\
		assert_int_equal(call, ret);					\
		if (!strstr(err.text, words))					\
			fail_msg("'%s' is not in '%s'", words, err.text);	\
		assert_memory_equal(&before, &all.used, sizeof(before));	\
	} while (0)

static void sessions_of_a_unit_are_one_vm(void **state)
{
	struct hvcmad_accounts all = { 0 };
	struct hvcmad_vm *first = join(&all, 1, "/x.scope"), *same = join(&all, 1, "/x.scope");
	struct hvcmad_vm *other = join(&all, 1, "/y.scope"), *b = join(&all, 2, "/x.scope");

	(void)state;
	assert_ptr_equal(first, same);
	assert_int_equal(first->sessions, 2);
	assert_ptr_not_equal(first, other);
	assert_string_equal(other->name, "a");
	assert_ptr_not_equal(first, b);
	assert_string_equal(b->name, "b");
	hvcmad_vm_leave(first);
	hvcmad_vm_leave(same);
	hvcmad_vm_leave(other);
	hvcmad_vm_leave(b);
	assert_null(all.vms);
}

static void who_is_no_vm_does_not_join(void **state)
{
	struct hvcmad_identity who = id(3, "/x.scope");
	struct hvcmad_accounts all = { 0 };
	struct hvcma_error err = { "" };
	struct hvcmad_config c = config();
	struct hvcmad_vm *vm = NULL;

	(void)state;
	assert_over(hvcmad_vm_join(&all, &c, &who, &vm, &err), -EACCES, "user 3 in control group /x.scope is no VM");
	assert_null(vm);
	assert_null(all.vms);
}

static void sessions_are_bounded(void **state)
{
	struct hvcmad_identity who = id(1, "/x.scope");
	struct hvcmad_vm *vm = NULL, *more = NULL;
	struct hvcmad_accounts all = { 0 };
	struct hvcma_error err = { "" };
	struct hvcmad_config c = config();
	int i;

	(void)state;
	for (i = 0; i < HVCMAD_MAX_SESSIONS_PER_VM; i++)
		vm = join(&all, 1, "/x.scope");
	assert_over(hvcmad_vm_join(&all, &c, &who, &more, &err), -EDQUOT, "has 16 sessions");
	assert_null(more);
	for (i = 0; i < HVCMAD_MAX_SESSIONS_PER_VM; i++)
		hvcmad_vm_leave(vm);
	assert_null(all.vms);
}

static void regions_count_for_the_vm_and_for_all(void **state)
{
	struct hvcmad_accounts all = { 0 };
	struct hvcmad_vm *a = join(&all, 1, "/x"), *b = join(&all, 2, "/x");
	struct hvcma_error err = { "" };

	(void)state;
	assert_over(hvcmad_vm_add_region(a, 8 * MIB + 1, &err), -EDQUOT, "a: 8388609 more beside 0 would pass the quota 'memory'");
	assert_over(hvcmad_vm_add_region(a, UINT64_MAX, &err), -EDQUOT, "'memory'");
	assert_int_equal(hvcmad_vm_add_region(a, 4 * MIB, &err), 0);
	assert_over(hvcmad_vm_add_region(a, 4 * MIB + 1, &err), -EDQUOT, "beside 4194304");
	assert_int_equal(hvcmad_vm_add_region(a, 1 * MIB, &err), 0);
	assert_over(hvcmad_vm_add_region(a, 1 * MIB, &err), -EDQUOT, "a: 1 more beside 2 would pass the quota 'regions', 2");
	assert_over(hvcmad_vm_add_region(b, 8 * MIB, &err), -EDQUOT, "all VMs: 8388608 more beside 5242880");
	assert_int_equal(hvcmad_vm_add_region(b, 7 * MIB, &err), 0);
	assert_over(hvcmad_vm_add_region(b, 0, &err), -EDQUOT, "all VMs: 1 more beside 3 would pass the quota 'regions', 3");

	hvcmad_vm_remove_region(a, 4 * MIB);
	assert_int_equal(all.used.memory_bytes, 8 * MIB);
	assert_int_equal(all.used.regions, 2);
	assert_int_equal(hvcmad_vm_add_region(b, 1 * MIB, &err), 0);
	hvcmad_vm_remove_region(a, 1 * MIB);
	hvcmad_vm_remove_region(b, 7 * MIB);
	hvcmad_vm_leave(b);
	assert_ptr_equal(all.vms->next, a);	/* its region refers to it */
	hvcmad_vm_remove_region(b, 1 * MIB);
	hvcmad_vm_leave(a);
	assert_null(all.vms);
	assert_int_equal(all.used.memory_bytes, 0);
}

static void pins_count_for_the_vm_and_for_all(void **state)
{
	struct hvcmad_accounts all = { 0 };
	struct hvcmad_vm *a = join(&all, 1, "/x"), *b = join(&all, 2, "/x");
	struct hvcma_error err = { "" };

	(void)state;
	assert_over(hvcmad_vm_may_pin(a, 4 * MIB + 1, &err), -EDQUOT, "a: 4194305 more beside 0 would pass the quota 'pinned'");
	assert_over(hvcmad_vm_may_pin(a, UINT64_MAX, &err), -EDQUOT, "'pinned'");
	assert_int_equal(hvcmad_vm_may_pin(a, 4 * MIB, &err), 0);
	hvcmad_vm_pinned(a, 0, 4 * MIB);
	assert_over(hvcmad_vm_may_pin(a, 1, &err), -EDQUOT, "a: 1 more beside 4194304");
	assert_over(hvcmad_vm_may_pin(b, 4 * MIB + 1, &err), -EDQUOT, "all VMs: 4194305 more beside 4194304");
	assert_int_equal(hvcmad_vm_may_pin(b, 4 * MIB, &err), 0);
	hvcmad_vm_pinned(a, 4 * MIB, 1 * MIB);
	assert_int_equal(a->used.pinned_bytes, 1 * MIB);
	assert_int_equal(all.used.pinned_bytes, 1 * MIB);
	hvcmad_vm_leave(a);
	hvcmad_vm_leave(b);
}

static void devices_have_quotas(void **state)
{
	struct hvcmad_accounts all = { 0 };
	struct hvcmad_vm *a = join(&all, 1, "/x"), *b = join(&all, 2, "/x");
	struct hvcma_error err = { "" };

	(void)state;
	assert_int_equal(hvcmad_vm_add_device(b, &err), 0);
	assert_over(hvcmad_vm_add_device(b, &err), -EDQUOT, "b: 1 more beside 1 would pass the quota 'max-devices', 1");
	assert_int_equal(hvcmad_vm_add_device(a, &err), 0);
	assert_over(hvcmad_vm_add_device(a, &err), -EDQUOT, "all VMs: 1 more beside 2 would pass the quota 'devices', 2");
	hvcmad_vm_remove_device(b);
	assert_int_equal(hvcmad_vm_add_device(a, &err), 0);
	hvcmad_vm_leave(b);
	hvcmad_vm_leave(a);
	assert_non_null(all.vms);		/* a device refers to it */
	hvcmad_vm_remove_device(a);
	hvcmad_vm_remove_device(a);
	assert_null(all.vms);
}

static void a_new_configuration_counts_at_once(void **state)
{
	struct hvcmad_accounts all = { 0 };
	struct hvcmad_vm *a = join(&all, 1, "/x"), *b = join(&all, 2, "/x");
	struct hvcmad_config c = config();
	struct hvcma_error err = { "" };

	(void)state;
	assert_int_equal(hvcmad_vm_add_region(a, 4 * MIB, &err), 0);
	hvcmad_vm_pinned(a, 0, 4 * MIB);
	assert_int_equal(hvcmad_vm_add_region(b, 4 * MIB, &err), 0);
	hvcmad_vm_pinned(b, 0, 4 * MIB);

	c.rule = &rules[1];	/* a is not in it any more, all may have less than there is */
	c.nr_rules = 1;
	c.total = (struct hvcmad_quota){ 4 * MIB, 2 * MIB, 1, 0 };
	hvcmad_accounts_reload(&all, &c);
	assert_false(a->unsafe_noiommu);
	assert_false(a->unsafe_no_reset);
	assert_over(hvcmad_vm_add_region(a, 1, &err), -EACCES, "VM a may have nothing");
	assert_over(hvcmad_vm_may_pin(a, 1, &err), -EACCES, "VM a may have nothing");
	assert_over(hvcmad_vm_may_pin(b, 1, &err), -EDQUOT, "all VMs");
	assert_over(hvcmad_vm_add_region(b, 1, &err), -EDQUOT, "all VMs");
	assert_int_equal(all.used.pinned_bytes, 8 * MIB);	/* nothing is taken away */

	c = config();
	hvcmad_accounts_reload(&all, &c);
	assert_true(a->unsafe_noiommu);
	assert_true(a->unsafe_no_reset);
	hvcmad_vm_pinned(a, 4 * MIB, 0);
	assert_int_equal(hvcmad_vm_may_pin(a, 4 * MIB, &err), 0);
	hvcmad_vm_remove_region(a, 4 * MIB);
	hvcmad_vm_remove_region(b, 4 * MIB);
	hvcmad_vm_leave(a);
	hvcmad_vm_leave(b);
	assert_null(all.vms);
}

#define SECOND	UINT64_C(1000000)

/* A search that begins at @now_us and takes that long. */
static void search(struct hvcmad_vm *vm, uint64_t now_us, uint64_t took_us)
{
	struct hvcma_error err = { "" };

	if (hvcmad_vm_may_search(vm, now_us, &err))
		fail_msg("%s", err.text);
	hvcmad_vm_search_begins(vm, now_us);
	hvcmad_vm_search_ended(vm, took_us, now_us + took_us);
}

/* As many as it may have regions, four at least; then one for each rest, of nine times what the last one took. */
static void searches_tire(void **state)
{
	struct hvcmad_accounts all = { 0 };
	struct hvcmad_vm *a = join(&all, 1, "/x"), *b = join(&all, 2, "/x");
	struct hvcma_error err = { "" };
	uint64_t now = 100 * SECOND;
	int i;

	(void)state;
	for (i = 0; i < 4; i++, now += 2 * SECOND)
		search(a, now, 2 * SECOND);
	assert_over(hvcmad_vm_may_search(a, now, &err), -EAGAIN,
		    "VM a has had 4 searches for pages, as many as it may before it rests; the next one may begin in 18000 ms");
	assert_over(hvcmad_vm_may_search(a, now + 18 * SECOND - 1, &err), -EAGAIN, "begin in 1 ms");
	search(b, now, SECOND);			/* others are not held back */
	now += 18 * SECOND;
	search(a, now, 3 * SECOND);
	now += 3 * SECOND;
	assert_over(hvcmad_vm_may_search(a, now, &err), -EAGAIN, "in 27000 ms");
	/* a rest is a second at least */
	now += 27 * SECOND;
	search(a, now, 10);
	assert_over(hvcmad_vm_may_search(a, now + 10, &err), -EAGAIN, "in 1000 ms");
	/* rested for two of them */
	now += 10 + 2 * SECOND;
	search(a, now, 10);
	search(a, now + 10, 10);
	assert_over(hvcmad_vm_may_search(a, now + 20, &err), -EAGAIN, "in 1000 ms");
	/* and for any number: no more than at the start */
	now += 3600 * SECOND;
	for (i = 0; i < 4; i++)
		search(a, now, 10);
	assert_over(hvcmad_vm_may_search(a, now, &err), -EAGAIN, "has had 4 searches");
	hvcmad_vm_leave(a);
	hvcmad_vm_leave(b);
	hvcmad_accounts_fini(&all);
	assert_null(all.vms);
}

static void a_vm_with_more_regions_may_have_more_searches(void **state)
{
	struct hvcmad_accounts all = { 0 };
	struct hvcmad_vm *a = join(&all, 1, "/x");
	struct hvcma_error err = { "" };
	int i;

	(void)state;
	a->quota.regions = 6;
	for (i = 0; i < 6; i++)
		search(a, SECOND, SECOND);
	assert_over(hvcmad_vm_may_search(a, SECOND, &err), -EAGAIN, "has had 6 searches");
	a->quota.regions = 0;			/* a new configuration */
	assert_over(hvcmad_vm_may_search(a, SECOND, &err), -EAGAIN, "has had 6 searches");
	hvcmad_vm_leave(a);
	hvcmad_accounts_fini(&all);
}

/* Who goes and comes again is the same VM, rested or not. It is forgotten when it has. */
static void searches_are_remembered(void **state)
{
	struct hvcmad_accounts all = { 0 };
	struct hvcmad_vm *a = join(&all, 1, "/x"), *b = join(&all, 2, "/x");
	struct hvcma_error err = { "" };
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		search(a, SECOND, SECOND);
	hvcmad_vm_leave(a);
	assert_ptr_equal(join(&all, 1, "/x"), a);
	assert_over(hvcmad_vm_may_search(a, 2 * SECOND, &err), -EAGAIN, "has had 4 searches");
	/* one that goes on when its VM has gone */
	hvcmad_vm_search_begins(a, 20 * SECOND);
	hvcmad_vm_leave(a);
	assert_int_equal(hvcmad_vm_may_search(b, 20 * SECOND, &err), 0);
	hvcmad_vm_search_begins(b, 1000 * SECOND);
	assert_ptr_equal(join(&all, 1, "/x"), a);
	hvcmad_vm_leave(a);
	hvcmad_vm_search_ended(a, SECOND, 1000 * SECOND);
	hvcmad_vm_search_ended(b, SECOND, 1001 * SECOND);
	search(b, 1002 * SECOND, SECOND);
	assert_non_null(all.vms->next);
	search(b, 1100 * SECOND, SECOND);
	assert_ptr_equal(all.vms, b);
	assert_null(b->next);
	hvcmad_vm_leave(b);
	assert_ptr_equal(all.vms, b);
	hvcmad_accounts_fini(&all);
	assert_null(all.vms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sessions_of_a_unit_are_one_vm),
		cmocka_unit_test(who_is_no_vm_does_not_join),
		cmocka_unit_test(sessions_are_bounded),
		cmocka_unit_test(regions_count_for_the_vm_and_for_all),
		cmocka_unit_test(pins_count_for_the_vm_and_for_all),
		cmocka_unit_test(devices_have_quotas),
		cmocka_unit_test(a_new_configuration_counts_at_once),
		cmocka_unit_test(searches_tire),
		cmocka_unit_test(a_vm_with_more_regions_may_have_more_searches),
		cmocka_unit_test(searches_are_remembered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
