// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The life of the real hvcmad: one to a socket, what a killed one left, systemd's sockets,
 * notifications and watchdog, the journal, a new configuration, the end with memory pinned, and the
 * capabilities that its unit leaves it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/service/rig.h"

static const char config[] =
	"totals = { pinned = \"16M\"; regions = 4; };\n"
	"vms = ( { name = \"a\"; user = 0; pinned = \"16M\"; regions = 4; unsafe-noiommu = true; } );\n";

/* With a process that ends by itself: its status; what it says is in the log. */
static int refused_start(struct daemon *d)
{
	daemon_spawn(d);
	return daemon_wait(d);
}

static void one_service_to_a_socket(void **state)
{
	struct daemon d, second;
	char words[64];
	int fd;

	(void)state;
	daemon_start(&d, config);
	second = d;
	assert_int_equal(refused_start(&second), 1);
	snprintf(words, sizeof(words), "another hvcmad, process %d, serves ", (int)d.pid);
	daemon_says(&d, words);
	fd = client_open(&d);
	close(fd);
	daemon_stop(&d);
}

static void what_a_killed_one_left_is_replaced(void **state)
{
	struct daemon d;
	int status;

	(void)state;
	daemon_start(&d, config);
	assert_int_equal(kill(d.pid, SIGKILL), 0);
	assert_int_equal(waitpid(d.pid, &status, 0), d.pid);
	assert_int_equal(access(d.socket, F_OK), 0);
	assert_int_equal(unlink(d.log), 0);
	daemon_spawn(&d);
	daemon_says(&d, "ready");
	close(client_open(&d));
	daemon_stop(&d);
}

static void nothing_but_a_socket_is_replaced(void **state)
{
	struct daemon d;

	(void)state;
	daemon_prepare(&d, config);
	write_text(d.socket, "precious");
	assert_int_equal(refused_start(&d), 1);
	daemon_says(&d, "is there, and is no socket");
	assert_int_equal(access(d.socket, F_OK), 0);
	daemon_remove(&d);
}

static void paths_that_are_no_good_are_refused(void **state)
{
	struct daemon d;

	(void)state;
	daemon_prepare(&d, config);
	strcpy(d.socket, "relative");
	assert_int_equal(refused_start(&d), 1);
	daemon_says(&d, "is to be absolute");
	strcpy(d.socket, "/no/such/folder/socket");
	assert_int_equal(refused_start(&d), 1);
	daemon_says(&d, "cannot open /no/such/folder/socket.lock");
	daemon_remove(&d);
}

static mode_t mode_of(const char *path, gid_t *group)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	*group = st.st_gid;
	return st.st_mode & 07777;
}

static void the_socket_is_for_root_or_a_group(void **state)
{
	struct daemon d;
	gid_t group;

	(void)state;
	daemon_start(&d, config);
	assert_int_equal(mode_of(d.socket, &group), 0600);
	daemon_stop(&d);
	daemon_start(&d, RIG_CONFIG);
	assert_int_equal(mode_of(d.socket, &group), 0660);
	assert_int_equal(group, GROUP);
	daemon_stop(&d);
}

/* ---- as systemd starts it ---- */

static void spawn_with_sockets(struct daemon *d, const int *fds, int nr)
{
	char text[16];
	int i;

	fflush(NULL);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid)
		return;
	be_a_child();
	for (i = 0; i < nr; i++)
		must(fcntl(fds[i], F_DUPFD, 20 + i) == 20 + i, "dup");
	for (i = 0; i < nr; i++)
		must(dup2(20 + i, 3 + i) == 3 + i, "dup2");
	snprintf(text, sizeof(text), "%d", nr);
	setenv("LISTEN_FDS", text, 1);
	snprintf(text, sizeof(text), "%d", (int)getpid());
	setenv("LISTEN_PID", text, 1);
	daemon_exec(d);
}

static void a_socket_is_passed(void **state)
{
	struct daemon d, second;
	int fd, client;

	(void)state;
	daemon_prepare(&d, config);
	fd = make_socket(d.socket, SOCK_SEQPACKET);
	client = client_connect(&d);	/* before anybody serves it */
	spawn_with_sockets(&d, &fd, 1);
	assert_status(OK, client_hello(client));
	close(client);
	daemon_says(&d, "ready");
	second = d;
	assert_int_equal(refused_start(&second), 1);
	daemon_says(&d, "another hvcmad");
	assert_int_equal(kill(d.pid, SIGTERM), 0);
	assert_int_equal(daemon_wait(&d), 0);
	assert_int_equal(access(d.socket, F_OK), 0);	/* it is not its own */
	close(fd);
	daemon_remove(&d);
}

static void sockets_of_other_kinds_are_refused(void **state)
{
	const int off = 0;
	struct daemon d;
	int fd[2];

	(void)state;
	daemon_prepare(&d, config);
	fd[0] = make_socket(d.socket, SOCK_STREAM);
	spawn_with_sockets(&d, fd, 1);
	assert_int_equal(daemon_wait(&d), 1);
	daemon_says(&d, "ListenSequentialPacket=");
	close(fd[0]);
	unlink(d.socket);
	unlink(d.log);
	fd[0] = make_socket(d.socket, SOCK_SEQPACKET);
	fd[1] = fd[0];
	spawn_with_sockets(&d, fd, 2);
	assert_int_equal(daemon_wait(&d), 1);
	daemon_says(&d, "ListenSequentialPacket=");
	assert_int_equal(setsockopt(fd[0], SOL_SOCKET, SO_PASSCRED, &off, sizeof(off)), 0);
	spawn_with_sockets(&d, fd, 1);
	assert_int_equal(daemon_wait(&d), 1);
	daemon_says(&d, "PassCredentials=yes");
	close(fd[0]);
	daemon_remove(&d);
}

/* Messages to systemd, until one has these words; -1 after five seconds. */
static int notified(int fd, const char *words)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[1024];
	ssize_t n;

	while (poll(&p, 1, 5000) == 1) {
		n = recv(fd, text, sizeof(text) - 1, 0);
		if (n < 0)
			return -1;
		text[n] = '\0';
		if (strstr(text, words))
			return 0;
	}
	return -1;
}

static void spawn_notifying(struct daemon *d, const char *watchdog)
{
	char path[64], pid[16];

	snprintf(path, sizeof(path), "%s/notify", d->folder);
	fflush(NULL);
	d->pid = fork();
	assert_true(d->pid >= 0);
	if (d->pid)
		return;
	be_a_child();
	setenv("NOTIFY_SOCKET", path, 1);
	if (watchdog) {
		snprintf(pid, sizeof(pid), "%d", (int)getpid());
		setenv("WATCHDOG_PID", pid, 1);
		setenv("WATCHDOG_USEC", watchdog, 1);
	}
	daemon_exec(d);
}

static void systemd_is_told(void **state)
{
	char path[64];
	struct daemon d;
	int fd, client;

	(void)state;
	daemon_prepare(&d, config);
	snprintf(path, sizeof(path), "%s/notify", d.folder);
	fd = make_socket(path, SOCK_DGRAM);
	spawn_notifying(&d, NULL);
	assert_int_equal(notified(fd, "READY=1"), 0);
	assert_int_equal(kill(d.pid, SIGHUP), 0);
	assert_int_equal(notified(fd, "RELOADING=1"), 0);
	assert_int_equal(notified(fd, "READY=1"), 0);
	client = client_open(&d);
	assert_status(OK, client_register(client, "banka", HUGE_BYTES, -1));
	close(got.fd);
	assert_int_equal(kill(d.pid, SIGTERM), 0);
	assert_int_equal(notified(fd, "STOPPING=1\nSTATUS=Ends, the keeper has 1 regions and 0 devices, 0 bytes pinned"), 0);
	assert_int_equal(daemon_wait(&d), 0);
	close(client);
	close(fd);
	daemon_again(&d);
	client = client_open(&d);
	assert_status(OK, client_resume(client, "banka"));
	close(got.fd);
	client_close(client);
	daemon_stop(&d);
}

static void the_watchdog_is_fed(void **state)
{
	char path[64];
	struct daemon d;
	int fd;

	(void)state;
	daemon_prepare(&d, config);
	snprintf(path, sizeof(path), "%s/notify", d.folder);
	fd = make_socket(path, SOCK_DGRAM);
	spawn_notifying(&d, "300000");
	assert_int_equal(notified(fd, "READY=1"), 0);
	assert_int_equal(notified(fd, "WATCHDOG=1"), 0);
	assert_int_equal(notified(fd, "WATCHDOG=1"), 0);
	close(fd);
	daemon_stop(&d);
}

/* A journal of this test's own, in a file system that only the service sees. */
static void journal_body(struct outcome *o)
{
	char text[4096], stream[64];
	struct stat st;
	struct daemon d;
	ssize_t n = 0;
	int fd, i;

	daemon_prepare(&d, config);
	must(!unshare(CLONE_NEWNS) && !mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) &&
	     !mount("run", "/run", "tmpfs", 0, NULL), "a /run of its own");
	must(!mkdir("/run/systemd", 0755) && !mkdir("/run/systemd/journal", 0755), "mkdir");
	fd = make_socket("/run/systemd/journal/socket", SOCK_DGRAM);
	write_text(d.log, "");
	must(!stat(d.log, &st), "log");
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	daemon_spawn(&d);
	for (i = 0; i < 5 && n >= 0; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		must(poll(&p, 1, 5000) == 1, "an entry");
		n = recv(fd, text, sizeof(text) - 1, 0);
		text[n < 0 ? 0 : n] = '\0';
		if (strstr(text, "HVCMA_VM=")) {
			snprintf(o->err.text, sizeof(o->err.text), "%.380s", text);
			break;
		}
		if (strstr(text, "ready"))
			must(client_status(client_connect(&d), 0, 0) == HVCMAD_S_ORDER, "a refusal");
	}
	kill(d.pid, SIGTERM);
	o->ret = daemon_wait(&d);
	must(!strlen(daemon_log(&d)), "nothing on stderr");
	daemon_remove(&d);
}

static void the_journal_has_fields(void **state)
{
	struct outcome o = in_child(journal_body);

	(void)state;
	assert_int_equal(o.ret, 0);
	assert_words(o.err.text, "STATUS: ORDER: the first request is HELLO");
	assert_words(o.err.text, "MESSAGE_ID=");
	assert_words(o.err.text, "PRIORITY=5");
	assert_words(o.err.text, "HVCMA_VM=a");
	assert_words(o.err.text, "HVCMA_PID=");
}

static void without_descriptors_clients_wait(void **state)
{
	struct rlimit limit, none;
	struct daemon d;
	int fd, other;

	(void)state;
	daemon_start(&d, config);
	fd = client_open(&d);
	assert_int_equal(prlimit(d.pid, RLIMIT_NOFILE, NULL, &limit), 0);
	none = limit;
	none.rlim_cur = 3;	/* those that it has stay */
	assert_int_equal(prlimit(d.pid, RLIMIT_NOFILE, &none, NULL), 0);
	assert_status(NO_MEMORY, client_register(fd, "banka", HUGE_BYTES, -1));
	other = client_connect(&d);
	daemon_says(&d, "cannot take a client in, and waits for a second: Too many open files");
	assert_status(OK, client_status(fd, 0, 0));
	assert_int_equal(prlimit(d.pid, RLIMIT_NOFILE, &limit, NULL), 0);
	assert_status(OK, client_hello(other));
	close(fd);
	close(other);
	daemon_stop(&d);
}

/* ---- configuration and end ---- */

static void a_new_configuration_counts_at_once(void **state)
{
	struct daemon d;
	uint32_t r;
	int fd, lock;

	(void)state;
	lock = pool_take(2);
	daemon_start(&d, config);
	fd = client_open(&d);
	assert_status(OK, client_register(fd, "banka", 2 * HUGE_BYTES, -1));
	close(got.fd);
	r = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 2, 0));
	pool_unlock(lock);
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 1, HVCMAD_PIN_ADDRESSES));

	/* One that is no good changes nothing. */
	write_text(d.config, "totals = {\n  pinned = \"1G\";\n  nonsense = 1;\n};\n");
	assert_int_equal(kill(d.pid, SIGHUP), 0);
	daemon_says(&d, "config:3: 'totals' has no setting 'nonsense'; the configuration stays as it was");
	assert_status(OK, client_range(fd, HVCMAD_OP_ADDRESSES, r, 0, 1, 0));

	/* Without the VM: what it has stays, more it can't have. */
	write_text(d.config, "");
	assert_int_equal(kill(d.pid, SIGHUP), 0);
	daemon_says(&d, "new configuration: 0 VMs");
	assert_status(REFUSED, client_range(fd, HVCMAD_OP_PIN, r, 1, 1, 0));
	assert_status(REFUSED, client_range(fd, HVCMAD_OP_BACK, r, 1, 1, 0));
	assert_status(REFUSED, client_range(fd, HVCMAD_OP_ADDRESSES, r, 0, 1, 0));
	assert_status(REFUSED, client_register(fd, "more", HUGE_BYTES, -1));
	assert_status(OK, client_status(fd, 0, 0));
	assert_int_equal(got.status.pinned_bytes, HUGE_BYTES);
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 0, 1, 0));

	write_text(d.config, config);
	assert_int_equal(kill(d.pid, SIGHUP), 0);
	daemon_says(&d, "new configuration: 1 VMs");
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 2, HVCMAD_PIN_ADDRESSES));
	client_close(fd);
	daemon_stop(&d);
}

/* One that the test has started, and can kill for good. */
static pid_t start_keeper(struct daemon *d)
{
	char program[4200];
	pid_t pid;
	int fd;

	snprintf(d->keeper, sizeof(d->keeper), "%s/keeper.socket", d->folder);
	snprintf(program, sizeof(program), "%s-keeper", daemon_program());
	fd = make_socket(d->keeper, SOCK_SEQPACKET);
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		be_a_child();
		must(dup2(fd, 3) == 3 && !fcntl(3, F_SETFD, 0), "dup2");
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, program, "--fd", "3", NULL);
		must(false, program);
	}
	close(fd);
	return pid;
}

static void without_a_keeper_the_end_waits_for_what_is_pinned(void **state)
{
	struct daemon d;
	char words[128];
	pid_t keeper;
	uint32_t r;
	int fd, idle, lock, status;

	(void)state;
	lock = pool_take(2);
	daemon_prepare(&d, config);
	keeper = start_keeper(&d);
	daemon_spawn(&d);
	daemon_says(&d, "ready");
	idle = client_open(&d);
	fd = client_open(&d);
	assert_status(OK, client_register(fd, "banka", 2 * HUGE_BYTES, -1));
	close(got.fd);
	r = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 2, 0));
	pool_unlock(lock);
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 1, 0));

	assert_int_equal(kill(keeper, SIGKILL), 0);
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	daemon_says(&d, "no keeper, tried again each second");
	assert_refused(IO, "the keeper at", client_register(fd, "more", HUGE_BYTES, -1));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 1, 1, 0));	/* what there is goes on */
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 1, 1, 0));

	assert_int_equal(kill(d.pid, SIGTERM), 0);
	snprintf(words, sizeof(words), "cannot end yet: VM a, process %d, has region banka with 2097152 bytes pinned",
		 (int)getpid());
	daemon_says(&d, words);
	assert_int_equal(access(d.socket, F_OK), -1);		/* nobody new */
	assert_refused(STOPPING, "about to end", client_register(fd, "more", HUGE_BYTES, -1));
	assert_refused(STOPPING, "about to end", client_open_device(fd, "0000:00:00.0"));
	assert_status(STOPPING, client_range(fd, HVCMAD_OP_BACK, r, 1, 1, 0));
	assert_status(STOPPING, client_range(fd, HVCMAD_OP_PIN, r, 1, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_ADDRESSES, r, 0, 1, 0));
	assert_status(OK, client_status(idle, 0, 0));

	assert_int_equal(truncate(d.log, 0), 0);
	assert_int_equal(kill(d.pid, SIGTERM), 0);		/* it says so again, and lives */
	daemon_says(&d, words);
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 0, 1, 0));
	assert_status(OK, client_unregister(fd, r));
	assert_int_equal(daemon_wait(&d), 0);
	assert_over(client_status(idle, 0, 0));
	close(fd);
	close(idle);
	daemon_remove(&d);
}

/* The line of the unit, whose words are kept. */
static void drop_other_capabilities(void)
{
	static const struct { const char *name; int number; } known[] = {
		{ "CAP_SYS_ADMIN", CAP_SYS_ADMIN }, { "CAP_IPC_LOCK", CAP_IPC_LOCK },
		{ "CAP_SYS_RAWIO", CAP_SYS_RAWIO },
	};
	const int nr_known = sizeof(known) / sizeof(known[0]);
	const char *src = getenv("HVCMA_SRC");
	char path[4096], line[512], *word = NULL;
	bool keep[CAP_LAST_CAP + 1] = { false };
	FILE *f;
	int i;

	snprintf(path, sizeof(path), "%s/packaging/hvcmad.service", src ? src : ".");
	f = fopen(path, "re");
	must(f, path);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "CapabilityBoundingSet=", 22))
			continue;
		for (word = strtok(line + 22, "\n "); word; word = strtok(NULL, "\n ")) {
			for (i = 0; i < nr_known && strcmp(known[i].name, word); i++)
				;
			must(i < nr_known, word);
			keep[known[i].number] = true;
		}
		word = line;
		break;
	}
	fclose(f);
	must(word, "CapabilityBoundingSet=");
	for (i = 0; i <= CAP_LAST_CAP; i++) {
		if (!keep[i])
			must(!prctl(PR_CAPBSET_DROP, i, 0, 0, 0) || errno == EINVAL, "PR_CAPBSET_DROP");
	}
}

static void its_unit_leaves_it_what_it_needs(void **state)
{
	struct daemon d;
	uint32_t r;
	int fd, lock;

	(void)state;
	lock = pool_take(2);
	daemon_prepare(&d, config);
	fd = make_socket(d.socket, SOCK_SEQPACKET);
	fflush(NULL);
	d.pid = fork();
	assert_true(d.pid >= 0);
	if (!d.pid) {
		char text[16];

		be_a_child();
		drop_other_capabilities();
		must(dup2(fd, 3) == 3 && !fcntl(3, F_SETFD, 0), "dup2");
		setenv("LISTEN_FDS", "1", 1);
		snprintf(text, sizeof(text), "%d", (int)getpid());
		setenv("LISTEN_PID", text, 1);
		daemon_exec(&d);
	}
	close(fd);
	daemon_says(&d, "ready");
	fd = client_open(&d);
	assert_status(OK, client_register(fd, "banka", 2 * HUGE_BYTES, -1));
	close(got.fd);
	r = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, 2, 0));
	pool_unlock(lock);
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, 2, HVCMAD_PIN_ADDRESSES));
	assert_true(got.addresses.address[0] && got.addresses.address[1]);
	client_close(fd);
	daemon_stop(&d);
}

int main(void)
{
#define T(test)	cmocka_unit_test(test)
	const struct CMUnitTest tests[] = {
		T(one_service_to_a_socket),
		T(what_a_killed_one_left_is_replaced),
		T(nothing_but_a_socket_is_replaced),
		T(paths_that_are_no_good_are_refused),
		T(the_socket_is_for_root_or_a_group),
		T(a_socket_is_passed),
		T(sockets_of_other_kinds_are_refused),
		T(systemd_is_told),
		T(the_watchdog_is_fed),
		T(the_journal_has_fields),
		T(without_descriptors_clients_wait),
		T(a_new_configuration_counts_at_once),
		T(without_a_keeper_the_end_waits_for_what_is_pinned),
		T(its_unit_leaves_it_what_it_needs),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
