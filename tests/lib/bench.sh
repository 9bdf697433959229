# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Figures: one BENCH line each, judged. Sourced after testbed.sh, on the outer machine.
#
#	figure NAME OURS BASELINE VALUE GOAL	ratio = OURS / VALUE of the baseline so called;
#						GOAL is the ratio at most. A missing number fails.
#	figure_least NAME OURS BASELINE VALUE GOAL	the same, GOAL is the ratio at least
#	figure_count NAME OURS GOAL		OURS is a count that has to be GOAL exactly
#	bench_end				exits 0 or 1
#
# Guests have vcma_bench.ko: "bench_run SLOT COMMAND..." gives it a command for the device in a
# PCI slot, "bench_value NAME RESULT" picks a number from its answer.

bench_failed=0

# figure_ratio <=|>= NAME OURS BASELINE VALUE GOAL
figure_ratio()
{
	fg_line=$(awk -v sign="$1" -v ours="${3:-0}" -v base="${5:-0}" -v goal="$6" 'BEGIN {
		if (ours <= 0 || base <= 0) {
			printf "ratio=- goal=%s%s FAIL", sign, goal
			exit
		}
		ratio = ours / base
		good = sign == "<=" ? ratio <= goal : ratio >= goal
		printf "ratio=%.3f goal=%s%s %s", ratio, sign, goal, good ? "PASS" : "FAIL"
	}')
	echo "BENCH $2 ours=${3:-none} $4=${5:-none} $fg_line"
	case $fg_line in *PASS) ;; *) bench_failed=1 ;; esac
}

figure()
{
	figure_ratio '<=' "$@"
}

figure_least()
{
	figure_ratio '>=' "$@"
}

figure_count()
{
	fc_decision=PASS
	[ -n "$2" ] && [ "$2" = "$3" ] || fc_decision=FAIL bench_failed=1
	echo "BENCH $1 ours=${2:-none} goal==$3 $fc_decision"
}

bench_end()
{
	[ "$tap_failed" -eq 0 ] && [ "$bench_failed" -eq 0 ]
	exit
}

# bench_run SLOT COMMAND...: in the guest; its answer
bench_run()
{
	guest "bench $*"
}

# bench_value NAME RESULT: the number of "NAME=number" in a result
bench_value()
{
	echo "$2" | tr ' ' '\n' | sed -n "s/^$1=//p"
}
