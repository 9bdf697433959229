// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the host's service costs: pinning and locating granules by one call of its provider, beside the same
 * by a local provider, by the clock, as both may run and with both on one processor; asking for the state of
 * 1,000 regions of 100 VMs, each a process of another user; and the memory that hvcmad then has. The service
 * is the program as it ships.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/bench/decision.h"
#include "tests/service/rig.h"

#include <sched.h>
#include <time.h>

#define MAX_NR		128
#define IN_ROW		8	/* a region of 1 GiB in bulks of 64 */
#define ROUNDS		300
#define RATIO_GOAL	1.5
#define NR_VMS		100
#define NR_REGIONS	10
#define FIRST_UID	20000
#define STATUS_GOAL_MS	50.0
#define MEMORY_GOAL_MIB	20.0

static double now_us(void)
{
	return bench_clock_ns(CLOCK_MONOTONIC) / 1000;
}

static void both_on_one_processor(bool on)
{
	static cpu_set_t all;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (on)
		assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(all), on ? &one : &all), 0);
	assert_int_equal(sched_setaffinity(rig.pid, sizeof(all), on ? &one : &all), 0);
}

/* What the pins of some requests take, each; between them it is unpinned. */
static double in_row(struct hvcma_provider *p, unsigned int nr)
{
	uint64_t hpa[MAX_NR];
	double sum = 0, began;

	for (int i = 0; i < IN_ROW; i++) {
		began = now_us();
		assert_int_equal(p->ops->pin(p, 0, nr), 0);
		assert_int_equal(p->ops->hpa(p, 0, nr, hpa), 0);
		sum += now_us() - began;
		assert_int_equal(p->ops->unpin(p, 0, nr), 0);
	}
	return sum / IN_ROW;
}

static struct hvcma_provider *remote_provider(const struct hvcma_provider_config *config)
{
	struct hvcma_error err = { "" };
	struct hvcma_provider *p = NULL;

	if (hvcma_provider_service_create(rig.socket, config, &p, &err))
		fail_msg("%s", err.text);
	return p;
}

/* Granules of one request, by the service and by this process itself, in turns. */
static void one_request(unsigned int nr)
{
	struct memory m = huge_memory(nr);
	struct hvcma_provider_config config = config_of(&m);
	enum { CLOCK, ONE, NR_FIGURES };
	static const char *const suffix[NR_FIGURES] = { "", "_one_processor" };
	struct bench_figure figures[NR_FIGURES];
	char name[NR_FIGURES][48];
	struct hvcma_provider *remote = remote_provider(&config), *local = local_provider(&config);
	double served, own;
	int i;

	for (i = 0; i < NR_FIGURES; i++) {
		snprintf(name[i], sizeof(name[i]), "service_pin_bulk%u%s", nr, suffix[i]);
		figures[i] = (struct bench_figure){
			.name = name[i], .unit = "us", .baseline = "local", .goal = RATIO_GOAL,
		};
	}
	assert_int_equal(local->ops->back(local, 0, nr), 0);
	assert_int_equal(remote->ops->back(remote, 0, nr), 0);
	for (i = 0; i < ROUNDS; i++) {
		served = in_row(remote, nr);
		own = in_row(local, nr);
		bench_pair(&figures[CLOCK], served / nr, own / nr);
	}
	both_on_one_processor(true);
	for (i = 0; i < ROUNDS; i++) {
		served = in_row(remote, nr);
		own = in_row(local, nr);
		bench_pair(&figures[ONE], served / nr, own / nr);
	}
	both_on_one_processor(false);
	for (i = 0; i < NR_FIGURES; i++)
		bench_judge(&figures[i]);
	remote->ops->destroy(remote);
	local->ops->destroy(local);
	memory_free(&m);
}

static int ready[2];

static void register_ten(void)
{
	int fd = client_open(&rig), i;
	char name[16];

	for (i = 0; i < NR_REGIONS; i++) {
		snprintf(name, sizeof(name), "region%d", i);
		assert_status(OK, client_register(fd, name, 64 * HUGE_BYTES, -1));
		close(got.fd);
	}
	must(write(ready[1], "r", 1) == 1, "ready");
	pause();
}

static double resident_mib(void)
{
	char path[64], line[128];
	double kib = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)rig.pid);
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %lf", &kib);
	fclose(f);
	return kib / 1024;
}

static void a_thousand_regions(void)
{
	pid_t child[NR_VMS];
	static struct bench_figure turn = {
		.name = "service_status_1000_regions", .unit = "ms", .goal = STATUS_GOAL_MS,
	}, memory = {
		.name = "service_resident_1000_regions", .unit = "MiB", .goal = MEMORY_GOAL_MIB,
	};
	double began;
	uint32_t nr, after;
	int fd, i;
	char c;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	for (i = 0; i < NR_VMS; i++) {
		child[i] = as_user(FIRST_UID + (uid_t)i, register_ten);
		assert_int_equal(read(ready[0], &c, 1), 1);
	}
	fd = client_open(&rig);
	for (i = 0; i < ROUNDS; i++) {
		nr = 0;
		after = 0;
		began = now_us();
		do {
			assert_status(OK, client_status(fd, HVCMAD_STATUS_ALL, after));
			nr += got.status.nr;
			after = got.status.nr ? got.status.regions[got.status.nr - 1].region : 0;
		} while (got.status.nr);
		bench_round(&turn, (now_us() - began) / 1000);
		assert_int_equal(nr, NR_VMS * NR_REGIONS);
	}
	bench_judge(&turn);
	bench_add(&memory, resident_mib(), 1);
	bench_counted(&memory);
	close(fd);
	for (i = 0; i < NR_VMS; i++) {
		assert_int_equal(kill(child[i], SIGKILL), 0);
		assert_int_equal(waitpid(child[i], NULL, 0), child[i]);
	}
}

static void start(void)
{
	char *config = NULL;
	size_t bytes;
	FILE *f = open_memstream(&config, &bytes);
	int i;

	fputs("socket-group = \"nogroup\";\ntotals = { pinned = \"1G\"; memory = \"256G\"; regions = 1001; };\n", f);
	fputs("vms = ( { name = \"root\"; user = 0; pinned = \"1G\"; regions = 1; unsafe-noiommu = true; }", f);
	for (i = 0; i < NR_VMS; i++)
		fprintf(f, ",\n { name = \"vm%d\"; user = %d; pinned = \"1G\"; memory = \"2G\"; regions = %d; }", i,
			FIRST_UID + i, NR_REGIONS);
	fputs(" );\n", f);
	fclose(f);
	daemon_start(&rig, config);
	free(config);
}

int main(void)
{
	int lock;

	SKIP_ALL_UNLESS_ROOT();
	start();
	a_thousand_regions();
	lock = pool_lock();
	if (have_hugepages(MAX_NR)) {
		one_request(64);
		one_request(MAX_NR);
	} else {
		printf("# SKIP no %d free hugepages of 2 MiB\n", MAX_NR);
	}
	pool_unlock(lock);
	daemon_stop(&rig);
	return bench_exit();
}
