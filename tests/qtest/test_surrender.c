// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * surrender=on: what a driver gives up serves others out of one pool of hugepages, and comes back when there
 * are pages; what is at its addresses meanwhile harms nobody; what the driver is asked. The engine's rules are
 * unit/test_engine_surrender's, a real driver vm/test_surrender's. Needs root, for hugepages.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/hotplug.h"
#include "tests/qtest/pages.h"

#define SHARED		VIRTIO_CMA_CLIENT_SHARED
#define FEATURES	(CMA_FEATURES | CMA_F(SURRENDER))
#define NR		8		/* granules that are surrendered, of PAGES_NR */

#define MEMDEV		"-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on "
#define DEVICE		"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka"
#define REGION		MEMDEV DEVICE ",mode=reusable,surrender=on"

static struct qtest *q;
static struct cma c;
static struct virtio_cma_block block[NR];

static void start_as(const char *options, uint32_t features)
{
	q = qtest_start(QTEST_Q35, REGION "%s", pages_folder(), options);
	cma_open_as(&c, q, &virtio_pci, features);
}

static void start(const char *options)
{
	start_as(options, FEATURES);
}

static uint32_t ask(uint32_t op, uint64_t gpa, uint64_t bytes)
{
	struct virtio_cma_surrender_req req = {
		.hdr = { .op = op, .bytes = sizeof(req) }, .range = { gpa, bytes },
	};
	struct virtio_cma_resp_hdr resp;

	assert_int_equal(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp)), sizeof(resp));
	return resp.status;
}

static uint32_t reclaim(unsigned int i)
{
	return ask(VIRTIO_CMA_OP_RECLAIM, block[i].base_gpa, CMA_GRANULE);
}

static void surrender_some(void)
{
	unsigned int i;

	for (i = 0; i < NR; i++)
		assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block[i]), VIRTIO_CMA_S_OK);
	for (i = 0; i < NR; i++)
		assert_int_equal(ask(VIRTIO_CMA_OP_SURRENDER, block[i].base_gpa, CMA_GRANULE), VIRTIO_CMA_S_OK);
}

/* As another QEMU's memory of so many hugepages. NULL: there are too few. */
static void *take_pages(unsigned int nr)
{
	char path[128];
	void *at;
	int fd;

	snprintf(path, sizeof(path), "%s/other", pages_folder());
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)(nr * CMA_GRANULE)), 0);
	at = mmap(NULL, nr * CMA_GRANULE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	close(fd);
	if (at == MAP_FAILED)
		return NULL;
	memset(at, 0xee, nr * CMA_GRANULE);
	return at;
}

static void free_hugepages(void *at, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr * CMA_GRANULE; i += 4096)
		assert_int_equal(((unsigned char *)at)[i], 0xee);
	munmap(at, nr * CMA_GRANULE);
}

static uint8_t byte_at(uint64_t gpa)
{
	return qtest_readb(q, gpa);
}

static void pages_serve_another(void **state)
{
	void *other;
	struct virtio_cma_block big;
	unsigned int i;

	(void)state;
	start("");
	pages_assert_free(0);
	/* control: there is none for another */
	assert_null(take_pages(NR));
	surrender_some();
	pages_assert_free(NR);
	assert_int_equal(qtest_get(q, "/counters/surrendered-bytes"), NR * CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), (PAGES_NR - NR) * CMA_GRANULE);

	other = take_pages(NR);
	assert_non_null(other);
	pages_assert_free(0);
	assert_int_equal(reclaim(0), VIRTIO_CMA_S_NO_BACKING);
	assert_int_equal(reclaim(0), VIRTIO_CMA_S_NO_BACKING);
	assert_non_null(strstr(qtest_stderr(q), "the host's pool has no hugepages for 2097152 bytes"));
	assert_int_equal(cma_alloc(&c, (PAGES_NR - NR + 1) * CMA_GRANULE, SHARED, &big), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(qtest_get(q, "/counters/surrendered-bytes"), NR * CMA_GRANULE);

	free_hugepages(other, NR);
	pages_assert_free(NR);
	for (i = 0; i < NR; i++)
		assert_int_equal(reclaim(i), VIRTIO_CMA_S_OK);
	pages_assert_free(0);
	assert_int_equal(qtest_get(q, "/counters/surrendered-bytes"), 0);
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), PAGES_NR * CMA_GRANULE);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &big), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

/* A guest that uses what it has surrendered, whatever the pool has. */
static void what_is_at_the_addresses_is_memory(void **state)
{
	void *other;
	uint64_t gpa;

	(void)state;
	start("");
	surrender_some();
	other = take_pages(NR);
	assert_non_null(other);
	gpa = block[3].base_gpa;
	qtest_memset(q, gpa, 0x5a, CMA_GRANULE);
	assert_int_equal(byte_at(gpa), 0x5a);
	assert_int_equal(byte_at(gpa + CMA_GRANULE - 1), 0x5a);
	pages_assert_free(0);
	/* beside it everything is as it was */
	qtest_memset(q, block[0].base_gpa + NR * CMA_GRANULE, 0x77, CMA_GRANULE);
	assert_int_equal(reclaim(3), VIRTIO_CMA_S_NO_BACKING);
	assert_int_equal(byte_at(gpa), 0x5a);
	/* nor is it counted as the region's pages */
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), (PAGES_NR - NR) * CMA_GRANULE);
	free_hugepages(other, NR);
	pages_assert_free(NR);
	assert_int_equal(reclaim(3), VIRTIO_CMA_S_OK);
	assert_int_equal(byte_at(gpa), 0);
	assert_int_equal(byte_at(block[0].base_gpa + NR * CMA_GRANULE), 0x77);
	qtest_stop(q);
}

/* Where the region's addresses are the host's, they are those of the new pages. */
static void addresses_are_those_of_the_new_pages(void **state)
{
	struct virtio_cma_block again;
	char command[64], *text;
	unsigned int i;

	(void)state;
	start(",unsafe-noiommu=on");
	surrender_some();
	for (i = 0; i < NR; i++)
		assert_int_equal(reclaim(i), VIRTIO_CMA_S_OK);
	for (i = 0; i < PAGES_NR; i++) {
		assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &again), VIRTIO_CMA_S_OK);
		snprintf(command, sizeof(command), "gpa2hpa 0x%llx", (unsigned long long)again.base_gpa);
		text = qtest_hmp(q, command);
		assert_non_null(strstr(text, " is 0x"));
		assert_true(again.base_dma == strtoull(strstr(text, " is 0x") + 4, NULL, 16));
		free(text);
	}
	qtest_stop(q);
}

/* The driver may go and come; a machine that is reset has all of its memory again, as far as there is any. */
static void resets(void **state)
{
	void *other;

	(void)state;
	start("");
	surrender_some();
	qtest_writeb(q, block[0].base_gpa, 0x11);
	cma_restart(&c);
	assert_int_equal(qtest_get(q, "/counters/surrendered-bytes"), NR * CMA_GRANULE);
	assert_int_equal(byte_at(block[0].base_gpa), 0x11);

	other = take_pages(6);
	assert_non_null(other);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_int_equal(qtest_get(q, "/counters/surrendered-bytes"), 6 * CMA_GRANULE);
	free_hugepages(other, 6);
	pages_assert_free(6);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'system_reset'}"));
	qtest_wait_event(q, "RESET");
	assert_int_equal(qtest_get(q, "/counters/surrendered-bytes"), 0);
	pages_assert_free(0);
	qtest_stop(q);
}

static void want(const char *refusal, unsigned long long bytes)
{
	const char *command = "{'execute': 'qom-set', 'arguments': {'path': '/machine/peripheral/cma0', "
			      "'property': 'wanted-bytes', 'value': %llu}}";

	if (refusal)
		qtest_qmp_refused(q, refusal, command, bytes);
	else
		json_object_put(qtest_qmp_ok(q, command, bytes));
}

static void the_driver_is_asked(void **state)
{
	struct virtio_cma_event_wanted event = { 0 };
	struct virtio_cma_event head;

	(void)state;
	start("");
	want("wanted-bytes=0 is not from 1 to the region's size 67108864", 0);
	want("wanted-bytes=67108865 is not from 1", 67108865);
	/* of two that wait the second is told */
	want(NULL, 2 * CMA_GRANULE);
	want(NULL, 3 * CMA_GRANULE);
	cma_offer_event(&c, sizeof(event));
	assert_int_equal(cma_next_event(&c, &head), sizeof(event));
	qtest_read(q, c.event, &event, sizeof(event));
	assert_int_equal(event.event.type, VIRTIO_CMA_EVENT_WANTED);
	assert_int_equal(event.event.client, 0);
	assert_int_equal(event.bytes, 3 * CMA_GRANULE);
	assert_int_equal(event.deadline_ms, 0);
	assert_int_equal(event.reserved, 0);
	qtest_stop(q);

	start_as("", CMA_FEATURES);
	want("the guest has no driver that could surrender memory", CMA_GRANULE);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block[0]), VIRTIO_CMA_S_OK);
	assert_int_equal(ask(VIRTIO_CMA_OP_SURRENDER, block[0].base_gpa, CMA_GRANULE), VIRTIO_CMA_S_UNSUPP);
	qtest_stop(q);

	q = qtest_start(QTEST_Q35, MEMDEV DEVICE ",mode=reusable", pages_folder());
	cma_open_as(&c, q, &virtio_pci, CMA_FEATURES);
	want("the region has surrender=off", CMA_GRANULE);
	qtest_stop(q);
}

static void options_that_do_not_fit(void **state)
{
	(void)state;
	qtest_expect_refusal(QTEST_Q35, "surrender=on is of mode=reusable without pin=all, not of mode=private",
			     MEMDEV DEVICE ",surrender=on", pages_folder());
	qtest_expect_refusal(QTEST_Q35, "surrender=on is of mode=reusable without pin=all, not of mode=auto",
			     MEMDEV DEVICE ",surrender=on,mode=auto", pages_folder());
	qtest_expect_refusal(QTEST_Q35, "not of mode=reusable,pin=all",
			     MEMDEV DEVICE ",surrender=on,mode=reusable,pin=all", pages_folder());
	qtest_expect_refusal(QTEST_Q35, "surrender=on needs a memdev of hugepages that is a file",
			     "-object memory-backend-ram,id=m0,size=64M " DEVICE ",surrender=on,mode=reusable");
	qtest_expect_refusal(QTEST_Q35, "surrender=on with a memdev of policy=bind",
			     "-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on,policy=bind,host-nodes=0 "
			     DEVICE ",surrender=on,mode=reusable", pages_folder());
}

/* Whoever has the memory next finds its file everywhere, or can't have it. */
static void unplugged(bool has_pages)
{
	void *other = NULL;

	q = qtest_start(QTEST_Q35, MEMDEV HOTPLUG_PORT DEVICE ",mode=reusable,surrender=on,bus=rp0", pages_folder());
	hotplug_set_up(q);
	cma_open_on_bus_as(&c, q, 1, FEATURES);
	surrender_some();
	if (!has_pages)
		other = take_pages(NR);
	virtio_reset(&c.v);
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_eject(q);
	if (has_pages) {
		pages_assert_free(0);
		json_object_put(qtest_qmp_ok(q, "{'execute': 'object-del', 'arguments': {'id': 'm0'}}"));
		pages_assert_free(PAGES_NR);
	} else {
		assert_non_null(strstr(qtest_stderr(q), "virtio-cma 'banka': its memdev can't be used again"));
		qtest_qmp_refused(q, "is in use", "{'execute': 'object-del', 'arguments': {'id': 'm0'}}");
		free_hugepages(other, NR);
	}
	qtest_stop(q);
}

static void unplug(void **state)
{
	(void)state;
	unplugged(true);
	unplugged(false);
}

static void it_does_not_migrate(void **state)
{
	(void)state;
	start("");
	qtest_qmp_refused(q, "surrender=on: what the guest has given up is not told",
			  "{'execute': 'migrate', 'arguments': {'uri': 'exec:cat >/dev/null'}}");
	qtest_stop(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGES_TEST(pages_serve_another),
		PAGES_TEST(what_is_at_the_addresses_is_memory),
		PAGES_TEST(addresses_are_those_of_the_new_pages),
		PAGES_TEST(resets),
		PAGES_TEST(the_driver_is_asked),
		PAGES_TEST(options_that_do_not_fit),
		PAGES_TEST(unplug),
		PAGES_TEST(it_does_not_migrate),
	};

	return cmocka_run_group_tests(tests, pages_mount, pages_unmount);
}
