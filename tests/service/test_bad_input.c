// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the other programs of this folder leave out of what may go wrong around the real hvcmad: a folder that is full, a
 * systemd that stores nothing, descriptors that are no files at all, answers with descriptors that nobody reads, clients that are
 * killed in the middle of a request. Others are served meanwhile, and nothing is left.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#include "tests/service/rig.h"

#define NR_PAGES	4
#define KILLS		15

static struct small_pool pool;

/* ---- a full disk ---- */

/* The folder of the socket, lock and keeper is a file system with room for so many files, and a block for each. */
static void small_folder(struct daemon *d, unsigned int files, bool has_blocks)
{
	char options[64], config[64];

	daemon_prepare(d, RIG_CONFIG);
	snprintf(config, sizeof(config), "%s.config", d->folder);
	assert_int_equal(rename(d->config, config), 0);
	snprintf(options, sizeof(options), "mode=0711,nr_inodes=%u,size=%s", files + 1, has_blocks ? "1M" : "8k");
	assert_int_equal(mount("tmpfs", d->folder, "tmpfs", 0, options), 0);
	/* elsewhere what is not the service's own */
	memcpy(d->config, config, sizeof(config));
	snprintf(d->log, sizeof(d->log), "%s.log", d->folder);
}

static void folder_has_room(const struct daemon *d, unsigned int files)
{
	char options[64];

	snprintf(options, sizeof(options), "mode=0711,nr_inodes=%u,size=1M", files + 1);
	assert_int_equal(mount("tmpfs", d->folder, "tmpfs", MS_REMOUNT, options), 0);
}

static void end_small_folder(struct daemon *d)
{
	assert_int_equal(umount2(d->folder, MNT_DETACH), 0);
	assert_int_equal(rmdir(d->folder), 0);
	unlink(d->config);
	unlink(d->log);
}

static void memory_can_be_had(const struct daemon *d)
{
	struct memory m = small_pool_memory(&pool, 1);
	int fd = client_open(d);

	assert_status(OK, client_register(fd, "banka", m.bytes, m.fd));
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, got.reg.region, 0, 1, 0));
	client_close(fd);
	memory_free(&m);
}

static int refused_start(struct daemon *d)
{
	unlink(d->log);
	daemon_spawn(d);
	return daemon_wait(d);
}

/* No file for the lock, for the socket, for the keeper's: each is told by name, and it starts when there is room. */
static void a_folder_without_room_for_files_is_told(void **state)
{
	static const char *const words[] = {
		"cannot open %s/socket.lock: No space left on device",
		"cannot bind %s/socket: No space left on device",
		"%s/keeper.socket: No space left on device",
	};
	struct daemon d;
	char text[128];
	unsigned int i;

	(void)state;
	small_folder(&d, 0, true);
	for (i = 0; i < 3; i++) {
		folder_has_room(&d, i);
		assert_int_equal(refused_start(&d), 1);
		snprintf(text, sizeof(text), words[i], d.folder);
		daemon_says(&d, text);
		assert_int_equal(access(d.socket, F_OK), -1);	/* nothing that nobody serves */
	}
	folder_has_room(&d, 3);
	unlink(d.log);
	daemon_spawn(&d);
	daemon_says(&d, "ready");
	memory_can_be_had(&d);
	assert_int_equal(kill(d.pid, SIGTERM), 0);
	assert_int_equal(daemon_wait(&d), 0);
	end_small_folder(&d);
}

static void fill(const struct daemon *d)
{
	static const char block[4096] = "full";
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/filler", d->folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

/* Not a byte to be had: it serves, is killed, and the next one serves: its machines need it. */
static void a_full_folder_keeps_nobody_from_serving(void **state)
{
	struct memory m = small_pool_memory(&pool, 1);
	struct daemon d, second;
	uint32_t region;
	int fd;

	(void)state;
	small_folder(&d, 8, false);
	fill(&d);
	daemon_spawn(&d);
	daemon_says(&d, "ready");
	second = d;
	assert_int_equal(refused_start(&second), 1);
	daemon_says(&d, "another hvcmad, process unknown, serves ");	/* it could not be written down */
	memory_can_be_had(&d);
	fd = client_open(&d);
	assert_status(OK, client_register(fd, "banka", m.bytes, m.fd));
	region = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, region, 0, 1, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, region, 0, 1, 0));
	daemon_kill(&d);
	close(fd);
	daemon_again(&d);
	fd = client_open(&d);
	assert_status(OK, client_resume(fd, "banka"));
	close(got.fd);
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, region, 0, 1, 0));
	client_close(fd);
	assert_int_equal(kill(d.pid, SIGHUP), 0);
	daemon_says(&d, "new configuration");
	assert_int_equal(kill(d.pid, SIGTERM), 0);
	assert_int_equal(daemon_wait(&d), 0);
	memory_free(&m);
	end_small_folder(&d);
}

/* ---- a systemd without a store ---- */

/* A keeper as systemd starts it: it has its socket from there, and is to store all that it holds. */
static pid_t keeper_of_systemd(struct daemon *d, const char *notify)
{
	char program[4200], text[16];
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
		setenv("LISTEN_FDS", "1", 1);
		snprintf(text, sizeof(text), "%d", (int)getpid());
		setenv("LISTEN_PID", text, 1);
		if (notify)
			setenv("NOTIFY_SOCKET", notify, 1);
		else
			unsetenv("NOTIFY_SOCKET");
		execl(program, program, NULL);
		must(false, program);
	}
	close(fd);
	return pid;
}

/* What systemd is asked to store is not: a service that is killed finds all with the keeper all the same. */
static void keep_without_store(const char *notify)
{
	struct memory m = small_pool_memory(&pool, NR_PAGES);
	struct daemon d;
	pid_t keeper;
	uint32_t region;
	int fd, status;

	daemon_prepare(&d, RIG_CONFIG);
	keeper = keeper_of_systemd(&d, notify);
	daemon_spawn(&d);
	daemon_says(&d, "ready");
	fd = client_open(&d);
	assert_status(OK, client_register(fd, "banka", m.bytes, m.fd));
	region = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, region, 0, NR_PAGES, 0));
	assert_status(OK, client_range(fd, HVCMAD_OP_PIN, region, 0, NR_PAGES, 0));
	assert_int_equal(fallocate(m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)m.bytes), 0);
	daemon_kill(&d);
	close(fd);
	usleep(200000);
	assert_int_equal(small_pool_used(&pool), NR_PAGES);	/* no file has them, and no service */
	daemon_again(&d);
	fd = client_open(&d);
	assert_status(OK, client_resume(fd, "banka"));
	close(got.fd);
	assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, region, 0, NR_PAGES, 0));
	client_close(fd);
	memory_free(&m);
	assert_true(small_pool_settles(&pool, 0));
	assert_int_equal(kill(d.pid, SIGTERM), 0);
	assert_int_equal(daemon_wait(&d), 0);
	assert_int_equal(kill(keeper, SIGTERM), 0);		/* it holds nothing */
	assert_int_equal(waitpid(keeper, &status, 0), keeper);
	assert_int_equal(status, 0);
	daemon_remove(&d);
}

static void without_a_store_the_keeper_keeps(void **state)
{
	(void)state;
	keep_without_store(NULL);
	keep_without_store("/no/such/systemd");
}

/* ---- descriptors ---- */

static void bad(int fd, int file)
{
	assert_true(file >= 0);
	assert_refused(DESCRIPTOR, "not of a memfd with hugepages", client_register(fd, "bad", HUGE_BYTES, file));
	close(file);
}

/* What a VM may have beside files: devices, and what it was given for others. */
static void descriptors_that_are_no_files_are_refused(void **state)
{
	int fd = client_open(&rig), vfio = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC), listener = client_connect(&rig);

	(void)state;
	bad(fd, eventfd(0, EFD_CLOEXEC));
	bad(fd, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	bad(fd, epoll_create1(EPOLL_CLOEXEC));
	bad(fd, (int)syscall(SYS_pidfd_open, rig.pid, 0));
	bad(fd, open("/proc/self/mem", O_RDWR | O_CLOEXEC));
	bad(fd, open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
	bad(fd, open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	bad(fd, listener);
	if (vfio >= 0)
		bad(fd, vfio);
	client_close(fd);
	daemon_settles(&rig, rig.idle);
}

/* Each answer has a descriptor, and stays in the socket. */
static void answers_that_nobody_reads_hold_nothing(void **state)
{
	struct hvcmad_register_req q = register_request("made", HUGE_BYTES, HVCMAD_REGISTER_MAKE);
	int fd = client_open(&rig), other, i;

	(void)state;
	for (i = 0; i < 5; i++) {
		q.name[4] = (unsigned char)('a' + i);
		assert_int_equal(client_send(fd, &q, sizeof(q), NULL, 0, 0), sizeof(q));
	}
	other = client_open(&rig);
	for (i = 0; i < 500 && client_status(other, HVCMAD_STATUS_ALL, 0) == HVCMAD_S_OK && got.status.nr_total < 5; i++)
		usleep(10000);
	assert_int_equal(got.status.nr_total, 5);	/* it waits for nobody */
	assert_status(OK, client_receive(fd, sizeof(got.reg)));
	assert_true(got.fd >= 0);
	close(got.fd);
	for (i = 1; i < 5; i++) {
		assert_status(OK, client_receive(fd, sizeof(got.reg)));
		close(got.fd);
	}
	client_close(fd);
	client_close(other);
	daemon_settles(&rig, rig.idle);
}

/* ---- in the middle ---- */

static struct memory shared;

/* One request after the other, without end. */
static void asks_until_it_is_killed(void)
{
	int fd = client_open(&rig);

	for (;;) {
		uint32_t region;

		must(client_register(fd, "banka", shared.bytes, shared.fd) == HVCMAD_S_OK, "REGISTER");
		region = got.reg.region;
		must(client_range(fd, HVCMAD_OP_BACK, region, 0, NR_PAGES, 0) == HVCMAD_S_OK, "BACK");
		must(client_range(fd, HVCMAD_OP_PIN, region, 0, NR_PAGES, 0) == HVCMAD_S_OK, "PIN");
		must(client_range(fd, HVCMAD_OP_UNPIN, region, 0, 2, 0) == HVCMAD_S_OK, "UNPIN");
		must(client_range(fd, HVCMAD_OP_DISCARD, region, 0, 1, 0) == HVCMAD_S_OK, "DISCARD");
		must(client_unregister(fd, region) == HVCMAD_S_OK, "UNREGISTER");
	}
}

static void who_is_killed_in_a_request_leaves_nothing(void **state)
{
	int other = client_open(&rig), i, status;
	unsigned int seed = 1;

	(void)state;
	for (i = 0; i < KILLS; i++) {
		pid_t pid;

		shared = small_pool_memory(&pool, NR_PAGES);
		pid = as_user(0, asks_until_it_is_killed);
		memory_free(&shared);
		usleep(20000 + (unsigned int)rand_r(&seed) % 30000);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));	/* and had not given up before */
		assert_status(OK, client_status(other, HVCMAD_STATUS_ALL, 0));
		assert_true(small_pool_settles(&pool, 0));
	}
	for (i = 0; i < 500 && client_status(other, HVCMAD_STATUS_ALL, 0) == HVCMAD_S_OK && got.status.nr_total; i++)
		usleep(10000);
	assert_int_equal(got.status.nr_total, 0);
	assert_int_equal(got.status.pinned_bytes, 0);
	client_close(other);
	daemon_settles(&rig, rig.idle);
}

static int begin(void **state)
{
	/* Mounts are this program's alone. */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) || !small_pool_make(&pool, NR_PAGES))
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
		T(a_folder_without_room_for_files_is_told),
		T(a_full_folder_keeps_nobody_from_serving),
		T(without_a_store_the_keeper_keeps),
		T(descriptors_that_are_no_files_are_refused),
		T(answers_that_nobody_reads_hold_nothing),
		T(who_is_killed_in_a_request_leaves_nothing),
	};

	SKIP_ALL_UNLESS_ROOT();
	return cmocka_run_group_tests(tests, begin, end);
}
