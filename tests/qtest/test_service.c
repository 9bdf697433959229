// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU of an ordinary user: no capability, 8 MiB of locked memory, its sandbox on, and hvcmad does
 * what it may not. In all modes, with a memfd and with a file; and what becomes of it when the service
 * refuses, ends, dies or hangs: words on stderr, a status for the guest, and QEMU goes on.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hv/abi/version.h"
#include "hv/host/service_client.h"
#include "tests/lib/pool_lock.h"
#include "tests/qtest/cma.h"
#include "tests/qtest/pages.h"
#include "tests/service/daemon.h"

#define SHARED		VIRTIO_CMA_CLIENT_SHARED

/* Users of VMs: what each may is in the configuration. */
#define USER_ALL	12345
#define USER_BLIND	12346		/* no addresses */
#define USER_SMALL	12347		/* 8 MiB, of which 4 pinned */
#define USER_STRANGER	12348
#define USER_TINY	12349		/* 32 MiB */

static const char config[] =
	"socket-group = \"nogroup\";\n"
	"totals = { memory = \"1G\"; pinned = \"1G\"; regions = 8; };\n"
	"vms = ( { name = \"all\"; user = 12345; memory = \"512M\"; pinned = \"512M\"; regions = 4;\n"
	"          unsafe-noiommu = true; },\n"
	"        { name = \"blind\"; user = 12346; memory = \"64M\"; pinned = \"64M\"; regions = 1; },\n"
	"        { name = \"small\"; user = 12347; memory = \"64M\"; pinned = \"4M\"; regions = 1;\n"
	"          unsafe-noiommu = true; },\n"
	"        { name = \"tiny\"; user = 12349; memory = \"32M\"; pinned = \"32M\"; regions = 1; } );\n";

static struct daemon d;
static struct qtest *q;
static struct cma c;

#define SANDBOX		"-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
#define FILE_M0		SANDBOX "-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on "
#define MEMFD_M0	SANDBOX "-object memory-backend-memfd,id=m0,size=8M,hugetlb=on,hugetlbsize=2M "
#define DEVICE		"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka,service=%s"

static void start(uid_t user, const char *options)
{
	qtest_as_user(user);
	q = qtest_start(QTEST_Q35, FILE_M0 DEVICE "%s", pages_folder(), d.socket, options);
	cma_open(&c, q, &virtio_pci);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void assert_said(const char *words)
{
	assert_words(qtest_stderr(q), words);
}

/* As the service sees it, of all VMs: regions, and what is pinned. */
static void assert_service_has(uint32_t regions, uint64_t pinned_bytes)
{
	const struct hvcmad_status_req ask = {
		.hdr = { HVCMAD_OP_STATUS, sizeof(ask) }, .flags = HVCMAD_STATUS_ALL,
	};
	static union {
		struct hvcmad_status_resp status;
		unsigned char bytes[HVCMAD_MAX_RESPONSE_BYTES];
	} r;
	struct hvcmad_hello_resp hello;
	struct hvcma_error err;
	size_t bytes;
	int fd;

	if (hvcma_service_open(d.socket, 5000, &fd, &hello, &err) ||
	    hvcma_service_ask(fd, &ask, &r, sizeof(r), sizeof(r.status), &bytes, &err))
		fail_msg("%s", err.text);
	close(fd);
	assert_int_equal(r.status.nr_total, regions);
	assert_int_equal(r.status.pinned_bytes, pinned_bytes);
}

/* Within a second: the service is told of QEMU's end by the kernel. */
static void assert_service_ends_with(uint32_t regions)
{
	int64_t end_ms = now_ms() + 5000;

	while (now_ms() < end_ms && !strstr(daemon_log(&d), "has gone"))
		usleep(10000);
	assert_service_has(regions, 0);
}

/* Where the kernel has the page that QEMU sees at this guest-physical address. */
static uint64_t host_physical(uint64_t gpa)
{
	char text[64], *answer, *at;
	uint64_t entry, hva;
	FILE *f;

	qtest_readq(q, gpa);			/* QEMU maps it */
	snprintf(text, sizeof(text), "gpa2hva 0x%" PRIx64, gpa);
	answer = qtest_hmp(q, text);
	at = strstr(answer, " is 0x");
	if (!at)
		fail_msg("%s: %s", text, answer);
	hva = strtoull(at + 4, NULL, 16);
	free(answer);
	snprintf(text, sizeof(text), "/proc/%d/pagemap", (int)qtest_pid(q));
	f = fopen(text, "re");
	assert_non_null(f);
	assert_int_equal(fseek(f, (long)(hva / 4096 * 8), SEEK_SET), 0);
	assert_int_equal(fread(&entry, sizeof(entry), 1, f), 1);
	fclose(f);
	assert_true(entry >> 63);
	return (entry & ((UINT64_C(1) << 55) - 1)) * 4096;
}

/* The premise of all that follows. */
static void test_unprivileged(void **state)
{
	char path[64], line[256];
	int seen = 0;
	FILE *f;

	(void)state;
	start(USER_ALL, "");
	snprintf(path, sizeof(path), "/proc/%d/status", (int)qtest_pid(q));
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		seen += !strncmp(line, "Uid:\t12345\t12345\t12345", 22);
		seen += !strcmp(line, "CapEff:\t0000000000000000\n");
		seen += !strcmp(line, "CapBnd:\t0000000000000000\n");
		seen += !strcmp(line, "Seccomp:\t2\n");
	}
	fclose(f);
	assert_int_equal(seen, 4);
	snprintf(path, sizeof(path), "/proc/%d/limits", (int)qtest_pid(q));
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && strncmp(line, "Max locked memory", 17))
		;
	fclose(f);
	assert_words(line, " 8388608 ");
	qtest_stop(q);

	/* and without the service it can do nothing */
	qtest_expect_refusal(QTEST_Q35, "RLIMIT_MEMLOCK is 8388608 bytes and there is no CAP_IPC_LOCK",
			     FILE_M0 "-device virtio-cma-pci,id=cma0,memdev=m0,name=banka", pages_folder());
}

static void test_addresses(void **state)
{
	struct virtio_cma_block block;
	uint64_t off;

	(void)state;
	start(USER_ALL, ",unsafe-noiommu=on");
	qtest_assert_text(q, "/region/provider", "service");
	qtest_assert_text(q, "/region/keeper", "none");
	qtest_assert_text(q, "/versions/device", HVCMA_VERSION);
	qtest_assert_text(q, "/versions/service", HVCMA_VERSION);
	assert_service_has(1, 0);

	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_true(block.base_dma == host_physical(block.base_gpa));
	assert_service_has(1, CMA_GRANULE);
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), CMA_GRANULE);
	qtest_assert_text(q, "/granules/0/state", "pinned");

	/* a block of several: the engine has to know beforehand where free ones lie */
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	qtest_assert_text(q, "/granules/0/state", "migratable");
	if (cma_alloc(&c, 2 * CMA_GRANULE, SHARED, &block) == VIRTIO_CMA_S_OK) {
		for (off = 0; off < block.bytes; off += CMA_GRANULE)
			assert_true(block.base_dma + off == host_physical(block.base_gpa + off));
		assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	}
	assert_service_has(1, 0);
	qtest_stop(q);
	assert_service_has(0, 0);
}

/* Where there is an IOMMU, or no device at all: no address leaves the service. */
static void test_without_addresses(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(USER_BLIND, "");
	assert_int_equal(cma_alloc(&c, 64 * MIB, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_true(block.base_dma == block.base_gpa);
	assert_service_has(1, 64 * MIB);
	qtest_assert_text(q, "/granules/0/state", "pinned");
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_service_has(1, 0);
	qtest_stop(q);
}

static void test_discard(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(USER_ALL, ",unsafe-noiommu=on,discard=on");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(pages_nr_mapped_by(d.pid), 1);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(pages_nr_mapped_by(d.pid), 0);
	qtest_assert_text(q, "/granules/0/state", "unbacked");
	qtest_stop(q);
}

static void test_modes(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(USER_ALL, ",unsafe-noiommu=on,mode=reusable");
	assert_int_equal(pages_nr_mapped_by(d.pid), PAGES_NR);	/* all there */
	assert_service_has(1, 0);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_true(block.base_dma == host_physical(block.base_gpa));
	virtio_reset(&c.v);
	assert_service_has(1, 0);
	qtest_stop(q);

	start(USER_ALL, ",unsafe-noiommu=on,mode=reusable,pin=all");
	assert_service_has(1, 64 * MIB);
	qtest_stop(q);
	assert_service_has(0, 0);

	qtest_as_user(USER_ALL);
	q = qtest_start(QTEST_Q35, SANDBOX "-object memory-backend-file,id=ram0,mem-path=%s,size=64M,share=on "
			"-m 64M -machine memory-backend=ram0 "
			"-device virtio-cma-pci,id=cma0,name=banka,unsafe-noiommu=on,mode=ram,service=%s",
			pages_folder(), d.socket);
	assert_service_has(1, 64 * MIB);
	qtest_assert_text(q, "/region/mode", "ram");
	qtest_stop(q);
	assert_service_has(0, 0);
}

/* Made by QEMU, without a name that anybody could open. */
static void test_memfd(void **state)
{
	struct virtio_cma_block block;
	int lock = pool_lock();

	(void)state;
	qtest_as_user(USER_ALL);
	q = qtest_start(QTEST_Q35, MEMFD_M0 DEVICE ",unsafe-noiommu=on", d.socket);
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_true(block.base_dma == host_physical(block.base_gpa));
	assert_service_has(1, CMA_GRANULE);
	qtest_stop(q);
	pool_unlock(lock);
}

/* One session for all that a QEMU has. */
static void test_two_regions(void **state)
{
	struct virtio_cma_block block;
	int lock = pool_lock();

	(void)state;
	qtest_as_user(USER_ALL);
	q = qtest_start(QTEST_Q35, FILE_M0 DEVICE ",unsafe-noiommu=on "
			"-object memory-backend-memfd,id=m1,size=8M,hugetlb=on,hugetlbsize=2M "
			"-device virtio-cma-pci,id=cma1,memdev=m1,name=film,service=%s", pages_folder(), d.socket,
			d.socket);
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_service_has(2, CMA_GRANULE);
	/* session, and its process, twice; of a region file, pins, their table, pagemap */
	daemon_settles(&d, d.idle + 3 + 2 * 4);
	qtest_stop(q);
	assert_service_has(0, 0);
	pool_unlock(lock);
}

static void test_refused(void **state)
{
	(void)state;
	qtest_as_user(USER_STRANGER);
	qtest_expect_refusal(QTEST_Q35, "this process is no VM of the service's configuration", FILE_M0 DEVICE,
			     pages_folder(), d.socket);
	qtest_as_user(USER_BLIND);
	qtest_expect_refusal(QTEST_Q35, "VM blind may not see host-physical addresses: the configuration lacks unsafe-noiommu",
			     FILE_M0 DEVICE ",unsafe-noiommu=on", pages_folder(), d.socket);
	qtest_as_user(USER_TINY);
	qtest_expect_refusal(QTEST_Q35, "would pass the quota 'memory'", FILE_M0 DEVICE, pages_folder(), d.socket);
	qtest_as_user(USER_SMALL);
	qtest_expect_refusal(QTEST_Q35, "would pass the quota 'pinned', 4194304",
			     FILE_M0 DEVICE ",unsafe-noiommu=on,mode=reusable,pin=all", pages_folder(), d.socket);
	assert_service_has(0, 0);

	qtest_as_user(USER_ALL);
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': service /nowhere/socket: /nowhere/socket: No such file",
			     FILE_M0 DEVICE, pages_folder(), "/nowhere/socket");
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': service='maybe' is neither on, off nor the absolute path",
			     FILE_M0 DEVICE, pages_folder(), "maybe");
	qtest_expect_refusal(QTEST_Q35, "service= needs a memdev of hugepages that is a file",
			     SANDBOX "-object memory-backend-memfd,id=m0,size=64M " DEVICE, d.socket);
}

/* At run time it is the guest that is told. */
static void test_pin_quota(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(USER_SMALL, ",unsafe-noiommu=on");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_PIN_LIMIT);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_service_has(1, 4 * MIB);
	qtest_stop(q);
}

/* QEMU is killed: what it had goes back. */
static void test_killed(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(USER_ALL, ",unsafe-noiommu=on");
	/* One at a time: the host's hugepages need not be neighbours. */
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_service_has(1, 4 * MIB);
	qtest_kill(q);
	assert_service_ends_with(0);
}

/* A service that is replaced, or killed and started again: QEMU goes on. */
static void test_restarted(void **state)
{
	struct virtio_cma_block block, other;

	(void)state;
	start(USER_ALL, ",unsafe-noiommu=on");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(kill(d.pid, SIGTERM), 0);
	assert_int_equal(daemon_wait(&d), 0);
	daemon_again(&d);
	assert_service_has(1, 2 * MIB);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &other), VIRTIO_CMA_S_OK);
	daemon_kill(&d);
	daemon_again(&d);
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	assert_service_has(1, 2 * MIB);
	qtest_stop(q);
}

static void test_gone(void **state)
{
	struct virtio_cma_block block;

	(void)state;
	start(USER_ALL, ",unsafe-noiommu=on");
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, &block), VIRTIO_CMA_S_OK);
	daemon_kill(&d);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, NULL), VIRTIO_CMA_S_IO);
	assert_said("virtio-cma: region banka: service");
	assert_int_equal(cma_free(&c, block.base_gpa, block.bytes), VIRTIO_CMA_S_OK);
	virtio_reset(&c.v);
	qtest_assert_text(q, "/region/provider", "service");
	qtest_stop(q);
	daemon_again(&d);
	assert_service_ends_with(0);
}

/* The main loop waits for it once, and not for ever. */
static void test_hangs(void **state)
{
	int64_t begin_ms;

	(void)state;
	start(USER_ALL, ",unsafe-noiommu=on");
	assert_int_equal(kill(d.pid, SIGSTOP), 0);
	begin_ms = now_ms();
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, NULL), VIRTIO_CMA_S_IO);
	assert_in_range(now_ms() - begin_ms, 9000, 15000);
	assert_said("the service does not answer: Connection timed out");
	begin_ms = now_ms();
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, SHARED, NULL), VIRTIO_CMA_S_IO);
	assert_in_range(now_ms() - begin_ms, 0, 2000);
	qtest_stop(q);
	assert_int_equal(kill(d.pid, SIGCONT), 0);
	assert_service_ends_with(0);
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
	if (d.pid) {
		kill(d.pid, SIGCONT);
		daemon_stop(&d);
	} else {
		daemon_remove(&d);
	}
	return pages_check_after(state);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unprivileged), TEST(test_addresses), TEST(test_without_addresses), TEST(test_discard),
		TEST(test_modes), TEST(test_memfd), TEST(test_two_regions), TEST(test_refused),
		TEST(test_pin_quota), TEST(test_killed), TEST(test_restarted), TEST(test_gone), TEST(test_hangs),
	};

	return cmocka_run_group_tests_name("service", tests, pages_mount, pages_unmount);
}
