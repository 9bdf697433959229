// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Real memory: hugepages of the host, long-term pins, physical addresses. Needs
 * root, for hugepages and pagemap.
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
#include "tests/qtest/hotplug.h"
#include "tests/qtest/pages.h"

#define NR_PAGES	PAGES_NR
#define SHARED		VIRTIO_CMA_CLIENT_SHARED

static struct qtest *q;
static struct cma c;

#define MEMDEV	"-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on "
#define DEVICE	"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka"

static void start(const char *options)
{
	q = qtest_start(QTEST_Q35, MEMDEV DEVICE "%s", pages_folder(), options);
	cma_open(&c, q, &virtio_pci);
}

/* Where the monitor finds a guest address, as a second opinion. */
static uint64_t host_physical(uint64_t gpa)
{
	char command[64], *text, *at;
	uint64_t hpa;

	snprintf(command, sizeof(command), "gpa2hpa 0x%llx", (unsigned long long)gpa);
	text = qtest_hmp(q, command);
	at = strstr(text, " is 0x");
	if (!at)
		fail_msg("%s: %s", command, text);
	hpa = strtoull(at + 4, NULL, 16);
	free(text);
	return hpa;
}

static void test_host_physical(void **state)
{
	struct virtio_cma_block blocks[NR_PAGES];
	struct virtio_cma_config config;
	unsigned int i;

	(void)state;
	start(",unsafe-noiommu=on");
	cma_config(&c, &config);
	assert_int_equal(config.flags, VIRTIO_CMA_FLAG_HPA);
	for (i = 0; i < NR_PAGES; i++) {
		assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &blocks[i]), VIRTIO_CMA_S_OK);
		assert_true(blocks[i].base_dma == host_physical(blocks[i].base_gpa));
		assert_true(blocks[i].base_dma + CMA_GRANULE - 4096 ==
			    host_physical(blocks[i].base_gpa + CMA_GRANULE - 4096));
	}
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &blocks[0]), VIRTIO_CMA_S_NO_SPACE);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 64 * MIB);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 64 * MIB);
	qtest_assert_text(q, "/granules/0/state", "pinned");
	assert_int_equal(qtest_get(q, "/granules/0/nr"), NR_PAGES);
	qtest_stop(q);
}

/* pin=all: every page of the region where the host has it, before anything is asked for. */
static void test_pin_all(void **state)
{
	struct virtio_cma_query_req req = {
		.hdr = { .op = VIRTIO_CMA_OP_QUERY, .bytes = sizeof(req) },
		.what = VIRTIO_CMA_QUERY_EXTENTS,
	};
	struct {
		struct virtio_cma_query_resp head;
		struct virtio_cma_extent extents[NR_PAGES];
	} resp;
	uint64_t bytes = 0, off;
	unsigned int i;

	(void)state;
	q = qtest_start(QTEST_Q35, MEMDEV DEVICE ",mode=reusable,pin=all,unsafe-noiommu=on",
			pages_folder());
	cma_open_as(&c, q, &virtio_pci, CMA_FEATURES | CMA_F(PINNED));
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 64 * MIB);
	assert_true(cma_raw(&c, VIRTIO_CMA_VQ_REQUEST, &req, sizeof(req), &resp, sizeof(resp)) > 0);
	assert_in_range(resp.head.total, 1, NR_PAGES);
	for (i = 0; i < resp.head.total; i++) {
		struct virtio_cma_extent *e = &resp.extents[i];

		assert_int_equal(e->base_gpa, c.base_gpa + bytes);
		for (off = 0; off < e->bytes; off += CMA_GRANULE)
			assert_true(e->base_dma + off == host_physical(e->base_gpa + off));
		bytes += e->bytes;
	}
	assert_int_equal(bytes, 64 * MIB);
	qtest_stop(q);

	/* and the same where the guest's devices are emulated */
	q = qtest_start(QTEST_Q35, MEMDEV DEVICE ",mode=reusable,pin=all", pages_folder());
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 64 * MIB);
	qtest_stop(q);
}

/* States as the guest touches, pins and frees; contents stay. */
static void test_states(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start("");
	qtest_assert_text(q, "/granules/0/state", "unbacked");
	assert_int_equal(qtest_get(q, "/counters/unbacked-bytes"), 64 * MIB);

	qtest_writeq(q, c.base_gpa + CMA_GRANULE, 0xabcd);
	qtest_assert_text(q, "/granules/1/state", "migratable");
	assert_int_equal(qtest_get(q, "/granules/1/first"), 1);
	assert_int_equal(qtest_get(q, "/counters/migratable-bytes"), CMA_GRANULE);

	assert_int_equal(cma_alloc(&c, 64 * MIB, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_true(block.base_dma == block.base_gpa);
	qtest_assert_text(q, "/granules/0/state", "pinned");
	assert_int_equal(qtest_readq(q, c.base_gpa + CMA_GRANULE), 0xabcd);
	assert_int_equal(qtest_readq(q, c.base_gpa), 0);

	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	qtest_assert_text(q, "/granules/0/state", "migratable");
	assert_int_equal(qtest_get(q, "/counters/backed-bytes"), 64 * MIB);
	assert_int_equal(qtest_readq(q, c.base_gpa + CMA_GRANULE), 0xabcd);
	qtest_stop(q);
}

static void test_discard(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(",discard=on");
	assert_int_equal(cma_alloc(&c, 3 * CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(pages_nr_mapped(q), 3);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(pages_nr_mapped(q), 0);
	qtest_assert_text(q, "/granules/0/state", "unbacked");
	/* and the same granules once more, with new pages */
	assert_int_equal(cma_alloc(&c, 64 * MIB, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(pages_nr_mapped(q), NR_PAGES);
	qtest_stop(q);
}

static void test_pin_limit(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(",pin-limit=4M");
	assert_int_equal(cma_alloc(&c, 6 * MIB, SHARED, &block), VIRTIO_CMA_S_PIN_LIMIT);
	assert_int_equal(cma_alloc(&c, 4 * MIB, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_PIN_LIMIT);
	assert_int_equal(qtest_get(q, "/counters/pinned-bytes"), 4 * MIB);
	qtest_stop(q);
}

/* No device is attached: the keeper has nothing to wait for. */
static void test_killed(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(",unsafe-noiommu=on");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(pages_nr_mapped(q), 1);
	qtest_kill(q);
}

static void test_reset(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(",unsafe-noiommu=on");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	virtio_reset(&c.v);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), 0);
	qtest_assert_text(q, "/granules/0/state", "migratable");
	qtest_stop(q);
}

static void test_no_privilege(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	qtest_deny(QTEST_NO_SYS_ADMIN);
	qtest_expect_refusal(QTEST_Q35, "it needs CAP_SYS_ADMIN", MEMDEV DEVICE ",unsafe-noiommu=on", pages_folder());
	/* guest-physical addresses need no such privilege */
	start("");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

static void test_no_io_uring(void **state)
{
	(void)state;
	qtest_deny(QTEST_NO_IO_URING);
	qtest_expect_refusal(QTEST_Q35, "pinning needs io_uring, which a seccomp filter or security module forbids",
			     MEMDEV DEVICE, pages_folder());
}

/* QEMU's own message, before which the plugin has what is wanted and what there is. */
static void expect_shortage(const char *wanted, const char *options, ...) __attribute__((format(printf, 2, 3)));
static void expect_shortage(const char *wanted, const char *options, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, options);
	vsnprintf(text, sizeof(text), options, ap);
	va_end(ap);
	qtest_expect_refusal(QTEST_Q35, qtest_is_built_in() ? "Cannot allocate memory" : wanted, "%s", text);
}

/* Before the guest touches anything, and not by SIGBUS. */
static void test_too_few_hugepages(void **state)
{
	(void)state;
	expect_shortage("left in the host's pool, 32 in its file system: unable to map backing store",
			"-object memory-backend-file,id=m0,mem-path=%s,size=128M,share=on " DEVICE ",mode=reusable,pin=all",
			pages_folder());
	expect_shortage("memdev 'm0' wants 4398046511104 bytes, 2097152 hugepages of 2097152 bytes, but ",
			"-object memory-backend-memfd,id=m0,size=4T,hugetlb=on,hugetlbsize=2M " DEVICE);
	/* The machine's RAM, of the host's own size of hugepages. */
	expect_shortage("memdev 'ram0' wants 4398046511104 bytes, ",
			"-object memory-backend-memfd,id=ram0,size=4T,hugetlb=on -machine memory-backend=ram0 -m 4T,maxmem=5T "
			"-device virtio-cma-pci,id=cma0,name=banka,mode=ram");
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': memdev 'm0' has reserve=off",
			     "-object memory-backend-memfd,id=m0,size=4T,hugetlb=on,hugetlbsize=2M,reserve=off "
			     DEVICE);
}

/* A granule of several host pages promises nothing about physical contiguity. */
static void test_granule_above_page(void **state)
{
	(void)state;
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': granule=4194304 is above the memdev's page size of 2097152",
			     MEMDEV DEVICE ",unsafe-noiommu=on,granule=4M", pages_folder());
	qtest_expect_refusal(QTEST_Q35, "low=3145728 is not a multiple of the granule 2097152 up to the memdev's size",
			     MEMDEV DEVICE ",unsafe-noiommu=on,low=3M", pages_folder());
	qtest_expect_refusal(QTEST_Q35, "low=1073741824 is not a multiple",
			     MEMDEV DEVICE ",unsafe-noiommu=on,low=1G", pages_folder());
	qtest_expect_refusal(QTEST_Q35, "and no discard=on",
			     MEMDEV DEVICE ",unsafe-noiommu=on,low=4M,discard=on", pages_folder());
}

/* No page is there yet, and none could be where the client's windows lead: by the host's own RAM. */
static void test_no_such_memory(void **state)
{
	static const char client[] = ",unsafe-noiommu=on,x-fabric=on,clients=edu0,dma-windows=";

	(void)state;
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': client 'edu0' reaches nothing: its windows are "
			     "0x0:0x7f0000000000:0x40000000 (source: option), but of this host's RAM, from 0x",
			     MEMDEV DEVICE "%s0:0x7f0000000000:1G -device edu,id=edu0", pages_folder(), client);
	q = qtest_start(QTEST_Q35, MEMDEV DEVICE "%s0x1000000000:0:1T -device edu,id=edu0",
			pages_folder(), client);
	qtest_stop(q);
}

/*
 * A guest may inflate a balloon with pages of the region. What is pinned must
 * not be discarded under a device; what is not may.
 */
static void inflate(struct virtio *balloon, uint64_t gpa)
{
	uint32_t pfns[512];
	uint64_t memory = virtio_memory(balloon, sizeof(pfns));
	struct vring_buf buf = { .addr = memory, .bytes = sizeof(pfns) };
	unsigned int i;

	for (i = 0; i < 512; i++)
		pfns[i] = (uint32_t)(gpa >> 12) + i;
	qtest_write(q, memory, pfns, sizeof(pfns));
	virtio_post(balloon, 0, &buf, 1);
	virtio_kick(balloon, 0);
	assert_int_equal(virtio_wait(balloon, 0), 0);
}

static void test_balloon(void **state)
{
	struct virtio_cma_block block;
	struct virtio balloon;

	(void)state;
	q = qtest_start(QTEST_Q35, MEMDEV DEVICE " -device virtio-balloon-pci,disable-legacy=on", pages_folder());
	cma_open(&c, q, &virtio_pci);
	virtio_open(&balloon, q, &virtio_pci, 0, 0, 0, 5, 2, 16);
	/* its rings after ours */
	balloon.next_free = c.v.next_free + 0x100000;
	virtio_restart(&balloon, 2, 16);

	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	qtest_writeq(q, block.base_gpa, 0xabcd);
	inflate(&balloon, block.base_gpa);
	assert_int_equal(qtest_readq(q, block.base_gpa), 0xabcd);

	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(pages_nr_mapped(q), 1);
	inflate(&balloon, block.base_gpa);
	assert_int_equal(pages_nr_mapped(q), 0);
	qtest_stop(q);
}

/* Online memory is RAM: every page is there from the start and none ever goes. */
static void test_reusable(void **state)
{
	struct virtio_cma_block block;
	struct virtio balloon;

	(void)state;
	q = qtest_start(QTEST_Q35, MEMDEV DEVICE ",mode=reusable "
			"-device virtio-balloon-pci,disable-legacy=on", pages_folder());
	assert_int_equal(pages_nr_mapped(q), NR_PAGES);
	cma_open(&c, q, &virtio_pci);
	virtio_open(&balloon, q, &virtio_pci, 0, 0, 0, 5, 2, 16);
	balloon.next_free = c.v.next_free + 0x100000;
	virtio_restart(&balloon, 2, 16);
	qtest_assert_text(q, "/granules/0/state", "migratable");
	assert_int_equal(qtest_get(q, "/granules/0/nr"), NR_PAGES);

	qtest_writeq(q, c.base_gpa, 0xabcd);
	inflate(&balloon, c.base_gpa);			/* of the control: dropped there */
	assert_int_equal(qtest_readq(q, c.base_gpa), 0xabcd);
	assert_int_equal(cma_alloc(&c, 64 * MIB, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	virtio_reset(&c.v);
	inflate(&balloon, c.base_gpa);
	assert_int_equal(qtest_readq(q, c.base_gpa), 0xabcd);
	assert_int_equal(pages_nr_mapped(q), NR_PAGES);
	assert_int_equal(qtest_get(q, "/counters/unbacked-bytes"), 0);
	qtest_stop(q);
}

/* Gone with its device: what depends on discards may come, and not before. */
static void test_reusable_unplug(void **state)
{
	(void)state;
	q = qtest_start(QTEST_Q35, MEMDEV HOTPLUG_PORT DEVICE ",mode=auto,bus=rp0", pages_folder());
	hotplug_set_up(q);
	assert_int_equal(pages_nr_mapped(q), NR_PAGES);
	qtest_assert_text(q, "/region/mode", "auto");
	json_object_put(qtest_qmp_ok(q, HOTPLUG_DEL("cma0")));
	hotplug_eject(q);
	json_object_put(qtest_qmp_ok(q, "{'execute': 'object-del', 'arguments': {'id': 'm0'}}"));
	qtest_stop(q);
}

#define TEST(name)	PAGES_TEST(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_host_physical), TEST(test_states), TEST(test_discard),
		TEST(test_pin_limit), TEST(test_pin_all), TEST(test_killed), TEST(test_reset),
		TEST(test_no_privilege), TEST(test_no_io_uring), TEST(test_too_few_hugepages),
		TEST(test_granule_above_page), TEST(test_no_such_memory), TEST(test_balloon), TEST(test_reusable),
		TEST(test_reusable_unplug),
	};

	return cmocka_run_group_tests_name("real memory", tests, pages_mount, pages_unmount);
}
