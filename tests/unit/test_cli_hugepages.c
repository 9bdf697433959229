// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pools of hugepages, shown, made larger and made what they were, on a host of files: a kernel that gives
 * all that is asked for, or none. Those below an address: test_host_low.
 */
#include "tests/unit/recorded_tree.h"

#include <errno.h>

#include "hv/cli/command.h"
#include "hv/host/host_pool.h"
#include "tests/unit/hvcma_program.h"

#define POOL	"/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define NODE	"/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages"
#define BOOT	"/etc/tmpfiles.d/hvcma-hugepages-2048kB.conf"
#define MIB	(UINT64_C(1) << 20)

static void expect(struct tree *t, int status, const char *part, const char *fmt)
{
	char line[1024];
	int got;

	snprintf(line, sizeof(line), fmt, t->root);
	got = hvcma_run(line, t->out, sizeof(t->out));
	if (got != status || !strstr(t->out, part))
		fail_msg("'%s': exit status %d, printed:\n%s", line, got, t->out);
}

static void test_shown(void **state)
{
	struct tree *t = *state;

	expect(t, HVCMA_EXIT_OK, "2 MiB         256 pages,      200 free: 400 MiB\n  node 0      256 pages,      200 free: 400 MiB\n"
	       "1 GiB           0 pages,        0 free: 0 B\n", "hugepages --root %s");
	expect(t, HVCMA_EXIT_OK, "{\"page-bytes\":2097152,\"node\":0,\"total\":256,\"free\":200}",
	       "hugepages --root %s --json | tr -d ' \\n'");
	tree_remove(t, "/sys/devices/system/node");
	expect(t, HVCMA_EXIT_OK, "2 MiB         256 pages", "hugepages --root %s");
	tree_remove(t, "/sys/kernel/mm/hugepages");
	expect(t, HVCMA_EXIT_FAILED, "this kernel has no hugepages", "hugepages --root %s");
}

static void test_usage(void **state)
{
	struct tree *t = *state;

	expect(t, HVCMA_EXIT_OK, "would: echo 258 >" POOL "\nwould: write " BOOT "\n", "hugepages --root %s -n --add 4M --persist");
	expect(t, HVCMA_EXIT_OK, "would: echo 258 >" NODE "\n", "hugepages --root %s -n --add 4M --node 0");
	assert_string_equal(tree_get(t, POOL), "256\n");
	expect(t, HVCMA_EXIT_FAILED, "no hugepages of 2048 KiB on that node", "hugepages --root %s -n --add 4M --node 1");
	expect(t, HVCMA_EXIT_FAILED, "no hugepages of 16384 KiB", "hugepages --root %s -n --add 32M --page 16M");
	tree_put(t, "/proc/meminfo", "MemTotal: 4096 kB\nMemAvailable:    3072 kB\n");
	expect(t, HVCMA_EXIT_FAILED, "4 MiB of hugepages are wanted, and 3 MiB of memory are available", "hugepages --root %s -n --add 4M");
	expect(t, HVCMA_EXIT_USAGE, "--dry-run", "hugepages --root %s --add 4M");
	expect(t, HVCMA_EXIT_USAGE, "three things", "hugepages --root %s --add 4M --undo");
	expect(t, HVCMA_EXIT_USAGE, "--add is no whole number of pages", "hugepages --root %s -n --add 3M");
	expect(t, HVCMA_EXIT_USAGE, "need --add", "hugepages --root %s --persist");
	expect(t, HVCMA_EXIT_USAGE, "no NUMA node has the number 5000", "hugepages --root %s -n --add 2M --node 5000");
	expect(t, HVCMA_EXIT_USAGE, "'x' is no node", "hugepages --root %s -n --add 2M --node x");
	expect(t, HVCMA_EXIT_USAGE, "no --dry-run", "hugepages --root / -n --low 2M");
}

static void test_added_and_undone(void **state)
{
	struct tree *t = *state;
	const struct hvcma_host_job job = { .root = t->root };
	struct hvcma_pool all, node;
	struct hvcma_error err;

	assert_int_equal(hvcma_pool_read(t->root, 2 * MIB, HVCMA_ALL_NODES, &all, &err), 0);
	assert_int_equal(hvcma_pool_read(t->root, 2 * MIB, 0, &node, &err), 0);
	assert_int_equal(hvcma_pool_add(&job, &all, 10, &err), 0);
	assert_int_equal(all.total, 266);
	assert_int_equal(hvcma_pool_persist(&job, &all, &err), 0);
	assert_non_null(strstr(tree_get(t, BOOT), "\nw " POOL " - - - - 266\n"));
	assert_int_equal(hvcma_pool_add(&job, &all, 5, &err), 0);
	assert_int_equal(hvcma_pool_add(&job, &node, 3, &err), 0);
	assert_string_equal(tree_get(t, "/run/hvcma/hugepages/2048kB"), "15\n");
	assert_string_equal(tree_get(t, "/run/hvcma/hugepages/2048kB-node0"), "3\n");
	/* others add theirs, and have a file of their own: both stay */
	tree_put(t, POOL, "281\n");
	tree_put(t, "/etc/tmpfiles.d/hvcma-hugepages-1048576kB.conf", "w mine\n");
	assert_int_equal(hvcma_pools_undo(&job, &err), 0);
	assert_string_equal(tree_get(t, POOL), "266");
	assert_string_equal(tree_get(t, NODE), "256");
	assert_string_equal(tree_get(t, BOOT), "");
	assert_string_equal(tree_get(t, "/etc/tmpfiles.d/hvcma-hugepages-1048576kB.conf"), "w mine\n");
	assert_string_equal(tree_get(t, "/run/hvcma/hugepages/2048kB"), "");
	assert_int_equal(hvcma_pools_undo(&job, &err), 0);
	assert_string_equal(tree_get(t, POOL), "266");
	/* not over somebody else's file */
	tree_put(t, BOOT, "w mine\n");
	assert_int_equal(hvcma_pool_persist(&job, &all, &err), -EEXIST);
}

/* What the kernel refuses: nothing is kept of it. */
static void test_none_come(void **state)
{
	struct tree *t = *state;
	const struct hvcma_host_job job = { .root = t->root };
	struct hvcma_pool pool;
	struct hvcma_error err;

	assert_int_equal(hvcma_pool_read(t->root, 2 * MIB, HVCMA_ALL_NODES, &pool, &err), 0);
	tree_remove(t, POOL);
	tree_put(t, POOL "/", "");
	assert_int_equal(hvcma_pool_add(&job, &pool, 10, &err), -EISDIR);
	assert_non_null(strstr(err.text, "'266' to " POOL));
	assert_string_equal(tree_get(t, "/run/hvcma/hugepages/2048kB"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TREE_TEST(test_shown),
		TREE_TEST(test_usage),
		TREE_TEST(test_added_and_undone),
		TREE_TEST(test_none_come),
	};

	return cmocka_run_group_tests_name("hvcma hugepages", tests, NULL, NULL);
}
