#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tests/lib/way, which counts commands and questions: the ways in README as they are written are short enough, and
# what is too long, asks too much or fails is told. What the commands do is in vm/test_debian.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
way=$HVCMA_SRC/tests/lib/way
command -v script >/dev/null || skip_all "no script(1)"

# judged STATUS TEXT: way judge ends so, and says TEXT
judged()
{
	"$way" judge "$tmp/results" >"$tmp/out" 2>&1
	ju_status=$?
	[ $((ju_status != 0)) -eq "$1" ] && grep -q -e "$2" "$tmp/out" && return
	note "exit status $ju_status: $(cat "$tmp/out")"
	return 1
}

# run COMMAND...: a way of these commands
run()
{
	printf '%s\n' "$@" >"$tmp/list"
	rm -f "$tmp/results"
	"$way" run "$tmp/list" "$tmp/results" >"$tmp/run" 2>&1
}

"$way" list "$HVCMA_SRC/README.md" 'In the guest' >"$tmp/guest"
for host in 'A Pi-like board' 'An x86 PC' 'A nested cloud machine'; do
	check "$host: has a way in README" eval '"$way" list "$HVCMA_SRC/README.md" "$host" DEVICE=0000:01:00.0 >"$tmp/host"'
	check "$host: ten commands at most, with the guest's" [ "$(cat "$tmp/host" "$tmp/guest" | wc -l)" -le 10 ]
	note "$host: $(cat "$tmp/host" "$tmp/guest" | wc -l) commands"
	check "$host: what its reader knows was put in" eval 'grep -q "hvcma setup 0000:01:00.0$" "$tmp/host" && ! grep -q DEVICE "$tmp/host"'
done
check "a paragraph that is not there" eval '! "$way" list "$HVCMA_SRC/README.md" "No such" >"$tmp/out" 2>&1 &&
	grep -q "no commands below .No such. in" "$tmp/out"'

check "commands are run" run 'echo one' 'echo "two words" >&2'
check "and shown" equal '$ echo one one $ echo "two words" >&2 two words' "$(tr '\n' ' ' <"$tmp/run" | tr -s ' ' | sed 's/ $//')"
check "and counted" judged 0 '^2 commands, 0 decisions, 0 times asked whether to go on'
check "who asks whether to go on gets an answer" run 'read -p "Go on? [y/N] " a && test "$a" = y' 'printf "Continue? [Y/n] "; head -n 1'
check "and is counted" judged 0 '^2 commands, 0 decisions, 2 times asked'
check "any other question is a decision" run 'printf "Which one? "; head -n 1' 'printf "Overwrite it [y/N] "; head -n 1' 'printf "Size: "; head -n 1'
check "which there must not be" judged 1 '^something is left to be decided$'
check "each is counted" judged 1 '^3 commands, 3 decisions, 0 times asked'
check "one that fails ends it" eval '! run "echo one" "exit 3" "echo three"'
check "nothing is run after it" eval '! grep -q three "$tmp/run"'
check "which is told" judged 1 '^ 2\..* exit 3 (status 3)$'
check "hvcma check may say what the host lacks" run 'exit 4; sudo hvcma check'
check "and nothing else" judged 0 '^1 commands'
run 'exit 1; sudo hvcma check'
check "but not fail" judged 1 '^1 failed$'
check "ten commands" run true true true true true true true true true true
check "are not too many" judged 0 '^10 commands'
"$way" add "$tmp/results" 5 0 'sudo hvcma run'
check "eleven are" judged 1 '^more than 10 commands$'
: >"$tmp/results"
check "and none is no way" judged 1 '^0 commands'
tap_end
