#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The page of figures (tests/bench/figures): out of lines that are given, with what is missing, unsure or failed said; and
# the one in the tree, which is what its results give, and names each bench that there is.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
figures=$HVCMA_SRC/tests/bench/figures
page=$tmp/figures.md

# refused WORDS ARGUMENT...
refused()
{
	re_words=$1
	shift
	! "$figures" "$@" >"$tmp/out" 2>&1 && grep -qF -- "$re_words" "$tmp/out" && return
	note "$(cat "$tmp/out")"
	return 1
}

check "no logs: refused, with the folder" refused "no logs in '$tmp/none': make bench" take "$tmp/none" "$tmp/figures"
check "no results: refused, with the folder" refused "no results in '$tmp/figures'" page "$tmp/figures" "$page"
check "anything else: refused" refused "'tkae' is neither take nor page" tkae "$tmp" "$tmp"

mkdir "$tmp/logs"
cat >"$tmp/logs/bench_alloc.log" <<'EOL'
not a figure
BENCH alloc_ns ours=93.5ns plain=187ns ratio=0.5 spread=0.25..0.75 goal=<=1 PASS sure=99.2% pairs=7 of 7 waited=3%
BENCH slow_ms ours=30ms spread=30..50 goal=<=20ms UNSURE sure=no rounds=0 of 5 waited=40%
BENCH lines ours=12 limit=10 ratio=1.2 goal=<=1 FAIL sure=counted
BENCH none_us ours=none goal=<=5us FAIL sure=not-measured
BENCH exact ours=7 goal==7 PASS sure=counted
ok 3 - with <hugepages> # SKIP no & none
not ok 4 - all is well
EOL
echo '1..0 # SKIP no QEMU' >"$tmp/logs/bench_pin.log"
echo 'ok 1 - it ran' >"$tmp/logs/bench_queue.log"
check "results are taken from logs" env HVCMA_BUILD="$HVCMA_BUILD" "$figures" take "$tmp/logs" "$tmp/figures"
check "with what the machine is" grep -qE '^machine: .*, [0-9]+ processors .*, Linux [0-9.]+, ' "$tmp/figures/bench_alloc.txt"
echo 'machine: another' >"$tmp/figures/bench_cma.txt"
echo 'BENCH cma_us ours=2us cma=1us ratio=2 goal=>=1.5 PASS sure=99.9% pairs=9 of 9 waited=0%' >>"$tmp/figures/bench_cma.txt"
rm "$tmp/logs/bench_queue.log"
"$figures" take "$tmp/logs" "$tmp/figures"
check "those of benches without a log stay" grep -q cma_us "$tmp/figures/bench_cma.txt"
check "a page is made" "$figures" page "$tmp/figures" "$page"
svg=$tmp/figures/bench_alloc.svg

# row WORDS: a line of the page
row()
{
	grep -qxF -- "$1" "$page" || { note "$(cat "$page")"; return 1; }
}
check "a figure, with what it is beside" row \
	'| `alloc_ns` | 93.5ns | plain 187ns | 0.5 | 0.25..0.75 | <=1 | PASS | 99.2% | 3% |'
check "one that is unsure says so" row '| `slow_ms` | 30ms |  |  | 30..50 | <=20ms | UNSURE | no | 40% |'
check "and in the picture" grep -q '>30ms UNSURE<' "$svg"
check "one that was missed" grep -q '>12 FAIL<' "$svg"
check "one that was not measured" grep -q '>not measured (FAIL)<' "$svg"
check "what is skipped or failed is named" row 'On machine 1. Not all of it: skipped: no & none; failed: all is well.'
check "all are counted" grep -q '^6 figures: 3 met their goal, 2 missed it, 1 unsure' "$page"
check "a bench that was skipped, with its reason" row '- `bench_pin`: skipped: no QEMU'
check "one that printed none" row '- `bench_queue`: ran, without a figure'
check "one that has not run" row '- `bench_turns`: not run'
check "another machine is another" row 'On machine 2.'
check "ours has half the length of what it is beside" eval \
	'grep -q "width=\"180.0\" height=\"12\" fill=\"#27ae60\"" "$svg" && grep -q "width=\"360.0\" height=\"12\" fill=\"#bbbbbb\"" "$svg"'
check "its goal is at the end of that, its spread between" eval \
	'x=$(sed -n "s/.*x=\"\([0-9]*\)\" .*fill=\"#bbbbbb\"><title>plain.*/\1/p" "$svg") &&
	grep -q "x1=\"$((x + 360)).0\".*x2=\"$((x + 360)).0\"" "$svg" && grep -q "x1=\"$((x + 90)).0\".*x2=\"$((x + 270)).0\"" "$svg"'
if command -v xmllint >/dev/null; then
	check "pictures are well-formed" xmllint --noout "$tmp"/figures/*.svg
	check "negative control: others are found" eval '! sed "s/<.svg>//" "$svg" | xmllint --noout - 2>/dev/null'
else
	tap_skip "pictures are well-formed" "no xmllint"
fi
cp -R "$tmp/figures" "$tmp/first" && cp "$page" "$tmp/first.md"
"$figures" page "$tmp/figures" "$page"
check "once more: the same bytes" eval 'diff -r "$tmp/figures" "$tmp/first" && cmp "$page" "$tmp/first.md"'
touch "$tmp/figures/bench_gone.txt"
check "results of no bench: refused, with the file" refused "'$tmp/figures/bench_gone.txt' is of no bench" page "$tmp/figures" "$page"

# ---- in the tree -------------------------------------------------------------
rm -rf "$tmp/figures"
cp -R "$HVCMA_SRC/docs/figures" "$tmp/"
"$figures" page "$tmp/figures" "$page"
check "docs/figures.md is what its results give" diff "$HVCMA_SRC/docs/figures.md" "$page"
check "and so are its pictures" diff -r "$HVCMA_SRC/docs/figures" "$tmp/figures"
# unnamed PAGE: benches that it does not name
unnamed()
{
	find "$HVCMA_SRC/tests/bench" -name 'bench_*' | sed 's|.*/||; s|\..*||' | while read -r name; do
		grep -qE "^(## $name|- \`$name\`: .*)$" "$1" || echo "$name"
	done
}
check "it names each bench" equal '' "$(unnamed "$HVCMA_SRC/docs/figures.md")"
sed '/bench_pin\b/d' "$page" >"$tmp/less.md"
check "negative control: one that it does not name" equal bench_pin "$(unnamed "$tmp/less.md")"
tap_end
