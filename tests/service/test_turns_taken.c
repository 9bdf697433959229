// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking turns, with the real hvcmad and a pool that is too small: clients that surrender, that surrender less, never answer, vanish, close
 * their session, are restarted around; what is refused. How it is decided is in test_turns.c.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/service/rig.h"

#define NR_PAGES	8
#define DEADLINE_MS	400

static const char config[] =
	"socket-group = \"nogroup\";\n"
	"totals = { memory = \"256M\"; pinned = \"24M\"; regions = 16; };\n"
	"turns = { deadline-ms = 400; };\n"
	"vms = ( { name = \"a\"; user = 0; memory = \"128M\"; pinned = \"16M\"; regions = 8; },\n"
	"        { name = \"b\"; user = 12345; memory = \"64M\"; pinned = \"12M\"; regions = 4; priority = 1; } );\n";

static struct small_pool pool;

/* One region of one session, and where it is told what is wanted of it. */
struct client {
	int fd;
	uint32_t region;
	int asked;		/* -1: it offers nothing */
	struct memory memory;
};

static int client_offer(int fd, uint32_t region, uint32_t flags)
{
	const struct hvcmad_offer_req q = { { HVCMAD_OP_OFFER, sizeof(q) }, .region = region, .flags = flags };

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.hdr), NULL, 0);
}

static int client_wanted(int fd, uint32_t region)
{
	const struct hvcmad_wanted_req q = { { HVCMAD_OP_WANTED, sizeof(q) }, .region = region };

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.wanted), NULL, 0);
}

static int client_turns(int fd, uint32_t flags, uint32_t after)
{
	const struct hvcmad_turns_req q = { { HVCMAD_OP_TURNS, sizeof(q) }, .flags = flags, .after = after };

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.turns), NULL, 0);
}

static void offer(struct client *c)
{
	assert_status(OK, client_offer(c->fd, c->region, 0));
	assert_true(got.fd >= 0);
	c->asked = got.fd;
}

/* Backed with @backed pages. */
static struct client client(const char *name, uint64_t pages, uint64_t backed)
{
	struct client c = { .fd = client_connect(&rig), .asked = -1, .memory = small_pool_memory(&pool, pages) };

	assert_status(OK, client_hello_with(c.fd, HVCMAD_FEATURES));
	assert_int_equal(got.hello.features, HVCMAD_FEATURES);
	assert_status(OK, client_register(c.fd, name, c.memory.bytes, c.memory.fd));
	c.region = got.reg.region;
	if (backed)
		assert_status(OK, client_range(c.fd, HVCMAD_OP_BACK, c.region, 0, backed, 0));
	return c;
}

static void client_end(struct client *c)
{
	client_close(c->fd);
	if (c->asked >= 0)
		close(c->asked);
	memory_free(&c->memory);
}

static int back(const struct client *c, uint64_t first, uint64_t nr)
{
	return client_range(c->fd, HVCMAD_OP_BACK, c->region, first, nr, 0);
}

static void discard(const struct client *c, uint64_t first, uint64_t nr)
{
	assert_status(OK, client_range(c->fd, HVCMAD_OP_DISCARD, c->region, first, nr, 0));
}

static uint64_t wanted(const struct client *c)
{
	assert_status(OK, client_wanted(c->fd, c->region));
	assert_true(!got.wanted.bytes == !got.wanted.deadline_ms && got.wanted.deadline_ms <= DEADLINE_MS);
	return got.wanted.bytes;
}

/* Bytes that can be read from the pipe; -1: its other end is closed. */
static int told(const struct client *c)
{
	char bytes[16];
	ssize_t nr = read(c->asked, bytes, sizeof(bytes));

	if (!nr)
		return -1;
	if (nr < 0)
		assert_int_equal(errno, EAGAIN);
	return nr < 0 ? 0 : (int)nr;
}

static const struct hvcmad_turn_status *turn_of(int fd, uint32_t region)
{
	assert_status(OK, client_turns(fd, 0, region - 1));
	assert_int_equal(got.turns.nr, got.turns.nr_total);
	assert_int_equal(got.turns.turns[0].region, region);
	return got.turns.turns;
}

static void two_regions_take_turns(void **state)
{
	struct client first = client("first", 6, 6), second = client("second", 4, 2);
	const struct hvcmad_turn_status *turn;

	(void)state;
	/* Without an offer it is a refusal as ever. */
	assert_status(NO_BACKING, back(&second, 2, 2));
	assert_null(strstr(got.text, "; wanted"));
	offer(&first);
	assert_int_equal(told(&first), 0);
	assert_int_equal(wanted(&first), 0);
	assert_refused(AGAIN, "wanted 4194304 bytes, free 0, 0 more could be asked of 1 regions: a/first is asked for 12582912",
		       back(&second, 2, 2));
	assert_int_equal(told(&first), 1);
	assert_int_equal(wanted(&first), 6 * HUGE_BYTES);
	turn = turn_of(second.fd, second.region);
	assert_int_equal(turn->state, HVCMAD_TURN_WANTS);
	assert_int_equal(turn->wanted_bytes, 2 * HUGE_BYTES);

	discard(&first, 0, 1);
	assert_status(AGAIN, back(&second, 2, 2));		/* not enough yet */
	assert_true(small_pool_settles(&pool, 7));		/* all or nothing */
	discard(&first, 1, 1);
	assert_status(OK, back(&second, 2, 2));
	assert_int_equal(wanted(&first), 4 * HUGE_BYTES);
	turn = turn_of(first.fd, first.region);
	assert_string_equal((char *)turn->vm, "a");
	assert_string_equal((char *)turn->name, "first");
	assert_int_equal(turn->pid, getpid());
	assert_int_equal(turn->state, HVCMAD_TURN_OFFERS);
	assert_int_equal(turn->surrendered_bytes, 2 * HUGE_BYTES);
	assert_int_equal(turn->idle_bytes, 4 * HUGE_BYTES);
	assert_int_equal(turn->asked_bytes, 4 * HUGE_BYTES);
	assert_true(turn->asked_ms && turn->asked_ms <= DEADLINE_MS);
	assert_status(OK, client_turns(second.fd, 0, 0));
	assert_int_equal(got.turns.nr_total, 0);		/* it has what it wanted */

	/* And back. What is pinned is not idle. */
	offer(&second);
	assert_status(OK, client_range(second.fd, HVCMAD_OP_PIN, second.region, 0, 3, 0));
	assert_status(NO_BACKING, back(&first, 0, 2));
	assert_status(OK, client_range(second.fd, HVCMAD_OP_UNPIN, second.region, 2, 1, 0));
	assert_status(AGAIN, back(&first, 0, 2));
	assert_int_equal(wanted(&second), 2 * HUGE_BYTES);
	discard(&second, 2, 2);
	assert_status(OK, back(&first, 0, 2));
	assert_true(small_pool_settles(&pool, 8));
	client_end(&second);
	client_end(&first);
}

static void who_never_answers_is_named(void **state)
{
	struct client first = client("first", 6, 6), second = client("second", 4, 2);
	int i;

	(void)state;
	offer(&first);
	assert_status(AGAIN, back(&second, 2, 2));
	discard(&first, 0, 1);		/* less than it was asked for */
	for (i = 0; i < 200 && back(&second, 2, 2) == HVCMAD_S_AGAIN; i++)
		usleep(10000);
	assert_int_equal(got.hdr.status, HVCMAD_S_NO_BACKING);
	assert_words(got.text, "wanted 4194304 bytes, free 2097152, 0 more could be asked of 1 regions: a/first has not surrendered 10485760 in time");
	daemon_says(&rig, "region first was asked for memory, and has not surrendered 10485760 bytes of it in time");
	assert_int_equal(wanted(&first), 0);
	assert_int_equal(turn_of(first.fd, first.region)->state, HVCMAD_TURN_OFFERS | HVCMAD_TURN_RESTS);
	assert_int_equal(got.turns.turns[0].missed_bytes, 5 * HUGE_BYTES);
	/* What it gave all the same is there, and it has its second chance. */
	assert_status(OK, back(&second, 2, 1));
	usleep((DEADLINE_MS + 50) * 1000);
	assert_status(AGAIN, back(&second, 3, 1));
	assert_int_equal(wanted(&first), 5 * HUGE_BYTES);
	client_end(&second);
	client_end(&first);
}

static void what_was_given_is_kept_for_who_asked(void **state)
{
	struct client first = client("first", 4, 4), second = client("second", 4, 2), third = client("third", 4, 2);

	(void)state;
	offer(&first);
	assert_status(AGAIN, back(&second, 2, 2));
	discard(&first, 0, 2);
	assert_refused(AGAIN, "it is not its turn; wanted 2097152 bytes, free 4194304, of which 4194304 are for others before it",
		       back(&third, 2, 1));
	assert_status(OK, back(&third, 0, 2));		/* that takes none */
	assert_status(OK, back(&second, 2, 2));
	discard(&first, 2, 1);
	assert_status(OK, back(&third, 2, 1));
	/* One that does not come back for it holds up nobody for long. */
	assert_status(AGAIN, back(&third, 3, 1));
	discard(&first, 3, 1);
	close(third.fd);
	assert_refused(NO_BACKING, "it is not its turn", back(&first, 0, 1));
	usleep((DEADLINE_MS + 50) * 1000);
	assert_status(OK, back(&first, 0, 1));
	third.fd = client_connect(&rig);
	assert_status(OK, client_hello(third.fd));
	assert_status(OK, client_resume(third.fd, "third"));
	close(got.fd);
	client_end(&third);
	client_end(&second);
	client_end(&first);
}

/* Of VM b, of the higher priority. */
static int to_child[2], to_parent[2];

static void say(const int *pipe_ends)
{
	must(write(pipe_ends[1], "", 1) == 1, "write");
}

static void hear(const int *pipe_ends)
{
	char byte;

	must(read(pipe_ends[0], &byte, 1) == 1, "read");
}

static struct memory childs_memory;

static void important(void)
{
	int fd = client_connect(&rig);
	struct client c = { .fd = fd, .asked = -1 };

	assert_status(OK, client_hello_with(fd, HVCMAD_FEATURES));
	assert_status(OK, client_register(fd, "important", childs_memory.bytes, childs_memory.fd));
	c.region = got.reg.region;
	munmap(childs_memory.base, childs_memory.bytes);
	close(childs_memory.fd);
	assert_status(REFUSED, client_turns(fd, HVCMAD_TURNS_ALL, 0));
	assert_refused(AGAIN, "a/first is asked for", back(&c, 0, 4));
	say(to_parent);
	hear(to_child);
	assert_status(OK, back(&c, 0, 4));
	offer(&c);
	say(to_parent);
	hear(to_child);		/* and vanishes in the middle of it */
}

static void priorities_count_and_who_vanishes_gives_all(void **state)
{
	struct client first = client("first", 8, 8);
	pid_t pid;
	int i;

	(void)state;
	offer(&first);
	assert_int_equal(pipe(to_child), 0);
	assert_int_equal(pipe(to_parent), 0);
	childs_memory = small_pool_memory(&pool, 4);
	pid = as_user(USER_B, important);
	memory_free(&childs_memory);
	hear(to_parent);
	assert_int_equal(wanted(&first), 8 * HUGE_BYTES);
	discard(&first, 0, 4);
	/* What it has given it can't have back before the other has had it. */
	assert_refused(NO_BACKING, "are for others before it", back(&first, 0, 1));
	say(to_child);
	hear(to_parent);
	assert_refused(NO_BACKING, "b/important has a higher priority", back(&first, 0, 1));
	assert_status(OK, client_turns(first.fd, HVCMAD_TURNS_ALL, 0));
	assert_int_equal(got.turns.nr_total, 2);
	assert_string_equal((char *)got.turns.turns[1].vm, "b");
	assert_int_equal(got.turns.turns[1].priority, 1);
	assert_int_equal(got.turns.turns[1].idle_bytes, 4 * HUGE_BYTES);
	say(to_child);
	ends_well(pid);
	for (i = 0; i < 200 && back(&first, 0, 4) != HVCMAD_S_OK; i++)
		usleep(10000);
	assert_int_equal(got.hdr.status, HVCMAD_S_OK);
	for (i = 0; i < 2; i++) {
		close(to_child[i]);
		close(to_parent[i]);
	}
	client_end(&first);
}

static void an_offer_ends_with_its_session(void **state)
{
	struct client first = client("first", 6, 6), second = client("second", 4, 2);
	int before;

	(void)state;
	offer(&first);
	before = first.asked;
	offer(&first);				/* the second replaces it */
	assert_int_equal(read(before, &before, 1), 0);
	close(before);
	assert_status(OK, client_offer(first.fd, first.region, HVCMAD_OFFER_END));
	assert_int_equal(got.fd, -1);
	assert_int_equal(told(&first), -1);
	assert_status(NO_BACKING, back(&second, 2, 2));
	close(first.asked);
	offer(&first);
	assert_status(AGAIN, back(&second, 2, 2));
	close(first.fd);			/* in the middle of it: it can't be told any more */
	usleep(100000);
	assert_int_equal(told(&first), 1);
	assert_int_equal(told(&first), -1);
	assert_status(NO_BACKING, back(&second, 2, 2));
	first.fd = client_connect(&rig);
	assert_status(OK, client_hello_with(first.fd, HVCMAD_FEATURES));
	assert_status(OK, client_resume(first.fd, "first"));
	close(got.fd);
	assert_status(NO_BACKING, back(&second, 2, 2));
	close(first.asked);
	offer(&first);
	assert_status(AGAIN, back(&second, 2, 2));
	/* Another service. */
	daemon_kill(&rig);
	assert_int_equal(told(&first), 1);
	assert_int_equal(told(&first), -1);
	daemon_again(&rig);
	close(first.asked);
	close(first.fd);
	close(second.fd);
	first.fd = client_connect(&rig);
	second.fd = client_connect(&rig);
	assert_status(OK, client_hello_with(first.fd, HVCMAD_FEATURES));
	assert_status(OK, client_hello_with(second.fd, HVCMAD_FEATURES));
	assert_status(OK, client_resume(first.fd, "first"));
	close(got.fd);
	assert_status(OK, client_resume(second.fd, "second"));
	close(got.fd);
	offer(&first);
	assert_int_equal(turn_of(first.fd, first.region)->surrendered_bytes, 0);
	assert_status(AGAIN, back(&second, 2, 2));
	assert_int_equal(wanted(&first), 6 * HUGE_BYTES);
	client_end(&second);
	client_end(&first);
}

static void what_is_no_good_is_refused(void **state)
{
	struct client first = client("first", 6, 6), second = client("second", 10, 0);
	int old = client_open(&rig);

	(void)state;
	/* Who has not asked for the feature knows nothing of it. */
	assert_refused(UNSUPP, "the feature TURNS", client_offer(old, first.region, 0));
	assert_refused(UNSUPP, "the feature TURNS", client_wanted(old, first.region));
	assert_refused(UNSUPP, "the feature TURNS", client_turns(old, 0, 0));
	assert_refused(UNSUPP, "unknown flag", client_offer(first.fd, first.region, 2));
	assert_refused(NO_REGION, "no region", client_offer(first.fd, second.region, 0));
	assert_refused(NO_REGION, "no region", client_wanted(first.fd, second.region));
	assert_refused(NO_REGION, "no region", client_offer(first.fd, 4711, 0));
	offer(&first);
	assert_refused(NO_BACKING, "wanted 20971520 bytes, free 4194304, 12582912 more could be asked of 1 regions",
		       back(&second, 0, 10));
	assert_int_equal(told(&first), 0);		/* in vain: so nobody is asked */
	/* Who has no feature is refused where others are to ask again. */
	close(second.fd);
	second.fd = client_open(&rig);
	usleep(100000);
	assert_status(OK, client_resume(second.fd, "second"));
	close(got.fd);
	assert_refused(NO_BACKING, "a/first is asked for", back(&second, 0, 4));
	client_close(old);
	client_end(&second);
	client_end(&first);
}

static int begin(void **state)
{
	(void)state;
	if (!small_pool_make(&pool, NR_PAGES))
		return -1;
	daemon_start(&rig, config);
	return 0;
}

static int end(void **state)
{
	rig_stop(state);
	small_pool_free(&pool);
	return 0;
}

/* What the one before had comes back late on a busy machine. */
static int settle(void **state)
{
	(void)state;
	return small_pool_settles(&pool, 0) ? 0 : -1;
}

int main(void)
{
#define T(test)	cmocka_unit_test_setup(test, settle)
	const struct CMUnitTest tests[] = {
		T(two_regions_take_turns),
		T(who_never_answers_is_named),
		T(what_was_given_is_kept_for_who_asked),
		T(priorities_count_and_who_vanishes_gives_all),
		T(an_offer_ends_with_its_session),
		T(what_is_no_good_is_refused),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, begin, end);
}
