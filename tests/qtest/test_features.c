// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Feature bits over virtio: what is offered, what FEATURES_OK is refused for, and that what was
 * negotiated is what the queues and the configuration obey, until the next reset, across a
 * migration. What each bit means for requests is tested in the loopback layer.
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

#define M0	"-object memory-backend-memfd,id=m0,size=64M -device edu,id=edu0 "
#define DEV	"-device %s,id=cma0,memdev=m0,name=banka,granule=2M,x-provider=fake,clients=edu0"

static struct qtest *q;
static struct cma c;
static char file[64];

static void start(const struct virtio_transport *t, const char *options)
{
	qtest_skip_unless_built();
	q = qtest_start(t->machine, M0 DEV "%s", t->device, options);
}

static uint32_t bulk(void)
{
	struct virtio_cma_bulk_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_ALLOC_BULK, .bytes = sizeof(req) },
		.block_bytes = CMA_GRANULE,
		.max_dma_addr = UINT64_MAX,
		.client = VIRTIO_CMA_CLIENT_SHARED,
		.nr_blocks = 2,
	};
	struct {
		struct virtio_cma_bulk_resp head;
		struct virtio_cma_bulk_block blocks[2];
	} resp;

	assert_true(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp)) > 0);
	return resp.head.hdr.status;
}

/* ---- what is offered ---- */

static const struct {
	const char *options;
	uint32_t offered;
} offers[] = {
	{ "", CMA_FEATURES & ~CMA_F(REUSABLE) },
	{ ",mode=reusable", CMA_FEATURES },
	{ ",mode=auto", CMA_FEATURES },
	{ ",mode=reusable,pin=blocks", CMA_FEATURES },
	{ ",mode=reusable,pin=all", CMA_FEATURES | CMA_F(PINNED) },
	{ ",mode=reusable,pin=all,version-1=off", 0 },
	{ ",bulk=off", CMA_FEATURES & ~CMA_F(REUSABLE) & ~CMA_F(BULK) },
	{ ",kinds=off", CMA_FEATURES & ~CMA_F(REUSABLE) & ~CMA_F(KINDS) },
	{ ",client-attributes=off", CMA_FEATURES & ~CMA_F(REUSABLE) & ~CMA_F(ATTRIBUTES) },
	{ ",suspend=off", CMA_FEATURES & ~CMA_F(REUSABLE) & ~CMA_F(SUSPEND) },
	{ ",version-1=off", 0 },
	{ ",version-1=off,mode=reusable", 0 },
};

static void test_offered(void **state)
{
	const struct virtio_transport *t = *state;
	size_t i;

	for (i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
		start(t, offers[i].options);
		cma_open_as(&c, q, t, CMA_FEATURES | CMA_F(PINNED));
		assert_int_equal(t->get_features_low(&c.v) & 0xffffff, offers[i].offered);
		assert_int_equal(qtest_get(q, "/driver/features") & 0xffffff, offers[i].offered);
		qtest_assert_text(q, "/driver/interface", offers[i].offered ?
				  "virtio-cma " VIRTIO_CMA_SPEC_VERSION : "legacy");
		virtio_reset(&c.v);
		qtest_assert_text(q, "/driver/interface", "none");
		qtest_stop(q);
	}
}

/* ---- what a driver may accept ---- */

static const struct {
	const char *options;
	uint32_t accepted;
	bool good;
	uint32_t mode;			/* in the configuration then */
} choices[] = {
	{ ",mode=reusable", 0, true, VIRTIO_CMA_MODE_REUSABLE },
	{ ",mode=reusable", CMA_F(VERSION_1) | CMA_F(REUSABLE), true, VIRTIO_CMA_MODE_REUSABLE },
	{ ",mode=reusable", CMA_F(REUSABLE) | CMA_F(BULK), false, 0 },
	{ ",mode=reusable", CMA_FEATURES & ~CMA_F(REUSABLE), false, 0 },
	{ ",mode=reusable,pin=all", CMA_FEATURES, true, VIRTIO_CMA_MODE_REUSABLE },
	{ ",mode=reusable,pin=all", CMA_FEATURES | CMA_F(PINNED), true, VIRTIO_CMA_MODE_REUSABLE },
	{ ",mode=reusable,pin=all", CMA_F(VERSION_1) | CMA_F(PINNED), false, 0 },
	{ ",mode=reusable,pin=all", CMA_F(PINNED), false, 0 },
	{ ",mode=auto", CMA_FEATURES & ~CMA_F(REUSABLE), true, VIRTIO_CMA_MODE_PRIVATE },
	{ ",mode=auto", CMA_FEATURES, true, VIRTIO_CMA_MODE_REUSABLE },
	{ ",mode=auto", 0, true, VIRTIO_CMA_MODE_REUSABLE },
	{ "", CMA_F(VERSION_1), true, VIRTIO_CMA_MODE_PRIVATE },
	{ "", CMA_F(SUSPEND), false, 0 },
};

static void test_accepted(void **state)
{
	const struct virtio_transport *t = *state;
	struct virtio_cma_config config;
	size_t i;

	for (i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		start(t, choices[i].options);
		cma_open(&c, q, t);
		c.v.features_low = choices[i].accepted;
		if (virtio_negotiate(&c.v) != choices[i].good)
			fail_msg("%s: 0x%x", choices[i].options, choices[i].accepted);
		if (choices[i].good) {
			cma_config(&c, &config);
			assert_int_equal(config.mode, choices[i].mode);
		}
		qtest_stop(q);
	}
}

/* Each life of the driver has its own; the one that follows is served as it asks to be. */
static void test_lives(void **state)
{
	const struct virtio_transport *t = *state;
	struct virtio_cma_config config;

	start(t, "");
	cma_open_as(&c, q, t, CMA_FEATURES & ~CMA_F(BULK));
	assert_int_equal(bulk(), VIRTIO_CMA_S_UNSUPP);
	cma_config(&c, &config);
	assert_int_equal(config.max_bulk_blocks, 0);

	c.v.features_low = 0;
	cma_restart(&c);
	assert_int_equal(bulk(), VIRTIO_CMA_S_OK);
	cma_config(&c, &config);
	assert_int_equal(config.max_bulk_blocks, VIRTIO_CMA_MAX_BULK_BLOCKS);

	c.v.features_low = CMA_F(VERSION_1);
	cma_restart(&c);
	assert_int_equal(bulk(), VIRTIO_CMA_S_UNSUPP);
	qtest_stop(q);
}

/* ---- migration ---- */

static int remove_file(void **state)
{
	(void)state;
	unlink(file);
	return 0;
}

static void test_migration(void **state)
{
	(void)state;
	snprintf(file, sizeof(file), "/tmp/hvcma-features-%d", getpid());
	start(&virtio_pci, ",suspend=off");
	cma_open_as(&c, q, &virtio_pci, CMA_FEATURES & ~CMA_F(BULK));
	assert_int_equal(bulk(), VIRTIO_CMA_S_UNSUPP);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate', 'arguments': {'uri': 'file:%s'}}",
				     file));
	qtest_wait_migrated(q);
	qtest_stop(q);

	start(&virtio_pci, ",suspend=off -incoming defer");
	json_object_put(qtest_qmp_ok(q, "{'execute': 'migrate-incoming', 'arguments': {"
				     "'uri': 'file:%s'}}", file));
	qtest_wait_migrated(q);
	c.v.q = q;
	assert_int_equal(bulk(), VIRTIO_CMA_S_UNSUPP);
	qtest_stop(q);

	/* where a feature is not to be had that the driver uses */
	qtest_expect_refusal(QTEST_Q35, "unsupported. Allowed features:",
			     "-incoming file:%s " M0 DEV ",kinds=off", file, "virtio-cma-pci");
}

int main(void)
{
#define ON(test, transport)						\
	cmocka_unit_test_prestate(test, (void *)(uintptr_t)&transport)
	const struct CMUnitTest tests[] = {
		ON(test_offered, virtio_pci),
		ON(test_offered, virtio_mmio),
		ON(test_accepted, virtio_pci),
		ON(test_lives, virtio_pci),
		ON(test_lives, virtio_mmio),
		cmocka_unit_test_teardown(test_migration, remove_file),
	};

	return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
