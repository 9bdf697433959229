// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A pin keeper that dies under QEMU: noticed, said, nothing is claimed without
 * one, and the next one has the same pins. That keepers do keep pins is shown by
 * unit/test_host_keeper.c, and with real devices by the nested layer.
 *
 * The plugin is run from a folder of our own, to take the program away from it.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/cma.h"
#include "tests/qtest/pages.h"

#define SHARED	VIRTIO_CMA_CLIENT_SHARED

static char folder[] = "/tmp/hvcma-keeper-XXXXXX";
static struct qtest *q;
static struct cma c;

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, format);
	vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	if (system(command))
		fail_msg("%s", command);
}

static void hide_program(void)
{
	shell("mv %s/hvcma-pin-keeper %s/hidden", folder, folder);
}

static void show_program(void)
{
	shell("mv %s/hidden %s/hvcma-pin-keeper", folder, folder);
}

static void start(const char *more)
{
	q = qtest_start(QTEST_Q35, "-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on "
			"-device edu,id=edu0 -device virtio-cma-pci,id=cma0,memdev=m0,name=banka,"
			"clients=edu0,unsafe-noiommu=on,x-fabric=on%s", pages_folder(), more);
	cma_open(&c, q, &virtio_pci);
}

/* An orphan of QEMU's, and so ours, who asked for such; 0: none. */
static pid_t keeper_pid(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	pid_t found = 0;

	assert_non_null(dir);
	while (!found && (e = readdir(dir))) {
		char path[300], line[256] = "", state;
		int ppid;
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/stat", e->d_name);
		f = atoi(e->d_name) ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fgets(line, sizeof(line), f) && strstr(line, "(hvcma-pin-keepe)") &&
		    sscanf(strrchr(line, ')'), ") %c %d", &state, &ppid) == 2 &&
		    state != 'Z' && ppid == getpid())
			found = atoi(e->d_name);
		fclose(f);
	}
	closedir(dir);
	return found;
}

static void kill_keeper(void)
{
	pid_t keeper = keeper_pid();

	assert_true(keeper > 0);
	assert_int_equal(kill(keeper, SIGKILL), 0);
	assert_int_equal(waitpid(keeper, NULL, 0), keeper);
}

static void wait_state(const char *state)
{
	unsigned int i;

	for (i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		struct json_object *region, *value;
		bool is;

		region = qtest_qmp_ok(q, "{'execute': 'qom-get', 'arguments': {'path': "
				      "'/machine/peripheral/cma0', 'property': 'region'}}");
		assert_true(json_object_object_get_ex(region, "keeper", &value));
		is = !strcmp(json_object_get_string(value), state);
		json_object_put(region);
		if (is)
			return;
		usleep(10000);
	}
	fail_msg("the keeper is not '%s'", state);
}

static int nr_rings(pid_t pid)
{
	char path[300], target[64];
	struct dirent *e;
	int nr = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	assert_non_null(dir);
	while ((e = readdir(dir))) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, e->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		target[len > 0 ? len : 0] = '\0';
		nr += !strcmp(target, "anon_inode:[io_uring]");
	}
	closedir(dir);
	return nr;
}

static void assert_said(const char *text)
{
	if (!strstr(qtest_stderr(q), text))
		fail_msg("'%s' is not in: %s", text, qtest_stderr(q));
}

static void test_dies(void **state)
{
	struct virtio_cma_block block;
	pid_t first;

	(void)state;
	start("");
	wait_state("runs");
	first = keeper_pid();
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_alloc(&c, CMA_GRANULE, 0, &block), VIRTIO_CMA_S_OK);
	assert_int_equal(nr_rings(first), 1);
	kill_keeper();
	wait_state("runs");
	assert_said("virtio-cma 'banka': its pin keeper has died");
	assert_said("virtio-cma 'banka': there is a pin keeper again");
	assert_true(keeper_pid() != first);
	assert_int_equal(nr_rings(keeper_pid()), 1);

	/* What is claimed and allocated was not disturbed. */
	qtest_assert_text(q, "/clients/0/state", "claimed");
	assert_int_equal(qtest_get(q, "/counters/provider-pinned-bytes"), CMA_GRANULE);
	assert_int_equal(cma_release(&c, 0), VIRTIO_CMA_S_OK);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

static void test_missing(void **state)
{
	(void)state;
	start(",trace=on");
	hide_program();
	kill_keeper();
	wait_state("dead");
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_REFUSED);
	assert_said("client 'edu0' is refused: the region has no pin keeper at present");
	assert_said("virtio-cma 'banka': no new pin keeper: cannot start pin keeper");
	assert_said("banka: pin keeper runs -> dead");
	show_program();
	wait_state("runs");
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

static void test_given_up(void **state)
{
	(void)state;
	start("");
	hide_program();
	kill_keeper();
	wait_state("given-up");
	assert_said("virtio-cma 'banka': no pin keeper stays alive, given up after 6");
	show_program();
	usleep(300000);
	wait_state("given-up");
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_REFUSED);
	virtio_reset(&c.v);
	qtest_stop(q);
}

/* At start it is an error that says what to do. */
static void test_none_at_start(void **state)
{
	(void)state;
	hide_program();
	qtest_expect_refusal(QTEST_Q35, "virtio-cma 'banka': unsafe-noiommu=on needs a pin keeper: cannot "
			     "start pin keeper",
			     "-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on "
			     "-device virtio-cma-pci,memdev=m0,name=banka,unsafe-noiommu=on",
			     pages_folder());
	show_program();
}

/* ---- what keeps QEMU from having one ---- */

#define REGION	"-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on " \
		"-device virtio-cma-pci,memdev=m0,name=banka,unsafe-noiommu=on"

static void test_sandbox(void **state)
{
	static const char *const denied[] = { "elevateprivileges=deny", "elevateprivileges=children" };
	int i;

	(void)state;
	qtest_expect_refusal(QTEST_Q35, "hvcma-pin-keeper: Operation not permitted: a seccomp filter or "
			     "security module forbids this process to start programs (of -sandbox, "
			     "spawn=deny and elevateprivileges=deny or =children are in its way)",
			     "-sandbox on,spawn=deny " REGION, pages_folder());
	/*
	 * QEMU itself fails with "children" where it is not optimised, as those that we build: it calls
	 * prctl(PR_SET_NO_NEW_PRIVS) without the arguments that have to be 0.
	 */
	for (i = 0; i < (qtest_is_built_in() ? 1 : 2); i++)
		qtest_expect_refusal(QTEST_Q35, "hvcma-pin-keeper was ended at its start: a seccomp filter "
				     "of this process forbids it a session of its own (of -sandbox, ",
				     "-sandbox on,%s " REGION, denied[i], pages_folder());
	/* the rest of it is not in the way */
	start(" -sandbox on,obsolete=deny,resourcecontrol=deny");
	wait_state("runs");
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	qtest_stop(q);
}

static void plug_refused(const char *options, const char *message)
{
	q = qtest_start(QTEST_Q35, "%s -device pcie-root-port,id=rp0 "
			"-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on", options,
			pages_folder());
	qtest_qmp_refused(q, message, "{'execute': 'device_add', 'arguments': {'driver': "
			  "'virtio-cma-pci', 'memdev': 'm0', 'bus': 'rp0', 'name': 'banka', "
			  "'unsafe-noiommu': true, 'pin-limit': 4194304}}");
	qtest_stop(q);
}

/* QEMU shuts itself in, or drops its rights, after its start: what comes later fails. */
static void test_shut_in(void **state)
{
	char options[128];

	(void)state;
	snprintf(options, sizeof(options), "-run-with chroot=%s", folder);
	plug_refused(options, "region banka: cannot open /proc/self/pagemap: No such file or directory: "
		     "/proc must be there, inside a chroot, too");
	plug_refused("-run-with user=nobody", "region banka: cannot open /proc/self/pagemap: Permission "
		     "denied: not for a process that has changed its user, or got its rights from its "
		     "file (file capabilities); ambient capabilities do");

	/* What was there before works on, but a keeper can't be replaced. */
	q = qtest_start(QTEST_Q35, "%s -object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on "
			"-device edu,id=edu0 -device virtio-cma-pci,id=cma0,memdev=m0,name=banka,"
			"clients=edu0,unsafe-noiommu=on,x-fabric=on", options, pages_folder());
	cma_open(&c, q, &virtio_pci);
	assert_int_equal(cma_claim(&c, 0), VIRTIO_CMA_S_OK);
	kill_keeper();
	wait_state("dead");
	assert_said("No such file or directory: it belongs there, seen from inside a chroot, too");
	qtest_stop(q);
}

static void test_none_needed(void **state)
{
	(void)state;
	q = qtest_start(QTEST_Q35, "-object memory-backend-file,id=m0,mem-path=%s,size=64M,share=on "
			"-device virtio-cma-pci,id=cma0,memdev=m0,name=banka", pages_folder());
	wait_state("none");
	assert_int_equal(keeper_pid(), 0);
	qtest_stop(q);
}

static int set_up(void **state)
{
	const char *build = getenv("HVCMA_BUILD");
	char path[4096];

	build = build ? build : "build";
	assert_non_null(mkdtemp(folder));
	if (qtest_is_built_in()) {
		shell("cp -a %s/. %s/", getenv("HVCMA_QEMU"), folder);
		setenv("HVCMA_QEMU", folder, 1);
	} else {
		shell("cp %s/amd64/testing/hvcma-* %s/", build, folder);
		snprintf(path, sizeof(path), "%s/hvcma-preload.so", folder);
		setenv("HVCMA_PRELOAD", path, 1);
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return pages_mount(state);
}

static int tear_down(void **state)
{
	shell("rm -r %s", folder);
	return pages_unmount(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAGES_TEST(test_dies), PAGES_TEST(test_missing), PAGES_TEST(test_given_up),
		PAGES_TEST(test_none_at_start), PAGES_TEST(test_none_needed),
		PAGES_TEST(test_sandbox), PAGES_TEST(test_shut_in),
	};

	return cmocka_run_group_tests_name("pin keeper", tests, set_up, tear_down);
}
