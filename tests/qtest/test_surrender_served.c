// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * surrender=on with service=: a QEMU of an ordinary user whose pool is shared with another client of the real hvcmad, which this test is, by
 * the provider that QEMU has. QEMU offers memory when its guest has a driver for it, passes on what is wanted, asks others by what its guest
 * reclaims, goes on with another service, and waits for others when it starts. What surrendering is, is in test_surrender.c; who is asked, in
 * service/test_turns. Needs root, for hugepages.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/host/provider.h"
#include "tests/qtest/cma.h"
#include "tests/qtest/pages.h"
#include "tests/service/daemon.h"

#define SHARED		VIRTIO_CMA_CLIENT_SHARED
#define FEATURES	(CMA_FEATURES | CMA_F(SURRENDER))
#define USER		12345
#define NR		8		/* granules of the other */

static const char config[] =
	"socket-group = \"nogroup\";\n"
	"totals = { memory = \"1G\"; pinned = \"1G\"; regions = 8; };\n"
	"turns = { deadline-ms = 2000; };\n"
	"vms = ( { name = \"guest\"; user = 12345; memory = \"512M\"; pinned = \"512M\"; regions = 4; },\n"
	"        { name = \"other\"; user = 0; memory = \"512M\"; pinned = \"512M\"; regions = 4; } );\n";

#define REGION		"-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on,reserve=off " \
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,mode=reusable,surrender=on,service=%s"

static struct daemon d;
static struct qtest *q;
static struct cma c;
static struct virtio_cma_block block[NR];
static struct hvcma_provider *other;
static int other_file, other_asked;

/* As another QEMU has its region: NR granules, backed or not. */
static void other_begin(void)
{
	char path[128];
	struct hvcma_provider_config region = {
		.name = "others", .bytes = NR * CMA_GRANULE, .granule_bytes = CMA_GRANULE, .page_bytes = CMA_GRANULE,
	};
	struct hvcma_error err;

	snprintf(path, sizeof(path), "%s/others", pages_folder());
	other_file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_true(other_file >= 0);
	unlink(path);
	assert_int_equal(ftruncate(other_file, (off_t)region.bytes), 0);
	region.fd = other_file;
	if (hvcma_provider_service_create(d.socket, &region, &other, &err))
		fail_msg("%s", err.text);
}

static void other_end(void)
{
	other->ops->destroy(other);
	close(other_file);
}

static int other_back(uint64_t first, uint64_t nr)
{
	return other->ops->back(other, first, nr);
}

static void expect_back(int expected, uint64_t first, uint64_t nr)
{
	int ret = other_back(first, nr);

	if (ret != expected)
		fail_msg("%d, not %d: %s", ret, expected, other->error.text);
}

static void start(void)
{
	qtest_as_user(USER);
	q = qtest_start(QTEST_Q35, REGION, pages_folder(), d.socket);
	cma_open_as(&c, q, &virtio_pci, FEATURES);
	qtest_run(q);
}

static uint32_t ask(uint32_t op, unsigned int i)
{
	struct virtio_cma_surrender_req req = {
		.hdr = { .op = op, .bytes = sizeof(req) }, .range = { block[i].base_gpa, CMA_GRANULE },
	};
	struct virtio_cma_resp_hdr resp;

	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp)), sizeof(resp));
	return resp.status;
}

static void surrender(unsigned int first, unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++) {
		assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block[i]), VIRTIO_CMA_S_OK);
		assert_int_equal(ask(VIRTIO_CMA_OP_SURRENDER, i), VIRTIO_CMA_S_OK);
	}
}

static void expect_wanted(uint64_t bytes)
{
	struct virtio_cma_event_wanted event;
	struct virtio_cma_event head;

	assert_int_equal(cma_next_event(&c, &head), sizeof(event));
	qtest_read(q, c.event, &event, sizeof(event));
	assert_int_equal(event.event.type, VIRTIO_CMA_EVENT_WANTED);
	assert_int_equal(event.bytes, bytes);
	assert_in_range(event.deadline_ms, 1, 2000);
}

/* Within five seconds. */
static void other_is_answered(int ret, uint64_t first, uint64_t nr)
{
	int i;

	for (i = 0; i < 500 && other_back(first, nr) != ret; i++)
		usleep(10000);
	if (i == 500)
		fail_msg("%s", other->error.text);
}

static void they_take_turns(void **state)
{
	uint64_t bytes;
	uint32_t ms;

	(void)state;
	start();
	pages_assert_free(0);
	other_begin();
	cma_offer_event(&c, sizeof(struct virtio_cma_event_wanted));
	expect_back(-EAGAIN, 0, 4);
	assert_non_null(strstr(other->error.text, "guest/banka is asked for 16777216, 2000 ms left"));
	expect_wanted(8 * CMA_GRANULE);
	surrender(0, 3);
	expect_back(-EAGAIN, 0, 4);		/* all or nothing */
	pages_assert_free(3);
	surrender(3, 1);
	expect_back(0, 0, 4);
	pages_assert_free(0);
	assert_int_equal(qtest_get(q, "/counters/surrendered-bytes"), 4 * CMA_GRANULE);

	/* Back again: the other offers nothing, then it does, and has to be told. */
	assert_int_equal(ask(VIRTIO_CMA_OP_RECLAIM, 0), VIRTIO_CMA_S_NO_BACKING);
	assert_int_equal(hvcma_provider_service_offer(other, &other_asked), 0);
	assert_int_equal(hvcma_provider_service_wanted(other, &bytes, &ms), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(ask(VIRTIO_CMA_OP_RECLAIM, 0), VIRTIO_CMA_S_NO_BACKING);
	assert_int_equal(poll(&(struct pollfd){ .fd = other_asked, .events = POLLIN }, 1, 1000), 1);
	assert_int_equal(hvcma_provider_service_wanted(other, &bytes, &ms), 0);
	assert_int_equal(bytes, 4 * CMA_GRANULE);
	assert_int_equal(other->ops->discard(other, 0, 2), 0);
	assert_int_equal(ask(VIRTIO_CMA_OP_RECLAIM, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(ask(VIRTIO_CMA_OP_RECLAIM, 1), VIRTIO_CMA_S_OK);
	assert_int_equal(qtest_get(q, "/counters/surrendered-bytes"), 2 * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), (PAGES_NR - 2) * CMA_GRANULE);
	assert_int_equal(hvcma_provider_service_withdraw(other), 0);
	assert_int_equal(ask(VIRTIO_CMA_OP_RECLAIM, 2), VIRTIO_CMA_S_NO_BACKING);
	close(other_asked);
	other_end();
	qtest_stop(q);
}

static void without_a_driver_nothing_is_offered(void **state)
{
	(void)state;
	qtest_as_user(USER);
	q = qtest_start(QTEST_Q35, REGION, pages_folder(), d.socket);
	other_begin();
	expect_back(-ENOMEM, 0, 4);
	qtest_run(q);
	cma_open_as(&c, q, &virtio_pci, CMA_FEATURES);		/* one that knows nothing of it */
	expect_back(-ENOMEM, 0, 4);
	virtio_reset(&c.v);
	cma_open_as(&c, q, &virtio_pci, FEATURES);
	expect_back(-EAGAIN, 0, 4);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'stop'}"));	/* nor while it does not run */
	expect_back(-ENOMEM, 0, 4);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'cont'}"));
	other_is_answered(-EAGAIN, 0, 4);
	virtio_reset(&c.v);
	expect_back(-ENOMEM, 0, 4);
	other_end();
	qtest_stop(q);
}

static void another_service_is_offered_it_again(void **state)
{
	(void)state;
	start();
	other_begin();
	expect_back(-EAGAIN, 0, 4);
	daemon_kill(&d);
	daemon_again(&d);
	other_is_answered(-EAGAIN, 0, 4);
	cma_offer_event(&c, sizeof(struct virtio_cma_event_wanted));
	expect_wanted(8 * CMA_GRANULE);
	surrender(0, 4);
	expect_back(0, 0, 4);
	other_end();
	qtest_stop(q);
}

/* What it is asked for, as soon as it is. */
static void *give(void *opaque)
{
	struct pollfd p = { .fd = other_asked, .events = POLLIN };
	uint64_t bytes = 0;
	uint32_t ms;

	if (poll(&p, 1, 10000) == 1 && !hvcma_provider_service_wanted(other, &bytes, &ms) && bytes == NR * CMA_GRANULE &&
	    !other->ops->discard(other, 0, NR))
		*(bool *)opaque = true;
	return NULL;
}

static void one_that_starts_waits_for_others(void **state)
{
	bool gave = false;
	pthread_t thread;

	(void)state;
	other_begin();
	expect_back(0, 0, NR);
	qtest_as_user(USER);
	/* Nobody can be asked; then one who gives nothing. */
	qtest_expect_refusal(QTEST_Q35, "mode=reusable needs all of its 67108864 bytes before the guest starts: ", REGION,
			     pages_folder(), d.socket);
	assert_int_equal(hvcma_provider_service_offer(other, &other_asked), 0);
	qtest_expect_refusal(QTEST_Q35, "wanted 67108864 bytes, free 50331648, 0 more could be asked of 1 regions: "
			     "other/others has not surrendered 16777216 in time", REGION, pages_folder(), d.socket);
	sleep(3);		/* it has rested */
	close(other_asked);
	assert_int_equal(hvcma_provider_service_offer(other, &other_asked), 0);
	assert_int_equal(pthread_create(&thread, NULL, give, &gave), 0);
	start();
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(gave);
	pages_assert_free(0);
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), PAGES_NR * CMA_GRANULE);
	close(other_asked);
	other_end();
	qtest_stop(q);
}

static void the_region_goes(void **state)
{
	(void)state;
	start();
	other_begin();
	expect_back(-EAGAIN, 0, 4);
	qtest_stop(q);
	other_is_answered(0, 0, 4);
	other_end();
}

static int set_up(void **state)
{
	daemon_start(&d, config);
	return pages_check(state);
}

static int tear_down(void **state)
{
	qtest_as_user(0);
	qtest_kill_leftover();
	daemon_stop(&d);
	return pages_check_after(state);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(they_take_turns),
		TEST(without_a_driver_nothing_is_offered),
		TEST(another_service_is_offered_it_again),
		TEST(one_that_starts_waits_for_others),
		TEST(the_region_goes),
	};

	return cmocka_run_group_tests_name("surrender_served", tests, pages_mount, pages_unmount);
}
