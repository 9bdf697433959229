// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A QEMU under test: process, qtest protocol, QMP. See qtest.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/qtest/qtest.h"

#define MAX_ARGS	128
#define MAX_EVENTS	64
#define MAX_UNANSWERED	64

struct qtest {
	enum qtest_machine machine;
	pid_t pid;
	int qtest_fd;
	int qmp_fd;
	FILE *qtest;
	FILE *qmp;
	int stderr_fd;
	char stderr_text[16384];
	char *folder;
	char *events[MAX_EVENTS];
	int nr_events;
	bool batch;
	unsigned int nr_unanswered;	/* commands of the batch */
};

static const struct {
	const char *program;
	const char *options;
	uint64_t ram_base;
} machines[] = {
	[QTEST_Q35] = { "qemu-system-x86_64", "-M q35 -m 256M,maxmem=8G,slots=4 -bios %s/halt.rom",
			0x1000000 },
	[QTEST_VIRT] = { "qemu-system-aarch64",
			 "-M virt -cpu cortex-a57 -m 256M,maxmem=8G,slots=4 "
			 "-global virtio-mmio.force-legacy=false", 0x41000000 },
	[QTEST_MICROVM] = { "qemu-system-x86_64", "-M microvm -m 256M -bios %s/halt.rom", 0x1000000 },
};

/* ---- process ---- */

static const char *build_folder(void)
{
	const char *folder = getenv("HVCMA_BUILD");

	return folder ? folder : "build";
}

/* Folder of a QEMU with virtio-cma built in, of its tests' devices and its pin keeper, or NULL. */
static const char *built_in(void)
{
	return getenv("HVCMA_QEMU");
}

bool qtest_is_built_in(void)
{
	return built_in();
}

const char *qtest_plugin(void)
{
	static char path[4096];
	const char *given = getenv("HVCMA_PRELOAD");

	if (built_in())
		return "";
	if (given)
		return given;
	snprintf(path, sizeof(path), "%s/" HVCMA_NATIVE "/testing/hvcma-preload.so", build_folder());
	return path;
}

static char more_preload[4096];

void qtest_add_preload(const char *name)
{
	if (built_in())
		snprintf(more_preload, sizeof(more_preload), "%s/%s", built_in(), name);
	else
		snprintf(more_preload, sizeof(more_preload), ":%s/tests/qtest/%s", build_folder(),
			 name);
}

static void set_preload(void)
{
	char path[2 * 4096];

	snprintf(path, sizeof(path), "%s%s", qtest_plugin(), more_preload);
	setenv("HVCMA_PRELOAD", path, 1);
}

static void qemu_path(enum qtest_machine machine, char *path, size_t bytes)
{
	if (built_in())
		snprintf(path, bytes, "%s/%s", built_in(), machines[machine].program);
	else
		snprintf(path, bytes, "%s/env/qemu-" HVCMA_NATIVE "/bin/%s", build_folder(),
			 machines[machine].program);
}

void qtest_skip_unless_built(void)
{
	char path[4096];
	const char *last;

	qemu_path(QTEST_Q35, path, sizeof(path));
	if (access(path, X_OK)) {
		print_message("# skipped: no %s\n", path);
		skip();
	}
	if (built_in())
		return;
	last = strrchr(qtest_plugin(), ':');
	last = last ? last + 1 : qtest_plugin();
	if (access(last, R_OK)) {
		print_message("# skipped: no %s\n", last);
		skip();
	}
}

static int split(char *text, char **args, int nr)
{
	char *save, *word;

	for (word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(nr < MAX_ARGS - 1);
		args[nr++] = word;
	}
	args[nr] = NULL;
	return nr;
}

/* "%s" in the options of a machine is the test's folder. */
static void substitute(const char *format, const char *folder, char *out, size_t bytes)
{
	const char *at = strstr(format, "%s");

	if (at)
		snprintf(out, bytes, "%.*s%s%s", (int)(at - format), format, folder, at + 2);
	else
		snprintf(out, bytes, "%s", format);
}

/* The plugin has a property for what "-trace" says of a QEMU that it is built into. */
static bool cut_trace(char *options)
{
	static const char property[] = ",trace=on";
	char *at;
	bool found = false;

	while (built_in() && (at = strstr(options, property))) {
		memmove(at, at + strlen(property), strlen(at + strlen(property)) + 1);
		found = true;
	}
	return found;
}

static FILE *record;
static const char *stderr_path;

void qtest_record(FILE *to, const char *path)
{
	record = to;
	stderr_path = path;
}

static unsigned int denied;

void qtest_deny(unsigned int what)
{
	denied = what;
}

static uid_t user;

void qtest_as_user(uid_t uid)
{
	user = uid;
}

/* Before the program itself; @nr: words that there are already. */
static int prepend_user(char **args, int nr)
{
	static char program[4096], uid[16];
	const char *src = getenv("HVCMA_SRC");

	if (!user)
		return nr;
	snprintf(program, sizeof(program), "%s/tests/lib/as_user", src ? src : ".");
	snprintf(uid, sizeof(uid), "%u", user);
	args[nr++] = program;
	args[nr++] = uid;
	return nr;
}

/* Sockets that it connects to, and its firmware. */
static void give_folder(const struct qtest *q)
{
	static const char *const files[] = { "", "/qtest", "/qmp", "/halt.rom" };
	char path[256];
	size_t i;

	for (i = 0; user && i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", q->folder, files[i]);
		if (chown(path, user, (gid_t)-1) && errno != ENOENT)
			fail_msg("%s: %s", path, strerror(errno));
	}
}

/* In the child, as root: a file run by uid 0 gets all capabilities but these. */
static void deny(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = filter };

	if (denied & QTEST_NO_IO_URING && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog))
		_exit(126);
	if (denied & QTEST_NO_SYS_ADMIN && prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN))
		_exit(126);
}

/* A firmware that does nothing, so that nothing interferes once the VM runs. */
static void write_halt_rom(const char *folder)
{
	static const uint8_t reset_vector[] = { 0xfa, 0xf4, 0xeb, 0xfd };	/* cli; hlt; jmp */
	uint8_t rom[65536] = { 0 };
	char path[256];
	int fd;

	memcpy(rom + 0xfff0, reset_vector, sizeof(reset_vector));
	snprintf(path, sizeof(path), "%s/halt.rom", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, rom, sizeof(rom)), sizeof(rom));
	close(fd);
}

/* The one QEMU of the running test. */
static struct qtest *live;

static void free_qtest(struct qtest *q)
{
	static const char *const files[] = { "qtest", "qmp", "halt.rom" };
	char path[256];
	int i;

	if (q->qtest)
		fclose(q->qtest);
	if (q->qmp)
		fclose(q->qmp);
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/%s", q->folder, files[i]);
		unlink(path);
	}
	rmdir(q->folder);
	free(q->folder);
	for (i = 0; i < q->nr_events; i++)
		free(q->events[i]);
	close(q->stderr_fd);
	free(q);
	live = NULL;
}

void qtest_kill_leftover(void)
{
	if (!live)
		return;
	if (live->pid) {
		kill(live->pid, SIGKILL);
		waitpid(live->pid, NULL, 0);
	}
	free_qtest(live);
}

static void run_qemu(struct qtest *q, const char *options, bool connect)
{
	char path[4096], format[1024], basic[4096], *more = strdup(options), *args[MAX_ARGS];
	bool trace = cut_trace(more);
	int nr = 0;

	qemu_path(q->machine, path, sizeof(path));
	snprintf(format, sizeof(format), "%s -accel tcg -S -display none -nodefaults",
		 machines[q->machine].options);
	substitute(format, q->folder, basic, sizeof(basic));
	nr = prepend_user(args, nr);
	args[nr++] = path;
	nr = split(basic, args, nr);
	nr = split(more, args, nr);
	if (trace) {
		args[nr++] = "-trace";
		args[nr++] = "virtio_cma_*";
		args[nr] = NULL;
	}
	if (connect) {
		static char qtest_arg[256], chardev_arg[256];

		snprintf(qtest_arg, sizeof(qtest_arg), "unix:%s/qtest", q->folder);
		snprintf(chardev_arg, sizeof(chardev_arg), "socket,id=qmp,path=%s/qmp", q->folder);
		args[nr++] = "-qtest";
		args[nr++] = qtest_arg;
		args[nr++] = "-qtest-log";
		args[nr++] = "none";
		args[nr++] = "-chardev";
		args[nr++] = chardev_arg;
		args[nr++] = "-mon";
		args[nr++] = "chardev=qmp,mode=control";
		assert_true(nr < MAX_ARGS);
		args[nr] = NULL;
	}

	qtest_kill_leftover();
	give_folder(q);
	q->pid = fork();
	assert_true(q->pid >= 0);
	if (!q->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		deny();
		set_preload();
		dup2(q->stderr_fd, STDERR_FILENO);
		dup2(q->stderr_fd, STDOUT_FILENO);
		execv(args[0], args);
		_exit(127);
	}
	live = q;
	free(more);
}

static struct qtest *new_qtest(enum qtest_machine machine)
{
	static bool registered;
	struct qtest *q = calloc(1, sizeof(*q));
	char folder[] = "/tmp/hvcma-qtest-XXXXXX";

	assert_non_null(q);
	assert_non_null(mkdtemp(folder));
	q->machine = machine;
	q->folder = strdup(folder);
	write_halt_rom(folder);
	if (!registered) {
		registered = true;
		atexit(qtest_kill_leftover);
	}
	q->stderr_fd = stderr_path ? open(stderr_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644) :
				     memfd_create("stderr", MFD_CLOEXEC);
	assert_true(q->stderr_fd >= 0);
	return q;
}

const char *qtest_stderr(struct qtest *q)
{
	ssize_t n = pread(q->stderr_fd, q->stderr_text, sizeof(q->stderr_text) - 1, 0);

	q->stderr_text[n < 0 ? 0 : n] = 0;
	return q->stderr_text;
}

pid_t qtest_pid(const struct qtest *q)
{
	return q->pid;
}

uint64_t qtest_ram_base(const struct qtest *q)
{
	return machines[q->machine].ram_base;
}

static int listen_at(struct qtest *q, const char *name)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/%s", q->folder, name);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

/* Waits for QEMU to end; its exit status, or -1 after the time-out. */
static int wait_exit(struct qtest *q)
{
	int status, i;

	for (i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		if (waitpid(q->pid, &status, WNOHANG) == q->pid) {
			q->pid = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
		usleep(10000);
	}
	kill(q->pid, SIGKILL);
	waitpid(q->pid, &status, 0);
	q->pid = 0;
	return -1;
}

static int accept_from(struct qtest *q, int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int i, status, fd;

	for (i = 0; i < QTEST_TIMEOUT_S * 10; i++) {
		if (poll(&p, 1, 100) == 1) {
			fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			assert_true(fd >= 0);
			close(listener);
			return fd;
		}
		if (waitpid(q->pid, &status, WNOHANG) == q->pid) {
			q->pid = 0;
			fail_msg("QEMU ended (status 0x%x): %s", status, qtest_stderr(q));
		}
	}
	fail_msg("QEMU does not connect: %s", qtest_stderr(q));
	return -1;
}

static void qmp_greeting(struct qtest *q);

struct qtest *qtest_start(enum qtest_machine machine, const char *options, ...)
{
	struct qtest *q = new_qtest(machine);
	int qtest_listener = listen_at(q, "qtest"), qmp_listener = listen_at(q, "qmp");
	char *text;
	va_list ap;

	va_start(ap, options);
	assert_true(vasprintf(&text, options, ap) >= 0);
	va_end(ap);
	if (record)
		fprintf(record, "start %s\n", text);
	run_qemu(q, text, true);
	free(text);
	q->qmp_fd = accept_from(q, qmp_listener);
	q->qtest_fd = accept_from(q, qtest_listener);
	q->qmp = fdopen(q->qmp_fd, "r+");
	q->qtest = fdopen(q->qtest_fd, "r+");
	assert_non_null(q->qmp);
	assert_non_null(q->qtest);
	setvbuf(q->qmp, NULL, _IONBF, 0);	/* poll() must see what was not read */
	qmp_greeting(q);
	return q;
}

void qtest_run(struct qtest *q)
{
	json_object_put(qtest_qmp_ok(q, "{'execute': 'cont'}"));
}

void qtest_stop(struct qtest *q)
{
	FILE *recorded = record;
	int status;

	if (record)
		fprintf(record, "stop\n");
	record = NULL;
	json_object_put(qtest_qmp_ok(q, "{'execute': 'query-status'}"));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'quit'}"));
	record = recorded;
	status = wait_exit(q);
	if (status)
		fail_msg("QEMU ended with status %d: %s", status, qtest_stderr(q));
	free_qtest(q);
}

void qtest_kill(struct qtest *q)
{
	kill(q->pid, SIGKILL);
	assert_int_equal(wait_exit(q), 128 + SIGKILL);
	free_qtest(q);
}

void qtest_expect_refusal(enum qtest_machine machine, const char *message,
			  const char *options, ...)
{
	struct qtest *q = new_qtest(machine);
	char *text;
	va_list ap;
	int status;

	va_start(ap, options);
	assert_true(vasprintf(&text, options, ap) >= 0);
	va_end(ap);
	run_qemu(q, text, false);
	free(text);
	status = wait_exit(q);
	if (status != 1)
		fail_msg("QEMU should have refused with \"%s\": status %d, %s", message, status,
			 qtest_stderr(q));
	if (!strstr(qtest_stderr(q), message))
		fail_msg("QEMU should have said \"%s\", but said: %s", message, qtest_stderr(q));
	free_qtest(q);
}

/* ---- qtest protocol ---- */

static void command(struct qtest *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void command(struct qtest *q, const char *fmt, ...)
{
	char *line;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vasprintf(&line, fmt, ap) >= 0);
	va_end(ap);
	if (record)
		fprintf(record, "qtest %s\n", line);
	fprintf(q->qtest, "%s\n", line);
	if (!q->batch)
		fflush(q->qtest);
	free(line);
}

/* One line that is no interrupt report; free() it. */
static char *answer(struct qtest *q)
{
	char *line = NULL;
	size_t size = 0;

	for (;;) {
		if (getline(&line, &size, q->qtest) < 0)
			fail_msg("QEMU closed the qtest socket: %s", qtest_stderr(q));
		if (!strncmp(line, "IRQ", 3))
			continue;
		if (strncmp(line, "OK", 2))
			fail_msg("qtest: %s", line);
		return line;
	}
}

/* The answers so far, of which only failure is of interest. */
static void end_batch(struct qtest *q)
{
	fflush(q->qtest);
	for (; q->nr_unanswered; q->nr_unanswered--)
		free(answer(q));
}

/* To a command that returns nothing. */
static void done(struct qtest *q)
{
	q->nr_unanswered++;
	if (!q->batch || q->nr_unanswered == MAX_UNANSWERED)
		end_batch(q);
}

void qtest_batch(struct qtest *q, bool on)
{
	if (record && on != q->batch)
		fprintf(record, "batch %d\n", on);
	q->batch = on;
	if (!on)
		end_batch(q);
}

static uint64_t value(struct qtest *q)
{
	char *line = (end_batch(q), answer(q));
	uint64_t v = line[2] == ' ' ? strtoull(line + 3, NULL, 0) : 0;

	free(line);
	return v;
}

#define READ(name, type)						\
type qtest_##name(struct qtest *q, uint64_t addr)			\
{									\
	command(q, #name " 0x%llx", (unsigned long long)addr);		\
	return (type)value(q);						\
}

#define WRITE(name, type)						\
void qtest_##name(struct qtest *q, uint64_t addr, type v)		\
{									\
	command(q, #name " 0x%llx 0x%llx", (unsigned long long)addr,	\
		(unsigned long long)v);					\
	done(q);							\
}

READ(readb, uint8_t)
READ(readw, uint16_t)
READ(readl, uint32_t)
READ(readq, uint64_t)
WRITE(writeb, uint8_t)
WRITE(writew, uint16_t)
WRITE(writel, uint32_t)
WRITE(writeq, uint64_t)

void qtest_repeat(struct qtest *q, const char *line)
{
	command(q, "%s", line);
	done(q);
}

uint32_t qtest_inl(struct qtest *q, uint16_t port)
{
	command(q, "inl 0x%x", port);
	return (uint32_t)value(q);
}

void qtest_outl(struct qtest *q, uint16_t port, uint32_t v)
{
	command(q, "outl 0x%x 0x%x", port, v);
	done(q);
}

void qtest_read(struct qtest *q, uint64_t addr, void *buf, size_t bytes)
{
	uint8_t *p = buf;
	char *line;
	size_t i;

	if (!bytes)
		return;
	command(q, "read 0x%llx 0x%zx", (unsigned long long)addr, bytes);
	end_batch(q);
	line = answer(q);
	assert_true(strlen(line) >= 5 + 2 * bytes);
	for (i = 0; i < bytes; i++) {
		char digits[3] = { line[5 + 2 * i], line[6 + 2 * i] };

		p[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	free(line);
}

void qtest_write(struct qtest *q, uint64_t addr, const void *buf, size_t bytes)
{
	const uint8_t *p = buf;
	char *digits;
	size_t i;

	if (!bytes)
		return;
	digits = malloc(2 * bytes + 1);
	assert_non_null(digits);
	for (i = 0; i < bytes; i++)
		sprintf(digits + 2 * i, "%02x", p[i]);
	command(q, "write 0x%llx 0x%zx 0x%s", (unsigned long long)addr, bytes, digits);
	free(digits);
	done(q);
}

void qtest_memset(struct qtest *q, uint64_t addr, uint8_t v, size_t bytes)
{
	command(q, "memset 0x%llx 0x%zx 0x%x", (unsigned long long)addr, bytes, v);
	done(q);
}

uint32_t qtest_pci_read(struct qtest *q, uint8_t bus, uint8_t devfn, uint8_t reg)
{
	qtest_outl(q, 0xcf8, 0x80000000u | bus << 16 | devfn << 8 | (reg & ~3u));
	return qtest_inl(q, 0xcfc) >> 8 * (reg & 3);
}

void qtest_pci_write(struct qtest *q, uint8_t bus, uint8_t devfn, uint8_t reg, uint32_t v)
{
	qtest_outl(q, 0xcf8, 0x80000000u | bus << 16 | devfn << 8 | reg);
	qtest_outl(q, 0xcfc, v);
}

uint8_t qtest_pci_find_nth(struct qtest *q, uint8_t bus, uint32_t id, unsigned int nth)
{
	int devfn;

	for (devfn = 0; devfn < 256; devfn++)
		if (qtest_pci_read(q, bus, (uint8_t)devfn, 0) == id && !nth--)
			return (uint8_t)devfn;
	fail_msg("no PCI device %08x on bus %u", id, bus);
	return 0;
}

uint8_t qtest_pci_find(struct qtest *q, uint8_t bus, uint32_t id)
{
	return qtest_pci_find_nth(q, bus, id, 0);
}

/* ---- QMP ---- */

static struct json_object *qmp_line(struct qtest *q)
{
	struct json_object *obj;
	char *line = NULL;
	size_t size = 0;

	if (getline(&line, &size, q->qmp) < 0)
		fail_msg("QEMU closed the monitor: %s", qtest_stderr(q));
	obj = json_tokener_parse(line);
	assert_non_null(obj);
	free(line);
	return obj;
}

/* Takes what is an event; false for anything else. */
static bool keep_event(struct qtest *q, struct json_object *obj)
{
	struct json_object *event;

	if (!json_object_object_get_ex(obj, "event", &event))
		return false;
	if (q->nr_events < MAX_EVENTS)
		q->events[q->nr_events++] = strdup(json_object_get_string(event));
	json_object_put(obj);
	return true;
}

static struct json_object *qmp_command(struct qtest *q, const char *fmt, va_list ap)
{
	struct json_object *obj;
	char *text, *c;

	end_batch(q);		/* QEMU hears us on two sockets: one after the other */
	assert_true(vasprintf(&text, fmt, ap) >= 0);
	for (c = text; *c; c++)
		if (*c == '\'')
			*c = '"';
	if (record)
		fprintf(record, "qmp %s\n", text);
	fprintf(q->qmp, "%s\n", text);
	fflush(q->qmp);
	free(text);
	do {
		obj = qmp_line(q);
	} while (keep_event(q, obj));
	return obj;
}

struct json_object *qtest_qmp(struct qtest *q, const char *json, ...)
{
	struct json_object *obj;
	va_list ap;

	va_start(ap, json);
	obj = qmp_command(q, json, ap);
	va_end(ap);
	return obj;
}

struct json_object *qtest_qmp_ok(struct qtest *q, const char *json, ...)
{
	struct json_object *obj, *ret;
	va_list ap;

	va_start(ap, json);
	obj = qmp_command(q, json, ap);
	va_end(ap);
	if (!json_object_object_get_ex(obj, "return", &ret))
		fail_msg("QMP command failed: %s", json_object_to_json_string(obj));
	json_object_get(ret);
	json_object_put(obj);
	return ret;
}

void qtest_wait_migrated(struct qtest *q)
{
	unsigned int i;

	for (i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		struct json_object *info = qtest_qmp_ok(q, "{'execute': 'query-migrate'}"), *status;
		const char *is = "none";	/* what an incoming one has at first */
		bool completed;

		if (json_object_object_get_ex(info, "status", &status))
			is = json_object_get_string(status);
		if (!strcmp(is, "failed"))
			fail_msg("%s", json_object_to_json_string(info));
		completed = !strcmp(is, "completed");
		json_object_put(info);
		if (completed)
			return;
		usleep(10000);
	}
	fail_msg("migration does not complete");
}

void qtest_qmp_refused(struct qtest *q, const char *message, const char *json, ...)
{
	struct json_object *obj, *error, *desc;
	va_list ap;

	va_start(ap, json);
	obj = qmp_command(q, json, ap);
	va_end(ap);
	if (!json_object_object_get_ex(obj, "error", &error) ||
	    !json_object_object_get_ex(error, "desc", &desc) ||
	    !strstr(json_object_get_string(desc), message))
		fail_msg("should have been refused with \"%s\": %s", message,
			 json_object_to_json_string(obj));
	json_object_put(obj);
}

char *qtest_hmp(struct qtest *q, const char *command)
{
	struct json_object *out;
	char *text;

	out = qtest_qmp_ok(q, "{'execute': 'human-monitor-command', 'arguments': {"
			   "'command-line': '%s'}}", command);
	text = strdup(json_object_get_string(out));
	json_object_put(out);
	return text;
}

void qtest_wait_event(struct qtest *q, const char *event)
{
	struct pollfd p = { .fd = q->qmp_fd, .events = POLLIN };
	int i;

	for (;;) {
		for (i = 0; i < q->nr_events; i++) {
			if (!strcmp(q->events[i], event)) {
				free(q->events[i]);
				q->events[i] = q->events[--q->nr_events];
				return;
			}
		}
		if (poll(&p, 1, QTEST_TIMEOUT_S * 1000) != 1)
			fail_msg("event %s does not come: %s", event, qtest_stderr(q));
		assert_true(keep_event(q, qmp_line(q)));
	}
}

void qtest_forget_events(struct qtest *q)
{
	while (q->nr_events)
		free(q->events[--q->nr_events]);
}

static void qmp_greeting(struct qtest *q)
{
	FILE *recorded = record;

	record = NULL;		/* a part of the start */
	json_object_put(qmp_line(q));
	json_object_put(qtest_qmp_ok(q, "{'execute': 'qmp_capabilities'}"));
	record = recorded;
}

static struct json_object *report_part(struct qtest *q, const char *pointer,
				       struct json_object **part)
{
	const char *colon = strchr(pointer, ':');
	struct json_object *report;

	report = qtest_qmp_ok(q, "{'execute': 'qom-get', 'arguments': {"
			      "'path': '/machine/peripheral/%.*s', 'property': 'report'}}",
			      colon ? (int)(colon - pointer) : 4, colon ? pointer : "cma0");
	if (colon)
		pointer = colon + 1;
	if (json_pointer_get(report, pointer, part))
		fail_msg("report lacks %s: %s", pointer, json_object_to_json_string(report));
	return report;
}

int64_t qtest_get(struct qtest *q, const char *pointer)
{
	struct json_object *part, *report = report_part(q, pointer, &part);
	int64_t v = json_object_get_int64(part);

	json_object_put(report);
	return v;
}

void qtest_assert_text(struct qtest *q, const char *pointer, const char *expected)
{
	struct json_object *part, *report = report_part(q, pointer, &part);

	assert_string_equal(json_object_get_string(part), expected);
	json_object_put(report);
}
