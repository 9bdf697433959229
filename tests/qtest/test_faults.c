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

/* Freed memory whose pages cannot be dropped stays usable. */
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

#define NR_FAULTS	(sizeof(faults) / sizeof(faults[0]))

int main(void)
{
	static struct CMUnitTest tests[NR_FAULTS + 1];
	size_t i;

	for (i = 0; i < NR_FAULTS; i++)
		tests[i] = (struct CMUnitTest){ .name = faults[i].name, .test_func = test_fault,
						.initial_state = (void *)&faults[i] };
	tests[i] = (struct CMUnitTest)cmocka_unit_test(test_discard_fails);
	return cmocka_run_group_tests_name("host faults", tests, NULL, NULL);
}
