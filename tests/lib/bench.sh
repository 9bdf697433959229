# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Figures: one BENCH line each, judged by tests/bench/decision.h, where it is said how. Sourced
# after testbed.sh, on the outer machine.
#
#	figure NAME OURS BASELINE VALUE GOAL [REMARK]	counted: the same each time. GOAL is OURS / VALUE
#						of the baseline so called, at most. A missing number fails.
#						REMARK ends the line.
#	figure_least NAME OURS BASELINE VALUE GOAL	the same, GOAL is the ratio at least
#	figure_count NAME OURS GOAL		OURS is a count that has to be GOAL exactly
#	figure_sample NAME OURS VALUE		by time: one pair, both measured one right after the other;
#						at least 7 of them make a figure that can be sure
#	figure_pairs NAME UNIT BASELINE GOAL	judges the pairs of that name
#	figure_rounds NAME UNIT LIMIT		beside a limit: rounds of that name, "figure_sample NAME OURS 1"
#	bench_end				exits 0 or 1: what is unsure fails nothing
#
# Guests have vcma_bench.ko: "bench_run SLOT COMMAND..." gives it a command for the device in a
# PCI slot, "bench_value NAME RESULT" picks a number from its answer.

bench_failed=0 bench_unsure=0 figure_remark=
BENCH_DECISION=$HVCMA_BUILD/tests/bench/decision

# figure_judge ARGUMENT...: of the program; samples on the standard input, $figure_remark ends the line
figure_judge()
{
	fj_line=$("$BENCH_DECISION" "$@")
	fj_status=$?
	echo "$fj_line${figure_remark:+ $figure_remark}"
	case $fj_status in
	0) ;;
	3) bench_unsure=$((bench_unsure + 1)) ;;
	*) bench_failed=1 ;;
	esac
}

# figure_once <=|>= NAME OURS BASELINE VALUE GOAL [REMARK]: a time that was taken once is never sure
figure_once()
{
	figure_remark=${7-}
	case $2 in
	*_ns | *_us | *_ms) fo_kind=time ;;
	*) fo_kind=counted ;;
	esac
	figure_judge $fo_kind "$2" '' "$4" "$1" "$6" <<-END
		${3:-none} ${5:-none}
	END
}

figure()
{
	figure_once '<=' "$@"
}

figure_least()
{
	figure_once '>=' "$@"
}

figure_count()
{
	fc_decision=PASS
	[ -n "$2" ] && [ "$2" = "$3" ] || fc_decision=FAIL bench_failed=1
	echo "BENCH $1 ours=${2:-none} goal==$3 $fc_decision sure=counted"
}

# figure_file NAME: where its samples are
figure_file()
{
	echo "$VM_TMP/samples-$1"
}

figure_sample()
{
	echo "${2:-none} ${3:-none} $("$BENCH_DECISION" feel)" >>"$(figure_file "$1")"
}

figure_pairs()
{
	touch "$(figure_file "$1")"
	figure_remark=
	figure_judge time "$1" "$2" "$3" '<=' "$4" <"$(figure_file "$1")"
}

figure_rounds()
{
	touch "$(figure_file "$1")"
	figure_remark=
	figure_judge time "$1" "$2" - '<=' "$3" <"$(figure_file "$1")"
}

bench_end()
{
	[ "$bench_unsure" -eq 0 ] || echo "# $bench_unsure figures unsure: too few samples, too much spread, or a busy machine"
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
