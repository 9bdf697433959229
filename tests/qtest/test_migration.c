// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Migration through a file: the destination has the same blocks for the same
 * owners, pinned again, with the same contents; or it refuses to load. Streams
 * are also edited, as somebody hostile would.
 */
#define _GNU_SOURCE	/* memmem */
#include <endian.h>
#include <fcntl.h>
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
	qtest_wait_migrated(q);
	qtest_stop(q);
}

static struct qtest *load(const char *uri)
{
	struct qtest *q;

	q = qtest_start(QTEST_Q35, "-incoming defer %sclients=edu0:edu1", machine_options);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': '%s%s'}}", uri, file));
	qtest_wait_migrated(q);
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
 *	granule  0 1 2 ..... 31		online: all but 0 and 1; contents everywhere
 *	         [block]
 */
static void test_online_memory(void **state)
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
	cma_report_online(&c, ~3u);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
	qtest_wait_migrated(q);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, "-incoming defer %s%s", machine_options, reusable);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	c.v.q = q;
	assert_int_equal(qtest_get(q, "/counters/online-bytes"), 30 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 2 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/unbacked-bytes"), 0);
	assert_int_equal(qtest_get(q, "/granules/0/online"), 0);
	assert_int_equal(qtest_get(q, "/granules/1/online"), 1);
	for (i = 0; i < 32; i++)
		assert_true(qtest_readq(q, c.base_gpa + i * CMA_GRANULE) == PATTERN + i);
	cma_report_online(&c, 0);
	assert_int_equal(qtest_get(q, "/counters/online-bytes"), 0);
	qtest_stop(q);

	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': mode is 0x0 here, 0x1 at the source",
			     "-incoming file:%s %sclients=edu0:edu1,align=64M", file,
			     machine_options);
}

/* Orphaned memory is not forgotten on the way. */
static void test_left_memory(void **state)
{
	struct qtest *q;
	struct cma c;

	(void)state;
	qtest_skip_unless_built();
	snprintf(file, sizeof(file), "/tmp/hvcma-migration-%d", getpid());
	q = qtest_start(QTEST_Q35, "%smode=reusable", machine_options);
	cma_open(&c, q, &virtio_pci);
	cma_report_online(&c, ~0u);
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/orphaned-bytes"), 32 * CMA_GRANULE);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
	qtest_wait_migrated(q);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, "-incoming defer %smode=reusable", machine_options);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	assert_int_equal(qtest_get(q, "/counters/orphaned-bytes"), 32 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/online-bytes"), 0);
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
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': attribute policy is 0x1 here, 0x0 at the source",
			     "-incoming file:%s %sclients=edu0:edu1,attr=cached", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': pin limit is 0x2000000 here, 0x4000000 at the source",
			     "-incoming file:%s %sclients=edu0:edu1,pin-limit=32M", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': flags is 0x1 here, 0x0 at the source",
			     "-incoming file:%s %sclients=edu0:edu1,default=on,spare-clients=0", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': stage 2 is 0x3 here, 0x1 at the source",
			     "-incoming file:%s %sclients=edu0:edu1,stage2=fwb", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': alignment cap is 0x4 here, 0x8 at the source",
			     "-incoming file:%s %sclients=edu0:edu1,max-align-order=4", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': number of reservations is 0x1 here, 0x0 at the source",
			     "-incoming file:%s %sclients=edu1,regions=banka/edu0=8M", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'bankb': name is 'bankb' here, 'banka' at the source",
			     "-incoming file:%s %sclients=edu0:edu1,name=bankb", file, machine_options);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': the kind of client 'edu1' is 'firmware' here, '' at the source",
			     "-incoming file:%s %sclients=edu0,regions=banka/edu1(firmware)=0", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "can't be allocated here: host failed",
			     "-incoming file:%s %sclients=edu0:edu1,x-fake-fault=pin:1:1:5", file,
			     machine_options);
	qtest_expect_refusal(QTEST_Q35, "can't be allocated here: host is out of hugepages",
			     "-incoming file:%s %sclients=edu0:edu1,x-fake-fault=back:0:1:12", file,
			     machine_options);
}

/* 16 MiB, of which edu0 has 4 for itself and edu1 has 2. */
static const char sharing[] =
	"-object memory-backend-memfd,id=m0,size=16M -device edu,id=edu0 -device edu,id=edu1 "
	"-device virtio-cma-pci,id=cma0,memdev=m0,granule=2M,name=banka,x-provider=fake,";
#define RESVS	"regions=banka/edu0=4M;banka/edu1=2M"

static void save_with_resvs(struct cma *c)
{
	struct virtio_cma_block block;
	struct qtest *q;

	qtest_skip_unless_built();
	snprintf(file, sizeof(file), "/tmp/hvcma-migration-%d", getpid());
	q = qtest_start(QTEST_Q35, "%s" RESVS, sharing);
	cma_open(c, q, &virtio_pci);
	assert_int_equal(cma_alloc(c, 3 * CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(c, 4 * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_OK);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
	qtest_wait_migrated(q);
	qtest_stop(q);
}

/* What is reserved for edu1 is still there for edu1, and for nobody else. */
static void test_reservations(void **state)
{
	struct virtio_cma_block block;
	struct qtest *q;
	struct cma c;

	(void)state;
	save_with_resvs(&c);
	q = qtest_start(QTEST_Q35, "-incoming defer %s" RESVS, sharing);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	c.v.q = q;
	assert_int_equal(qtest_get(q, "/reservations/0/used-bytes"), 4 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/reservations/1/used-bytes"), 3 * CMA_GRANULE);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 1, &block), VIRTIO_CMA_S_OK);
	qtest_stop(q);

	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': reservation 1 is 0x600000 here, 0x400000 at the source",
			     "-incoming file:%s %sregions=banka/edu0=6M;banka/edu1=2M", file, sharing);
}

/* Where fields are in the stream, from the region's base address on; big-endian. */
enum {
	AT_NAME = -VIRTIO_CMA_NAME_BYTES,
	AT_BASE = 0, AT_NR_CLIENTS = 2096, AT_NR_BLOCKS = 2100, AT_ONLINE_BYTES = 2104,
	AT_CLIENTS = 2108, CLIENT_BYTES = 60,
	CLIENT_CLAIMED = 32, CLIENT_COHERENT = 33, CLIENT_EVENT = 34, CLIENT_RESV = 35,
	CLIENT_ATTR = 36, CLIENT_KIND = 44,
	AT_BLOCKS = AT_CLIENTS + 2 * CLIENT_BYTES, BLOCK_BYTES = 24,
	BLOCK_FIRST = 0, BLOCK_NR = 8, BLOCK_CLIENT = 16, BLOCK_PURPOSE = 20,
	AT_ONLINE = AT_BLOCKS + 2 * BLOCK_BYTES,
};

/* Position of @bytes in the stream that are there once; of what follows them. */
static long find(const void *bytes, size_t nr)
{
	static char stream[8 << 20];
	FILE *f = fopen(file, "r");
	size_t n;
	char *at;

	assert_non_null(f);
	n = fread(stream, 1, sizeof(stream), f);
	assert_true(n && n < sizeof(stream));
	fclose(f);
	at = memmem(stream, n, bytes, nr);
	assert_non_null(at);
	assert_null(memmem(at + 1, n - (size_t)(at + 1 - stream), bytes, nr));
	return at - stream;
}

static long find_region(const struct cma *c, uint64_t bytes)
{
	const uint64_t head[3] = { htobe64(c->base_gpa), htobe64(bytes), htobe64(CMA_GRANULE) };

	return find(head, sizeof(head));
}

/* Puts the low @bytes of @value at @position of the stream; returns what was there. */
static uint64_t put(long position, unsigned int bytes, uint64_t value)
{
	uint8_t old[8], new[8];
	uint64_t was = 0;
	unsigned int i;
	int fd = open(file, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, old, bytes, position), bytes);
	for (i = 0; i < bytes; i++) {
		was = was << 8 | old[i];
		new[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	}
	assert_int_equal(pwrite(fd, new, bytes, position), bytes);
	close(fd);
	return was;
}

struct edit {
	int at;
	unsigned int bytes;
	uint64_t value;
	const char *message;
};

static void try_edits(long base, const struct edit *edits, size_t nr, const char *options)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		const struct edit *e = &edits[i];
		uint64_t was = put(base + e->at, e->bytes, e->value);

		qtest_expect_refusal(QTEST_Q35, e->message, "-incoming file:%s %s", file, options);
		put(base + e->at, e->bytes, was);
	}
}

/* Counts beyond all bounds cost no memory; what they count is judged piece by piece. */
static void test_hostile_streams(void **state)
{
	static const struct edit edits[] = {
		{ AT_NR_CLIENTS, 4, 0x7fffffff,
		  "number of clients is 0x2 here, 0x7fffffff at the source" },
		{ AT_NR_CLIENTS, 4, UINT32_MAX,
		  "number of clients is 0x2 here, 0xffffffff at the source" },
		{ AT_NR_BLOCKS, 4, 33, "the source tells of 33 blocks, limit: 32" },
		{ AT_NR_BLOCKS, 4, 0x7fffffff, "the source tells of 2147483647 blocks, limit: 32" },
		{ AT_NR_BLOCKS, 4, UINT32_MAX, "the source tells of 4294967295 blocks, limit: 32" },
		{ AT_ONLINE_BYTES, 4, 0x7fffffff,
		  "size of the list of online granules is 0x4 here, 0x7fffffff at the source" },
		{ AT_CLIENTS, 4, 0x1b5b316d, "client 0 is 'edu0' here, '\\x1b[1m' at the source" },
		{ AT_CLIENTS, 4, 0xff9b0a0d, "client 0 is 'edu0' here, '\\xff\\x9b\\x0a\\x0d' at the source" },
		{ AT_CLIENTS + CLIENT_KIND, 4, 0x1b630000, "the kind of client 'edu0' is '' here, '\\x1bc' at the source" },
		{ AT_NAME, 4, 0x1b630000, "name is 'banka' here, '\\x1bc' at the source" },
		{ AT_CLIENTS + CLIENT_EVENT, 1, 3,
		  "the source tells of an event 3 of client 'edu0', limit: 2" },
		{ AT_CLIENTS + CLIENT_RESV, 1, 1,
		  "reservation of client 'edu0' is 0 here, 1 at the source" },
		{ AT_CLIENTS + CLIENT_BYTES + CLIENT_COHERENT, 1, 3,
		  "client 'edu1' was claimed at the source and can't be here: malformed request" },
		{ AT_CLIENTS + CLIENT_BYTES + CLIENT_ATTR, 4, 1,
		  "client 'edu1' needs another mapping here than at the source: "
		  "attr 0, maintenance 0x0; was attr 1, maintenance 0x0" },
		{ AT_BLOCKS + BLOCK_FIRST, 8, UINT64_MAX, "can't be allocated here: address outside" },
		{ AT_BLOCKS + BLOCK_NR, 8, UINT64_MAX, "can't be allocated here: address outside" },
		{ AT_BLOCKS + BLOCK_NR, 8, 0, "can't be allocated here: address outside" },
		{ AT_BLOCKS + BLOCK_NR, 8, 32, "can't be allocated here: not enough free granules" },
		{ AT_BLOCKS + BLOCK_CLIENT, 4, 2, "can't be allocated here: no such client" },
		{ AT_BLOCKS + BLOCK_PURPOSE, 4, 4, "can't be allocated here: malformed request" },
		{ AT_ONLINE + 4, 8, 65ull << 20, "bytes orphaned, limit: 67108864" },
	};
	/* A CLAIM that takes several steps is judged by its last one. */
	static const struct edit in_steps[] = {
		{ AT_CLIENTS + CLIENT_BYTES + CLIENT_COHERENT, 1, VIRTIO_CMA_COHERENT_NO,
		  "client 'edu1' needs another mapping here than at the source: " },
	};
	static char options[1024];
	struct cma c;
	long base;

	(void)state;
	save(&c, "file:");
	snprintf(options, sizeof(options), "%sclients=edu0:edu1", machine_options);
	base = find_region(&c, 64 << 20);
	try_edits(base, edits, sizeof(edits) / sizeof(edits[0]), options);
	strcat(options, ",x-fake-step=1");
	try_edits(base, in_steps, sizeof(in_steps) / sizeof(in_steps[0]), options);
}

/* A stream whose blocks eat what is reserved for others. */
static void test_hostile_resvs(void **state)
{
	static const struct edit edits[] = {
		/* edu0's block, called everybody's: 7 where 5 is all. */
		{ AT_BLOCKS + BLOCK_CLIENT, 4, VIRTIO_CMA_CLIENT_SHARED,
		  "can't be allocated here: not enough free granules" },
	};
	static char options[1024];
	struct cma c;

	(void)state;
	save_with_resvs(&c);
	snprintf(options, sizeof(options), "%s" RESVS, sharing);
	try_edits(find_region(&c, 16 << 20), edits, 1, options);
}

/* The format has a version. */
static void test_old_stream(void **state)
{
	static const char name[] = "virtio-cma/device\0\0\0";	/* instance 0, in 4 bytes */
	struct qtest *q;
	struct cma c;
	long version;

	(void)state;
	save(&c, "file:");
	version = find(name, sizeof(name)) + (long)sizeof(name);
	assert_int_equal(put(version, 4, 3), 4);
	qtest_expect_refusal(QTEST_Q35, "incoming version_id 3 is too old for local minimum version_id",
			     "-incoming file:%s %sclients=edu0:edu1", file, machine_options);
	put(version, 4, 4);
	q = load("file:");		/* control */
	check_destination(&c, q);
	qtest_stop(q);
}

#define TEST(name)	cmocka_unit_test_teardown(name, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file), TEST(test_child_process), TEST(test_refused),
		TEST(test_online_memory), TEST(test_left_memory), TEST(test_reservations),
		TEST(test_hostile_streams), TEST(test_hostile_resvs), TEST(test_old_stream),
	};

	return cmocka_run_group_tests_name("migration", tests, NULL, NULL);
}
