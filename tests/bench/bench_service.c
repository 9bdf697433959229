// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the host's service costs: pinning and locating granules by one request, beside the same by a
 * local provider, by the clock and in time of processors, the client's and the service's, and by the clock with both on one
 * processor, which leaves out how long another one takes to be woken up; asking for the state of 1,000 regions of 100 VMs, each a process of another
 * user; and the memory that hvcmad then has. The service is the program as it ships.
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

static double clock_us(clockid_t clock)
{
	return bench_clock_ns(clock) / 1000;
}

static double now_us(void)
{
	return clock_us(CLOCK_MONOTONIC);
}

/* Of all that works on a request: this process, and the service unless it has @service for its own. */
static double processors_us(const clockid_t *service)
{
	return clock_us(CLOCK_PROCESS_CPUTIME_ID) + (service ? clock_us(*service) : 0);
}

struct cost {
	double clock, processors;
};

static struct cost cost_now(const clockid_t *service)
{
	return (struct cost){ now_us(), processors_us(service) };
}

static struct cost cost_since(const clockid_t *service, struct cost began)
{
	struct cost now = cost_now(service);

	return (struct cost){ now.clock - began.clock, now.processors - began.processors };
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

/* What the pins of some requests cost, each; between them it is unpinned. */
static struct cost served_in_row(int fd, uint32_t region, unsigned int nr, const clockid_t *service)
{
	struct cost sum = { 0 }, one;

	for (int i = 0; i < IN_ROW; i++) {
		one = cost_now(service);
		assert_status(OK, client_range(fd, HVCMAD_OP_PIN, region, 0, nr, HVCMAD_PIN_ADDRESSES));
		one = cost_since(service, one);
		assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, region, 0, nr, 0));
		sum.clock += one.clock / IN_ROW;
		sum.processors += one.processors / IN_ROW;
	}
	return sum;
}

static struct cost local_in_row(struct hvcma_provider *p, unsigned int nr)
{
	struct cost sum = { 0 }, one;
	uint64_t hpa[MAX_NR];

	for (int i = 0; i < IN_ROW; i++) {
		one = cost_now(NULL);
		assert_int_equal(p->ops->pin(p, 0, nr), 0);
		assert_int_equal(p->ops->hpa(p, 0, nr, hpa), 0);
		one = cost_since(NULL, one);
		assert_int_equal(p->ops->unpin(p, 0, nr), 0);
		sum.clock += one.clock / IN_ROW;
		sum.processors += one.processors / IN_ROW;
	}
	return sum;
}

/* Granules of one request, by the service and by this process itself, in turns. */
static void one_request(unsigned int nr)
{
	struct memory m = huge_memory(nr);
	struct hvcma_provider_config config = config_of(&m);
	enum { CLOCK, PROCESSORS, ONE, NR_FIGURES };
	static const char *const suffix[NR_FIGURES] = { "", "_processors", "_one_processor" };
	struct bench_figure figures[NR_FIGURES];
	char name[NR_FIGURES][48];
	struct cost served, local;
	struct hvcma_provider *p = local_provider(&config);
	int fd = client_open(&rig), i;
	clockid_t service;
	uint32_t r;

	for (i = 0; i < NR_FIGURES; i++) {
		snprintf(name[i], sizeof(name[i]), "service_pin_bulk%u%s", nr, suffix[i]);
		figures[i] = (struct bench_figure){
			.name = name[i], .unit = "us", .baseline = "local", .goal = RATIO_GOAL,
		};
	}
	assert_int_equal(clock_getcpuclockid(rig.pid, &service), 0);
	assert_int_equal(p->ops->back(p, 0, nr), 0);
	assert_status(OK, client_register(fd, "bench", m.bytes, m.fd));
	r = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, nr, 0));
	for (i = 0; i < ROUNDS; i++) {
		served = served_in_row(fd, r, nr, &service);
		local = local_in_row(p, nr);
		bench_pair(&figures[CLOCK], served.clock / nr, local.clock / nr);
		bench_pair(&figures[PROCESSORS], served.processors / nr, local.processors / nr);
	}
	both_on_one_processor(true);
	for (i = 0; i < ROUNDS; i++) {
		served = served_in_row(fd, r, nr, &service);
		local = local_in_row(p, nr);
		bench_pair(&figures[ONE], served.clock / nr, local.clock / nr);
	}
	both_on_one_processor(false);
	for (i = 0; i < NR_FIGURES; i++)
		bench_judge(&figures[i]);
	client_close(fd);
	p->ops->destroy(p);
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
