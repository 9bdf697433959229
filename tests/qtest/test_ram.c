// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mode=ram: the machine's own RAM is the region, pinned from before the guest runs, in two ranges
 * around x86's hole. A client reaches every granule of it where the extents say; nothing unpins it
 * before the end; a driver that does not know of it gets nothing; no other RAM can be beside it; and
 * mode=auto means it where it can. On real memory, with a guest: tests/vm/test_ram.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/edu.h"
#include "tests/qtest/hotplug.h"

#define EDU_BAR		0xe0000000u

#define NR		128			/* granules: 256 MiB */
#define NR_LOW		32			/* below the hole */
#define HIGH_GPA	0x100000000ull
#define RAM		(CMA_FEATURES | CMA_F(PINNED) | CMA_F(RAM))

/* x86's hole as it is on larger machines. */
#define RAM0		"-object memory-backend-memfd,id=ram0,size=256M " \
			"-machine memory-backend=ram0,max-ram-below-4g=64M "
#define M1		"-object memory-backend-memfd,id=m1,size=64M "
#define DEV		"-device virtio-cma-pci,id=cma0,name=banka,granule=2M,x-provider=fake"
#define HPA		",unsafe-noiommu=on,x-fabric=on,x-fake-extent=5,x-fake-shuffle=on," \
			"x-fake-base=0x7f00000000"
#define EDU		"-device edu,id=edu0,dma_mask=0xffffffffffffffff "

static struct qtest *q;
static struct cma c;

static void start(const char *options)
{
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, RAM0 EDU DEV ",clients=edu0%s", options);
	qtest_run(q);
	cma_open_as(&c, q, &virtio_pci, RAM);
}

static uint8_t edu_on(void)
{
	uint8_t edu = qtest_pci_find(q, 0, EDU_ID);

	qtest_pci_write(q, 0, edu, BAR0, EDU_BAR);
	qtest_pci_write(q, 0, edu, COMMAND, COMMAND_ON);
	return edu;
}

static void claim(void)
{
	edu_on();
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	edu_on();
}

static void expect_pinned(uint64_t bytes)
{
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), bytes);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), bytes);
}

static struct {
	struct virtio_cma_query_resp head;
	union {
		struct virtio_cma_extent extents[NR];
		struct virtio_cma_range ranges[VIRTIO_CMA_MAX_RANGES];
	};
} answer;

static uint64_t query(uint32_t what)
{
	struct virtio_cma_query_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_QUERY, .bytes = sizeof(req) },
		.what = what,
	};

	memset(&answer, 0, sizeof(answer));
	assert_true(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &answer,
			    sizeof(answer)) > 0);
	assert_int_equal(answer.head.hdr.status, VIRTIO_CMA_S_OK);
	return answer.head.total;
}

/* Where the extents of the last query say that it is. */
static uint64_t dma_of(uint64_t gpa)
{
	const struct virtio_cma_extent *x = answer.extents;

	while (gpa - x->base_gpa >= x->bytes)
		assert_true(++x < answer.extents + answer.head.total);
	return x->base_dma + (gpa - x->base_gpa);
}

static uint64_t gpa_of(unsigned int granule)
{
	return granule < NR_LOW ? granule * CMA_GRANULE :
				  HIGH_GPA + (granule - NR_LOW) * CMA_GRANULE;
}

static void test_seen(void **state)
{
	struct virtio_cma_config config;
	struct json_object *devices;

	(void)state;
	start(",mode=ram");
	cma_config(&c, &config);
	assert_int_equal(config.mode, VIRTIO_CMA_MODE_RAM);
	assert_int_equal(config.flags, VIRTIO_CMA_FLAG_PINNED);
	assert_int_equal(config.region_base_gpa, 0);
	assert_int_equal(config.region_bytes, 256 * MIB);
	assert_int_equal(config.pinned_bytes, 256 * MIB);
	qtest_assert_text(q, "/region/mode", "ram");
	qtest_assert_text(q, "/region/pin", "all");
	qtest_assert_text(q, "/granules/0/state", "pinned");
	assert_int_equal(qtest_get(q, "/granules/0/nr"), NR);
	assert_int_equal(qtest_get(q, "/region/ranges/0/bytes"), NR_LOW * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/region/ranges/1/base-gpa"), HIGH_GPA);
	assert_int_equal(qtest_get(q, "/extents/1/base-gpa"), HIGH_GPA);
	assert_int_equal(query(VIRTIO_CMA_QUERY_RANGES), 2);
	assert_int_equal(answer.ranges[0].base_gpa, 0);
	assert_int_equal(answer.ranges[0].bytes, NR_LOW * CMA_GRANULE);
	assert_int_equal(answer.ranges[1].base_gpa, HIGH_GPA);
	assert_int_equal(answer.ranges[1].bytes, (NR - NR_LOW) * CMA_GRANULE);
	/* Addresses are the guest's own: an extent per range. */
	assert_int_equal(query(VIRTIO_CMA_QUERY_EXTENTS), 2);
	assert_int_equal(answer.extents[1].base_dma, HIGH_GPA);
	expect_pinned(256 * MIB);
	/* Nothing was plugged, and the machine's memory is what it was. */
	devices = qtest_qmp_ok(q, "{'execute': 'query-memory-size-summary'}");
	assert_non_null(strstr(json_object_to_json_string(devices), "\"plugged-memory\": 0"));
	json_object_put(devices);
	qtest_stop(q);
}

/* Of each granule a word, both ways; what is at 640 KiB to 1 MiB is the machine's. */
static void test_all_is_reached(void **state)
{
	unsigned int i;

	(void)state;
	start(",mode=ram" HPA);
	claim();
	assert_true(query(VIRTIO_CMA_QUERY_EXTENTS) > 2);
	for (i = 0; i < NR; i++) {
		uint64_t gpa = gpa_of(i) + MIB + 0x2000 + i * 8, value = 0x1122334455667700u + i;

		qtest_writeq(q, gpa, value);
		edu_dma(q, EDU_BAR, dma_of(gpa), EDU_BUFFER, 8, 0);
		edu_dma(q, EDU_BAR, EDU_BUFFER, dma_of(gpa + 4096), 8, EDU_TO_MEMORY);
		assert_true(qtest_readq(q, gpa + 4096) == value);
	}
	assert_int_equal(qtest_get(q, "/counters/fabric-faults"), 0);
	/* The control: as if there were no hole. */
	edu_dma(q, EDU_BAR, gpa_of(NR_LOW), EDU_BUFFER, 8, 0);
	assert_true(qtest_get(q, "/counters/fabric-faults") > 0);
	qtest_stop(q);
}

/* Blocks are isolated by the guest: here and there, and in one range each. */
static void test_blocks(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(",mode=ram");
	assert_int_equal(cma_alloc(&c, (NR - NR_LOW) * CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_OK);
	assert_int_equal(block.base_gpa, HIGH_GPA);
	assert_int_equal(block.base_dma, HIGH_GPA);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block),
			 VIRTIO_CMA_S_OK);
	assert_true(block.base_gpa < NR_LOW * CMA_GRANULE);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, NR_LOW * CMA_GRANULE, CMA_GRANULE), VIRTIO_CMA_S_RANGE);
	expect_pinned(256 * MIB);
	qtest_stop(q);
}

static void test_nothing_unpins(void **state)
{
	struct virtio_cma_extent before[NR];

	(void)state;
	start(",mode=ram" HPA);
	claim();
	query(VIRTIO_CMA_QUERY_EXTENTS);
	memcpy(before, answer.extents, sizeof(before));
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	expect_pinned(256 * MIB);
	virtio_reset(&c.v);
	expect_pinned(256 * MIB);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	expect_pinned(256 * MIB);
	cma_open_as(&c, q, &virtio_pci, RAM);
	query(VIRTIO_CMA_QUERY_EXTENTS);
	assert_memory_equal(before, answer.extents, sizeof(before));
	qtest_stop(q);
}

/* Whoever can't be stopped keeps all of it, at a reset and at the end. */
static void test_quarantine(void **state)
{
	(void)state;
	start(",mode=ram" HPA ",x-fake-fault=quiesce:0:100:5");
	claim();
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/quarantined-bytes"), 256 * MIB);
	expect_pinned(256 * MIB);
	qtest_stop(q);
}

/* The gate is closed first, then the pins go: one that is in the way of the other shows. */
static void test_unplug(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, RAM0 M1 HOTPLUG_PORT DEV ",mode=ram,bus=rp0");
	hotplug_set_up(q);
	qtest_qmp_refused(q, "virtio-cma 'banka': mode=ram is all the RAM that its clients can be given, "
			  "268435456 bytes: memory device 'd0' (pc-dimm) would be RAM beside it",
			  "{'execute': 'device_add', 'arguments': {"
			  "'driver': 'pc-dimm', 'id': 'd0', 'memdev': 'm1'}}");
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_eject(q);
	/* Without it others may come, and it may not. */
	qtest_qmp_refused(q, "virtio-cma 'cma0': mode=ram must be there when the machine starts",
			  "{'execute': 'device_add', 'arguments': {"
			  "'driver': 'virtio-cma-pci', 'id': 'cma0', 'bus': 'rp0', 'granule': 2097152,"
			  "'mode': 'ram', 'x-provider': 'fake'}}");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'device_add', 'arguments': {"
				     "'driver': 'pc-dimm', 'id': 'd0', 'memdev': 'm1'}}"));
	qtest_stop(q);
}

static void test_migration(void **state)
{
	(void)state;
	start(",mode=ram");
	qtest_qmp_refused(q, "virtio-cma 'banka': mode=ram: the guest's RAM is pinned where it is",
			  "{'execute': 'migrate', 'arguments': {'uri': 'file:/dev/null'}}");
	qtest_stop(q);
	start(",mode=ram" HPA);
	qtest_qmp_refused(q, "virtio-cma 'banka': mode=ram: the guest's RAM is pinned where it is",
			  "{'execute': 'migrate', 'arguments': {'uri': 'file:/dev/null'}}");
	qtest_stop(q);
	q = qtest_start(QTEST_Q35, "-incoming defer " RAM0 DEV ",mode=ram");
	qtest_qmp_refused(q, "virtio-cma 'banka': mode=ram can't be migrated by postcopy",
			  "{'execute': 'migrate-set-capabilities', 'arguments': {'capabilities': "
			  "[{'capability': 'postcopy-ram', 'state': true}]}}");
	qtest_stop(q);
}

/* Who does not know of it would take the RAM that it runs in for memory to be added. */
static void test_other_drivers(void **state)
{
	static const uint32_t accepted[] = {
		0, CMA_F(VERSION_1), CMA_FEATURES, CMA_FEATURES | CMA_F(PINNED),
		RAM & ~CMA_F(PINNED), RAM & ~CMA_F(VERSION_1),
	};
	size_t i;

	(void)state;
	start(",mode=ram");
	for (i = 0; i < sizeof(accepted) / sizeof(accepted[0]); i++) {
		c.v.features_low = accepted[i];
		assert_false(virtio_negotiate(&c.v));
	}
	c.v.features_low = CMA_F(VERSION_1) | CMA_F(PINNED) | CMA_F(RAM);
	assert_true(virtio_negotiate(&c.v));
	qtest_stop(q);
}

/* In one piece, elsewhere than at 0. */
static void test_arm(void **state)
{
	struct virtio_cma_config config;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_VIRT, "-object memory-backend-memfd,id=ram0,size=256M "
			"-machine memory-backend=ram0 "
			"-device virtio-cma-device,id=cma0,name=banka,granule=2M,x-provider=fake,mode=ram");
	cma_open_as(&c, q, &virtio_mmio, RAM);
	cma_config(&c, &config);
	assert_int_equal(config.region_base_gpa, 0x40000000);
	assert_int_equal(query(VIRTIO_CMA_QUERY_RANGES), 1);
	assert_int_equal(answer.ranges[0].base_gpa, 0x40000000);
	assert_int_equal(answer.ranges[0].bytes, 256 * MIB);
	expect_pinned(256 * MIB);
	qtest_stop(q);
}

/* A machine without memory devices at all, and one without a hole. */
static void test_microvm(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_MICROVM, "-object memory-backend-memfd,id=ram0,size=256M "
			"-machine memory-backend=ram0 -global virtio-mmio.force-legacy=false "
			"-device virtio-cma-device,id=cma0,name=banka,granule=2M,x-provider=fake,mode=ram");
	assert_int_equal(qtest_get(q, "/extents/0/bytes"), 256 * MIB);
	expect_pinned(256 * MIB);
	qtest_stop(q);
}

/* What is no RAM of the guest may be beside it. */
static void test_private_beside(void **state)
{
	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, RAM0 M1 EDU DEV ",mode=ram,clients=edu0 "
			"-device virtio-cma-pci,id=cma1,memdev=m1,granule=2M,x-provider=fake,clients=edu0");
	expect_pinned(256 * MIB);
	qtest_assert_text(q, "cma1:/region/mode", "private");
	qtest_stop(q);
}

/* ---- mode=auto ---- */

static const struct choice {
	const char *name, *options, *mode;
} choices[] = {
	{ "auto, the machine's RAM", DEV ",mode=auto,clients=edu0" HPA, "ram" },
	{ "auto, the machine's RAM by name", DEV ",mode=auto,memdev=ram0,clients=edu0" HPA, "ram" },
	{ "auto, the default region", DEV ",mode=auto,default=on" HPA, "ram" },
	{ "auto, a client of a reservation", DEV ",mode=auto,regions=banka/edu0=2M" HPA, "ram" },
	{ "auto, memory of its own", DEV ",mode=auto,memdev=m1,clients=edu0" HPA, "auto" },
	{ "auto, not allowed", DEV ",mode=auto,memdev=m1,clients=edu0", "auto" },
};

static void test_choice(void **state)
{
	const struct choice *choice = *state;

	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, RAM0 M1 EDU "%s", choice->options);
	qtest_assert_text(q, "/region/mode", choice->mode);
	qtest_stop(q);
}

/* ---- refusals ---- */

#define LOCAL	"-device virtio-cma-pci,id=cma0,name=banka"

static const struct refusal {
	const char *name, *options, *message;
} refusals[] = {
	{ "RAM on ordinary pages", RAM0 LOCAL ",mode=ram",
	  "virtio-cma 'banka': mode=ram needs RAM on hugepages, but memdev 'ram0' has pages of 4096 bytes" },
	{ "RAM on ordinary pages, of no memdev", LOCAL ",mode=ram",
	  "virtio-cma 'banka': mode=ram needs RAM on hugepages, but memdev 'pc.ram' has pages of 4096 bytes" },
	{ "RAM on ordinary pages, host-physical", RAM0 LOCAL ",mode=ram,unsafe-noiommu=on",
	  "virtio-cma 'banka': unsafe-noiommu=on needs hugepages, but memdev 'ram0' has pages of 4096 bytes" },
	{ "other memory", RAM0 M1 DEV ",mode=ram,memdev=m1",
	  "virtio-cma 'banka': mode=ram is of all the machine's RAM, 268435456 bytes, but memdev 'm1' is not that" },
	{ "a part of the RAM", "-object memory-backend-memfd,id=n0,size=128M "
	  "-object memory-backend-memfd,id=n1,size=128M -numa node,memdev=n0 -numa node,memdev=n1 "
	  DEV ",mode=ram,memdev=n0",
	  "virtio-cma 'banka': mode=ram is of all the machine's RAM, 268435456 bytes, but memdev 'n0' is not that" },
	{ "RAM of several memdevs", "-object memory-backend-memfd,id=n0,size=128M "
	  "-object memory-backend-memfd,id=n1,size=128M -numa node,memdev=n0 -numa node,memdev=n1 "
	  DEV ",mode=ram", "virtio-cma 'banka': property 'memdev' is not set" },
	{ "the hole cuts a granule", "-object memory-backend-memfd,id=ram0,size=256M "
	  "-machine memory-backend=ram0,max-ram-below-4g=65M " DEV ",mode=ram",
	  "virtio-cma 'banka': mode=ram: the machine has RAM at 0x0, 68157440 bytes, which is not of whole "
	  "granules of 2097152" },
	{ "an address", RAM0 DEV ",mode=ram,memaddr=0x140000000",
	  "virtio-cma 'banka': mode=ram has the addresses that the machine gives it" },
	{ "a base", RAM0 DEV ",mode=ram,regions=banka=256M@0x140000000",
	  "virtio-cma 'banka': mode=ram has the addresses that the machine gives it" },
	{ "an alignment", RAM0 DEV ",mode=ram,align=2M",
	  "virtio-cma 'banka': mode=ram has the addresses that the machine gives it" },
	{ "low pages", RAM0 DEV ",mode=ram,low=2M",
	  "virtio-cma 'banka': mode=ram has the pages that the guest starts with: low=2097152 is of a region beside it" },
	{ "long runs", RAM0 DEV ",mode=ram,contiguous=best",
	  "virtio-cma 'banka': mode=ram has the pages that the guest starts with: contiguous=best is of a region beside it" },
	{ "blocks", RAM0 DEV ",mode=ram,pin=blocks",
	  "virtio-cma 'banka': mode=ram is pinned from the start: no pin=blocks" },
	{ "a pin limit", RAM0 DEV ",mode=ram,pin-limit=128M",
	  "virtio-cma 'banka': mode=ram pins all of the 268435456 bytes, but pin-limit= allows 134217728" },
	{ "a part of itself", RAM0 DEV ",mode=ram,regions=banka=128M",
	  "virtio-cma 'banka': mode=ram pins all of the 268435456 bytes, but regions= allows 134217728" },
	{ "discards", RAM0 DEV ",mode=ram,discard=on",
	  "virtio-cma 'banka': discard=on discards pages that mode=ram gives to the guest as RAM" },
	{ "the host can't", RAM0 DEV ",mode=ram,x-fake-fault=pin:0:1:5",
	  "virtio-cma 'banka': mode=ram can't pin the region's 268435456 bytes: " },
	{ "the host has too little", RAM0 DEV ",mode=ram,x-fake-fault=back:0:1:61",
	  "virtio-cma 'banka': mode=ram needs all of its 268435456 bytes before the guest starts" },
	{ "a DIMM before", RAM0 M1 "-device pc-dimm,id=d0,memdev=m1 " DEV ",mode=ram",
	  "virtio-cma 'banka': mode=ram is all the RAM that its clients can be given, 268435456 bytes: "
	  "memory device 'd0' (pc-dimm) would be RAM beside it" },
	{ "a DIMM after", RAM0 M1 DEV ",mode=ram -device pc-dimm,id=d0,memdev=m1",
	  "memory device 'd0' (pc-dimm) would be RAM beside it" },
	{ "virtio-mem after", RAM0 M1 DEV ",mode=ram -device virtio-mem-pci,id=vm0,memdev=m1",
	  "memory device 'vm0' (virtio-mem-pci) would be RAM beside it" },
	{ "a reusable region before", RAM0 M1
	  "-device virtio-cma-pci,id=cma1,memdev=m1,granule=2M,x-provider=fake,mode=reusable " DEV ",mode=ram",
	  "virtio-cma 'cma1': mode=reusable makes it RAM of the guest, and region 'banka' with mode=ram is all of that" },
	{ "a reusable region after", RAM0 M1 DEV ",mode=ram "
	  "-device virtio-cma-pci,id=cma1,memdev=m1,granule=2M,x-provider=fake,mode=reusable",
	  "virtio-cma 'cma1': mode=reusable makes it RAM of the guest, and region 'banka' with mode=ram is all of that" },
	{ "twice", RAM0 DEV ",mode=ram "
	  "-device virtio-cma-pci,id=cma1,memdev=ram0,granule=2M,x-provider=fake,mode=ram",
	  "virtio-cma 'cma1': mode=ram makes it RAM of the guest, and region 'banka' with mode=ram is all of that" },
	{ "the RAM, of another mode", RAM0 DEV ",memdev=ram0",
	  "virtio-cma 'banka': memdev 'ram0' is already used" },
	{ "auto without a client", RAM0 DEV ",mode=auto" HPA,
	  "virtio-cma 'banka': property 'memdev' is not set (mode=auto is mode=ram only with the machine's RAM" },
	{ "auto on ordinary pages", RAM0 EDU LOCAL ",mode=auto,unsafe-noiommu=on,clients=edu0",
	  "virtio-cma 'banka': property 'memdev' is not set (mode=auto is mode=ram only with the machine's RAM" },
	{ "auto, not allowed", RAM0 EDU DEV ",mode=auto,clients=edu0,memdev=ram0",
	  "virtio-cma 'banka': memdev 'ram0' is already used" },
};

static void test_refusal(void **state)
{
	const struct refusal *refusal = *state;

	qtest_skip_unless_built();
	qtest_expect_refusal(QTEST_Q35, refusal->message, "%s", refusal->options);
}

#define NR_REFUSALS	(sizeof(refusals) / sizeof(refusals[0]))
#define NR_CHOICES	(sizeof(choices) / sizeof(choices[0]))

int main(void)
{
	static struct CMUnitTest tests[NR_REFUSALS + NR_CHOICES + 11];
	size_t i, n = 0;

	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_seen);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_all_is_reached);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_blocks);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_nothing_unpins);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_quarantine);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_unplug);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_migration);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_other_drivers);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_arm);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_microvm);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(test_private_beside);
	for (i = 0; i < NR_CHOICES; i++)
		tests[n++] = (struct CMUnitTest){ .name = choices[i].name, .test_func = test_choice,
						  .initial_state = (void *)&choices[i] };
	for (i = 0; i < NR_REFUSALS; i++)
		tests[n++] = (struct CMUnitTest){ .name = refusals[i].name, .test_func = test_refusal,
						  .initial_state = (void *)&refusals[i] };
	return cmocka_run_group_tests_name("mode=ram", tests, NULL, NULL);
}
