// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * decision.h for scripts (tests/lib/bench.sh): samples on the standard input, a decision on the
 * standard output.
 *
 *	decision feel			how calm the machine is: "ns of a loop, ns it waited"
 *	decision counted|time NAME UNIT BASELINE SIGN GOAL
 *		BASELINE: - for a limit; SIGN: <= or >=
 *		lines of samples: OURS [THEIRS [LOOP-NS WAITED-NS]]
 *
 * Exit status: 0 PASS, 1 FAIL, 3 UNSURE, 2 wrong arguments.
 */
#include <string.h>

#include "tests/bench/decision.h"

/* A script takes seconds for a sample: more turns of the loop for each. */
#define FEEL_TURNS	20

static struct bench_figure f;

static int feel(void)
{
	for (int i = 0; i < FEEL_TURNS; i++)
		bench_feel(&f);
	printf("%.0f %.0f\n", f.loop_ns, f.waited_ns);
	return 0;
}

/* What is no number is none: the figure fails. */
static void read_samples(void)
{
	char line[256];

	while (fgets(line, sizeof(line), stdin)) {
		double ours = 0, theirs = 1, loop = 0, waited = 0;
		int nr = sscanf(line, "%lf %lf %lf %lf", &ours, &theirs, &loop, &waited);

		bench_add(&f, nr >= 1 ? ours : 0, nr >= 2 ? theirs : f.baseline ? 0 : 1);
		f.loop_ns += loop;
		f.waited_ns += waited;
	}
}

int main(int argc, char **argv)
{
	static const int status[] = { [BENCH_PASS] = 0, [BENCH_FAIL] = 1, [BENCH_UNSURE] = 3 };
	char *end;

	if (argc == 2 && !strcmp(argv[1], "feel"))
		return feel();
	if (argc != 7 || (strcmp(argv[1], "counted") && strcmp(argv[1], "time")) ||
	    (strcmp(argv[5], "<=") && strcmp(argv[5], ">="))) {
		fputs("usage: decision feel | counted|time NAME UNIT BASELINE <=|>= GOAL\n", stderr);
		return 2;
	}
	f.name = argv[2];
	f.unit = argv[3];
	f.baseline = strcmp(argv[4], "-") ? argv[4] : NULL;
	f.at_least = !strcmp(argv[5], ">=");
	f.goal = strtod(argv[6], &end);
	if (*end || end == argv[6]) {
		fprintf(stderr, "decision: '%s' is no number\n", argv[6]);
		return 2;
	}
	read_samples();
	return status[strcmp(argv[1], "time") ? bench_counted(&f) : bench_judge(&f)];
}
