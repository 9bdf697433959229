#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What benches say of their figures (tests/bench/decision.h, tests/lib/bench.sh): what is noise is
# called unsure and fails nothing, what got slower fails, and each decision says how sure it is. By
# numbers that are given, and by a program that is measured: beside itself, and beside a slower one.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/build/tests/bench" "$tmp/vm"
decision=$tmp/build/tests/bench/decision
${CC:-cc} -O2 -Wall -Wextra -Werror -I "$HVCMA_SRC" -o "$decision" "$HVCMA_SRC/tests/bench/decision.c" ||
	skip_all "no C compiler"

# pairs OURS...: each beside 100
pairs()
{
	for pa_ours; do echo "$pa_ours 100"; done
}

# judged STATUS WORDS ARGUMENT...: samples on the standard input
judged()
{
	ju_status=$1 ju_words=$2
	shift 2
	"$decision" "$@" >"$tmp/out" 2>&1
	[ $? -eq "$ju_status" ] && grep -q -- "$ju_words" "$tmp/out" && return
	note "$(cat "$tmp/out")"
	return 1
}

beside()
{
	judged "$1" "$2" time x ns other "$3" "$4"
}

check "seven of seven pairs meet the goal: that is sure" eval \
	'pairs 90 91 92 93 94 95 96 | beside 0 "PASS sure=99.2% pairs=7 of 7" "<=" 1'
check "the spread is shown, and the pair in the middle" grep -q 'ours=93ns other=100ns ratio=0.93 spread=0.9..0.96 goal=<=1' "$tmp/out"
check "six of seven are not enough" eval \
	'pairs 90 91 92 93 94 95 150 | beside 3 "UNSURE sure=93.8% pairs=6 of 7" "<=" 1'
check "ten of eleven are" eval \
	'pairs 90 91 92 93 94 95 96 97 98 99 150 | beside 0 "PASS sure=99.4% pairs=10 of 11" "<=" 1'
check "few pairs are never sure" eval 'pairs 10 11 12 | beside 3 UNSURE "<=" 1'
check "a figure that flips is unsure: as once 0.77, once 1.17" eval \
	'pairs 77 117 80 110 79 112 101 | beside 3 "UNSURE sure=.* pairs=3 of 7" "<=" 1'
check "all of seven miss it: FAIL" eval \
	'pairs 101 102 103 104 105 106 107 | beside 1 "FAIL sure=99.2% pairs=0 of 7" "<=" 1'
check "slower, and noisy, too" eval \
	'pairs 130 180 150 220 140 101 160 | beside 1 FAIL "<=" 1'
check "but not on a machine that is busy" eval \
	'pairs 101 102 103 104 105 106 107 | sed "s/$/ 1000 200/" | beside 3 "UNSURE .* waited=20%" "<=" 1'
check "on which what is met is met" eval \
	'pairs 91 92 93 94 95 96 97 | sed "s/$/ 1000 500/" | beside 0 "PASS .* waited=50%" "<=" 1'
check "at least: met" eval 'pairs 201 202 203 204 205 206 207 | beside 0 PASS ">=" 2'
check "at least: missed" eval 'pairs 191 192 193 194 195 196 197 | beside 1 "FAIL" ">=" 2'
check "what was not measured fails, for that is no noise" eval \
	'(pairs 91 92 93 94 95 96; echo "none 100") | beside 1 "FAIL sure=not-measured" "<=" 1'
check "and so does a figure without samples" eval ': | beside 1 "FAIL sure=not-measured" "<=" 1'

check "beside a limit the best round counts" eval \
	'printf "30\n19\n40\n" | judged 0 "ours=19ms spread=19..40 goal=<=20ms PASS sure=seen rounds=1 of 3" time x ms - "<=" 20'
check "if that misses it: FAIL" eval 'printf "30\n21\n40\n" | judged 1 "FAIL sure=seen" time x ms - "<=" 20'
check "but not on a busy machine" eval \
	'printf "30 1 10 4\n21 1 10 1\n" | judged 3 "UNSURE sure=no rounds=0 of 2 waited=25%" time x ms - "<=" 20'
check "what is counted is met or not" eval \
	'echo 12 10 | judged 1 "ratio=1.2 goal=<=1.1 FAIL sure=counted" counted x "" other "<=" 1.1'
check "likewise" eval 'echo 11 10 | judged 0 "PASS sure=counted" counted x "" other "<=" 1.1'
check "wrong arguments" eval ': | judged 2 usage time x ms - "<" 20'
check "a goal that is no number" eval ': | judged 2 "no number" time x ms - "<=" 20x'

# ---- as scripts have it ----
# script COMMANDS: its exit status; what it printed
script()
{
	HVCMA_BUILD=$tmp/build VM_TMP=$tmp/vm sh -c '. "$HVCMA_SRC/tests/lib/tap.sh"; . "$HVCMA_SRC/tests/lib/bench.sh"
'"$1"'
bench_end' >"$tmp/out" 2>&1
}

samples='for n in 7 8 9 10 11 12 13; do figure_sample noisy $n 10; figure_sample worse 1$n 10; done'
check "a script: unsure fails nothing" script "$samples
	figure counted 11 other 10 1.2
	figure_pairs noisy ns other 1"
check "and is counted" grep -q '^# 1 figures unsure' "$tmp/out"
check "a time that was taken once is unsure" eval 'script "figure latency_ns 20 other 10 1" && grep -q UNSURE "$tmp/out"'
check "a count is not" eval '! script "figure instructions 20 other 10 1" && grep -q "FAIL sure=counted" "$tmp/out"'
check "a remark ends its line, and no other" eval \
	'script "figure with 5 other 10 1 seen=elsewhere; figure without 5 other 10 1" && [ "$(grep -c "seen=elsewhere\$" "$tmp/out")" = 1 ]'
check "a missing number fails" eval '! script "figure latency_ns \"\" other 10 1"'
check "pairs that were never taken fail" eval '! script "figure_pairs none ns other 1"'
check "a count that is another" eval '! script "figure_count n 1 2"'

# ---- measured: a loop, by the processor time that it takes, on a machine as busy as it is ----
cat >"$tmp/loop.c" <<'END'
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/decision.h"

static double loop_ns(unsigned long turns)
{
	double began = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
	volatile unsigned long n = 0;

	while (n < turns)
		n++;
	return bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - began;
}

/* ours: so many hundredths of the other's turns */
int main(int argc, char **argv)
{
	unsigned long ours = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;

	for (int i = 0; i < 21; i++)
		printf("%.0f %.0f\n", loop_ns(ours * 40000), loop_ns(4000000));
	return 0;
}
END
${CC:-cc} -O2 -I "$HVCMA_SRC" -o "$tmp/loop" "$tmp/loop.c"
# Which of two that are equal is faster is chance.
"$tmp/loop" 100 >"$tmp/samples"
"$decision" time same ns other '<=' 1 <"$tmp/samples" >"$tmp/out"
note "$(cat "$tmp/out")"
check "the same loop is no slower than 1.5 of itself" eval '"$tmp/loop" 100 | beside 0 PASS "<=" 1.5'
note "$(cat "$tmp/out")"
check "twice as long is a FAIL" eval '"$tmp/loop" 200 | beside 1 FAIL "<=" 1.25'
note "$(cat "$tmp/out")"
tap_end
