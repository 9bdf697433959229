// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the host's service costs: pinning and locating 64 granules by one request, beside the same by
 * a local provider; asking for the state of 1,000 regions of 100 VMs, each a process of another
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

#include <time.h>

#define NR		64
#define ROUNDS		300
#define RATIO_GOAL	1.5
#define NR_VMS		100
#define NR_REGIONS	10
#define FIRST_UID	20000
#define STATUS_GOAL_MS	50.0
#define MEMORY_GOAL_MIB	20.0

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void one_request(void)
{
	struct memory m = huge_memory(NR);
	struct hvcma_provider_config config = config_of(&m);
	static struct bench_figure f = { .unit = "us", .baseline = "local", .goal = RATIO_GOAL };
	double service, local, began;
	char name[32];
	struct hvcma_provider *p = local_provider(&config);
	uint64_t hpa[NR];
	int fd = client_open(&rig), i;
	uint32_t r;

	assert_int_equal(p->ops->back(p, 0, NR), 0);
	assert_status(OK, client_register(fd, "bench", m.bytes, m.fd));
	r = got.reg.region;
	assert_status(OK, client_range(fd, HVCMAD_OP_BACK, r, 0, NR, 0));
	for (i = 0; i < ROUNDS; i++) {
		began = now_us();
		assert_status(OK, client_range(fd, HVCMAD_OP_PIN, r, 0, NR, HVCMAD_PIN_ADDRESSES));
		service = now_us() - began;
		assert_status(OK, client_range(fd, HVCMAD_OP_UNPIN, r, 0, NR, 0));
		began = now_us();
		assert_int_equal(p->ops->pin(p, 0, NR), 0);
		assert_int_equal(p->ops->hpa(p, 0, NR, hpa), 0);
		local = now_us() - began;
		assert_int_equal(p->ops->unpin(p, 0, NR), 0);
		bench_pair(&f, service / NR, local / NR);
	}
	snprintf(name, sizeof(name), "service_pin_bulk%d", NR);
	f.name = name;
	bench_judge(&f);
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
	if (have_hugepages(NR))
		one_request();
	else
		puts("# SKIP no 64 free hugepages of 2 MiB");
	pool_unlock(lock);
	daemon_stop(&rig);
	return bench_exit();
}
