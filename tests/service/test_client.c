// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The provider of a process without privileges (hv/host/provider_service.c), with a real hvcmad that is killed and
 * started again while it is asked: every request is done, once, and addresses stay. Without a
 * service it gives up in a bounded time.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/service/rig.h"

#include <time.h>

#define NR	4
#define KILLS	12

static struct small_pool pool;
static volatile bool *enough;	/* shared: it has been killed KILLS times */

static struct hvcma_provider *remote(const struct memory *m, struct hvcma_error *err)
{
	struct hvcma_provider_config config = config_of(m);
	struct hvcma_provider *p = NULL;

	hvcma_provider_service_create(rig.socket, &config, &p, err);
	return p;
}

static struct hvcma_provider *remote_at_once(const struct memory *m)
{
	struct hvcma_error err = { "" };
	struct hvcma_provider *p = remote(m, &err);

	if (!p)
		fail_msg("%s", err.text);
	return p;
}

/* The first session is not waited for: to start with a service that is not there is an error. */
static struct hvcma_provider *remote_soon(const struct memory *m)
{
	struct hvcma_error err = { "" };
	struct hvcma_provider *p;
	int i;

	for (i = 0; i < 1000; i++) {
		p = remote(m, &err);
		if (p)
			return p;
		usleep(5000);
	}
	must(false, err.text);
	return NULL;
}

static void done(struct hvcma_provider *p, int ret, const char *what)
{
	if (ret) {
		fprintf(stderr, "# child: %s: %d: %s\n", what, ret, p->error.text);
		_exit(1);
	}
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void a_restart_is_not_noticed(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	struct hvcma_provider *p = remote_at_once(&m);
	uint64_t hpa[NR], again[NR];

	(void)state;
	done(p, p->ops->back(p, 0, NR), "back");
	done(p, p->ops->pin(p, 0, 2), "pin");
	daemon_kill(&rig);
	daemon_again(&rig);
	done(p, p->ops->pin(p, 2, 2), "pin");
	done(p, p->ops->hpa(p, 0, NR, hpa), "hpa");
	daemon_kill(&rig);
	daemon_again(&rig);
	done(p, p->ops->unpin(p, 3, 1), "unpin");
	done(p, p->ops->pin(p, 3, 1), "pin");
	done(p, p->ops->hpa(p, 0, NR, again), "hpa");
	assert_memory_equal(again, hpa, sizeof(hpa));
	daemon_kill(&rig);
	daemon_again(&rig);
	p->ops->destroy(p);
	memory_free(&m);
	assert_true(small_pool_settles(&pool, 0));
}

static void work(void)
{
	struct memory m = small_pool_memory(&pool, NR);
	struct hvcma_provider *p = remote_soon(&m);
	uint64_t hpa[NR], first[NR] = { 0 };
	int i;

	done(p, p->ops->back(p, 0, NR), "back");
	for (i = 0; !*enough; i++) {
		done(p, p->ops->pin(p, 0, NR), "pin");
		done(p, p->ops->hpa(p, 0, NR, hpa), "hpa");
		if (!i)
			memcpy(first, hpa, sizeof(first));
		must(!memcmp(first, hpa, sizeof(first)), "other addresses");
		done(p, p->ops->unpin(p, 1, 2), "unpin");
		done(p, p->ops->pin(p, 1, 1), "pin again");
		done(p, p->ops->unpin(p, 0, 2), "unpin the first");
		done(p, p->ops->unpin(p, 3, 1), "unpin the last");
		if (i % 20)
			continue;
		p->ops->destroy(p);
		p = remote_soon(&m);
		done(p, p->ops->back(p, 0, NR), "back again");
	}
	p->ops->destroy(p);
}

static void killed_at_any_time_every_request_is_done_once(void **state)
{
	int status = -1, kills = 0, lives_ms = 30;
	unsigned int x = 1;
	long long begin_ms;
	pid_t pid, ended;

	(void)state;
	*enough = false;
	pid = as_user(0, work);
	while (!(ended = waitpid(pid, &status, *enough ? 0 : WNOHANG))) {
		usleep((useconds_t)(rand_r(&x) % (lives_ms * 1000)));
		daemon_kill(&rig);
		begin_ms = now_ms();
		daemon_again(&rig);
		/* Where it starts slowly it lives as long in proportion: else it's away most of the time. */
		lives_ms = 30 + 2 * (int)(now_ms() - begin_ms);
		*enough = ++kills == KILLS;
	}
	assert_int_equal(ended, pid);
	if (status)
		fail_msg("status %#x after %d kills: %s", (unsigned int)status, kills, daemon_log(&rig));
	assert_true(small_pool_settles(&pool, 0));
}

static void without_a_service_it_gives_up(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	struct hvcma_provider *p = remote_at_once(&m);
	long long begin_ms;

	(void)state;
	done(p, p->ops->back(p, 0, NR), "back");
	daemon_kill(&rig);
	begin_ms = now_ms();
	assert_int_equal(p->ops->pin(p, 0, 1), -EIO);
	assert_in_range(now_ms() - begin_ms, 1500, 5000);
	assert_words(p->error.text, "region banka: service ");
	begin_ms = now_ms();
	assert_int_equal(p->ops->pin(p, 0, 1), -EIO);	/* it has waited once */
	assert_in_range(now_ms() - begin_ms, 0, 500);
	assert_words(p->error.text, "the session with it has ended");
	daemon_again(&rig);
	done(p, p->ops->pin(p, 0, 1), "pin");
	p->ops->destroy(p);
	memory_free(&m);
}

static void a_service_that_has_lost_it_is_told(void **state)
{
	struct memory m = small_pool_memory(&pool, NR);
	struct hvcma_provider *p = remote_at_once(&m);
	pid_t keeper = daemon_keeper(&rig);

	(void)state;
	done(p, p->ops->back(p, 0, NR), "back");
	done(p, p->ops->pin(p, 0, 1), "pin");
	assert_int_equal(kill(rig.pid, SIGSTOP), 0);
	assert_int_equal(kill(keeper, SIGKILL), 0);
	daemon_kill(&rig);
	daemon_again(&rig);
	assert_int_equal(p->ops->pin(p, 1, 1), -EIO);
	assert_words(p->error.text, "has lost what it had of it");
	p->ops->destroy(p);
	memory_free(&m);
	assert_true(small_pool_settles(&pool, 0));
}

static int begin(void **state)
{
	void *shared = mmap(NULL, sizeof(*enough), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED || !small_pool_make(&pool, NR))
		return -1;
	enough = shared;
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
		T(a_restart_is_not_noticed),
		T(killed_at_any_time_every_request_is_done_once),
		T(without_a_service_it_gives_up),
		T(a_service_that_has_lost_it_is_told),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, begin, end);
}
