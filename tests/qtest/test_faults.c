// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The host fails in the middle of a request (injected into the fake provider):
 * the guest gets a status, nothing stays pinned, and the next request works.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"

static const struct fault {
	const char *name;
	const char *spec;		/* METHOD:NR:COUNT:ERRNO */
	const char *more;
	uint32_t status;
} faults[] = {
	{ "no hugepage left", "back:0:1:12", "", VIRTIO_CMA_S_NO_BACKING },
	{ "page poisoned", "back:0:1:5", "", VIRTIO_CMA_S_IO },
	{ "pin refused", "pin:0:1:5", "", VIRTIO_CMA_S_IO },
	{ "pin out of memory", "pin:0:1:12", "", VIRTIO_CMA_S_IO },
	{ "pin limit of the host", "pin:0:1:122", "", VIRTIO_CMA_S_PIN_LIMIT },
	{ "granule not contiguous", "hpa:2:1:5", ",unsafe-noiommu=on", VIRTIO_CMA_S_IO },
};

static void test_fault(void **state)
{
	const struct fault *f = *state;
	struct virtio_cma_block block;
	struct qtest *q;
	struct cma c;

	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, CMA_FAKE_REGION ",x-fake-fault=%s%s", "virtio-cma-pci", f->spec,
			f->more);
	cma_open(&c, q, &virtio_pci);
	/* one block of all: the host cannot be asked for less instead */
	assert_int_equal(cma_alloc(&c, 64 * MIB, VIRTIO_CMA_CLIENT_SHARED, &block), f->status);
	assert_int_equal(qtest_get(q, "/counters/blocks"), 0);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/alloc-failed"), 1);
	/* the operator is told, except of what a guest can have at will */
	if (f->status == VIRTIO_CMA_S_PIN_LIMIT)
		assert_string_equal(qtest_stderr(q), "");
	else
		assert_non_null(strstr(qtest_stderr(q), "warning: virtio-cma: region banka: "));

	assert_int_equal(cma_alloc(&c, 64 * MIB, VIRTIO_CMA_CLIENT_SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 64 * MIB);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	qtest_stop(q);
}

/* Freed memory whose pages cannot be discarded stays usable. */
static void test_discard_fails(void **state)
{
	struct virtio_cma_block block;
	struct qtest *q;
	struct cma c;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, CMA_FAKE_REGION ",discard=on,x-fake-fault=discard:0:1:5",
			"virtio-cma-pci");
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), CMA_GRANULE);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), 0);
	qtest_stop(q);
}

#define ROOT_PORT_ID	0x000c1b36u

static struct qtest *start_quarantined(struct cma *c, const char *options)
{
	struct virtio_cma_block block;
	struct qtest *q;

	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "-object memory-backend-memfd,id=m0,size=64M -device edu,id=edu0 "
			"-device pcie-root-port,id=rp0 "
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,granule=2M,"
			"x-provider=fake,clients=edu0,%s", options);
	if (strstr(options, "bus=rp0")) {
		uint8_t port = qtest_pci_find(q, 0, ROOT_PORT_ID);

		/* bus numbers, memory window, memory and bus master on */
		qtest_pci_write(q, 0, port, 0x18, 0x00010100);
		qtest_pci_write(q, 0, port, 0x20, 0xeff0e800);
		qtest_pci_write(q, 0, port, 0x04, 6);
		cma_open_on_bus(c, q, 1);
	} else {
		cma_open(c, q, &virtio_pci);
	}
	assert_int_equal(cma_claim(c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(c, 2 * CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	return q;
}

/*
 * A client can't be quiesced at a reset: everything stays pinned, nothing
 * can be freed, the operator is warned once; until a later reset succeeds.
 */
static void test_reset_not_quiesced(void **state)
{
	struct virtio_cma_block block;
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start_quarantined(&c, "x-fake-fault=quiesce:0:2:5");
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/quarantined-bytes"), 2 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 2 * CMA_GRANULE);
	assert_non_null(strstr(qtest_stderr(q), "virtio-cma 'banka': client 'edu0' is not quiesced, "
			       "the region's memory stays pinned: x-fake-fault"));
	cma_restart(&c);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, VIRTIO_CMA_CLIENT_SHARED, &block), 0);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_REFUSED);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 3 * CMA_GRANULE);

	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/quarantined-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	qtest_stop(q);
}

/* Of the first client, as the operator is told. */
static void assert_state(struct qtest *q, const char *expected)
{
	struct json_object *answer = qtest_qmp(q, "{'execute': 'qom-get', 'arguments': {'path': '/machine/peripheral/cma0', "
					       "'property': 'report'}}");
	struct json_object *state = NULL;

	json_pointer_get(answer, "/return/clients/0/state", &state);
	assert_string_equal(json_object_get_string(state), expected);
	json_object_put(answer);
}

static void test_release_not_quiesced(void **state)
{
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start_quarantined(&c, "x-fake-fault=quiesce:0:1:5");
	assert_state(q, "claimed");
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_IO);
	assert_state(q, "quarantined");		/* and not what the guest is told */
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 2 * CMA_GRANULE);
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	qtest_stop(q);
}

static void eject(struct qtest *q)
{
	struct json_object *bsel;

	bsel = qtest_qmp_ok(q, "{'execute': 'qom-get', 'arguments': {"
			    "'path': '/machine/peripheral/rp0/rp0', 'property': 'acpi-pcihp-bsel'}}");
	qtest_outl(q, 0xcd0, (uint32_t)json_object_get_int(bsel));
	json_object_put(bsel);
	qtest_outl(q, 0xcc8, 1);
	qtest_wait_event(q, "DEVICE_DELETED");
}

/* The client goes and nobody knows what it still does: no end to the pins. */
static void test_unplug_not_quiesced(void **state)
{
	struct virtio_cma_block block;
	struct qtest *q;
	struct cma c;

	(void)state;
	qtest_skip_unless_built();
	q = qtest_start(QTEST_Q35, "-device pcie-root-port,id=rp0 -device edu,id=edu0,bus=rp0 "
			CMA_FAKE_REGION ",clients=edu0,x-fake-fault=quiesce:0:1:5", "virtio-cma-pci");
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	eject(q);
	assert_non_null(strstr(qtest_stderr(q), "virtio-cma 'banka': client 'edu0' went without "
			       "being quiesced: its memory stays pinned"));
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/quarantined-bytes"), CMA_GRANULE);
	qtest_qmp_refused(q, "client 'edu0' was unplugged without being quiesced and can't come back",
			  "{'execute': 'device_add', 'arguments': {'driver': 'edu', 'id': 'edu0',"
			  "'bus': 'rp0'}}");
	qtest_stop(q);
}

/* Even without its region the memory is not given to anyone else. */
static void test_eject_not_quiesced(void **state)
{
	struct qtest *q;
	struct cma c;

	(void)state;
	q = start_quarantined(&c, "bus=rp0,x-fake-fault=quiesce:0:1:5");
	eject(q);
	assert_non_null(strstr(qtest_stderr(q), "virtio-cma 'banka': a client is not quiesced: "
			       "the region's memory is never released"));
	qtest_qmp_refused(q, "is in use", "{'execute': 'object-del', 'arguments': {'id': 'm0'}}");
	qtest_qmp_refused(q, "memdev 'm0' is already used",
			  "{'execute': 'device_add', 'arguments': {'driver': 'virtio-cma-pci', 'id': 'cma0',"
			  "'bus': 'rp0', 'memdev': 'm0', 'granule': 2097152, 'x-provider': 'fake'}}");
	qtest_stop(q);
}

#define NR_FAULTS	(sizeof(faults) / sizeof(faults[0]))

int main(void)
{
	static struct CMUnitTest tests[NR_FAULTS + 5];
	size_t i;

	for (i = 0; i < NR_FAULTS; i++)
		tests[i] = (struct CMUnitTest){ .name = faults[i].name, .test_func = test_fault,
						.initial_state = (void *)&faults[i] };
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_discard_fails);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_reset_not_quiesced);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_release_not_quiesced);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_unplug_not_quiesced);
	tests[i++] = (struct CMUnitTest)cmocka_unit_test(test_eject_not_quiesced);
	return cmocka_run_group_tests_name("host faults", tests, NULL, NULL);
}
