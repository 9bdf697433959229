#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How long the two entry points take, in wall-clock seconds: "make demo" in a fresh clone with an
# empty cache, and once more with everything there; "make check" as its last complete run recorded
# it, builds included. What is downloaded does not count: the fresh cache is given the files that
# this machine's has, and what it lacks is fetched before the clock starts.

: "${HVCMA_SRC:?}" "${HVCMA_BUILD:?}"
decision=$HVCMA_BUILD/tests/bench/decision
bad=0

# figure NAME SECONDS LIMIT: seconds of the clock, on a machine as calm as it is at the end
figure() {
	echo "$2 1 $("$decision" feel)" | "$decision" time "$1" s - '<=' "$3"
	[ $? -ne 1 ] || bad=1
}

# demo NAME LIMIT: in the clone; without MAKEFLAGS of the make that runs us
demo() {
	start=$(date +%s)
	if env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL HVCMA_CACHE="$tmp/cache" make -C "$tmp/clone" demo; then
		figure "$1" $(($(date +%s) - start)) "$2"
	else
		figure "$1" failed "$2"
	fi
}

cache=${HVCMA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hvcma}
tmp=$(mktemp -d -p "$HVCMA_BUILD") || exit 1
trap 'chmod -R u+w "$tmp"; rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
git clone -q "$HVCMA_SRC" "$tmp/clone" || exit 1
mkdir -p "$tmp/cache/files"
# shellcheck disable=SC2046 # steps are words
"$HVCMA_SRC/tests/env/build" --out "$tmp/env" --cache "$cache" \
	$(make -s -C "$tmp/clone" steps GOAL=demo) || exit 1
cp -al "$cache/files/." "$tmp/cache/files/" 2>/dev/null || cp -R "$cache/files/." "$tmp/cache/files/"
demo demo_fresh 300
demo demo_cached 60

if [ -s "$HVCMA_BUILD/logs/check.seconds" ]; then
	figure check_cached "$(cat "$HVCMA_BUILD/logs/check.seconds")" 2700
else
	echo "# no figure of make check: it has not been run whole here"
fi
exit $bad
