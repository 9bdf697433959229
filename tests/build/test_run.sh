#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tests/run, with tests made up for it: which it chooses, in which order, what it counts and says.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/src/tests/vm" "$tmp/build"
cp "$HVCMA_SRC/tests/run" "$tmp/src/tests/run"
unset HVCMA_RARELY HVCMA_MARATHON AGAIN	# what the runner of this test has said is not for the one that it tests

# a_test NAME COMMENT COMMANDS
a_test()
{
	printf '#!/bin/sh\n# %s\n%s\n' "$2" "$3" >"$tmp/src/tests/vm/test_$1.sh"
	chmod 755 "$tmp/src/tests/vm/test_$1.sh"
}

# run OPTION...: the runner, on these
run()
{
	HVCMA_SRC=$tmp/src HVCMA_BUILD=$tmp/build "$tmp/src/tests/run" "$@" vm >"$tmp/out" 2>&1
}

# ran: names of the tests that have run, in their order
ran()
{
	sed -n 's/^\[.*  *vm  *test_\([a-z]*\) .*/\1/p' "$tmp/out" | tr '\n' ' '
}

last()
{
	tail -n 1 "$tmp/out"
}

a_test good 'A test.' 'echo ok 1 - a; echo ok 2 - b'
a_test slow 'check: early' 'echo ok 1 - a'
a_test big 'check: long' 'echo ok 1 - a'
check "all pass: success" run -j 1
check "the long one is left out, the early one is first" equal "slow good " "$(ran)"
check "counted" equal "3 passed, 0 failed, 0 skipped" "$(last)"
a_test only 'check: alone' '[ "$(ls "$COUNTS.running")" = "vm test_only" ] && echo ok 1 - a'
check "one that is to be alone runs first, and alone" eval 'run -j 3 && [ "$(ran | cut -d " " -f 1)" = only ]'
rm "$tmp/src/tests/vm/test_only.sh"
run -j 1
check "numbered" grep -q '^\[  2/2\] ok   vm        test_good ' "$tmp/out"
check "a line for each of how long it took" \
	eval "head -n 1 '$tmp/build/logs/durations' | grep -qx 'vm test_slow [0-9]* 600 [0-9]*'"
check "long ones" run -l
check "those only" equal "big " "$(ran)"
a_test both 'A test.' '[ -z "$HVCMA_RARELY" ] || echo "ok 2 - rarely"; echo ok 1 - a'
check "one with a case that is long, without it" eval 'run -j 1 && [ "$(ran)" = "slow both good " ]'
check "which is left out" equal "4 passed, 0 failed, 0 skipped" "$(last)"
check "with the long ones, too, and whole" eval 'run -l -j 1 && [ "$(ran)" = "big both " ]'
check "counted" equal "3 passed, 0 failed, 0 skipped" "$(last)"
check "by its name: whole" eval 'run -t both && [ "$(last)" = "2 passed, 0 failed, 0 skipped" ]'
rm "$tmp/src/tests/vm/test_both.sh"
check "by its name, long or not" eval 'run -t big && [ "$(ran)" = "big " ]'

a_test patient 'check: long, limit 3' 'echo ok 1 - a; sleep 1; echo ok 2 - b'
a_test late 'check: long, limit 1' 'echo ok 1 - a; sleep 60; echo ok 2 - b'
check "a limit of its own is kept" run -t patient
check "and told" eval "grep -qx 'vm test_patient [0-9]* 3 [0-9]*' '$tmp/build/logs/durations'"
check "who goes beyond it is killed" eval '! run -t late && grep -q "killed after 1 s" "$tmp/out"'
rm "$tmp/src/tests/vm/test_patient.sh" "$tmp/src/tests/vm/test_late.sh"

a_test skips 'A test.' 'echo "1..0 # SKIP no such thing"; exit 77'
a_test fails 'A test.' 'echo ok 1 - a; echo "not ok 2 - b"; exit 1'
a_test dies 'A test.' 'echo ok 1 - a; kill -9 $$'
a_test silent 'A test.' ':'
check "one fails: failure" eval '! run -j 3'
check "counted, with the one that was silent, the one that died, and the one that skips" \
	equal "5 passed, 3 failed, 1 skipped" "$(last)"
check "what failed is run again, alone, and both results are shown" \
	equal "3 3 3" "$(grep -c '^\[ again \] FAIL' "$tmp/out") $(grep -c '^failed at first: vm' "$tmp/out") $(grep -c '^failed: vm' "$tmp/out")"
check "what failed is shown" grep -q '^      not ok 2 - b' "$tmp/out"
check "why it was skipped, too" grep -q 'SKIP no such thing' "$tmp/out"
check "nothing to run: failure" eval '! run -t nosuch'
check "which says so" grep -qx "tests/run: no test to run in: vm, with 'nosuch' in its name" "$tmp/out"
check "no such layer: refused by name" eval '! run nosuch && grep -q "no layer .nosuch." "$tmp/out"'

rm "$tmp/src/tests/vm"/*
a_test hangs 'A test.' 'echo $$ >'"$tmp"'/pid; sleep 577 & wait'
for signal in INT TERM; do
	rm -f "$tmp/pid"
	# A shell in the background has its children ignore interrupts, as those at a terminal do not.
	HVCMA_SRC=$tmp/src HVCMA_BUILD=$tmp/build setsid env --default-signal=INT "$tmp/src/tests/run" vm >"$tmp/out" 2>&1 &
	runner=$!
	waits=0
	until [ -s "$tmp/pid" ] || [ $((waits += 1)) -gt 100 ]; do
		sleep 0.2
	done
	kill -$signal $runner
	wait $runner
	check "SIG$signal: it ends, and says so by its status" equal 130 $?
	check "SIG$signal: so does what it ran, and nothing has its lock" \
		eval '! pgrep -r D,R,S,T -f "^sleep 577" && flock -n "$tmp/build/logs/lock" true'
done

rm "$tmp/src/tests/vm"/*
a_test good 'A test.' 'echo ok 1 - a'
a_test once 'A test.' '[ -e '"$tmp"'/ran ] || { touch '"$tmp"'/ran; echo "# why"; echo "not ok 1 - a"; exit 1; }; echo ok 1 - a; echo ok 2 - b'
check "what fails and passes when it runs again, passes" run
check "counted as it ran last" equal "3 passed, 0 failed, 0 skipped" "$(last)"
check "what was said at first is shown at the end" eval "tail -n 5 '$tmp/out' | tr '\n' ' ' |
	grep -q 'failed at first: vm test_once *| # why *| not ok 1 - a *2 test programs, '"
check "and kept" grep -q '^not ok 1 - a' "$tmp/build/logs/vm/test_once.first.log"
for nr in 1 2 3 4 5 6 7; do
	a_test "bad$nr" 'A test.' 'echo "not ok 1 - a"; exit 1'
done
check "too many to be chance: failure" eval '! run -t bad'
check "none is run again" eval "! grep -q again '$tmp/out'"

# fuzzer NAME COMMENT: says how it was called
fuzzer()
{
	mkdir -p "$tmp/src/tests/fuzz" "$tmp/build/tests/fuzz"
	printf '/*\n * %s\n */\n' "$2" >"$tmp/src/tests/fuzz/$1.c"
	printf '#!/bin/sh\necho "# called: $*"\n' >"$tmp/build/tests/fuzz/$1"
	chmod 755 "$tmp/build/tests/fuzz/$1"
}

# fuzz OPTION...: the runner, on these; then how each was called
fuzz()
{
	HVCMA_SRC=$tmp/src HVCMA_BUILD=$tmp/build "$tmp/src/tests/run" "$@" fuzz >"$tmp/out" 2>&1
	grep -ho 'called: -[a-z_]*=[0-9]*' "$tmp"/build/logs/fuzz/*.log | tr '\n' ' '
	rm -f "$tmp"/build/logs/fuzz/*.log
}

fuzzer fuzz_short 'A fuzzer.'
fuzzer fuzz_far 'runs: 3000'
check "fuzzers: seconds each" equal "called: -max_total_time=8 called: -max_total_time=8 " "$(fuzz)"
check "the long tests: no fuzzer" equal "" "$(fuzz -l 2>/dev/null)"
check "the marathon: those that say how often" equal "called: -runs=3000 " "$(fuzz -m)"
check "the marathon: by name" equal "" "$(fuzz -m -t short 2>/dev/null)"

# Half of a limit is a matter of minutes: here limits are of seconds.
sed -i 's/^\t\*) echo 600 ;;/\t*) echo 4 ;;/' "$tmp/src/tests/run"
rm "$tmp/src/tests/vm"/*
a_test half 'A test.' 'sleep 3; echo ok 1 - a'
a_test hangs 'A test.' 'echo ok 1 - a; sleep 60'
run -t half
check "more than half of the limit: a warning" \
	grep -q 'warning: vm test_half took [34] of 4 s, more than half of its limit' "$tmp/out"
run -t hangs
check "over the limit: killed, and failed" grep -q 'not ok - killed after 4 s' "$tmp/out"
tap_end
