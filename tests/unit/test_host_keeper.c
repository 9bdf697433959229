// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Pin keeper, with real pins; a device is a file that says how many have it
 * enabled, as the kernel shows for PCI devices. Whether pages are held is read from
 * a hugetlbfs that nobody else uses: a page of it is free only when file, mapping
 * and last pin are gone.
 *
 *	this test -- fork --> victim: 4 pages pinned, keeper started
 *	 says what the         | SIGKILL
 *	 device's state is     v
 *	                      pages in use: 4 while the device is enabled, then 0
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/host_memory.h"

#include <dirent.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "hv/host/keeper.h"

#ifdef __aarch64__
#define ARCH	"arm64"
#else
#define ARCH	"amd64"
#endif

#define NR_PAGES	4
#define NR_DEVICES	2
#define LONG_ENOUGH_US	400000	/* for a keeper that lets go wrongly */
#define LINGERED_US	2500000	/* a device that is enabled still is a next owner's */

static struct {
	char program[512];
	struct small_pool pool;
	char device[NR_DEVICES][32];
} env;

/* ---- devices ---- */

static void device_says(int i, const char *text)
{
	int fd = open(env.device[i], O_WRONLY | O_TRUNC | O_CLOEXEC);

	must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "device");
	close(fd);
}

static void device_enable(int i)
{
	device_says(i, "1\n");
}

static void device_close(int i)
{
	device_says(i, "0\n");
}

static void devices_make(void)
{
	int i;

	for (i = 0; i < NR_DEVICES; i++) {
		snprintf(env.device[i], sizeof(env.device[i]), "/tmp/hvcma-enable-XXXXXX");
		close(mkstemp(env.device[i]));
	}
}

static void devices_free(void)
{
	int i;

	for (i = 0; i < NR_DEVICES; i++)
		unlink(env.device[i]);
}

/* ---- processes ---- */

/* The keeper becomes a child of this process, which asked for orphans; 0: none. */
static pid_t keeper_pid(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	assert_non_null(dir);
	while (!found && (e = readdir(dir))) {
		char path[300], line[128] = "";
		int pid = atoi(e->d_name), ppid;
		FILE *f;

		if (!pid)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f) && strstr(line, "(hvcma-pin-keepe)") &&
		    sscanf(strrchr(line, ')'), ") %*c %d", &ppid) == 1 && ppid == getpid())
			found = pid;
		fclose(f);
	}
	closedir(dir);
	return found;
}

/* Ends within two seconds, with @status as of waitpid()? */
static bool ends(pid_t pid, int *status)
{
	int i;

	for (i = 0; i < 200; i++) {
		pid_t got = waitpid(pid, status, WNOHANG);

		assert_true(got >= 0);
		if (got)
			return true;
		usleep(10000);
	}
	return false;
}

static void expect_clean_end(pid_t keeper)
{
	int status = -1;

	assert_true(keeper > 0);
	assert_true(ends(keeper, &status));
	assert_int_equal(status, 0);
}

static void kill_keeper(pid_t keeper)
{
	int status;

	assert_true(keeper > 0);
	kill(keeper, SIGKILL);
	assert_true(ends(keeper, &status));
}

/* Pages pinned and a keeper running, in this process or in a victim. */
struct holder {
	struct memory memory;
	struct hvcma_provider *provider;
	struct hvcma_keeper *keeper;
};

static void holder_start(struct holder *h, bool with_keeper)
{
	struct hvcma_provider_config config;
	struct hvcma_error err = { "" };
	const int *fds;
	size_t nr;

	h->memory = small_pool_memory(&env.pool, NR_PAGES);
	config = config_of(&h->memory);
	h->provider = local_provider(&config);
	assert_int_equal(h->provider->ops->back(h->provider, 0, NR_PAGES), 0);
	assert_int_equal(h->provider->ops->pin(h->provider, 0, NR_PAGES), 0);
	h->keeper = NULL;
	if (!with_keeper)
		return;
	nr = hvcma_provider_local_pin_fds(h->provider, &fds);
	if (hvcma_keeper_start(env.program, fds, nr, &h->keeper, &err))
		fail_msg("%s", err.text);
}

static void holder_end(struct holder *h)
{
	h->provider->ops->destroy(h->provider);
	memory_free(&h->memory);
	assert_true(small_pool_settles(&env.pool, 0));
}

typedef void victim_body(struct holder *h);

static pid_t victim_start(bool with_keeper, victim_body *body)
{
	int pair[2];
	char ready;
	pid_t pid;

	fflush(NULL);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct holder h;

		be_a_child();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		holder_start(&h, with_keeper);
		if (body)
			body(&h);
		must(write(pair[1], "r", 1) == 1, "tell");
		for (;;)
			pause();
	}
	close(pair[1]);
	assert_int_equal(read(pair[0], &ready, 1), 1);
	close(pair[0]);
	assert_int_equal(small_pool_used(&env.pool), NR_PAGES);
	return pid;
}

/* The whole process group, as a shell or a service manager may do. */
static void victim_kill(pid_t pid)
{
	int status;

	assert_int_equal(kill(-pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* Dead, but nobody has asked for its status. */
static void victim_make_zombie(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(kill(-pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void expect_held(void)
{
	usleep(LONG_ENOUGH_US);
	assert_int_equal(small_pool_used(&env.pool), NR_PAGES);
}

static void watch(struct holder *h, const char *path)
{
	struct hvcma_error err = { "" };

	must(!hvcma_keeper_watch(h->keeper, path, &err), err.text);
}

/* ---- what happens when a process is killed ---- */

static void control_without_a_keeper_pages_go_at_once(void **state)
{
	(void)state;
	device_enable(0);
	victim_kill(victim_start(false, NULL));
	assert_true(small_pool_settles(&env.pool, 0));
}

static void watch_first(struct holder *h)
{
	watch(h, env.device[0]);
}

static void pages_stay_until_the_device_is_closed(void **state)
{
	pid_t keeper;

	(void)state;
	device_enable(0);
	victim_kill(victim_start(true, watch_first));
	keeper = keeper_pid();
	expect_held();
	device_close(0);
	assert_true(small_pool_settles(&env.pool, 0));
	expect_clean_end(keeper);
}

/* The kernel closes devices before it calls a process dead. */
static void pages_go_soon_after_the_owner(void **state)
{
	pid_t victim, keeper;

	(void)state;
	device_close(0);
	victim = victim_start(true, watch_first);
	keeper = keeper_pid();
	victim_kill(victim);
	usleep(LONG_ENOUGH_US);
	assert_int_equal(small_pool_used(&env.pool), 0);
	expect_clean_end(keeper);
}

/* Started again at once: the pins of the dead do not last as long as the next owner. */
static void a_next_owner_does_not_prolong_pins(void **state)
{
	pid_t keeper;

	(void)state;
	device_enable(0);
	victim_kill(victim_start(true, watch_first));
	keeper = keeper_pid();
	expect_held();
	usleep(LINGERED_US);
	assert_int_equal(small_pool_used(&env.pool), 0);
	expect_clean_end(keeper);
}

/* All that is the victim's but the pipe to the test goes; the process lives on. */
static void let_everything_go(struct holder *h)
{
	char path[64], target[64];
	int fd;

	watch_first(h);
	munmap(h->memory.base, h->memory.bytes);
	for (fd = STDERR_FILENO + 1; fd < 1000; fd++) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		len = readlink(path, target, sizeof(target) - 1);
		if (len > 0 && strncmp(target, "pipe:", 5))
			close(fd);
	}
}

/* The end of the socket is a sign of death, not death. */
static void an_owner_that_lives_keeps_its_pins(void **state)
{
	pid_t victim, keeper;

	(void)state;
	device_close(0);
	victim = victim_start(true, let_everything_go);
	keeper = keeper_pid();
	usleep(LINGERED_US);
	assert_int_equal(small_pool_used(&env.pool), NR_PAGES);
	victim_kill(victim);
	assert_true(small_pool_settles(&env.pool, 0));
	expect_clean_end(keeper);
}

static void a_zombie_is_dead(void **state)
{
	pid_t victim, keeper;

	(void)state;
	device_close(0);
	victim = victim_start(true, watch_first);
	keeper = keeper_pid();
	victim_make_zombie(victim);
	assert_true(small_pool_settles(&env.pool, 0));
	expect_clean_end(keeper);
	assert_int_equal(waitpid(victim, NULL, 0), victim);
}

static void nothing_watched_nothing_awaited(void **state)
{
	pid_t victim = victim_start(true, NULL), keeper = keeper_pid();

	(void)state;
	victim_kill(victim);
	assert_true(small_pool_settles(&env.pool, 0));
	expect_clean_end(keeper);
}

static void watch_both(struct holder *h)
{
	watch(h, env.device[0]);
	watch(h, env.device[1]);
	watch(h, env.device[0]);	/* counts once */
}

static void every_device_must_be_closed(void **state)
{
	pid_t keeper;

	(void)state;
	device_enable(0);
	device_enable(1);
	victim_kill(victim_start(true, watch_both));
	keeper = keeper_pid();
	device_close(0);
	expect_held();
	device_close(1);
	assert_true(small_pool_settles(&env.pool, 0));
	expect_clean_end(keeper);
}

static void watch_and_unwatch(struct holder *h)
{
	watch_both(h);
	must(!hvcma_keeper_unwatch(h->keeper, env.device[1], NULL), "unwatch");
	must(!hvcma_keeper_unwatch(h->keeper, "/never/watched", NULL), "unwatch");
}

static void an_unwatched_device_is_not_awaited(void **state)
{
	pid_t victim, keeper;

	(void)state;
	device_close(0);
	device_enable(1);
	victim = victim_start(true, watch_and_unwatch);
	keeper = keeper_pid();
	victim_kill(victim);
	usleep(LONG_ENOUGH_US);
	assert_int_equal(small_pool_used(&env.pool), 0);
	expect_clean_end(keeper);
}

static void watch_directory(struct holder *h)
{
	watch(h, "/tmp");
}

static void stay_in_doubt(victim_body *body)
{
	pid_t keeper;

	victim_kill(victim_start(true, body));
	keeper = keeper_pid();
	usleep(LINGERED_US);
	assert_int_equal(small_pool_used(&env.pool), NR_PAGES);
	kill_keeper(keeper);
	assert_true(small_pool_settles(&env.pool, 0));
}

static void in_doubt_pages_stay(void **state)
{
	(void)state;
	stay_in_doubt(watch_directory);		/* can't be read */
	device_says(0, "0 or so\n");
	stay_in_doubt(watch_first);
}

static void watch_file_that_goes(struct holder *h)
{
	char path[] = "/tmp/hvcma-gone-XXXXXX";

	close(mkstemp(path));
	watch(h, path);
	unlink(path);
}

static void a_device_that_is_gone_is_quiesced(void **state)
{
	pid_t victim = victim_start(true, watch_file_that_goes), keeper = keeper_pid();

	(void)state;
	victim_kill(victim);
	assert_true(small_pool_settles(&env.pool, 0));
	expect_clean_end(keeper);
}

static void signals_do_not_end_it(void **state)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1 };
	pid_t victim, keeper;
	int status;
	size_t i;

	(void)state;
	device_enable(0);
	victim = victim_start(true, watch_first);
	keeper = keeper_pid();
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		assert_int_equal(kill(keeper, signals[i]), 0);
	usleep(50000);
	assert_int_equal(waitpid(keeper, &status, WNOHANG), 0);
	victim_kill(victim);
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		assert_int_equal(kill(keeper, signals[i]), 0);
	expect_held();
	device_close(0);
	expect_clean_end(keeper);
	assert_true(small_pool_settles(&env.pool, 0));
}

/* ---- what it has and what it is told ---- */

static void it_has_a_session_and_no_descriptor_of_ours(void **state)
{
	struct holder h;
	char path[300], target[300];
	struct dirent *e;
	int stray = fcntl(STDERR_FILENO, F_DUPFD, 50);	/* survives an exec */
	int rings = 0, sockets = 0, owners = 0, files = 0;
	pid_t keeper;
	DIR *dir;

	(void)state;
	holder_start(&h, true);
	keeper = keeper_pid();
	assert_true(keeper > 0);
	assert_int_not_equal(getsid(keeper), getsid(0));
	assert_int_not_equal(getpgid(keeper), getpgid(0));

	/* The starter waits for the keeper's exec, and it closes before its fork. */
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)keeper);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		ssize_t len;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)keeper, e->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		assert_true(len > 0);
		target[len] = '\0';
		if (!strcmp(target, "anon_inode:[io_uring]"))
			rings++;
		else if (!strcmp(target, "anon_inode:[pidfd]") || !strncmp(target, "pidfd:", 6))
			owners++;
		else if (!strncmp(target, "socket:", 7) && atoi(e->d_name) > 2)
			sockets++;
		else if (atoi(e->d_name) > 2)
			files++;
		else if (atoi(e->d_name) < 2)
			assert_string_equal(target, "/dev/null");
	}
	closedir(dir);
	assert_int_equal(rings, 1);
	assert_int_equal(sockets, 1);
	assert_int_equal(owners, 1);
	assert_int_equal(files, 0);
	close(stray);
	hvcma_keeper_stop(h.keeper);
	expect_clean_end(keeper);
	holder_end(&h);
}

static void it_does_not_keep_a_pipe_open(void **state)
{
	int pair[2], real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	struct holder h;
	pid_t keeper;
	char byte;
	int i;

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(pair[1], STDERR_FILENO);
	holder_start(&h, true);
	dup2(real_stderr, STDERR_FILENO);
	close(real_stderr);
	close(pair[1]);
	keeper = keeper_pid();
	for (i = 0; i < 200 && read(pair[0], &byte, 1) < 0; i++)
		usleep(10000);
	assert_int_equal(read(pair[0], &byte, 1), 0);	/* its end: no writer is left */
	close(pair[0]);
	assert_int_equal(kill(keeper, 0), 0);
	hvcma_keeper_stop(h.keeper);
	expect_clean_end(keeper);
	holder_end(&h);
}

static void an_orderly_end_waits_for_nobody(void **state)
{
	struct holder h;
	pid_t keeper;

	(void)state;
	device_enable(0);
	holder_start(&h, true);
	keeper = keeper_pid();
	watch(&h, env.device[0]);
	hvcma_keeper_stop(h.keeper);
	expect_clean_end(keeper);
	assert_int_equal(small_pool_used(&env.pool), NR_PAGES);	/* ours are still pinned */
	holder_end(&h);
	hvcma_keeper_stop(NULL);
}

static void destroying_the_provider_unpins_beside_a_keeper(void **state)
{
	struct holder h;
	pid_t keeper;

	(void)state;
	device_enable(0);
	holder_start(&h, true);
	keeper = keeper_pid();
	watch(&h, env.device[0]);
	holder_end(&h);			/* the pages go although it holds the ring */
	assert_int_equal(kill(keeper, 0), 0);
	hvcma_keeper_stop(h.keeper);
	expect_clean_end(keeper);
}

static void bad_paths_are_refused(void **state)
{
	struct hvcma_error err;
	char path[HVCMA_KEEPER_MESSAGE_BYTES + 2];
	struct holder h;
	pid_t keeper;
	size_t i;

	(void)state;
	holder_start(&h, true);
	keeper = keeper_pid();
	assert_int_equal(hvcma_keeper_watch(h.keeper, "dev/null", &err), -EINVAL);
	assert_words(err.text, "'dev/null' is not absolute");
	assert_int_equal(hvcma_keeper_watch(h.keeper, "/dev/no-such", &err), -ENOENT);
	assert_words(err.text, "/dev/no-such");
	for (i = 0; i < sizeof(path) - 1; i++)
		path[i] = i % 2 ? '.' : '/';		/* "/././" */
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(hvcma_keeper_watch(h.keeper, path, &err), -ENAMETOOLONG);
	assert_words(err.text, "513 bytes");
	assert_words(err.text, "limit is 511");
	assert_int_equal(hvcma_keeper_unwatch(h.keeper, "x", &err), -EINVAL);
	hvcma_keeper_stop(h.keeper);
	expect_clean_end(keeper);
	holder_end(&h);
}

static bool is_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void a_quarantined_or_dead_keeper_is_an_error(void **state)
{
	struct hvcma_error err;
	struct holder h;
	pid_t keeper;
	int ret, i;

	(void)state;
	holder_start(&h, true);
	keeper = keeper_pid();
	kill(keeper, SIGSTOP);
	for (i = 0, ret = 0; !ret && i < 100000; i++)
		ret = hvcma_keeper_watch(h.keeper, env.device[0], &err);
	assert_int_equal(ret, -EAGAIN);
	assert_words(err.text, env.device[0]);
	kill(keeper, SIGCONT);
	assert_false(is_readable(hvcma_keeper_fd(h.keeper)));
	kill_keeper(keeper);
	assert_true(is_readable(hvcma_keeper_fd(h.keeper)));
	assert_int_equal(hvcma_keeper_watch(h.keeper, env.device[0], &err), -EPIPE);
	assert_words(err.text, "it has died");
	hvcma_keeper_stop(h.keeper);
	holder_end(&h);
}

/* No descriptor left for the sockets, for the keeper's end of them, for the owner, for the pin. */
static void start_without_descriptors(struct outcome *o)
{
	struct hvcma_keeper *k;
	int fd = STDERR_FILENO, free_fd = dup(fd), left;

	close(free_fd);
	close_range((unsigned int)free_fd, ~0U, 0);
	for (left = 4; left >= 0; left--) {
		limit_resource(RLIMIT_NOFILE, (uint64_t)(free_fd + left));
		o->ret = hvcma_keeper_start("/bin/true", &fd, 1, &k, &o->err);
		must(o->ret == -EMFILE && strstr(o->err.text, "pin keeper"), "start");
		must(dup(fd) == (left ? free_fd : -1), "a descriptor was left open");
		close(free_fd);
	}
}

static void a_program_that_is_killed_is_an_error(void **state)
{
	static const char script[] = "#!/bin/sh\nkill -KILL $$\n";
	char path[] = "/tmp/hvcma-script-XXXXXX";
	struct hvcma_keeper *k;
	struct hvcma_error err;
	int fd = mkstemp(path), pin = 2;

	(void)state;
	assert_int_equal(write(fd, script, sizeof(script) - 1), sizeof(script) - 1);
	fchmod(fd, 0700);
	close(fd);
	assert_int_equal(hvcma_keeper_start(path, &pin, 1, &k, &err), -EIO);
	assert_words(err.text, "was ended at its start by signal 9 (Killed)");
	unlink(path);
}

static void a_failed_start_is_an_error(void **state)
{
	struct hvcma_keeper *k = (void *)&env;
	struct hvcma_error err;
	struct outcome o;
	int fd = 2, bad = 1000;

	(void)state;
	assert_int_equal(hvcma_keeper_start("/no/such/keeper", &fd, 1, &k, &err), -ENOENT);
	assert_words(err.text, "cannot start pin keeper /no/such/keeper");
	assert_int_equal(hvcma_keeper_start("/bin/false", &fd, 1, &k, &err), -EIO);
	assert_words(err.text, "/bin/false gave up");
	assert_int_equal(hvcma_keeper_start(env.program, &bad, 1, &k, &err), -EBADF);
	assert_words(err.text, "1 descriptors");
	assert_ptr_equal(k, (void *)&env);
	o = in_child(start_without_descriptors);
	assert_int_equal(o.ret, -EMFILE);
	assert_words(o.err.text, "pin keeper");
}

/* ---- the program alone ---- */

static int run_program(const char *arg1, const char *arg2, const char *arg3)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		execl(env.program, env.program, arg1, arg2, arg3, NULL);
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void the_program_explains_itself_and_checks_its_arguments(void **state)
{
	(void)state;
	assert_int_equal(run_program("--help", NULL, NULL), 0);
	assert_int_equal(run_program(NULL, NULL, NULL), 2);
	assert_int_equal(run_program("3", NULL, NULL), 2);
	assert_int_equal(run_program("3", "4", NULL), 2);
	assert_int_equal(run_program("999", "998", "997"), 2);	/* not open */
	assert_int_equal(run_program("1", "2", "0"), 2);	/* standard ones */
	assert_int_equal(run_program("3x", "4", "5"), 2);
	assert_int_equal(run_program("", "99999999999999999999", "3"), 2);
}

static void a_message_it_does_not_know_makes_it_hold(void **state)
{
	char life[12], owner[12], pin[12];
	int pair[2], held[2], status;
	pid_t keeper;
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_int_equal(pipe(held), 0);	/* stands for a pin: seen to be let go */
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	snprintf(life, sizeof(life), "%d", pair[1]);
	snprintf(pin, sizeof(pin), "%d", held[1]);
	snprintf(owner, sizeof(owner), "%d", pair[1]);	/* never asked */
	assert_int_equal(run_program(life, owner, pin), 0);
	close(pair[1]);
	close(held[1]);
	keeper = keeper_pid();
	assert_int_equal(send(pair[0], "watch relative", 14, 0), 14);
	close(pair[0]);
	usleep(LONG_ENOUGH_US);
	assert_int_equal(waitpid(keeper, &status, WNOHANG), 0);
	fcntl(held[0], F_SETFL, O_NONBLOCK);
	assert_int_equal(read(held[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	kill_keeper(keeper);
	assert_int_equal(read(held[0], &byte, 1), 0);
	close(held[0]);
}

static bool find_program(void)
{
	const char *build = getenv("HVCMA_BUILD");

	snprintf(env.program, sizeof(env.program), "%s/" ARCH "/hvcma-pin-keeper",
		 build ? build : "build");
	return !access(env.program, X_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(control_without_a_keeper_pages_go_at_once),
		cmocka_unit_test(pages_stay_until_the_device_is_closed),
		cmocka_unit_test(pages_go_soon_after_the_owner),
		cmocka_unit_test(a_next_owner_does_not_prolong_pins),
		cmocka_unit_test(an_owner_that_lives_keeps_its_pins),
		cmocka_unit_test(a_zombie_is_dead),
		cmocka_unit_test(nothing_watched_nothing_awaited),
		cmocka_unit_test(every_device_must_be_closed),
		cmocka_unit_test(an_unwatched_device_is_not_awaited),
		cmocka_unit_test(in_doubt_pages_stay),
		cmocka_unit_test(a_device_that_is_gone_is_quiesced),
		cmocka_unit_test(signals_do_not_end_it),
		cmocka_unit_test(it_has_a_session_and_no_descriptor_of_ours),
		cmocka_unit_test(it_does_not_keep_a_pipe_open),
		cmocka_unit_test(an_orderly_end_waits_for_nobody),
		cmocka_unit_test(destroying_the_provider_unpins_beside_a_keeper),
		cmocka_unit_test(bad_paths_are_refused),
		cmocka_unit_test(a_quarantined_or_dead_keeper_is_an_error),
		cmocka_unit_test(a_failed_start_is_an_error),
		cmocka_unit_test(a_program_that_is_killed_is_an_error),
		cmocka_unit_test(the_program_explains_itself_and_checks_its_arguments),
		cmocka_unit_test(a_message_it_does_not_know_makes_it_hold),
	};
	int ret;

	SKIP_ALL_UNLESS_ROOT();
	if (!find_program()) {
		printf("1..1\nnot ok 1 - no program %s: build it first\n", env.program);
		return 1;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!small_pool_make(&env.pool, NR_PAGES)) {
		puts("1..0 # SKIP cannot mount a hugetlbfs of four pages");
		return 77;
	}
	devices_make();
	ret = cmocka_run_group_tests(tests, NULL, NULL);
	devices_free();
	small_pool_free(&env.pool);
	return ret;
}
