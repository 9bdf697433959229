// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whoever runs the machine, and what must hold in it. See operator.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/glue/operator.h"

#define PCIHP_EJECT		0xcc8
#define PCIHP_BUS		0xcd0

/* ---- anything ---- */

/* Whether it works is not the question. */
#define qmp_try(g, ...)	json_object_put(qtest_qmp((g)->q, __VA_ARGS__))

static void read_report(struct guest *g)
{
	static const char *const parts[] = { "report", "region", "granules", "extents", "dma-window",
					     "blocks", "clients", "attributes", "reservations", "counters",
					     "guest", "fabric-faults" };
	const struct region *d = &g->m->region[random_below(g->r, g->m->nr_regions)];

	qmp_try(g, "{'execute': 'qom-get', 'arguments': {'path': '/machine/peripheral/%s',"
		"'property': '%s'}}", d->id, parts[random_below(g->r, 12)]);
}

static void device_add(struct guest *g, const char *options)
{
	qmp_try(g, "{'execute': 'human-monitor-command', 'arguments': {"
		"'command-line': 'device_add %s'}}", options);
}

static void hotplug(struct guest *g)
{
	const struct region *hot = machine_hot(g->m);
	const char *id = hot ? hot->id : "edu1";

	switch (random_below(g->r, 4)) {
	case 0:
		qmp_try(g, "{'execute': 'device_del', 'arguments': {'id': '%s'}}", id);
		break;
	case 1:
		qtest_outl(g->q, PCIHP_BUS, g->hot_selector);
		qtest_outl(g->q, PCIHP_EJECT, 1);
		break;
	case 2:
		device_add(g, hot ? hot->device : "edu,id=edu1,bus=rp0");
		break;
	default:
		guest_place_hot(g);
	}
}

void operator_step(struct guest *g)
{
	switch (random_below(g->r, 12)) {
	case 0:
		qmp_try(g, "{'execute': 'stop'}");
		break;
	case 1:
		if (random_one_in(g->r, 3))
			qmp_try(g, "{'execute': 'system_reset'}");
		break;
	case 2:
		qmp_try(g, "{'execute': 'query-memory-devices'}");
		break;
	case 3:
	case 4:
		hotplug(g);
		break;
	case 5:
	case 6:
		qmp_try(g, "{'execute': 'cont'}");
		break;
	default:
		read_report(g);
	}
}

/* ---- migration ---- */

static bool wait_migrated(struct guest *g)
{
	unsigned int i;

	for (i = 0; i < QTEST_TIMEOUT_S * 100; i++) {
		struct json_object *answer, *info, *status;
		const char *word = "none";

		answer = qtest_qmp(g->q, "{'execute': 'query-migrate'}");
		if (json_object_object_get_ex(answer, "return", &info) &&
		    json_object_object_get_ex(info, "status", &status))
			word = json_object_get_string(status);
		if (!strcmp(word, "completed") || !strcmp(word, "failed") || !strcmp(word, "none")) {
			bool done = *word == 'c';

			json_object_put(answer);
			return done;
		}
		json_object_put(answer);
		usleep(10000);
	}
	fail_msg("migration does not end");
	return false;
}

static bool has_failed(struct json_object *answer)
{
	bool failed = json_object_object_get_ex(answer, "error", NULL);

	json_object_put(answer);
	return failed;
}

/* Of an answer's "return". */
static uint64_t number_of(struct json_object *answer, const char *name)
{
	struct json_object *info, *number;

	return json_object_object_get_ex(answer, "return", &info) &&
	       json_object_object_get_ex(info, name, &number) ? json_object_get_uint64(number) : 0;
}

/*
 * A guest that begins a queue anew and leaves in its memory how far the old one was used has a queue that QEMU's
 * virtio, of any device, refuses to load.
 */
static bool ring_loads(struct guest *g, const char *id, unsigned int queue)
{
	struct json_object *answer;
	uint64_t used, taken, nr;
	bool loads;

	answer = qtest_qmp(g->q, "{'execute': 'x-query-virtio-queue-status', 'arguments': {"
			   "'path': '/machine/peripheral/%s/virtio-backend', 'queue': %u}}", id, queue);
	used = number_of(answer, "vring-used");
	taken = number_of(answer, "last-avail-idx");
	nr = number_of(answer, "vring-num");
	loads = !used || (uint16_t)(taken - qtest_readw(g->q, used + 2)) <= nr;
	json_object_put(answer);
	return loads;
}

static bool rings_load(struct guest *g)
{
	unsigned int i;

	for (i = 0; i < g->m->nr_regions * NR_QUEUES; i++)
		if (!ring_loads(g, g->m->region[i / NR_QUEUES].id, i % NR_QUEUES))
			return false;
	return true;
}

/* By another QEMU. */
static void load_elsewhere(struct guest *g)
{
	qtest_stop(g->q);
	g->q = qtest_start(QTEST_Q35, "-incoming defer %s", g->m->options);
	qmp_try(g, "{'execute': 'migrate-incoming', 'arguments': {'uri': 'file:stream'}}");
	if (!wait_migrated(g))
		fail_msg("it can't be loaded: %s", qtest_stderr(g->q));
}

/*
 * Stopped, and after all transfers: with TCG and memory that is written to meanwhile QEMU
 * asserts, for it takes the offset in a memory backend for that in all RAM.
 */
void operator_migrate(struct guest *g)
{
	if (g->migrated)
		return;
	qmp_try(g, "{'execute': 'stop'}");
	usleep(20000);
	if (has_failed(qtest_qmp(g->q, "{'execute': 'migrate', 'arguments': {"
				 "'uri': 'file:stream'}}")) || !wait_migrated(g))
		return;
	g->migrated = true;
	/* What was unplugged is not there to be loaded: then it stays where it is. */
	if (!machine_hot(g->m) && !g->m->edu1 && !g->m->faults && rings_load(g))
		load_elsewhere(g);
	/* It gets its disks with that: QEMU asserts that nobody writes to them before. */
	qmp_try(g, "{'execute': 'cont'}");
}

/* ---- what must hold ---- */

struct claims {
	unsigned int nr;
	struct { char name[VIRTIO_CMA_NAME_BYTES]; bool claimed, master; } client[64];
};

static void note_client(struct claims *c, struct json_object *client)
{
	struct json_object *name, *state, *master;
	unsigned int i;

	assert_true(json_object_object_get_ex(client, "name", &name));
	assert_true(json_object_object_get_ex(client, "state", &state));
	assert_true(json_object_object_get_ex(client, "bus-master", &master));
	for (i = 0; i < c->nr; i++)
		if (!strcmp(c->client[i].name, json_object_get_string(name)))
			break;
	if (i == 64)
		return;
	if (i == c->nr)
		c->nr++;
	snprintf(c->client[i].name, sizeof(c->client[i].name), "%s", json_object_get_string(name));
	c->client[i].claimed |= !strcmp(json_object_get_string(state), "claimed") ||
				!strcmp(json_object_get_string(state), "quarantined");
	c->client[i].master |= json_object_get_boolean(master);
}

static struct json_object *get_part(struct guest *g, const char *id, const char *part)
{
	struct json_object *answer, *value;

	answer = qtest_qmp(g->q, "{'execute': 'qom-get', 'arguments': {"
			   "'path': '/machine/peripheral/%s', 'property': '%s'}}", id, part);
	if (!json_object_object_get_ex(answer, "return", &value)) {
		json_object_put(answer);
		return NULL;		/* unplugged */
	}
	json_object_get(value);
	json_object_put(answer);
	return value;
}

static const char *unclaimed_master(struct guest *g, char *name, size_t bytes)
{
	struct claims c = { 0 };
	unsigned int i, k;

	for (i = 0; i < g->m->nr_regions; i++) {
		struct json_object *report = get_part(g, g->m->region[i].id, "report");
		struct json_object *list;

		if (!json_object_object_get_ex(report, "clients", &list))
			continue;	/* unplugged */
		for (k = 0; k < json_object_array_length(list); k++)
			note_client(&c, json_object_array_get_idx(list, k));
		json_object_put(report);
	}
	for (i = 0; i < c.nr; i++) {
		if (c.client[i].master && !c.client[i].claimed) {
			snprintf(name, bytes, "%s", c.client[i].name);
			return name;
		}
	}
	return NULL;
}

/* The lists are read one after the other: look again before believing it. */
void operator_check(struct guest *g)
{
	char name[VIRTIO_CMA_NAME_BYTES];
	int i;

	for (i = 0; i < 3; i++)
		if (g->m->faults || !unclaimed_master(g, name, sizeof(name)))
			return;
	fail_msg("%s is bus master, and nobody has claimed it", name);
}

static int64_t counter(struct guest *g, const char *id, const char *name)
{
	struct json_object *counters = get_part(g, id, "counters"), *value;
	int64_t v = -1;

	if (counters && json_object_object_get_ex(counters, name, &value))
		v = json_object_get_int64(value);
	json_object_put(counters);
	return v;
}

static void expect_idle(struct guest *g, const char *id)
{
	int64_t pinned = 0;
	unsigned int i;

	for (i = 0; i < 200; i++) {
		pinned = counter(g, id, "provider-pinned-bytes");
		if (pinned <= 0)
			return;
		usleep(10000);
	}
	if (!counter(g, id, "quarantined-bytes"))
		fail_msg("%lld bytes of %s are pinned after a reset", (long long)pinned, id);
}

void operator_settle(struct guest *g)
{
	bool there[MAX_REGIONS];
	unsigned int i;

	qmp_try(g, "{'execute': 'cont'}");
	qtest_forget_events(g->q);
	qmp_try(g, "{'execute': 'system_reset'}");
	qtest_wait_event(g->q, "RESET");
	guest_place_all(g);
	for (i = 0; i < g->m->nr_regions; i++) {
		there[i] = counter(g, g->m->region[i].id, "blocks") >= 0;
		if (there[i] && !g->m->faults)
			expect_idle(g, g->m->region[i].id);
	}
	for (i = 0; i < g->m->nr_regions; i++) {
		struct driver *d = &g->region[i];

		if (!there[i])
			continue;
		guest_expect_answer(g, d);
	}
	operator_check(g);
}
