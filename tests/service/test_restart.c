// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The real hvcmad and its keeper, killed, stopped and started again, one, the other, both, at every
 * system call of a request: what is pinned stays pinned, and what is not is nobody's. Pages are counted in a
 * hugetlbfs of this test alone: one that is in no file any more counts as long as it is pinned.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/service/rig.h"

#include <sys/ptrace.h>
#include <time.h>

#define NR	4

static struct small_pool pool;

static void punch(const struct memory *m)
{
	assert_int_equal(fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)m->bytes), 0);
}

/* A region of four pages, the middle two pinned. */
static uint32_t pinned_region(int fd, const char *name, const struct memory *m)
{
	uint32_t r;

	assert_status(OK, client_register(fd, name, m->bytes, m->fd));
	r = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, NR, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 1, 2, HVCMAD_PIN_ADDRESSES));
	return r;
}

/* It is there, its number is as it was, and these are pinned. */
static int resumed(const struct daemon *d, const char *name, uint32_t r, uint64_t pinned)
{
	int fd = client_open(d);

	assert_status(OK, client_resume(fd, name));
	close(got.fd);
	assert_int_equal(got.resume.region, r);
	assert_status(OK, client_range(fd, HVCMAD_OP_PINNED, r, 0, NR, 0));
	assert_int_equal(got.pinned.pinned[0], pinned);
	return fd;
}

static void ends_with_nothing(int fd, struct memory *m)
{
	int i;

	client_close(fd);
	memory_free(m);
	assert_true(small_pool_settles(&pool, 0));
	for (i = 0; i < 500 && daemon_descriptors(&rig) > rig.idle + 1; i++)
		usleep(10000);
	assert_in_range(daemon_descriptors(&rig), rig.idle, rig.idle + 1);	/* sd-event keeps its first timer */
}

static void a_killed_service_loses_nothing(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig), round;
	uint32_t r = pinned_region(fd, "banka", &m);
	uint64_t address[2];

	(void)state;
	memcpy(address, got.addresses.address, sizeof(address));
	for (round = 0; round < 3; round++) {
		daemon_kill(&rig);
		close(fd);
		daemon_again(&rig);
		daemon_says(&rig, "takes over 1 regions");
		fd = resumed(&rig, "banka", r, 6);
		assert_status(OK, client_range(fd, HVCMAD_OP_ADDRESSES, r, 1, 2, 0));
		assert_memory_equal(got.addresses.address, address, sizeof(address));
	}
	assert_status(OK, client_status(fd, 0, 0));
	assert_int_equal(got.status.pinned_bytes, 2 * HUGE_BYTES);
	assert_status(OK, client_status(fd, HVCMAD_STATUS_ALL, 0));
	assert_int_equal(got.status.nr, 1);
	punch(&m);		/* from here on pins alone hold two pages */
	assert_true(small_pool_settles(&pool, 2));
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 1, 2, 0));
	assert_true(small_pool_settles(&pool, 0));
	ends_with_nothing(fd, &m);
}

/* While there is no service, and afterwards: pages that are in no file any more, so it is the pins. */
static void pins_are_never_gone(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig);
	uint32_t r = pinned_region(fd, "banka", &m);

	(void)state;
	daemon_kill(&rig);
	close(fd);
	punch(&m);
	assert_true(small_pool_settles(&pool, 2));
	usleep(300000);
	assert_int_equal(small_pool_used(&pool), 2);
	daemon_again(&rig);
	daemon_says(&rig, "no addresses are told any more");	/* those of other pages */
	fd = resumed(&rig, "banka", r, 6);
	assert_status(REFUSED, client_range(fd, HVCMAD_OP_ADDRESSES, r, 1, 2, 0));
	punch(&m);
	assert_true(small_pool_settles(&pool, 2));
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 1, 1, 0));
	assert_true(small_pool_settles(&pool, 1));
	assert_status(OK, client_unregister(fd, r));
	assert_true(small_pool_settles(&pool, 0));
	ends_with_nothing(fd, &m);
}

static void told_to_end_it_leaves_all_to_the_next(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig);
	uint32_t r = pinned_region(fd, "banka", &m);

	(void)state;
	assert_int_equal(kill(rig.pid, SIGTERM), 0);
	assert_int_equal(daemon_wait(&rig), 0);
	assert_words(daemon_log(&rig), "the keeper holds on: VM a");
	assert_words(daemon_log(&rig), "has region banka with 4194304 bytes pinned");
	assert_over(client_status(fd, 0, 0));
	close(fd);
	daemon_again(&rig);
	fd = resumed(&rig, "banka", r, 6);
	ends_with_nothing(fd, &m);
}

static void pin_and_wait_to_be_killed(void)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig);

	must(client_register(fd, "theirs", m.bytes, m.fd) == HVCMAD_S_OK, "REGISTER");
	must(client_range(fd, HVCMAD_OP_BACK, got.reg.region, 0, NR, 0) == HVCMAD_S_OK, "BACK");
	must(client_range(fd, HVCMAD_OP_PIN, got.reg.region, 0, NR, 0) == HVCMAD_S_OK, "PIN");
	pause();
}

/* Killed while there is no service: its pages are held until there is one. */
static void who_ends_meanwhile_is_ended_by_the_next(void **state)
{
	pid_t pid = as_user(0, pin_and_wait_to_be_killed);
	int status;

	(void)state;
	assert_true(small_pool_settles(&pool, NR));
	daemon_says(&rig, "region theirs");
	usleep(100000);
	daemon_kill(&rig);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	usleep(300000);
	assert_int_equal(small_pool_used(&pool), NR);	/* both are gone, and nobody gets a page */
	daemon_again(&rig);
	daemon_says(&rig, "has gone; 1 of its regions end");
	assert_true(small_pool_settles(&pool, 0));
	daemon_settles(&rig, rig.idle);
}

static void a_killed_keeper_is_replaced(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig), round;
	uint32_t r = pinned_region(fd, "banka", &m);
	pid_t keeper = daemon_keeper(&rig);

	(void)state;
	for (round = 0; round < 3; round++) {
		assert_int_equal(truncate(rig.log, 0), 0);
		assert_true(keeper > 0);
		assert_int_equal(kill(keeper, SIGKILL), 0);
		daemon_says(&rig, "there is a keeper again, it has 2 things");
		assert_int_not_equal(daemon_keeper(&rig), keeper);
		keeper = daemon_keeper(&rig);
		assert_status(OK, client_range(fd, HVCMAD_OP_PINNED, r, 0, NR, 0));
		assert_int_equal(got.pinned.pinned[0], 6);
	}
	/* The new one has all: without the service pins last. */
	daemon_kill(&rig);
	close(fd);
	daemon_again(&rig);
	fd = resumed(&rig, "banka", r, 6);
	daemon_kill(&rig);
	close(fd);
	punch(&m);
	usleep(100000);
	assert_int_equal(small_pool_used(&pool), 2);
	daemon_again(&rig);
	fd = resumed(&rig, "banka", r, 6);
	ends_with_nothing(fd, &m);
}

static void while_a_keeper_is_replaced_pins_last(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig), i;
	uint32_t r = pinned_region(fd, "banka", &m);
	pid_t keeper = daemon_keeper(&rig);
	long least = NR, used;

	(void)state;
	assert_int_equal(truncate(rig.log, 0), 0);
	assert_int_equal(kill(keeper, SIGKILL), 0);
	for (i = 0; i < 100000 && !strstr(daemon_log(&rig), "there is a keeper again"); i++) {
		punch(&m);
		used = small_pool_used(&pool);
		least = used < least ? used : least;
	}
	daemon_says(&rig, "there is a keeper again");
	assert_int_equal(least, 2);
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 1, 2, 0));
	ends_with_nothing(fd, &m);
}

static void a_keeper_that_hangs_is_replaced(void **state)
{
	struct memory m = small_pool_memory(&pool, NR), more = small_pool_memory(&pool, NR);
	int fd = client_open(&rig);
	uint32_t r = pinned_region(fd, "banka", &m);
	pid_t keeper = daemon_keeper(&rig);

	(void)state;
	assert_int_equal(kill(keeper, SIGSTOP), 0);
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 1, 0));		/* needs none */
	assert_status(OK, client_register(fd, "more", more.bytes, more.fd));	/* waits for it */
	daemon_says(&rig, "the keeper does not answer, and was killed");
	assert_int_not_equal(daemon_keeper(&rig), keeper);
	daemon_kill(&rig);
	close(fd);
	daemon_again(&rig);
	fd = resumed(&rig, "banka", r, 7);
	assert_status(OK, client_resume(fd, "more"));
	close(got.fd);
	memory_free(&more);
	ends_with_nothing(fd, &m);
}

static void both_gone_is_told(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig);
	pid_t keeper;

	(void)state;
	pinned_region(fd, "banka", &m);
	keeper = daemon_keeper(&rig);
	assert_int_equal(kill(rig.pid, SIGSTOP), 0);
	assert_int_equal(kill(keeper, SIGKILL), 0);
	daemon_kill(&rig);
	close(fd);
	daemon_again(&rig);
	daemon_says(&rig, "has been killed: what it alone held is lost");
	fd = client_open(&rig);
	assert_status(NO_REGION, client_resume(fd, "banka"));
	ends_with_nothing(fd, &m);
}

/* ---- what a keeper has that this service does not know ---- */

static void what_is_not_known_stays_with_the_keeper(void **state)
{
	static const struct { uint32_t kind, version; uint64_t peer; } strange[] = {
		{ 1, 1, 7 }, { 2, 1, 7 }, { 1, 9, 7 }, { 99, 1, 7 },
	};
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig), keeper;
	uint32_t r = pinned_region(fd, "banka", &m), id[5], i;

	(void)state;
	daemon_kill(&rig);
	close(fd);
	keeper = keeper_connect(&rig);
	for (i = 0; i < 4; i++) {
		struct hvcmad_keeper_resp a = keeper_ask(keeper, HVCMAD_KEEPER_PUT, 0, &strange[i], sizeof(strange[i]));

		assert_int_equal(a.error, 0);
		id[i] = a.id;
	}
	id[4] = keeper_ask(keeper, HVCMAD_KEEPER_PUT, 0, NULL, 0).id;
	assert_int_equal(keeper_ask(keeper, 77, 0, NULL, 0).error, EOPNOTSUPP);
	assert_int_equal(keeper_ask(keeper, HVCMAD_KEEPER_HELLO, 2, NULL, 0).error, EPROTONOSUPPORT);
	assert_int_equal(keeper_ask(keeper, HVCMAD_KEEPER_DROP, 12345, NULL, 0).error, ENOENT);
	close(keeper);

	daemon_again(&rig);
	daemon_says(&rig, "takes over 1 regions");
	daemon_says(&rig, "5 things stay with the keeper");
	fd = resumed(&rig, "banka", r, 6);
	ends_with_nothing(fd, &m);

	daemon_kill(&rig);
	keeper = keeper_connect(&rig);
	for (i = 0; i < 5; i++)
		assert_int_equal(keeper_ask(keeper, HVCMAD_KEEPER_DROP, id[i], NULL, 0).error, 0);
	close(keeper);
	daemon_again(&rig);
}

/* A service that is killed while it hands over leaves things twice. */
static void what_is_there_twice_is_taken_once(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	int fd = client_open(&rig), keeper;
	uint32_t r = pinned_region(fd, "banka", &m), id, nr = 0;

	(void)state;
	daemon_kill(&rig);
	close(fd);
	keeper = keeper_connect(&rig);
	for (id = 0; nr < 2; nr++) {
		struct hvcmad_keeper_resp a = keeper_ask(keeper, HVCMAD_KEEPER_NEXT, id, NULL, 0);

		id = a.id;
		assert_int_not_equal(id, 0);
		assert_int_equal(keeper_ask(keeper, HVCMAD_KEEPER_PUT, 0, a.record, a.record_bytes).error, 0);
	}
	close(keeper);
	daemon_again(&rig);
	assert_null(strstr(daemon_log(&rig), "stay with the keeper"));
	fd = resumed(&rig, "banka", r, 6);
	ends_with_nothing(fd, &m);
	daemon_kill(&rig);
	for (nr = 0; nr < 500 && daemon_keeper(&rig); nr++)	/* it has nothing any more, and ends */
		usleep(10000);
	assert_int_equal(daemon_keeper(&rig), 0);
	daemon_again(&rig);
}

static void a_keeper_that_somebody_else_should_have_started_is_missed(void **state)
{
	struct daemon d;

	(void)state;
	daemon_prepare(&d, RIG_CONFIG);
	snprintf(d.keeper, sizeof(d.keeper), "%s/none", d.folder);
	daemon_spawn(&d);
	assert_int_equal(daemon_wait(&d), 1);
	daemon_says(&d, "/none: No such file or directory");
	strcpy(d.keeper, "relative");
	daemon_spawn(&d);
	assert_int_equal(daemon_wait(&d), 1);
	daemon_says(&d, "is to be absolute");
	daemon_remove(&d);
}

/* ---- at every system call ---- */

enum request { Q_REGISTER, Q_PIN, Q_UNPIN, Q_UNREGISTER, Q_RESUME, Q_NR };
static const char *const request_names[Q_NR] = { "REGISTER", "PIN", "UNPIN", "UNREGISTER", "RESUME" };

/* What the client does, in a process that outlives the service. */
struct errand {
	enum request request;
	int file;
	uint64_t bytes;
	int begin[2], end[2];		/* pipes: do it; its status */
};

static void say(int fd, int what)
{
	must(write(fd, &what, sizeof(what)) == sizeof(what), "pipe");
}

static int hear(int fd)
{
	int what = 0;

	must(read(fd, &what, sizeof(what)) == sizeof(what), "pipe");
	return what;
}

static int client_up_to(const struct errand *e, int *fd, uint32_t *region)
{
	*fd = client_open(&rig);
	if (e->request == Q_REGISTER)
		return 0;
	if (client_register(*fd, "banka", e->bytes, e->file))
		return -1;
	*region = got.reg.region;
	if (client_range(*fd, HVCMAD_OP_BACK, *region, 0, NR, 0))
		return -1;
	if (e->request != Q_PIN && client_range(*fd, HVCMAD_OP_PIN, *region, 0, NR, 0))
		return -1;
	if (e->request == Q_RESUME) {
		close(*fd);
		*fd = client_open(&rig);
	}
	return 0;
}

static int client_request(const struct errand *e, int fd, uint32_t region)
{
	switch (e->request) {
	case Q_REGISTER:
		return client_register(fd, "banka", e->bytes, e->file);
	case Q_PIN:
		return client_range(fd, HVCMAD_OP_PIN, region, 0, NR, 0);
	case Q_UNPIN:
		return client_range(fd, HVCMAD_OP_UNPIN, region, 0, NR, 0);
	case Q_UNREGISTER:
		return client_unregister(fd, region);
	default:
		return client_resume(fd, "banka");
	}
}

/*
 * After the kill: the same process takes up what there is. All or nothing is pinned, as far as it was told at
 * least, and can be unpinned.
 */
static int client_afterwards(const struct errand *e, int status)
{
	int fd = client_open(&rig), ret = client_resume(fd, "banka");
	bool done = status == HVCMAD_S_OK, exists = ret == HVCMAD_S_OK;
	uint64_t pinned = 0;

	if (ret != HVCMAD_S_OK && ret != HVCMAD_S_NO_REGION)
		return 1;
	if (exists && client_range(fd, HVCMAD_OP_PINNED, got.resume.region, 0, NR, 0))
		return 2;
	if (exists)
		pinned = got.pinned.pinned[0];
	if (pinned && pinned != (1 << NR) - 1)
		return 3;		/* some */
	if (done && exists != (e->request != Q_UNREGISTER))
		return 4;
	if (e->request != Q_REGISTER && e->request != Q_UNREGISTER && !exists)
		return 5;
	if (exists && done && e->request == Q_PIN && !pinned)
		return 6;
	if (exists && done && e->request == Q_UNPIN && pinned)
		return 7;
	if (e->request == Q_RESUME && !pinned)
		return 8;
	/* Again, if it was not done: the request is the same. */
	if (e->request == Q_REGISTER && !exists && client_register(fd, "banka", e->bytes, e->file))
		return 9;
	client_close(fd);
	return 0;
}

static void client(const struct errand *e)
{
	uint32_t region = 0;
	int fd, status;

	be_a_child();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		status = client_up_to(e, &fd, &region);
		if (status)
			fprintf(stderr, "# child: %s: %s\n", got.text, daemon_log(&rig));
		say(e->end[1], status);
		hear(e->begin[0]);
		status = client_request(e, fd, region);
		close(fd);
		hear(e->begin[0]);
		say(e->end[1], client_afterwards(e, status));
		hear(e->begin[0]);
	}
}

/* False: the request was done before that many stops. The service is dead either way. */
static bool kill_at_stop(const struct errand *e, int stops)
{
	int status, n;
	bool killed = true;

	assert_int_equal(ptrace(PTRACE_SEIZE, rig.pid, NULL, PTRACE_O_TRACESYSGOOD), 0);
	assert_int_equal(ptrace(PTRACE_INTERRUPT, rig.pid, NULL, NULL), 0);
	assert_int_equal(waitpid(rig.pid, &status, __WALL), rig.pid);
	say(e->begin[1], 0);
	/* It waits in epoll_wait(), so two stops are those of it. */
	for (n = 0; n < stops && killed; n++) {
		struct timespec t;
		int i;

		ptrace(PTRACE_SYSCALL, rig.pid, NULL, NULL);
		for (i = 0; i < 400; i++) {	/* 0.2 s without a stop: it has nothing to do */
			pid_t got_pid = waitpid(rig.pid, &status, __WALL | WNOHANG);

			assert_true(got_pid >= 0);
			if (got_pid)
				break;
			t = (struct timespec){ .tv_nsec = 500000 };
			nanosleep(&t, NULL);
		}
		killed = i < 400;
	}
	daemon_kill(&rig);
	return killed;
}

static int kills_of(enum request request, int step)
{
	struct memory m = small_pool_memory(&pool, NR);
	struct errand e = { .request = request, .file = m.fd, .bytes = m.bytes };
	bool killed = true;
	pid_t pid;
	int stops, ret, kills = 0;

	assert_int_equal(pipe(e.begin) | pipe(e.end), 0);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		client(&e);
	close(e.begin[0]);
	close(e.end[1]);
	for (stops = 1; killed; stops += step) {
		assert_int_equal(hear(e.end[0]), 0);
		killed = kill_at_stop(&e, stops);
		kills += killed;
		daemon_again(&rig);
		say(e.begin[1], 0);
		ret = hear(e.end[0]);
		if (ret)
			fail_msg("%s, killed at its stop %d: %d: %s", request_names[request], stops, ret, daemon_log(&rig));
		/* Nothing is left that only a pin would hold. */
		punch(&m);
		if (!small_pool_settles(&pool, 0))
			fail_msg("%s, killed at its stop %d: %ld pages are left", request_names[request], stops,
				 small_pool_used(&pool));
		say(e.begin[1], 0);
	}
	hear(e.end[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(e.begin[1]);
	close(e.end[0]);
	memory_free(&m);
	return kills;
}

static void at_every_system_call(void **state)
{
	enum request q;

	(void)state;
	for (q = 0; q < Q_NR; q++) {
		int kills = kills_of(q, 1);

		print_message("# %s: killed at %d stops\n", request_names[q], kills);
		assert_true(kills >= 4);
	}
}

static int begin(void **state)
{
	if (!small_pool_make(&pool, 2 * NR))
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
		T(a_killed_service_loses_nothing),
		T(pins_are_never_gone),
		T(told_to_end_it_leaves_all_to_the_next),
		T(who_ends_meanwhile_is_ended_by_the_next),
		T(a_killed_keeper_is_replaced),
		T(while_a_keeper_is_replaced_pins_last),
		T(a_keeper_that_hangs_is_replaced),
		T(both_gone_is_told),
		T(what_is_not_known_stays_with_the_keeper),
		T(what_is_there_twice_is_taken_once),
		T(a_keeper_that_somebody_else_should_have_started_is_missed),
		T(at_every_system_call),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, begin, end);
}
