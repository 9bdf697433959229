// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pages that the real hvcmad chooses for a region by where they lie: what it tells is so, who may not ask, what is no
 * good, what else may be done meanwhile, that a search ends with its client and not with its service, and that nobody has
 * the host search for him all the time. That runs are as long as can be had, and the reserve: qtest/test_contiguous_served,
 * which has the pool to itself.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "tests/service/arrange.h"

#define NR	4			/* pages of a region */

/* As RIG_CONFIG, but for more regions: so many searches may VM a have before it rests. */
#define CONFIG									\
	"socket-group = \"nogroup\";\n"						\
	"totals = { memory = \"128M\"; pinned = \"24M\"; regions = 68; };\n"	\
	"vms = ( { name = \"a\"; user = 0; memory = \"128M\"; pinned = \"16M\"; regions = 64; unsafe-noiommu = true; },\n" \
	"        { name = \"b\"; user = 12345; memory = \"64M\"; pinned = \"12M\"; regions = 4; } );\n"

static int lock;

static int open_with_feature(void)
{
	int fd = client_connect(&rig);

	must(client_hello_with(fd, HVCMAD_FEATURES) == HVCMAD_S_OK, "HELLO");
	return fd;
}

static uint32_t made(int fd, const char *name, uint64_t pages)
{
	assert_status(OK, client_register(fd, name, pages * HUGE_BYTES, -1));
	close(got.fd);
	return got.reg.region;
}

/* It is as it was told: looked at by where the pages are once they are pinned. */
static void pages_lie_as_told(int fd, uint32_t region, const struct hvcmad_arrange_resp *told)
{
	const struct hvcma_runs_want want = { .page_bytes = HUGE_BYTES, .nr = NR, .low_nr = NR, .low_limit = HVCMA_LOW_LIMIT };
	uint64_t hpa[NR];
	struct hvcma_runs runs;

	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, region, 0, NR, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, region, 0, NR, HVCMAD_PIN_ADDRESSES));
	memcpy(hpa, got.addresses.address, sizeof(hpa));
	hvcma_runs_count(hpa, &want, &runs);
	assert_int_equal(told->nr_runs, runs.nr);
	assert_int_equal(told->run_bytes, runs.longest * HUGE_BYTES);
	assert_int_equal(told->low_bytes, 0);
}

static void what_is_told_is_so(void **state)
{
	int fd = open_with_feature();
	uint32_t region = made(fd, "banka", NR);
	struct hvcmad_arrange_req q = arrange_request(region, HVCMAD_ARRANGE_RUNS);
	struct hvcmad_arrange_resp told;

	(void)state;
	assert_status(OK, arrange_wait(fd, &q));
	told = got.arrange;
	pages_lie_as_told(fd, region, &told);
	daemon_says(&rig, "region banka: ");
	/* What is pinned stays where it is. */
	assert_refused(STATE, "some of it is pinned", arrange_ask(fd, &q));
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, region, 0, NR, 0));
	assert_status(OK, arrange_wait(fd, &q));
	assert_true(got.arrange.nr_runs <= told.nr_runs);
	client_close(fd);
}

/* There may be some below 4 GiB, or not: it is told as it is. */
static void low_pages_are_told(void **state)
{
	int fd = open_with_feature(), status;
	uint32_t region = made(fd, "banka", NR), i;
	struct hvcmad_arrange_req q = arrange_request(region, 0);

	(void)state;
	q.low_bytes = 2 * HUGE_BYTES;
	status = arrange_wait(fd, &q);
	if (status == HVCMAD_S_NO_RUN) {
		assert_words(got.text, "no free hugepage of 2097152 bytes lies there");
		assert_words(got.text, "region banka: 4194304 bytes below 0x100000000 are wanted");
		goto out;
	}
	assert_int_equal(status, HVCMAD_S_OK);
	assert_int_equal(got.arrange.nr_runs, 0);
	assert_true(got.arrange.low_bytes && got.arrange.low_bytes <= 2 * HUGE_BYTES);
	i = (uint32_t)(got.arrange.low_bytes / HUGE_BYTES);
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, region, 0, 2, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_ADDRESSES, region, 0, 2, HVCMAD_ADDRESSES_NOW));
	while (i--)
		assert_true(got.addresses.address[i] < HVCMA_LOW_LIMIT);
out:
	client_close(fd);
}

static void blind(void)
{
	int fd = open_with_feature();
	struct hvcmad_arrange_req q = arrange_request(made(fd, "blind", 1), HVCMAD_ARRANGE_RUNS);

	assert_refused(REFUSED, "lacks unsafe-noiommu", arrange_ask(fd, &q));
}

static void who_may_not_ask_is_refused(void **state)
{
	int fd = client_open(&rig);
	struct hvcmad_arrange_req q = arrange_request(made(fd, "banka", NR), HVCMAD_ARRANGE_RUNS);

	(void)state;
	assert_refused(UNSUPP, "of the feature ARRANGE", arrange_ask(fd, &q));
	client_close(fd);
	fd = open_with_feature();
	assert_refused(NO_REGION, "no region", arrange_ask(fd, &q));
	client_close(fd);
	ends_well(as_user(USER_B, blind));
}

static void what_does_not_fit_is_refused(void **state)
{
	int fd = open_with_feature();
	const struct hvcmad_arrange_req good = arrange_request(made(fd, "banka", NR), HVCMAD_ARRANGE_RUNS);
	struct hvcmad_arrange_req q = good;
	struct memory m = huge_memory(NR);
	struct hvcmad_register_req two_pages = register_request("wide", NR * HUGE_BYTES, 0);

	(void)state;
	q.run_bytes = HUGE_BYTES / 2;
	assert_refused(INVAL, "a run of 1048576 bytes needs", arrange_ask(fd, &q));
	q.run_bytes = (NR + 1) * HUGE_BYTES;
	assert_refused(INVAL, "a run of 10485760 bytes needs", arrange_ask(fd, &q));
	q = good;
	q.low_bytes = (NR + 1) * HUGE_BYTES;
	assert_refused(INVAL, "10485760 bytes below 0x100000000 need", arrange_ask(fd, &q));
	q.flags = 0;
	assert_refused(INVAL, "and no more than the region has, 8388608", arrange_ask(fd, &q));
	q.low_bytes = 4096;
	assert_refused(INVAL, "4096 bytes below 4 GiB are not whole granules", arrange_ask(fd, &q));
	q.low_bytes = 0;
	assert_refused(INVAL, "neither runs nor pages below 4 GiB", arrange_ask(fd, &q));
	q = good;
	q.policy = 2;			/* MPOL_BIND: to none, then to one that no machine has */
	assert_refused(INVAL, "memory policy 2 and its nodes say", arrange_ask(fd, &q));
	q.nodes[15] = UINT64_C(1) << 63;
	assert_refused(INVAL, "memory policy 2 and its nodes say", arrange_ask(fd, &q));
	q.nodes[15] = 0;
	q.nodes[0] = 1;
	assert_status(OK, arrange_wait(fd, &q));
	q.policy = 0;			/* nodes of no policy */
	assert_refused(INVAL, "memory policy 0 and its nodes say", arrange_ask(fd, &q));

	/* of two pages to a granule nobody could say where it lies */
	two_pages.granule_bytes = 2 * HUGE_BYTES;
	assert_status(OK, client_call_fds(fd, &two_pages, sizeof(two_pages), sizeof(got.reg), &m.fd, 1));
	q = arrange_request(got.reg.region, HVCMAD_ARRANGE_RUNS);
	assert_refused(INVAL, "whole granules of one page each", arrange_ask(fd, &q));
	client_close(fd);
	memory_free(&m);
}

/* From the first answer to the last one the region's pages are the search's. */
static void meanwhile_the_pages_are_its_own(void **state)
{
	int fd = open_with_feature();
	uint32_t region = made(fd, "banka", NR);
	struct hvcmad_arrange_req q = arrange_request(region, HVCMAD_ARRANGE_RUNS), other = q;

	(void)state;
	other.run_bytes = HUGE_BYTES;
	assert_refused(AGAIN, "its pages are being searched for", arrange_ask(fd, &q));
	assert_refused(STATE, "ask for the outcome first", client_range(fd, HVCMAD_OP_BACK, region, 0, 1, 0));
	assert_refused(STATE, "ask for the outcome first", client_range(fd, HVCMAD_OP_PIN, region, 0, 1, 0));
	assert_refused(STATE, "ask for the outcome first", client_range(fd, HVCMAD_OP_DISCARD, region, 0, 1, 0));
	assert_refused(STATE, "other pages are being searched for", arrange_ask(fd, &other));
	assert_status(OK, client_range(fd, HVCMAD_OP_PINNED, region, 0, 1, 0));
	assert_status(OK, arrange_wait(fd, &q));
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, region, 0, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, region, 0, 1, 0));
	client_close(fd);
}

static void one_after_the_other(void **state)
{
	int fd = open_with_feature(), other = open_with_feature();
	struct hvcmad_arrange_req a = arrange_request(made(fd, "a", NR), HVCMAD_ARRANGE_RUNS);
	struct hvcmad_arrange_req b = arrange_request(made(other, "b", NR), HVCMAD_ARRANGE_RUNS);

	(void)state;
	assert_status(AGAIN, arrange_ask(fd, &a));
	assert_status(AGAIN, arrange_ask(other, &b));
	assert_status(OK, arrange_wait(other, &b));	/* though nobody has asked how the other one ended */
	assert_status(OK, arrange_wait(fd, &a));
	client_close(fd);
	client_close(other);
}

/* The same memory can be registered again, as soon as the search has stopped. */
static void it_ends_with_its_region(void **state)
{
	struct memory m = huge_memory(NR);
	int fd = open_with_feature(), i, status;
	struct hvcmad_arrange_req q;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_status(OK, client_register(fd, "banka", m.bytes, m.fd));
		q = arrange_request(got.reg.region, HVCMAD_ARRANGE_RUNS);
		assert_status(AGAIN, arrange_ask(fd, &q));
		assert_status(OK, client_unregister(fd, q.region));
		while ((status = client_register(fd, "banka", m.bytes, m.fd)) == HVCMAD_S_AGAIN) {
			assert_words(got.text, "is about to stop");
			usleep(10000);
		}
		assert_int_equal(status, HVCMAD_S_OK);
		q.region = got.reg.region;
		assert_status(OK, arrange_wait(fd, &q));
		assert_status(OK, client_unregister(fd, q.region));
	}
	client_close(fd);
	memory_free(&m);
	daemon_settles(&rig, rig.idle);
}

static void asks_and_waits_to_be_killed(void)
{
	int fd = open_with_feature();
	struct hvcmad_arrange_req q = arrange_request(made(fd, "banka", NR), HVCMAD_ARRANGE_RUNS);

	must(arrange_ask(fd, &q) == HVCMAD_S_AGAIN, "a search");
	pause();
}

static void it_ends_with_its_client(void **state)
{
	int fd = open_with_feature(), status, i;
	pid_t pid;

	(void)state;
	for (i = 0; i < 3; i++) {
		pid = as_user(0, asks_and_waits_to_be_killed);
		for (status = 0; status < 500 && (client_status(fd, HVCMAD_STATUS_ALL, 0) != HVCMAD_S_OK ||
						  !got.status.nr_total); status++)
			usleep(10000);
		usleep(20000u * (unsigned int)i);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	client_close(fd);
	daemon_settles(&rig, rig.idle);		/* descriptors of the search's own, too */
}

/* The next service begins anew, for who asks. */
static void it_does_not_end_with_its_service(void **state)
{
	int fd = open_with_feature();
	uint32_t region = made(fd, "banka", NR);
	struct hvcmad_arrange_req q = arrange_request(region, HVCMAD_ARRANGE_RUNS);
	struct hvcmad_arrange_resp told;

	(void)state;
	assert_status(AGAIN, arrange_ask(fd, &q));
	daemon_kill(&rig);
	close(fd);
	daemon_again(&rig);
	fd = open_with_feature();
	assert_status(OK, client_resume(fd, "banka"));
	close(got.fd);
	assert_int_equal(got.resume.region, region);
	assert_status(OK, arrange_wait(fd, &q));
	told = got.arrange;
	pages_lie_as_told(fd, region, &told);
	client_close(fd);
}

static void start_with(const char *config)
{
	rig_stop(NULL);
	daemon_start(&rig, config);
}

/* More than there can be: nothing is searched for. */
static void what_is_kept_back_is_not_there(void **state)
{
	int fd;
	struct hvcmad_arrange_req q;

	(void)state;
	start_with("totals = { pinned = \"64M\"; regions = 4; };\n"
		   "reserves = ( { hugepage = \"2M\"; keep = \"1T\"; } );\n"
		   "vms = ( { name = \"a\"; user = 0; pinned = \"64M\"; regions = 4; unsafe-noiommu = true; } );\n");
	fd = open_with_feature();
	q = arrange_request(made(fd, "banka", NR), HVCMAD_ARRANGE_RUNS);
	assert_refused(NO_BACKING, "that the configuration keeps back", arrange_ask(fd, &q));
	assert_status(NO_BACKING, client_range(fd, HVCMAD_OP_BACK, q.region, 0, 1, 0));	/* and not STATE */
	client_close(fd);
	start_with(CONFIG);
}

/* Any number of new regions, and of new sessions, is no way around it. */
static void search_anew(void)
{
	int fd = open_with_feature();
	struct hvcmad_arrange_req q = arrange_request(made(fd, "banka", 1), HVCMAD_ARRANGE_RUNS);

	assert_status(OK, arrange_wait(fd, &q));
	client_close(fd);
}

static void another_is_not_held_back(void)
{
	int fd = open_with_feature();
	struct hvcmad_arrange_req q = arrange_request(made(fd, "b", 1), HVCMAD_ARRANGE_RUNS);

	must(arrange_wait(fd, &q) == HVCMAD_S_OK, "VM b has rested all the time");
}

/* Four in a row, then a rest, which is told of, of a second at least and nine times what the last one took. */
static void who_searches_on_and_on_has_to_rest(void **state)
{
	unsigned long long ms = 0;
	struct hvcmad_arrange_req q;
	struct timespec from, to;
	const char *at;
	int fd, i;

	(void)state;
	start_with("socket-group = \"nogroup\";\n"
		   "totals = { pinned = \"64M\"; regions = 4; };\n"
		   "vms = ( { name = \"a\"; user = 0; pinned = \"16M\"; regions = 2; unsafe-noiommu = true; },\n"
		   "        { name = \"b\"; user = 12345; pinned = \"16M\"; regions = 2; unsafe-noiommu = true; } );\n");
	for (i = 0; i < 4; i++)
		search_anew();
	fd = open_with_feature();
	q = arrange_request(made(fd, "banka", NR), HVCMAD_ARRANGE_RUNS);
	assert_refused(AGAIN, "VM a has had 4 searches for pages, as many as it may before it rests", arrange_ask(fd, &q));
	at = strstr(got.text, "may begin in ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "may begin in %llu ms", &ms), 1);
	assert_true(ms > 500);			/* less what has passed since */
	clock_gettime(CLOCK_MONOTONIC, &from);
	ends_well(as_user(USER_B, another_is_not_held_back));
	/* nothing has begun: the pages are the client's */
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, q.region, 0, 1, 0));
	q.low_bytes = HUGE_BYTES;
	assert_refused(AGAIN, "VM a has had 4 searches", arrange_ask(fd, &q));
	q.low_bytes = 0;
	/* it is had in the end, and not before */
	for (i = 0; arrange_ask(fd, &q) == HVCMAD_S_AGAIN && !strstr(got.text, "its pages are being searched for") && i < 12000; i++)
		usleep(10000);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true((unsigned long long)((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000) + 100 >= ms);
	assert_status(OK, arrange_wait(fd, &q));
	client_close(fd);
	start_with(CONFIG);
}

/* ---- the provider of a client without privileges ---- */

static struct hvcma_provider_config wanted(const struct memory *m)
{
	struct hvcma_provider_config config = config_of(m);

	config.is_contiguous = true;
	return config;
}

static void a_provider_has_it_done(void **state)
{
	struct memory m = huge_memory(NR);
	struct hvcma_provider_config config = wanted(&m);
	struct hvcma_provider_stats stats;
	struct hvcma_provider *p = NULL;
	struct hvcma_error err = { "" };
	uint64_t hpa[NR];

	(void)state;
	if (hvcma_provider_service_create(rig.socket, &config, &p, &err))
		fail_msg("%s", err.text);
	p->ops->stats(p, &stats);
	assert_true(stats.nr_runs >= 1 && stats.nr_runs <= NR);
	assert_true(stats.run_bytes >= HUGE_BYTES && stats.run_bytes <= m.bytes);
	assert_int_equal(stats.backed_bytes, m.bytes);
	assert_int_equal(p->ops->pin(p, 0, NR), 0);
	assert_int_equal(p->ops->hpa(p, 0, NR, hpa), 0);
	p->ops->destroy(p);

	/* what does not fit is no request */
	config.run_bytes = m.bytes + HUGE_BYTES;
	assert_int_equal(hvcma_provider_service_create(rig.socket, &config, &p, &err), -EINVAL);
	assert_words(err.text, "a run of 10485760 bytes needs is_contiguous");
	config = wanted(&m);
	config.need_hpa = false;
	assert_int_equal(hvcma_provider_service_create(rig.socket, &config, &p, &err), -EINVAL);
	memory_free(&m);
	daemon_settles(&rig, rig.idle);
}

/* As one before ARRANGE answers: it takes regions, and has not the feature. */
static void play_an_old_one(int listening)
{
	const struct hvcmad_hello_resp hello = {
		.hdr = { HVCMAD_S_OK, sizeof(hello) }, .version = HVCMAD_VERSION, .max_range_bytes = HUGE_BYTES,
		.features = HVCMAD_F_TURNS | HVCMAD_F_HVCMA,
	};
	const struct hvcmad_register_resp reg = { .hdr = { HVCMAD_S_OK, sizeof(reg) }, .region = 1, .page_bytes = HUGE_BYTES };
	const struct hvcmad_resp_hdr ok = { HVCMAD_S_OK, sizeof(ok) };
	union {
		struct hvcmad_req_hdr hdr;
		unsigned char bytes[HVCMAD_MAX_REQUEST_BYTES];
	} q;
	int fd = accept(listening, NULL, NULL);

	while (recv(fd, &q, sizeof(q), 0) > 0) {
		must(q.hdr.op != HVCMAD_OP_ARRANGE, "a request of a feature that was not answered");
		if (q.hdr.op == HVCMAD_OP_HELLO)
			send(fd, &hello, sizeof(hello), MSG_NOSIGNAL);
		else if (q.hdr.op == HVCMAD_OP_REGISTER)
			send(fd, &reg, sizeof(reg), MSG_NOSIGNAL);
		else
			send(fd, &ok, sizeof(ok), MSG_NOSIGNAL);
	}
	_exit(0);
}

static void an_old_service_is_told(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct memory m = huge_memory(NR);
	struct hvcma_provider_config config = wanted(&m);
	struct hvcma_provider *p = NULL;
	struct hvcma_error err = { "" };
	pid_t pid;

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", rig.folder);
	assert_int_equal(bind(listening, (void *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listening, 1), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		be_a_child();
		play_an_old_one(listening);
	}
	assert_int_equal(hvcma_provider_service_create(address.sun_path, &config, &p, &err), -EOPNOTSUPP);
	assert_words(err.text, "region banka: the service is too old to choose where pages lie: leave out contiguous=");
	ends_well(pid);
	close(listening);
	unlink(address.sun_path);
	memory_free(&m);
}

static int begin(void **state)
{
	(void)state;
	daemon_start(&rig, CONFIG);
	lock = pool_take(64);
	return 0;
}

static int end(void **state)
{
	pool_unlock(lock);
	return rig_stop(state);
}

int main(void)
{
#define T(test)	cmocka_unit_test(test)
	const struct CMUnitTest tests[] = {
		T(what_is_told_is_so),
		T(low_pages_are_told),
		T(who_may_not_ask_is_refused),
		T(what_does_not_fit_is_refused),
		T(meanwhile_the_pages_are_its_own),
		T(one_after_the_other),
		T(it_ends_with_its_region),
		T(it_ends_with_its_client),
		T(it_does_not_end_with_its_service),
		T(what_is_kept_back_is_not_there),
		T(who_searches_on_and_on_has_to_rest),
		T(a_provider_has_it_done),
		T(an_old_service_is_told),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, begin, end);
}
