// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that clients of the real hvcmad register, back, pin, locate and discard; what it refuses to
 * take; quotas and the reserve; whose it is, and that it ends with its client. Pages are counted in a
 * hugetlbfs of this test alone: one of them is free only when file, mappings and pins are gone.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/service/rig.h"

#define NR_PAGES	4

static struct small_pool pool;

/* A file of the small pool, of four pages, and where the client has it. */
static struct memory four_pages(void)
{
	return small_pool_memory(&pool, NR_PAGES);
}

static uint32_t registered(int fd, const char *name, const struct memory *m)
{
	assert_status(OK, client_register(fd, name, m->bytes, m->fd));
	assert_int_equal(got.reg.page_bytes, m->page_bytes);
	assert_int_equal(got.reg.nr_granules, m->bytes / m->page_bytes);
	return got.reg.region;
}

/* Where this process sees them. */
static void expect_addresses(const struct memory *m, uint64_t first, uint64_t nr)
{
	struct hvcma_provider_config config = config_of(m);
	struct hvcma_provider *p = local_provider(&config);
	uint64_t hpa[NR_PAGES], i;

	for (i = 0; i < nr; i++)
		m->base[(first + i) * m->page_bytes] = 1;
	assert_int_equal(p->ops->hpa(p, first, nr, hpa), 0);
	for (i = 0; i < nr; i++)
		assert_int_equal(got.addresses.address[i], hpa[i]);
	p->ops->destroy(p);
}

static void memory_is_backed_pinned_and_located(void **state)
{
	struct memory m = four_pages();
	int fd = client_open(&rig);
	uint32_t r = registered(fd, "banka", &m);

	(void)state;
	assert_int_equal(small_pool_used(&pool), 0);
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 3, 0));
	assert_int_equal(small_pool_used(&pool), 3);
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 2, HVCMAD_PIN_ADDRESSES));
	expect_addresses(&m, 0, 2);
	assert_status(OK, client_range(fd, HVCMAD_OP_ADDRESSES, r, 1, 3, 0));
	assert_int_equal(got.addresses.address[1], HVCMAD_ADDRESS_NONE);	/* backed */
	assert_int_equal(got.addresses.address[2], HVCMAD_ADDRESS_NONE);	/* not even that */
	expect_addresses(&m, 1, 1);
	assert_status(OK, client_range(fd, HVCMAD_OP_ADDRESSES, r, 1, 3, HVCMAD_ADDRESSES_NOW));
	assert_int_equal(got.addresses.address[2], HVCMAD_ADDRESS_NONE);	/* no pages */
	expect_addresses(&m, 1, 2);

	assert_status(OK, client_status(fd, 0, 0));
	assert_int_equal(got.status.nr, 1);
	assert_string_equal((char *)got.status.regions[0].vm, "a");
	assert_string_equal((char *)got.status.regions[0].name, "banka");
	assert_int_equal(got.status.regions[0].pid, getpid());
	assert_int_equal(got.status.regions[0].bytes, NR_PAGES * HUGE_BYTES);
	assert_int_equal(got.status.regions[0].backed_bytes, 3 * HUGE_BYTES);
	assert_int_equal(got.status.regions[0].pinned_bytes, 2 * HUGE_BYTES);
	assert_int_equal(got.status.pinned_bytes, 2 * HUGE_BYTES);
	assert_status(OK, client_status(fd, 0, r));
	assert_int_equal(got.status.nr, 0);
	assert_int_equal(got.status.nr_total, 1);

	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 0, 2, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_DISCARD, r, 0, 4, 0));
	assert_true(small_pool_settles(&pool, 0));
	assert_status(OK, client_unregister(fd, r));
	assert_refused(NO_REGION, "no region", client_range(fd, HVCMAD_OP_BACK, r, 0, 1, 0));
	assert_refused(NO_REGION, "no region", client_unregister(fd, r));
	client_close(fd);
	memory_free(&m);
}

/* The pages stay though nobody else has them: it is the service that keeps them. */
static void a_pin_keeps_the_page(void **state)
{
	struct memory m = four_pages();
	int fd = client_open(&rig);
	uint32_t r = registered(fd, "banka", &m);

	(void)state;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 4, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 1, 2, 0));
	assert_int_equal(fallocate(m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, NR_PAGES * HUGE_BYTES), 0);
	assert_true(small_pool_settles(&pool, 2));
	assert_refused(IO, "someone else discarded it", client_range(fd, HVCMAD_OP_ADDRESSES, r, 1, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 1, 2, 0));
	assert_true(small_pool_settles(&pool, 0));
	client_close(fd);
	memory_free(&m);
}

static void the_service_makes_memory(void **state)
{
	struct memory m = { .bytes = 2 * HUGE_BYTES, .page_bytes = HUGE_BYTES };
	int fd = client_open(&rig), lock;
	uint32_t r;

	(void)state;
	lock = pool_take(2);
	assert_status(OK, client_register(fd, "made", m.bytes, -1));
	r = got.reg.region;
	m.fd = got.fd;
	assert_true(m.fd >= 0);
	assert_int_equal(ftruncate(m.fd, HUGE_BYTES), -1);
	assert_int_equal(ftruncate(m.fd, 4 * HUGE_BYTES), -1);
	m.base = mmap(NULL, m.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m.fd, 0);
	assert_true(m.base != MAP_FAILED);
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 2, 0));
	pool_unlock(lock);
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 2, HVCMAD_PIN_ADDRESSES));
	expect_addresses(&m, 0, 2);
	assert_status(OK, client_unregister(fd, r));
	client_close(fd);
	munmap(m.base, m.bytes);
	close(m.fd);
}

static void bad_page_sizes_are_refused(void **state)
{
	struct hvcmad_register_req q = register_request("x", 8192, HVCMAD_REGISTER_MAKE);
	int fd = client_open(&rig);

	(void)state;
	q.granule_bytes = 4096;
	q.page_bytes = 4096;
	assert_refused(INVAL, "no hugepages of 4096 bytes", client_call_fds(fd, &q, sizeof(q), 32, NULL, 0));
	client_close(fd);
}

/* Refused; takes the descriptor over. */
static void bad_file(int fd, int file, const char *words)
{
	if (file < 0)
		fail_msg("'%s': no descriptor to send: %s", words, strerror(errno));
	assert_refused(DESCRIPTOR, words, client_register(fd, "bad", HUGE_BYTES, file));
	close(file);
}

static int again(int file, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return open(path, flags | O_CLOEXEC);
}

static void files_of_other_kinds_are_refused(void **state)
{
	struct memory m = four_pages();
	int fd = client_open(&rig), pipes[2], sealed;

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	bad_file(fd, pipes[0], "not of a memfd with hugepages");
	bad_file(fd, pipes[1], "not of a memfd with hugepages");
	bad_file(fd, open("/etc/passwd", O_RDWR | O_CLOEXEC), "not of a memfd with hugepages");
	bad_file(fd, open("/dev/zero", O_RDWR | O_CLOEXEC), "not of a memfd with hugepages");
	bad_file(fd, open(pool.path, O_RDONLY | O_CLOEXEC), "not of a memfd with hugepages");
	bad_file(fd, open(rig.socket, O_PATH | O_CLOEXEC), "not of a memfd with hugepages");
	bad_file(fd, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "not of a memfd with hugepages");
	bad_file(fd, dup(fd), "not of a memfd with hugepages");
	bad_file(fd, memfd_create("small", MFD_CLOEXEC), "not of a memfd with hugepages");
	bad_file(fd, again(m.fd, O_RDONLY), "not open for reading and writing");
	bad_file(fd, again(m.fd, O_WRONLY), "not open for reading and writing");
	bad_file(fd, again(m.fd, O_PATH), "not of a memfd with hugepages");

	sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(sealed, HUGE_BYTES), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, F_SEAL_WRITE), 0);
	bad_file(fd, sealed, "sealed against writing");
	sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_HUGETLB | MFD_ALLOW_SEALING);
	assert_int_equal(ftruncate(sealed, HUGE_BYTES), 0);
	assert_int_equal(fcntl(sealed, F_ADD_SEALS, 0x10 /* F_SEAL_FUTURE_WRITE */), 0);
	bad_file(fd, sealed, "sealed against writing");

	assert_status(OK, client_status(fd, 0, 0));
	assert_int_equal(got.status.nr_total, 0);
	registered(fd, "good", &m);		/* the negative control */
	client_close(fd);
	memory_free(&m);
	daemon_settles(&rig, rig.idle);
}

static void what_does_not_fit_the_file_is_refused(void **state)
{
	struct memory m = four_pages();
	struct hvcmad_register_req q = register_request("x", 4 * HUGE_BYTES, 0);
	int fd = client_open(&rig);

	(void)state;
#define call()	client_call_fds(fd, &q, sizeof(q), 32, &m.fd, 1)
	q.offset = HUGE_BYTES;
	assert_refused(INVAL, "the file has 8388608 bytes, the region would end at 10485760", call());
	q.offset = 4096;
	assert_refused(INVAL, "not whole hugepages of the file", call());
	q.offset = 0;
	q.granule_bytes = 1 * MIB;
	assert_refused(INVAL, "not whole hugepages of the file", call());
	q.granule_bytes = 4 * MIB;	/* two pages to a granule are fine */
	assert_status(OK, call());
	assert_int_equal(got.reg.nr_granules, 2);
#undef call
	client_close(fd);
	memory_free(&m);
}

static void memory_is_in_one_region_only(void **state)
{
	struct memory m = four_pages();
	struct hvcmad_register_req q = register_request("half", 2 * HUGE_BYTES, 0);
	int fd = client_open(&rig), other = client_open(&rig), same = again(m.fd, O_RDWR);

	(void)state;
	q.offset = HUGE_BYTES;
	assert_status(OK, client_call_fds(fd, &q, sizeof(q), 32, &m.fd, 1));
	assert_refused(EXISTS, "one of this name", client_register(fd, "half", HUGE_BYTES, m.fd));
	assert_refused(EXISTS, "one of this name", client_register(other, "half", HUGE_BYTES, m.fd));
	assert_refused(EXISTS, "in a region already", client_register(fd, "all", 4 * HUGE_BYTES, m.fd));
	assert_refused(EXISTS, "in a region already", client_register(other, "all", 4 * HUGE_BYTES, m.fd));
	assert_refused(EXISTS, "in a region already", client_register(other, "all", 4 * HUGE_BYTES, same));
	assert_status(OK, client_register(other, "before", HUGE_BYTES, m.fd));
	q = register_request("behind", HUGE_BYTES, 0);
	q.offset = 3 * HUGE_BYTES;
	assert_status(OK, client_call_fds(other, &q, sizeof(q), 32, &same, 1));
	client_close(fd);
	client_close(other);
	close(same);
	memory_free(&m);
}

static void granules_have_their_states(void **state)
{
	struct memory m = four_pages();
	int fd = client_open(&rig);
	uint32_t r = registered(fd, "banka", &m);

	(void)state;
	assert_refused(STATE, "unbacked", client_range(fd, HVCMAD_OP_PIN, r, 0, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 3, 0));
	assert_refused(STATE, "unbacked", client_range(fd, HVCMAD_OP_PIN, r, 2, 2, 0));
	assert_refused(STATE, "not pinned", client_range(fd, HVCMAD_OP_UNPIN, r, 0, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 2, 0));
	assert_refused(STATE, "pinned already", client_range(fd, HVCMAD_OP_PIN, r, 1, 2, 0));
	assert_refused(STATE, "not pinned", client_range(fd, HVCMAD_OP_UNPIN, r, 1, 2, 0));
	assert_refused(STATE, "cannot be discarded", client_range(fd, HVCMAD_OP_DISCARD, r, 1, 2, 0));
	assert_status(OK, client_status(fd, 0, 0));
	assert_int_equal(got.status.pinned_bytes, 2 * HUGE_BYTES);
	client_close(fd);
	memory_free(&m);
}

static void ranges_are_inside_and_not_too_long(void **state)
{
	static const uint32_t ops[] = {
		HVCMAD_OP_BACK, HVCMAD_OP_PIN, HVCMAD_OP_UNPIN, HVCMAD_OP_ADDRESSES, HVCMAD_OP_DISCARD,
	};
	int fd = client_open(&rig), big = memfd_create("big", MFD_CLOEXEC | MFD_HUGETLB);
	struct memory m = four_pages();
	uint32_t r = registered(fd, "banka", &m);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		assert_refused(RANGE, "there are only 4", client_range(fd, ops[i], r, 4, 1, 0));
		assert_refused(RANGE, "there are only 4", client_range(fd, ops[i], r, 0, 5, 0));
		assert_refused(RANGE, "there are only 4", client_range(fd, ops[i], r, UINT64_MAX, 2, 0));
		assert_refused(TOO_BIG, "4096", client_range(fd, ops[i], r, 0, 4097, 0));
		assert_refused(INVAL, "no granule", client_range(fd, ops[i], r, 0, 0, 0));
		assert_refused(NO_REGION, "no region 99999", client_range(fd, ops[i], 99999, 0, 1, 0));
	}
	assert_status(OK, client_unregister(fd, r));
	memory_free(&m);
	client_close(fd);

	/* More than one request may ask for, by bytes: quotas of this size are another service's. */
	rig_stop(NULL);
	daemon_start(&rig, "totals = { pinned = \"1G\"; regions = 1; };\n"
		     "vms = ( { name = \"a\"; user = 0; pinned = \"1G\"; regions = 1; } );\n");
	fd = client_open(&rig);
	assert_int_equal(ftruncate(big, (off_t)(1024 * MIB)), 0);
	assert_status(OK, client_register(fd, "big", 1024 * MIB, big));
	r = got.reg.region;
	assert_refused(TOO_BIG, "one request is for 268435456 bytes", client_range(fd, HVCMAD_OP_BACK, r, 0, 129, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_DISCARD, r, 0, 128, 0));
	client_close(fd);
	close(big);
	rig_stop(NULL);
	rig_start(NULL);
}

static struct memory others_memory;

static void other_vm(void)
{
	struct hvcmad_register_req q = register_request("mine", HUGE_BYTES, 0);
	int fd = client_open(&rig);
	uint32_t i;

	/* Not its number, and not its memory either, though it has the file. */
	for (i = 0; i < 64; i++)
		assert_status(NO_REGION, client_range(fd, HVCMAD_OP_UNPIN, i, 0, 1, 0));
	assert_status(EXISTS, client_call_fds(fd, &q, sizeof(q), 32, &others_memory.fd, 1));
	assert_status(OK, client_status(fd, 0, 0));
	assert_int_equal(got.status.nr_total, 0);
}

static void regions_are_their_owners(void **state)
{
	int fd = client_open(&rig), same_vm = client_open(&rig);
	uint32_t r;

	(void)state;
	others_memory = four_pages();
	r = registered(fd, "banka", &others_memory);
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 1, 0));
	ends_well(as_user(USER_B, other_vm));
	assert_status(NO_REGION, client_unregister(same_vm, r));
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 0, 1, 0));
	client_close(fd);
	client_close(same_vm);
	memory_free(&others_memory);
}

static void may_not_see(void)
{
	int fd = client_open(&rig);
	uint32_t r;

	assert_status(OK, client_register(fd, "blind", others_memory.bytes, others_memory.fd));
	r = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 2, 0));
	assert_refused(REFUSED, "lacks unsafe-noiommu", client_range(fd, HVCMAD_OP_PIN, r, 0, 1, HVCMAD_PIN_ADDRESSES));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 2, 0));		/* it was not pinned */
	assert_refused(REFUSED, "lacks unsafe-noiommu", client_range(fd, HVCMAD_OP_ADDRESSES, r, 0, 1, 0));
}

static void addresses_are_for_those_who_may_see_them(void **state)
{
	(void)state;
	others_memory = four_pages();
	ends_well(as_user(USER_B, may_not_see));
	memory_free(&others_memory);
	assert_true(small_pool_settles(&pool, 0));
}

static void small_quota(void)
{
	int fd = client_open(&rig);

	assert_refused(QUOTA, "c: 8388608 more beside 0 would pass the quota 'memory', 2097152",
		       client_register(fd, "x", others_memory.bytes, others_memory.fd));
	assert_status(OK, client_register(fd, "x", HUGE_BYTES, others_memory.fd));
	assert_refused(QUOTA, "the quota 'regions', 1", client_register(fd, "y", HUGE_BYTES, -1));
}

static void quotas_hold(void **state)
{
	struct memory m = four_pages();
	int fd = client_open(&rig), i, lock;
	uint32_t r = registered(fd, "banka", &m), made;

	(void)state;
	others_memory = four_pages();
	ends_well(as_user(USER_C, small_quota));
	memory_free(&others_memory);

	lock = pool_take(6);
	assert_status(OK, client_register(fd, "made", 6 * HUGE_BYTES, -1));
	close(got.fd);
	made = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 4, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 4, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, made, 0, 6, 0));
	pool_unlock(lock);
	assert_refused(QUOTA, "a: 10485760 more beside 8388608 would pass the quota 'pinned', 16777216",
		       client_range(fd, HVCMAD_OP_PIN, made, 0, 5, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, made, 0, 4, 0));
	assert_status(QUOTA, client_range(fd, HVCMAD_OP_PIN, made, 4, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 3, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, made, 4, 1, 0));
	/* What a session had is had again when it has ended. */
	client_close(fd);
	for (i = 0; i < 3; i++) {
		fd = client_open(&rig);
		assert_status(OK, client_register(fd, "made", 128 * MIB, -1));
		close(got.fd);
		client_close(fd);
		daemon_settles(&rig, rig.idle);
	}
	memory_free(&m);
}

static enum { STAYS, CLOSES, SENDS_GARBAGE } what_it_does;

static void pin_and_wait(void)
{
	int fd = client_open(&rig);
	uint32_t r;

	assert_status(OK, client_register(fd, "banka", others_memory.bytes, others_memory.fd));
	r = got.reg.region;
	munmap(others_memory.base, others_memory.bytes);
	close(others_memory.fd);
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 4, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 4, 0));
	if (what_it_does == CLOSES)
		close(fd);
	if (what_it_does == SENDS_GARBAGE)
		assert_status(MALFORMED, client_call_fds(fd, "garbage", 7, 8, NULL, 0));
	if (!fork()) {
		sleep(5);	/* has the socket, too, and lives on */
		_exit(0);
	}
	pause();
}

static void ends_with_its_client(void)
{
	int fd = client_open(&rig), status;
	pid_t pid;

	others_memory = four_pages();
	pid = as_user(USER_B, pin_and_wait);
	memory_free(&others_memory);
	assert_true(small_pool_settles(&pool, 4));	/* nobody but the service has it */
	for (status = 0; status < 500 && client_status(fd, HVCMAD_STATUS_ALL, 0) == HVCMAD_S_OK &&
	     got.status.pinned_bytes != 4 * HUGE_BYTES; status++)
		usleep(10000);
	assert_int_equal(got.status.nr_total, 1);
	assert_string_equal((char *)got.status.regions[0].vm, "b");
	assert_int_equal(got.status.regions[0].pid, pid);
	assert_int_equal(got.status.quota_pinned_bytes, 24 * MIB);

	/* A device of its may still write there, whatever it has done with its socket. */
	usleep(300000);
	assert_status(OK, client_status(fd, HVCMAD_STATUS_ALL, 0));
	assert_int_equal(got.status.pinned_bytes, 4 * HUGE_BYTES);

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(small_pool_settles(&pool, 0));
	assert_status(OK, client_status(fd, HVCMAD_STATUS_ALL, 0));
	assert_int_equal(got.status.nr_total, 0);
	assert_int_equal(got.status.pinned_bytes, 0);
	client_close(fd);
}

static void memory_ends_with_its_client(void **state)
{
	(void)state;
	for (what_it_does = STAYS; what_it_does <= SENDS_GARBAGE; what_it_does++)
		ends_with_its_client();
	daemon_settles(&rig, rig.idle);
}

static void a_file_that_shrinks_harms_its_client_alone(void **state)
{
	int file = memfd_create("shrinks", MFD_CLOEXEC | MFD_HUGETLB | (21u << MFD_HUGE_SHIFT));
	int fd = client_open(&rig), lock;
	uint32_t r;

	(void)state;
	lock = pool_take(2);
	assert_int_equal(ftruncate(file, (off_t)(4 * HUGE_BYTES)), 0);
	assert_status(OK, client_register(fd, "shrinks", 4 * HUGE_BYTES, file));
	r = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 2, 0));
	pool_unlock(lock);
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 1, 0));
	assert_int_equal(ftruncate(file, 0), 0);
	assert_status(NO_BACKING, client_range(fd, HVCMAD_OP_BACK, r, 2, 2, 0));
	assert_status(IO, client_range(fd, HVCMAD_OP_PIN, r, 1, 1, 0));
	assert_status(IO, client_range(fd, HVCMAD_OP_ADDRESSES, r, 0, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 0, 1, 0));
	assert_status(OK, client_unregister(fd, r));
	client_close(fd);
	close(file);
}

static void out_of_hugepages_is_an_answer(void **state)
{
	struct memory m = small_pool_memory(&pool, NR_PAGES + 1);
	int fd = client_open(&rig);
	uint32_t r = registered(fd, "banka", &m);

	(void)state;
	assert_status(NO_BACKING, client_range(fd, HVCMAD_OP_BACK, r, 0, NR_PAGES + 1, 0));
	assert_true(small_pool_settles(&pool, 0));	/* all or nothing */
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, NR_PAGES, 0));
	client_close(fd);
	memory_free(&m);
}

static void a_reserve_is_kept_back(void **state)
{
	static const char config[] =
		"totals = { pinned = \"64M\"; regions = 4; };\n"
		"reserves = ( { hugepage = \"2M\"; keep = \"%s\"; } );\n"
		"vms = ( { name = \"a\"; user = 0; pinned = \"64M\"; regions = 4; } );\n";
	char text[512];
	uint32_t r;
	int fd, file, lock = pool_take(4);

	(void)state;
	rig_stop(NULL);
	snprintf(text, sizeof(text), config, "1T");	/* more than there can be */
	daemon_start(&rig, text);
	fd = client_open(&rig);
	assert_status(OK, client_register(fd, "made", 2 * HUGE_BYTES, -1));
	r = got.reg.region;
	file = got.fd;
	assert_refused(NO_BACKING, "that the configuration keeps back", client_range(fd, HVCMAD_OP_BACK, r, 0, 1, 0));
	/* Pages that the client has made by itself are none more. */
	assert_int_equal(fallocate(file, 0, 0, 2 * HUGE_BYTES), 0);
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 2, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_DISCARD, r, 0, 2, 0));
	snprintf(text, sizeof(text), config, "2M");
	write_text(rig.config, text);
	assert_int_equal(kill(rig.pid, SIGHUP), 0);
	daemon_says(&rig, "new configuration");
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 1, 0));
	snprintf(text, sizeof(text), config, "1T");
	write_text(rig.config, text);
	assert_int_equal(kill(rig.pid, SIGHUP), 0);
	usleep(300000);
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 1, 0));	/* it is there */
	assert_status(NO_BACKING, client_range(fd, HVCMAD_OP_BACK, r, 0, 2, 0));
	close(file);
	client_close(fd);
	pool_unlock(lock);
	rig_stop(NULL);
	rig_start(NULL);
}

static int begin(void **state)
{
	if (!small_pool_make(&pool, NR_PAGES))
		return -1;
	return rig_start(state);
}

static int end(void **state)
{
	rig_stop(state);
	small_pool_free(&pool);
	return 0;
}

int main(void)
{
#define T(test)	cmocka_unit_test(test)
	const struct CMUnitTest tests[] = {
		T(memory_is_backed_pinned_and_located),
		T(a_pin_keeps_the_page),
		T(the_service_makes_memory),
		T(bad_page_sizes_are_refused),
		T(files_of_other_kinds_are_refused),
		T(what_does_not_fit_the_file_is_refused),
		T(memory_is_in_one_region_only),
		T(granules_have_their_states),
		T(ranges_are_inside_and_not_too_long),
		T(regions_are_their_owners),
		T(addresses_are_for_those_who_may_see_them),
		T(quotas_hold),
		T(memory_ends_with_its_client),
		T(a_file_that_shrinks_harms_its_client_alone),
		T(out_of_hugepages_is_an_answer),
		T(a_reserve_is_kept_back),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, begin, end);
}
