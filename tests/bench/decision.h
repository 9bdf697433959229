/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Decisions of all benches: one BENCH line for each figure, PASS, FAIL or UNSURE, and how sure
 * that is. Scripts have the same by the program of decision.c (tests/lib/bench.sh). Measures
 * nothing but how calm the machine is.
 *
 * Three kinds of figures:
 *
 * counted	instructions, bytes, runs: the same each time. Met or not.
 * pairs	time, beside another's, taken in turns: the machine's noise meets both. How many of
 *		the pairs meet the goal? Sure is what chance alone (a coin for each pair) would
 *		say in less than one case of a hundred: 7 of 7, 10 of 11.
 * rounds	time, beside a limit. Noise only adds, so the best round counts, and if that meets
 *		the limit it can be met.
 *
 * By time nothing fails on a machine that is busy with something else: while samples are taken
 * a loop is timed that needs its processor all the time. Whatever is not sure is UNSURE, and
 * fails nothing.
 */
#ifndef HVCMA_TESTS_BENCH_DECISION_H
#define HVCMA_TESTS_BENCH_DECISION_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BENCH_MAX_SAMPLES	512
#define BENCH_SURE		0.99
/* Of its time the loop may be kept waiting so much. */
#define BENCH_CALM		0.10
#define BENCH_LOOP_NS		2e6

enum bench_decision { BENCH_PASS, BENCH_FAIL, BENCH_UNSURE };

struct bench_sample {
	double ours, theirs;		/* theirs: 1 beside a limit */
};

struct bench_figure {
	const char *name, *unit;	/* of both numbers, "ms" */
	const char *baseline;		/* whose is theirs; NULL: rounds, beside a limit */
	double goal;			/* of ours / theirs, or the limit in units */
	bool at_least;			/* more is better */
	uint32_t nr;
	struct bench_sample sample[BENCH_MAX_SAMPLES];
	double loop_ns, waited_ns;	/* of the loop that says how calm it is */
};

/* Of this program. */
struct bench_decisions {
	uint32_t nr[BENCH_UNSURE + 1];
};

static struct bench_decisions bench_decisions;

/* ---- samples ---- */

static inline double bench_clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Another turn of the loop, after each sample. */
static inline void bench_feel(struct bench_figure *f)
{
	double began = bench_clock_ns(CLOCK_MONOTONIC), ran = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID), all, own;

	do {
		all = bench_clock_ns(CLOCK_MONOTONIC) - began;
		own = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - ran;
	} while (own < BENCH_LOOP_NS);
	f->loop_ns += all;
	f->waited_ns += all > own ? all - own : 0;
}

static inline void bench_add(struct bench_figure *f, double ours, double theirs)
{
	if (f->nr < BENCH_MAX_SAMPLES)
		f->sample[f->nr++] = (struct bench_sample){ ours, theirs };
}

/** bench_pair() - ours and another's, one right after the other. */
static inline void bench_pair(struct bench_figure *f, double ours, double theirs)
{
	bench_add(f, ours, theirs);
	bench_feel(f);
}

/** bench_round() - beside a limit. */
static inline void bench_round(struct bench_figure *f, double ours)
{
	bench_pair(f, ours, 1);
}

/* ---- judged ---- */

static inline int bench_by_ratio(const void *a, const void *b)
{
	const struct bench_sample *x = (const struct bench_sample *)a, *y = (const struct bench_sample *)b;
	double l = x->ours * y->theirs, r = y->ours * x->theirs;

	return (l > r) - (l < r);
}

static inline bool bench_meets(const struct bench_figure *f, const struct bench_sample *s)
{
	double limit = f->goal * s->theirs;

	return f->at_least ? s->ours >= limit : s->ours <= limit;
}

/* How seldom would a coin, thrown @nr times, show less than @nr_heads heads? */
static inline double bench_coin(uint32_t nr, uint32_t nr_heads)
{
	double p = 1, below = 0;

	for (uint32_t i = 0; i < nr; i++)
		p /= 2;
	for (uint32_t i = 0; i < nr_heads; i++) {
		below += p;
		p *= (double)(nr - i) / (double)(i + 1);
	}
	return below;
}

static inline double bench_waited(const struct bench_figure *f)
{
	return f->loop_ns > 0 ? f->waited_ns / f->loop_ns : 0;
}

static inline enum bench_decision bench_count(enum bench_decision decision)
{
	static const char *const words[] = {
		[BENCH_PASS] = "PASS", [BENCH_FAIL] = "FAIL", [BENCH_UNSURE] = "UNSURE",
	};

	printf(" %s", words[decision]);
	bench_decisions.nr[decision]++;
	return decision;
}

static inline void bench_print_goal(const struct bench_figure *f)
{
	printf(" goal=%s%.4g%s", f->at_least ? ">=" : "<=", f->goal, f->baseline ? "" : f->unit);
}

/* A number that is missing, zero or no number was not measured: that is no noise. */
static inline bool bench_is_whole(const struct bench_figure *f)
{
	for (uint32_t i = 0; i < f->nr; i++)
		if (!(f->sample[i].ours > 0) || !(f->sample[i].theirs > 0))
			return false;
	return f->nr;
}

/** bench_counted() - of a figure with one sample, that would be the same each time. */
static inline enum bench_decision bench_counted(const struct bench_figure *f)
{
	const struct bench_sample *s = &f->sample[0];
	enum bench_decision decision;

	if (!bench_is_whole(f)) {
		printf("BENCH %s ours=none", f->name);
	} else if (f->baseline) {
		printf("BENCH %s ours=%.6g%s %s=%.6g%s ratio=%.4g", f->name, s->ours, f->unit, f->baseline,
		       s->theirs, f->unit, s->ours / s->theirs);
	} else {
		printf("BENCH %s ours=%.6g%s", f->name, s->ours, f->unit);
	}
	bench_print_goal(f);
	decision = bench_count(bench_is_whole(f) && bench_meets(f, s) ? BENCH_PASS : BENCH_FAIL);
	puts(" sure=counted");
	return decision;
}

/** bench_judge() - of a figure by time, after its samples; sorts them. */
static inline enum bench_decision bench_judge(struct bench_figure *f)
{
	bool is_calm = bench_waited(f) <= BENCH_CALM, passes;
	const struct bench_sample *s = f->sample;
	uint32_t nr_met = 0, best, at;
	enum bench_decision decision;
	double sure;

	if (!bench_is_whole(f)) {
		printf("BENCH %s ours=none", f->name);
		bench_print_goal(f);
		decision = bench_count(BENCH_FAIL);
		puts(" sure=not-measured");
		return decision;
	}
	qsort(f->sample, f->nr, sizeof(f->sample[0]), bench_by_ratio);
	for (uint32_t i = 0; i < f->nr; i++)
		nr_met += bench_meets(f, &s[i]);
	best = f->at_least ? f->nr - 1 : 0;
	at = f->baseline ? f->nr / 2 : best;
	printf("BENCH %s ours=%.6g%s", f->name, s[at].ours, f->unit);
	if (f->baseline)
		printf(" %s=%.6g%s ratio=%.4g", f->baseline, s[at].theirs, f->unit, s[at].ours / s[at].theirs);
	printf(" spread=%.4g..%.4g", s[f->nr / 10].ours / s[f->nr / 10].theirs,
	       s[f->nr - 1 - f->nr / 10].ours / s[f->nr - 1 - f->nr / 10].theirs);
	bench_print_goal(f);
	passes = f->baseline ? 2 * nr_met >= f->nr : bench_meets(f, &s[best]);
	sure = f->baseline ? bench_coin(f->nr, passes ? nr_met : f->nr - nr_met) : 1;
	if (sure < BENCH_SURE || (!passes && !is_calm))
		decision = BENCH_UNSURE;
	else
		decision = passes ? BENCH_PASS : BENCH_FAIL;
	bench_count(decision);
	if (f->baseline)
		printf(" sure=%.1f%% pairs=%u of %u", 100 * sure, nr_met, f->nr);
	else
		printf(" sure=%s rounds=%u of %u", passes || is_calm ? "seen" : "no", nr_met, f->nr);
	printf(" waited=%.0f%%\n", 100 * bench_waited(f));
	fflush(stdout);
	return decision;
}

/** bench_exit() - what a bench ends with; what is unsure fails nothing. */
static inline int bench_exit(void)
{
	if (bench_decisions.nr[BENCH_UNSURE])
		printf("# %u of %u figures unsure: too few samples, too much spread, or a busy machine\n",
		       bench_decisions.nr[BENCH_UNSURE], bench_decisions.nr[BENCH_PASS] +
		       bench_decisions.nr[BENCH_FAIL] + bench_decisions.nr[BENCH_UNSURE]);
	return bench_decisions.nr[BENCH_FAIL] ? 1 : 0;
}

#endif /* HVCMA_TESTS_BENCH_DECISION_H */
