// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Migration through a file: the destination holds the same blocks for the same
 * owners, pinned again, with the same contents; or it refuses to load.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

#define PATTERN		0x6876636d61212121ull

static char file[64];
static struct virtio_cma_block blocks[2];

static const char machine_options[] =
	"-object memory-backend-memfd,id=m0,size=64M -device edu,id=edu0 -device edu,id=edu1 "
	"-device virtio-cma-pci,id=cma0,memdev=m0,granule=2M,name=banka,x-provider=fake,";

static void wait_migrated(struct qtest *q)
{
	unsigned int i;

	for (i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		struct json_object *info, *status;
		bool done;

		info = qtest_qmp_ok(q, "{'execute': 'query-migrate'}");
		assert_true(json_object_object_get_ex(info, "status", &status));
		done = !strcmp(json_object_get_string(status), "completed");
		if (!strcmp(json_object_get_string(status), "failed"))
			fail_msg("%s", json_object_to_json_string(info));
		json_object_put(info);
		if (done)
			return;
		usleep(10000);
	}
	fail_msg("migration does not complete");
}

/* The source: two blocks with contents, one client claimed. */
static void save(struct cma *c, const char *uri)
{
	struct qtest *q;

	qtest_skip_unless_built();
	snprintf(file, sizeof(file), "/tmp/hvcma-migration-%d", getpid());
	q = qtest_start(QTEST_Q35, "%sclients=edu0:edu1", machine_options);
	cma_open(c, q, &virtio_pci);
	assert_int_equal(cma_claim(c, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(c, 3 * CMA_GRANULE, 1, &blocks[0]), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &blocks[1]),
			 VIRTIO_CMA_S_OK);
	qtest_writeq(q, blocks[0].base_gpa + CMA_GRANULE, PATTERN);
	qtest_writeq(q, blocks[1].base_gpa, ~PATTERN);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': '%s%s'}}",
				     uri, file));
	wait_migrated(q);
	qtest_stop(q);
}

static struct qtest *load(const char *uri)
{
	struct qtest *q;

	q = qtest_start(QTEST_Q35, "-incoming defer %sclients=edu0:edu1", machine_options);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': '%s%s'}}", uri, file));
	wait_migrated(q);
	return q;
}

static void check_destination(struct cma *c, struct qtest *q)
{
	struct virtio_cma_block block;

	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 4 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 4 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 2);
	qtest_assert_text(q, "/clients/0/state", "present");
	qtest_assert_text(q, "/clients/1/state", "claimed");
	assert_true(qtest_readq(q, blocks[0].base_gpa + CMA_GRANULE) == PATTERN);
	assert_true(qtest_readq(q, blocks[1].base_gpa) == ~PATTERN);

	/* The driver goes on with its rings and its blocks. */
	c->v.q = q;
	assert_int_equal(cma_claim(c, 1), VIRTIO_CMA_S_CLIENT_STATE);
	assert_int_equal(cma_alloc(c, CMA_GRANULE, 1, &block), VIRTIO_CMA_S_OK);
	assert_true(block.base_gpa != blocks[1].base_gpa);
	assert_int_equal(cma_free(c, blocks[0].base_gpa, blocks[0].bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(c, blocks[1].base_gpa, blocks[1].bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
}

/*
 *	granule  0 1 2 ..... 31		lent: all but 0 and 1; contents everywhere
 *	         [block]
 */
static void test_lent_memory(void **state)
{
	static const char reusable[] = "mode=reusable,clients=edu0:edu1";
	struct virtio_cma_block block;
	struct qtest *q;
	struct cma c;
	unsigned int i;

	(void)state;
	qtest_skip_unless_built();
	snprintf(file, sizeof(file), "/tmp/hvcma-migration-%d", getpid());
	q = qtest_start(QTEST_Q35, "%s%s", machine_options, reusable);
	cma_open(&c, q, &virtio_pci);
	for (i = 0; i < 32; i++)
		qtest_writeq(q, c.base_gpa + i * CMA_GRANULE, PATTERN + i);
	assert_int_equal(cma_alloc(&c, 2 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(block.base_gpa, c.base_gpa);
	cma_report_lent(&c, ~3u);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
	wait_migrated(q);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, "-incoming defer %s%s", machine_options, reusable);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	wait_migrated(q);
	c.v.q = q;
	assert_int_equal(qtest_get(q, "/counters/lent-bytes"), 30 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 2 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/unbacked-bytes"), 0);
	assert_int_equal(qtest_get(q, "/granules/0/lent"), 0);
	assert_int_equal(qtest_get(q, "/granules/1/lent"), 1);
	for (i = 0; i < 32; i++)
		assert_true(qtest_readq(q, c.base_gpa + i * CMA_GRANULE) == PATTERN + i);
	cma_report_lent(&c, 0);
	assert_int_equal(qtest_get(q, "/counters/lent-bytes"), 0);
	qtest_stop(q);

	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': mode is 0x0 here, 0x1 at the source",
			     "-incoming file:%s %sclients=edu0:edu1,align=64M", file,
			     machine_options);
}

/* What a driver has left to the guest is not forgotten on the way. */
static void test_left_memory(void **state)
{
	struct qtest *q;
	struct cma c;

	(void)state;
	qtest_skip_unless_built();
	snprintf(file, sizeof(file), "/tmp/hvcma-migration-%d", getpid());
	q = qtest_start(QTEST_Q35, "%smode=reusable", machine_options);
	cma_open(&c, q, &virtio_pci);
	cma_report_lent(&c, ~0u);
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/left-bytes"), 32 * CMA_GRANULE);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
	wait_migrated(q);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, "-incoming defer %smode=reusable", machine_options);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	wait_migrated(q);
	assert_int_equal(qtest_get(q, "/counters/left-bytes"), 32 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/lent-bytes"), 0);
	qtest_stop(q);
}

static int remove_file(void **state)
{
	(void)state;
	unlink(file);
	return 0;
}

static void test_file(void **state)
{
	struct qtest *q;
	struct cma c;

	(void)state;
	save(&c, "file:");
	q = load("file:");
	check_destination(&c, q);
	qtest_stop(q);
}

/* A child of QEMU inherits LD_PRELOAD: the loader must be inert in it. */
static void test_child_process(void **state)
{
	struct qtest *q;
	struct cma c;

	(void)state;
	save(&c, "exec:cat >");
	q = load("exec:cat ");
	check_destination(&c, q);
	assert_null(strstr(qtest_stderr(q), "virtio-cma:"));
	qtest_stop(q);
}

/* What does not fit is refused whole; the source still has its file. */
static void test_refused(void **state)
{
	struct cma c;

	(void)state;
	save(&c, "file:");
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': number of clients is 0x1 here, 0x2 at the source",
			     "-incoming file:%s %sclients=edu0", file, machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': client 0 is 'edu1' here, 'edu0' at the source",
			     "-incoming file:%s %sclients=edu1:edu0", file, machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': base address is 0x140000000 here, 0x100000000 at the source",
			     "-incoming file:%s %sclients=edu0:edu1,memaddr=0x140000000", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "client 'edu1' needs another mapping here than at the source: "
			     "attr 1, care 0x0; was attr 0, care 0x0",
			     "-incoming file:%s %sclients=edu0:edu1,attr=cached", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': the block of 1 granules",
			     "-incoming file:%s %sclients=edu0:edu1,pin-limit=6M", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "can't be held here: host failed",
			     "-incoming file:%s %sclients=edu0:edu1,x-fake-fault=pin:1:1:5", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "can't be held here: host is out of hugepages",
			     "-incoming file:%s %sclients=edu0:edu1,x-fake-fault=back:0:1:12", file,
			     machine_options);
}

#define TEST(name)	cmocka_unit_test_teardown(name, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file), TEST(test_child_process), TEST(test_refused),
		TEST(test_lent_memory), TEST(test_left_memory),
	};

	return cmocka_run_group_tests_name("migration", tests, NULL, NULL);
}
