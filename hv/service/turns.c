// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Taking turns: see turns.h.
 */
#define _GNU_SOURCE	/* pipe2 */
#include "hv/service/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hv/service/memory.h"

#define NAMED	3	/* regions in a sentence */

uint64_t hvcmad_now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- who offers ---- */

void hvcmad_turn_init(struct hvcmad_turn *turn)
{
	*turn = (struct hvcmad_turn){ .pipe = { -1, -1 } };
}

int hvcmad_turn_offer(struct hvcmad_region *region, int *reader, struct hvcma_error *err)
{
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
		ret = -errno;
		hvcma_error_set(err, "region %s: no pipe: %s", region->name, strerror(-ret));
		return ret;
	}
	hvcmad_turn_withdraw(region);
	memcpy(region->turn.pipe, ends, sizeof(ends));
	*reader = ends[0];
	return 0;
}

void hvcmad_turn_withdraw(struct hvcmad_region *region)
{
	struct hvcmad_turn *turn = &region->turn;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (turn->pipe[i] >= 0)
			close(turn->pipe[i]);
		turn->pipe[i] = -1;
	}
	turn->asked_bytes = 0;
}

void hvcmad_turns_withdraw(struct hvcmad_memory *m, const void *owner)
{
	struct hvcmad_region *r;

	for (r = m->first; r; r = r->next) {
		if (r->owner == owner)
			hvcmad_turn_withdraw(r);
	}
}

bool hvcmad_turn_offers(const struct hvcmad_region *region)
{
	return region->turn.pipe[0] >= 0;
}

void hvcmad_turn_gave(struct hvcmad_region *region, uint64_t bytes)
{
	uint64_t *asked = &region->turn.asked_bytes;

	*asked -= bytes < *asked ? bytes : *asked;
}

void hvcmad_turn_has(struct hvcmad_region *region)
{
	region->turn.wanted_bytes = 0;
}

uint64_t hvcmad_turn_idle_bytes(const struct hvcmad_region *region)
{
	struct hvcma_provider_stats stats;

	if (!hvcmad_turn_offers(region))
		return 0;
	stats = hvcmad_region_stats(region);
	return stats.backed_bytes - stats.pinned_bytes;
}

/* ---- what is over ---- */

uint32_t hvcmad_turn_left_ms(uint64_t until_us, uint64_t now_us)
{
	return until_us > now_us ? (uint32_t)((until_us - now_us + 999) / 1000) : 0;
}

static void miss(struct hvcmad_memory *m, struct hvcmad_region *r, uint64_t now_us)
{
	const struct hvcmad_about about = { .vm = r->vm->name, .region = r->name, .pid = r->pid };
	struct hvcmad_turn *turn = &r->turn;
	unsigned int kept;

	turn->missed_bytes = turn->asked_bytes;
	turn->asked_bytes = 0;
	turn->rests_until_us = turn->asked_until_us + UINT64_C(1000) * m->config->turn_ms;
	if (hvcmad_log_passes(&r->vm->log, now_us, &kept))
		hvcmad_log(LOG_WARNING, HVCMAD_EVENT_TURN, &about,
			   "VM %s: region %s was asked for memory, and has not surrendered %" PRIu64 " bytes of it in time",
			   r->vm->name, r->name, turn->missed_bytes);
}

void hvcmad_turns_look(struct hvcmad_memory *m, uint64_t now_us)
{
	struct hvcmad_region *r;

	for (r = m->first; r; r = r->next) {
		if (r->turn.asked_bytes && now_us >= r->turn.asked_until_us)
			miss(m, r, now_us);
		if (now_us >= r->turn.wanted_until_us)
			r->turn.wanted_bytes = 0;
		if (now_us >= r->turn.rests_until_us)
			r->turn.rests_until_us = 0;
	}
}

/* ---- who comes first ---- */

/* Does the pool that @r lacks pages of get those that @other gives? One that has a limit of its own is a pool, too. */
static bool helps(const struct hvcmad_region *other, const struct hvcmad_region *r)
{
	return other != r && other->page_bytes == r->page_bytes && (!r->is_limited || other->dev == r->dev);
}

/* One that does not wait yet is the last of its priority. */
static bool comes_before(const struct hvcmad_region *a, const struct hvcmad_region *b)
{
	if (!a->turn.wanted_bytes || a->vm->priority != b->vm->priority)
		return a->turn.wanted_bytes && a->vm->priority > b->vm->priority;
	return !b->turn.wanted_bytes || a->turn.wanted_number < b->turn.wanted_number;
}

uint64_t hvcmad_turns_held(const struct hvcmad_memory *m, const struct hvcmad_region *region)
{
	const struct hvcmad_region *r;
	uint64_t bytes = 0;

	for (r = m->first; r; r = r->next) {
		if (helps(region, r) && comes_before(r, region))
			bytes += r->turn.wanted_bytes;
	}
	return bytes;
}

/* ---- who is asked ---- */

static bool may_be_asked(const struct hvcmad_region *r, const struct hvcmad_region *by)
{
	return helps(r, by) && hvcmad_turn_offers(r) && r->vm->priority <= by->vm->priority &&
	       !r->turn.rests_until_us && !comes_before(r, by);
}

/* Beside what it is asked for already. */
static uint64_t can_give(const struct hvcmad_region *r, const struct hvcmad_region *by)
{
	uint64_t idle;

	if (!may_be_asked(r, by))
		return 0;
	idle = hvcmad_turn_idle_bytes(r);
	return idle - (r->turn.asked_bytes < idle ? r->turn.asked_bytes : idle);
}

/* What others are asked for already, and what they can be asked for. */
static void add_up(const struct hvcmad_memory *m, const struct hvcmad_region *by, uint64_t *asked, uint64_t *can)
{
	const struct hvcmad_region *r;

	*asked = 0;
	*can = 0;
	for (r = m->first; r; r = r->next) {
		if (helps(r, by))
			*asked += r->turn.asked_bytes;
		*can += can_give(r, by);
	}
}

static struct hvcmad_region *choose(struct hvcmad_memory *m, const struct hvcmad_region *by, uint64_t *can)
{
	struct hvcmad_region *r, *best = NULL;

	*can = 0;
	for (r = m->first; r; r = r->next) {
		uint64_t bytes = can_give(r, by);

		if (!bytes || (best && r->vm->priority > best->vm->priority) ||
		    (best && r->vm->priority == best->vm->priority && bytes <= *can))
			continue;
		best = r;
		*can = bytes;
	}
	return best;
}

/* A pipe that is full has told it already; the deadline is that of all that it is asked for. */
static void ask(struct hvcmad_memory *m, struct hvcmad_region *r, uint64_t bytes, uint64_t now_us)
{
	ssize_t ignored = write(r->turn.pipe[1], "", 1);

	(void)ignored;
	r->turn.asked_bytes += bytes;
	r->turn.asked_until_us = now_us + UINT64_C(1000) * m->config->turn_ms;
	r->turn.missed_bytes = 0;
}

static void ask_others(struct hvcmad_memory *m, const struct hvcmad_region *by, uint64_t bytes, uint64_t now_us)
{
	while (bytes) {
		uint64_t can, want = bytes > HVCMAD_TURN_STEP_BYTES ? bytes : HVCMAD_TURN_STEP_BYTES;
		struct hvcmad_region *r = choose(m, by, &can);

		if (!r)
			return;
		want = want < can ? want : can;
		ask(m, r, want, now_us);
		bytes -= want < bytes ? want : bytes;
	}
}

/* ---- what is said ---- */

static void add_words(struct hvcma_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add_words(struct hvcma_error *err, const char *fmt, ...)
{
	size_t have = strlen(err->text);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text + have, sizeof(err->text) - have, fmt, ap);
	va_end(ap);
}

static void add_one(struct hvcma_error *err, const struct hvcmad_region *r, const struct hvcmad_region *by,
		    uint64_t now_us, unsigned int *named)
{
	const struct hvcmad_turn *turn = &r->turn;

	if (*named == NAMED || (!turn->asked_bytes && !turn->rests_until_us && r->vm->priority <= by->vm->priority))
		return;
	add_words(err, "%s %s/%s ", (*named)++ ? "," : ":", r->vm->name, r->name);
	if (turn->asked_bytes)
		add_words(err, "is asked for %" PRIu64 ", %" PRIu32 " ms left", turn->asked_bytes,
			  hvcmad_turn_left_ms(turn->asked_until_us, now_us));
	else if (turn->rests_until_us)
		add_words(err, "has not surrendered %" PRIu64 " in time", turn->missed_bytes);
	else
		add_words(err, "has a higher priority");
}

/* What is wanted, what there is, who was asked. Nothing where nobody has ever offered anything. */
static void say(const struct hvcmad_memory *m, const struct hvcmad_region *by, uint64_t bytes, uint64_t available,
		uint64_t held, uint64_t can, uint64_t now_us, struct hvcma_error *err)
{
	const struct hvcmad_region *r;
	unsigned int named = 0, offers = 0;

	for (r = m->first; r; r = r->next)
		offers += helps(r, by) && hvcmad_turn_offers(r);
	if (!offers && !held)
		return;
	add_words(err, "; wanted %" PRIu64 " bytes, free %" PRIu64, bytes, available);
	if (held)
		add_words(err, ", of which %" PRIu64 " are for others before it", held < available ? held : available);
	add_words(err, ", %" PRIu64 " more could be asked of %u regions", can, offers);
	for (r = m->first; r; r = r->next) {
		if (helps(r, by) && hvcmad_turn_offers(r))
			add_one(err, r, by, now_us, &named);
	}
}

bool hvcmad_turns_want(struct hvcmad_memory *m, struct hvcmad_region *region, uint64_t bytes, uint64_t available_bytes,
		       uint64_t now_us, struct hvcma_error *err)
{
	uint64_t held = hvcmad_turns_held(m, region), need = bytes + held, asked, can;
	struct hvcmad_turn *turn = &region->turn;
	bool soon;

	add_up(m, region, &asked, &can);
	/* What it lacks, once others before it have theirs; asked for, but for what is free. */
	need -= available_bytes < need ? available_bytes : need;
	soon = bytes && (need || asked) && need <= asked + can;
	if (soon) {
		if (!turn->wanted_bytes)
			turn->wanted_number = ++m->nr_wants;
		turn->wanted_bytes = bytes;
		turn->wanted_until_us = now_us + UINT64_C(1000) * m->config->turn_ms;
		ask_others(m, region, need > asked ? need - asked : 0, now_us);
		add_up(m, region, &asked, &can);
	} else {
		turn->wanted_bytes = 0;
	}
	say(m, region, bytes, available_bytes, held, can, now_us, err);
	return soon;
}
