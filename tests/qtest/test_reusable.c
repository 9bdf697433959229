// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reusable regions: memory that the guest uses as RAM outside its blocks. Where
 * it lies, that all of it is there, that contents stay, that a dump has it.
 * Pages of the host are for test_local.c, migration for test_migration.c.
 */
#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/hotplug.h"

#define M0	"-object memory-backend-memfd,id=m0,size=64M "
#define M1	"-object memory-backend-memfd,id=m1,size=2M "
#define DEV	"-device %s,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake"
/* before it in address space, to leave the next free address misaligned */
#define BEFORE	"-device virtio-cma-pci,id=cma1,addr=1e,memdev=m1,granule=2M,x-provider=fake "
#define SHARED	VIRTIO_CMA_CLIENT_SHARED

static struct qtest *q;
static struct cma c;

static uint64_t base_of(const char *options)
{
	uint64_t base;

	q = qtest_start(QTEST_Q35, M0 M1 BEFORE DEV "%s", "virtio-cma-pci", options);
	base = (uint64_t)qtest_get(q, "/region/base-gpa");
	qtest_stop(q);
	return base;
}

/* Memory hotplug of guests wants more alignment than a granule. */
static void test_base_is_aligned(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	assert_int_equal(base_of(",mode=reusable") % (64 * MIB), 0);
	assert_int_equal(base_of(",mode=auto") % (64 * MIB), 0);
	assert_int_equal(base_of(",mode=private,align=1G") % (1024 * MIB), 0);
	/* the control */
	assert_int_equal(base_of(",mode=private") % (64 * MIB), CMA_GRANULE);
	assert_int_equal(base_of(",mode=reusable,align=2M") % (64 * MIB), CMA_GRANULE);
}

static int start(void **state)
{
	const struct virtio_transport *t = *state;

	qtest_skip_unless_built();
	q = qtest_start(t->machine, M0 DEV ",mode=reusable", t->device);
	cma_open(&c, q, t);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	qtest_stop(q);
	return 0;
}

static void test_config(void **state)
{
	struct virtio_cma_config config;

	(void)state;
	cma_config(&c, &config);
	assert_int_equal(config.mode, VIRTIO_CMA_MODE_REUSABLE);
	assert_int_equal(config.flags, 0);
	assert_int_equal(config.backed_bytes, 64 * MIB);
	assert_int_equal(config.pinned_bytes, 0);
	assert_int_equal(config.region_base_gpa % (64 * MIB), 0);
	qtest_assert_text(q, "/region/mode", "reusable");
}

static void test_auto(void **state)
{
	struct virtio_cma_config config;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 DEV ",mode=auto,max-align-order=10", "virtio-cma-pci");
	cma_open(&c, q, &virtio_pci);
	cma_config(&c, &config);
	assert_int_equal(config.mode, VIRTIO_CMA_MODE_REUSABLE);
	assert_int_equal(config.flags, VIRTIO_CMA_FLAG_AUTO);
	assert_int_equal(config.max_align_order, 10);
	assert_int_equal(config.backed_bytes, 64 * MIB);
	qtest_stop(q);
}

/*
 *	what the guest wrote    a b c d ...   before any ALLOC
 *	ALLOC, FREE, reset      a b c d ...   the same after each
 */
static void test_contents_stay(void **state)
{
	struct virtio_cma_block block;
	uint64_t i;

	(void)state;
	for (i = 0; i < 32; i++)
		qtest_writeq(q, c.base_gpa + i * CMA_GRANULE + 8, i + 1);
	assert_int_equal(cma_alloc(&c, 6 * MIB, SHARED, &block), VIRTIO_CMA_S_OK);
	qtest_writeq(q, block.base_gpa + 8, 77);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, 64 * MIB, SHARED, &block), VIRTIO_CMA_S_OK);
	cma_restart(&c);
	for (i = 0; i < 32; i++)
		assert_int_equal(qtest_readq(q, c.base_gpa + i * CMA_GRANULE + 8),
				 i ? i + 1 : 77);
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), 64 * MIB);
}

/* Hints are how the guest steers; a busy granule is left alone and says why. */
static void test_hint_and_busy(void **state)
{
	struct {
		struct virtio_cma_alloc_req head;
		struct virtio_cma_range hint;
	} req = {
		.head = {
			.hdr = { .op = VIRTIO_CMA_OP_ALLOC, .bytes = sizeof(req) },
			.bytes = CMA_GRANULE,
			.max_dma_addr = UINT64_MAX,
			.flags = VIRTIO_CMA_ALLOC_CONTIG | VIRTIO_CMA_ALLOC_FAST,
			.client = SHARED,
			.nr_hints = 1,
		},
		.hint = { .base_gpa = c.base_gpa + 9 * CMA_GRANULE, .bytes = 2 * CMA_GRANULE },
	};
	struct virtio_cma_busy_req busy = {
		.hdr = { .op = VIRTIO_CMA_OP_BUSY, .bytes = sizeof(busy) },
		.block = { .base_gpa = c.base_gpa + 9 * CMA_GRANULE, .bytes = CMA_GRANULE },
		.action = VIRTIO_CMA_BUSY_SET,
		.why = VIRTIO_CMA_WHY_PINNED,
	};
	struct {
		struct virtio_cma_alloc_resp head;
		struct virtio_cma_block block;
	} resp;
	unsigned int i;

	(void)state;
	for (i = 9; i < 11; i++) {
		assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp,
					 sizeof(resp)), sizeof(resp));
		assert_int_equal(resp.block.base_gpa, c.base_gpa + i * CMA_GRANULE);
		if (i == 10)
			break;
		assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &busy, sizeof(busy), &resp,
					 sizeof(resp)), sizeof(struct virtio_cma_resp_hdr));
		assert_int_equal(resp.head.hdr.status, VIRTIO_CMA_S_OK);
	}
	assert_int_equal(qtest_get(q, "/counters/busy-pinned-bytes"), CMA_GRANULE);
}

/* ---- dump ---- */

/* 8 bytes of the dumped memory at @gpa; false if no segment has them. */
static bool dumped(FILE *f, uint64_t gpa, uint64_t *value)
{
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	unsigned int i;

	rewind(f);
	assert_int_equal(fread(&eh, sizeof(eh), 1, f), 1);
	assert_memory_equal(eh.e_ident, ELFMAG, SELFMAG);
	for (i = 0; i < eh.e_phnum; i++) {
		fseek(f, (long)(eh.e_phoff + i * sizeof(ph)), SEEK_SET);
		assert_int_equal(fread(&ph, sizeof(ph), 1, f), 1);
		if (ph.p_type != PT_LOAD || gpa < ph.p_paddr || gpa - ph.p_paddr >= ph.p_filesz)
			continue;
		fseek(f, (long)(ph.p_offset + gpa - ph.p_paddr), SEEK_SET);
		return fread(value, sizeof(*value), 1, f) == 1;
	}
	return false;
}

static void test_dump(void **state)
{
	struct virtio_cma_block block;
	char file[64];
	uint64_t value = 0;
	FILE *f;

	(void)state;
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	qtest_writeq(q, block.base_gpa, 0x7061676573);			/* in a block */
	qtest_writeq(q, c.base_gpa + 63 * MIB, 0x6c656e74);		/* online */
	snprintf(file, sizeof(file), "/tmp/hvcma-dump-%d", getpid());
	json_object_put(qtest_qmp_ok(q, "{'execute': 'dump-guest-memory', 'arguments': {"
				     "'paging': false, 'protocol': 'file:%s'}}", file));
	f = fopen(file, "r");
	unlink(file);
	assert_non_null(f);
	assert_true(dumped(f, block.base_gpa, &value));
	assert_true(value == 0x7061676573);
	assert_true(dumped(f, c.base_gpa + 63 * MIB, &value));
	assert_true(value == 0x6c656e74);
	/* the control */
	assert_false(dumped(f, c.base_gpa + 64 * MIB, &value));
	fclose(f);
}

/* ---- others that live from guest memory ---- */

/* virtio-mem discards only what is its own: both can be had. */
static void test_beside_virtio_mem(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "-object memory-backend-memfd,id=vm0,size=256M,reserve=off "
			"-device virtio-mem-pci,id=vmem0,memdev=vm0,requested-size=128M "
			M0 DEV ",mode=reusable", "virtio-cma-pci");
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(qtest_get(q, "/counters/unbacked-bytes"), 0);
	qtest_stop(q);
}

/* A plug that finds too few pages leaves nothing behind. */
static void test_failed_hotplug_rolls_back(void **state)
{
	struct json_object *devices;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 "-device pcie-root-port,id=rp0");
	qtest_qmp_refused(q, "mode=reusable needs all of its 67108864 bytes before the guest starts",
			  "{'execute': 'device_add', 'arguments': {"
			  "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0', 'memdev': 'm0',"
			  "'granule': 2097152, 'mode': 'reusable', 'x-provider': 'fake',"
			  "'x-fake-fault': 'back:0:1:12'}}");
	devices = qtest_qmp_ok(q, "{'execute': 'query-memory-devices'}");
	assert_int_equal(json_object_array_length(devices), 0);
	json_object_put(devices);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0',"
				     "'memdev': 'm0', 'granule': 2097152, 'mode': 'reusable',"
				     "'x-provider': 'fake'}}"));
	qtest_assert_text(q, "/region/mode", "reusable");
	assert_int_equal(qtest_get(q, "/region/base-gpa") % (64 * MIB), 0);
	qtest_stop(q);
}

/* ---- orphaned memory ---- */

/* left, by one end of a driver with so many granules still online */
static uint64_t left_after(uint32_t online)
{
	cma_report_online(&c, online);
	assert_int_equal(qtest_get(q, "/counters/orphaned-bytes"), 0);
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/online-bytes"), 0);
	return (uint64_t)qtest_get(q, "/counters/orphaned-bytes");
}

static void test_left(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, M0 HOTPLUG_PORT DEV ",mode=reusable,bus=rp0", "virtio-cma-pci");
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	assert_int_equal(left_after(0x70000001), 4 * CMA_GRANULE);
	qtest_qmp_refused(q, "virtio-cma 'banka': 8388608 bytes are orphaned, RAM of the guest whose driver is gone",
			  HOTPLUG_DEL("cma0"));
	virtio_reset(&c.v);	/* as firmware does, and kernels without the driver */
	assert_int_equal(qtest_get(q, "/counters/orphaned-bytes"), 4 * CMA_GRANULE);

	/* another driver: it uses them again */
	cma_restart(&c);
	assert_int_equal(qtest_get(q, "/counters/orphaned-bytes"), 4 * CMA_GRANULE);
	cma_report_online(&c, ~0u);
	assert_int_equal(left_after(0), 0);

	/* no guest is left */
	cma_restart(&c);
	assert_int_equal(left_after(1), CMA_GRANULE);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_int_equal(qtest_get(q, "/counters/orphaned-bytes"), 0);
	hotplug_set_up(q);
	cma_open_on_bus(&c, q, 1);
	cma_report_online(&c, ~0u);	/* and reset with the machine */
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_int_equal(qtest_get(q, "/counters/orphaned-bytes"), 0);
	hotplug_set_up(q);
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_eject(q);
	qtest_stop(q);
}

#define BOTH(test)	\
	{ #test " over PCI", test, start, stop, (void *)&virtio_pci },	\
	{ #test " over MMIO", test, start, stop, (void *)&virtio_mmio }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_is_aligned),
		cmocka_unit_test(test_auto),
		BOTH(test_config), BOTH(test_contents_stay), BOTH(test_hint_and_busy),
		cmocka_unit_test(test_beside_virtio_mem),
		cmocka_unit_test(test_failed_hotplug_rolls_back),
		cmocka_unit_test(test_left),
		{ "test_dump", test_dump, start, stop, (void *)&virtio_pci },
	};

	return cmocka_run_group_tests_name("reusable", tests, NULL, NULL);
}
