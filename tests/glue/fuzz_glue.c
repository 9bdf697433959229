// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Random guests against the plugin in stock QEMU, under AddressSanitizer:
 *
 *	fuzz_glue [--seconds N]		one guest after the other, each of a new seed
 *	fuzz_glue --seed N [--guests N]	this one again, and those that follow it
 *	fuzz_glue --case FILE		what was written down of one
 *	fuzz_glue --shorten FILE	the same, with what is not needed left out, on stdout
 *	... --plugin FOLDER		that of HVCMA_BUILD/FOLDER in place of "glue"
 *	... --findings N		end after so many (5)
 *
 * A finding is: QEMU ends, hangs, holds its main loop for over a second, does not
 * answer in the end, keeps pins, leaves a client bus master, or the sanitizer
 * speaks. Each guest runs in a process and a folder of its own; of one that finds
 * something the folder stays (HVCMA_BUILD/fuzz/glue/SEED): "case" is all that was
 * sent to QEMU, "log" what the guest noticed, "stderr" what QEMU printed, "asan.*"
 * what the sanitizer did.
 *
 * The machines, the guest, its requests: machine.c, guest.c,
 * request.c, target.c; the operator: operator.c.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/glue/operator.h"

#define NR_STEPS	1200
#define CHECK_EVERY	64
#define STALL_NS	1000000000ull
#define GUEST_LIMIT_S	200		/* seconds, then it hangs */

struct totals {
	uint64_t nr_guests, nr_steps, nr_requests, nr_answers, nr_ok, nr_migrated, longest_ns;
};

static struct totals *totals;		/* shared with the guests' processes */
static unsigned int nr_steps = NR_STEPS;

/* ---- time ---- */

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/*
 * How long QEMU's threads have waited for a processor: the machine's fault, not QEMU's. Of all
 * of them, for the main loop waits for others, as for a virtual processor that is to stop.
 */
static uint64_t waited_ns(struct qtest *q)
{
	unsigned long long sum = 0, waited;
	struct dirent *task;
	char path[400];
	DIR *tasks;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", qtest_pid(q));
	tasks = opendir(path);
	while (tasks && (task = readdir(tasks))) {
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", qtest_pid(q), task->d_name);
		f = fopen(path, "r");
		if (!f)
			continue;
		if (fscanf(f, "%*s %llu", &waited) == 1)
			sum += waited;
		fclose(f);
	}
	if (tasks)
		closedir(tasks);
	return sum;
}

/* ---- one guest ---- */

static void timed_step(struct guest *g)
{
	uint64_t waited = waited_ns(g->q), start = now_ns(), ns;

	qtest_batch(g->q, true);
	guest_step(g);
	if (!random_one_in(g->r, 4))
		qtest_batch(g->q, false);
	ns = now_ns() - start;
	if (ns > STALL_NS / 10) {	/* else it does not matter */
		waited = waited_ns(g->q) - waited;
		ns -= waited < ns ? waited : ns;
	}
	if (ns > totals->longest_ns)
		totals->longest_ns = ns;
	if (ns > STALL_NS)
		fail_msg("QEMU's main loop stood still for %llu ms", (unsigned long long)ns / 1000000);
}

static void run_guest(uint64_t seed)
{
	static struct machine m;
	static struct guest g;
	struct random r = random_from(seed);
	unsigned int i, migrate_at;

	machine_random(&m, &r);
	migrate_at = m.migratable && random_one_in(&r, 2) ? (unsigned int)random_below(&r, nr_steps) :
		     nr_steps;
	guest_start(&g, qtest_start(QTEST_Q35, "%s", m.options), &r, &m);
	for (i = 0; i < nr_steps; i++) {
		if (i == migrate_at)
			operator_migrate(&g);
		timed_step(&g);
		totals->nr_steps++;
		if (i % CHECK_EVERY == CHECK_EVERY - 1)
			operator_check(&g);
	}
	qtest_batch(g.q, false);
	operator_settle(&g);
	qtest_stop(g.q);
	totals->nr_guests++;
	totals->nr_requests += g.nr_requests;
	totals->nr_answers += g.nr_answers;
	totals->nr_ok += g.nr_ok;
	totals->nr_migrated += g.migrated;
}

/* ---- cases ---- */

static void run_line(struct qtest **q, char *line)
{
	char *rest = strchr(line, ' ');

	line[strcspn(line, "\n")] = 0;
	if (!*line || *line == '#')
		return;
	if (!strncmp(line, "start ", 6)) {
		*q = qtest_start(QTEST_Q35, "%s", rest + 1);
	} else if (!*q) {
		fail_msg("a case begins with \"start\"");
	} else if (!strncmp(line, "qtest ", 6)) {
		qtest_repeat(*q, rest + 1);
	} else if (!strncmp(line, "qmp ", 4)) {
		json_object_put(qtest_qmp(*q, "%s", rest + 1));
	} else if (!strncmp(line, "batch ", 6)) {
		qtest_batch(*q, rest[1] == '1');
	} else if (!strncmp(line, "wait ", 5)) {
		usleep((useconds_t)strtoul(rest + 1, NULL, 0) * 1000);
	} else if (!strcmp(line, "stop")) {
		qtest_stop(*q);
		*q = NULL;
	} else {
		fail_msg("what is \"%s\"?", line);
	}
}

/* Lines "#" are remarks. QEMU must end in order at the end, said or not. */
static void run_case(FILE *f)
{
	struct qtest *q = NULL;
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, f) > 0)
		run_line(&q, line);
	free(line);
	if (q)
		qtest_stop(q);
	totals->nr_guests++;
}

/* ---- in a process of its own ---- */

static void set_environment(const char *build, const char *plugin)
{
	bool sanitized = !strstr(plugin, "coverage");
	char text[9000];

	/* Stacks of coroutines are not ASan's; what QEMU holds at its end is its own. */
	setenv("ASAN_OPTIONS", "detect_leaks=0:detect_stack_use_after_return=0:"
	       "allocator_may_return_null=1:handle_abort=1:log_path=asan", 0);
	setenv("HVCMA_BUILD", build, 1);
	snprintf(text, sizeof(text), "%s%s%s/%s/hvcma-preload.so", sanitized ? HVCMA_ASAN_LIBRARY : "",
		 sanitized ? ":" : "", build, plugin);
	setenv("HVCMA_PRELOAD", text, 0);
}

static bool sanitizer_spoke(void)
{
	return !system("grep -q 'ERROR: ' asan.* 2>/dev/null");
}

/* It hangs: keep what was written down. */
static void too_long(int signal)
{
	(void)signal;
	printf("no end after %d s\n", GUEST_LIMIT_S);
	fflush(NULL);
	_exit(1);
}

static int in_process(uint64_t seed, FILE *f)
{
	int log = open("log", O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
	FILE *to;

	dup2(log, STDOUT_FILENO);
	dup2(log, STDERR_FILENO);
	signal(SIGALRM, too_long);
	alarm(GUEST_LIMIT_S);
	to = f ? NULL : fopen("case", "w");
	qtest_record(to, "stderr");
	if (f)
		run_case(f);
	else
		run_guest(seed);
	return sanitizer_spoke();
}

static void remove_folder(const char *folder)
{
	char command[5000];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command))
		perror(folder);
}

/* Returns whether all was well; then the folder goes. */
static bool run(const char *folder, uint64_t seed, FILE *f)
{
	int status = 0;
	pid_t pid;

	remove_folder(folder);
	if (mkdir(folder, 0755)) {
		perror(folder);
		exit(1);
	}
	fflush(NULL);
	pid = fork();
	if (!pid) {
		if (chdir(folder))
			_exit(1);
		exit(in_process(seed, f));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	if (!status)
		remove_folder(folder);
	return !status;
}

/* ---- shortening ---- */

struct lines {
	char **line;
	size_t nr;
};

static struct lines read_lines(const char *path)
{
	struct lines l = { NULL, 0 };
	FILE *f = fopen(path, "r");
	char *line = NULL;
	size_t size = 0;

	if (!f) {
		perror(path);
		exit(1);
	}
	while (getline(&line, &size, f) > 0) {
		l.line = realloc(l.line, (l.nr + 1) * sizeof(*l.line));
		l.line[l.nr++] = strdup(line);
	}
	free(line);
	fclose(f);
	return l;
}

/* Is it still a finding without [from, to)? The first line starts QEMU and stays. */
static bool still_fails(const struct lines *l, size_t from, size_t to, const char *folder)
{
	FILE *f = tmpfile();
	size_t i;
	bool fails;

	for (i = 0; i < l->nr; i++)
		if (i < from || i >= to)
			fputs(l->line[i], f);
	rewind(f);
	fails = !run(folder, 0, f);
	fclose(f);
	return fails;
}

static int shorten(const char *path, const char *folder)
{
	struct lines l = read_lines(path);
	size_t step, from, i;

	if (!still_fails(&l, l.nr, l.nr, folder)) {
		fprintf(stderr, "%s finds nothing\n", path);
		return 1;
	}
	for (step = l.nr / 2; step; step /= 2) {
		for (from = l.nr; from > 1;) {
			size_t begin = from > step + 1 ? from - step : 1;

			if (still_fails(&l, begin, from, folder)) {
				memmove(l.line + begin, l.line + from,
					(l.nr - from) * sizeof(*l.line));
				l.nr -= from - begin;
			}
			from = begin;
		}
		fprintf(stderr, "%zu lines, in steps of %zu\n", l.nr, step);
	}
	for (i = 0; i < l.nr; i++)
		fputs(l.line[i], stdout);
	return 0;
}

/* ---- many ---- */

static void print_finding(const char *folder)
{
	char command[5000];

	snprintf(command, sizeof(command), "cd '%s' && { tail -n 8 stderr; cut -c 1-300 log; "
		 "grep -A 40 'ERROR: ' asan.*; } | cut -c 1-400 | sed 's/^/# /'", folder);
	fflush(stdout);
	if (system(command))
		perror(folder);
}

struct limits {
	uint64_t seed, nr_guests;
	unsigned int seconds, nr_findings;
};

static int run_many(const char *base, const struct limits *max)
{
	uint64_t end = now_ns() + max->seconds * 1000000000ull, i;
	unsigned int nr_findings = 0;
	char folder[4096];

	for (i = 0; i < max->nr_guests && now_ns() < end && nr_findings < max->nr_findings; i++) {
		unsigned long long seed = max->seed + i;

		snprintf(folder, sizeof(folder), "%s/%llu", base, seed);
		if (run(folder, seed, NULL))
			continue;
		nr_findings++;
		printf("# finding: %s, again: %s --seed %llu\n", folder,
		       program_invocation_name, seed);
		print_finding(folder);
	}
	printf("# %llu guests, %llu steps, %llu requests sent, %llu answers seen, %llu of them ok, "
	       "%llu migrations, longest step %llu ms\n", (unsigned long long)i,
	       (unsigned long long)totals->nr_steps, (unsigned long long)totals->nr_requests,
	       (unsigned long long)totals->nr_answers, (unsigned long long)totals->nr_ok,
	       (unsigned long long)totals->nr_migrated,
	       (unsigned long long)totals->longest_ns / 1000000);
	printf("%sok 1 - random guests\n1..1\n", nr_findings ? "not " : "");
	return nr_findings != 0;
}

static int replay(const char *folder, const char *path)
{
	FILE *f = fopen(path, "r");
	bool good;

	if (!f) {
		perror(path);
		return 1;
	}
	good = run(folder, 0, f);
	fclose(f);
	if (!good)
		print_finding(folder);
	printf("%sok 1 - %s\n1..1\n", good ? "" : "not ", path);
	return !good;
}

/* Where findings are kept; made if it is not there. */
static void findings_folder(char *base, size_t bytes, const char *build)
{
	char command[5000];

	snprintf(base, bytes, "%s/fuzz/glue", build);
	snprintf(command, sizeof(command), "mkdir -p '%s'", base);
	if (system(command))
		exit(1);
}

static uint64_t seed_of_today(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 100000 + (uint64_t)ts.tv_nsec % 100000;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seed", required_argument, NULL, 'r' },
		{ "guests", required_argument, NULL, 'g' },
		{ "seconds", required_argument, NULL, 's' },
		{ "findings", required_argument, NULL, 'f' },
		{ "steps", required_argument, NULL, 'n' },
		{ "plugin", required_argument, NULL, 'p' },
		{ "case", required_argument, NULL, 'c' },
		{ "shorten", required_argument, NULL, 'm' },
		{ 0 }
	};
	struct limits max = { .seed = seed_of_today(), .nr_findings = 5 };
	const char *given = getenv("HVCMA_BUILD"), *plugin = "glue", *path = NULL;
	char base[3000], folder[4096], *build;
	bool shortening = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'r':
			max.seed = strtoull(optarg, NULL, 0);
			max.nr_guests = max.nr_guests ?: 1;
			break;
		case 'g':
			max.nr_guests = strtoull(optarg, NULL, 0);
			break;
		case 's':
			max.seconds = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'f':
			max.nr_findings = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'n':
			nr_steps = (unsigned int)strtoul(optarg, NULL, 0);
			break;
		case 'p':
			plugin = optarg;
			break;
		case 'm':
			shortening = true;
			/* fallthrough */
		case 'c':
			path = optarg;
			break;
		default:
			return 2;
		}
	}
	if (!max.seconds)
		max.seconds = max.nr_guests ? 86400 : 60;
	max.nr_guests = max.nr_guests ?: UINT64_MAX;
	build = realpath(given ? given : "build", NULL);
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!build || totals == MAP_FAILED) {
		perror("HVCMA_BUILD");
		return 1;
	}
	set_environment(build, plugin);
	findings_folder(base, sizeof(base), build);
	snprintf(folder, sizeof(folder), "%s/case-%d", base, getpid());
	if (shortening)
		return shorten(path, folder);
	return path ? replay(folder, path) : run_many(base, &max);
}
