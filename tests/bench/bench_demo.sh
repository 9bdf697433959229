#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# How long the two entry points take, in wall-clock seconds: "make demo" with
# everything cached; with FRESH=1 also from a fresh clone and an empty cache,
# downloads included; and "make check" as its last complete run recorded it.

: "${HVCMA_SRC:?}" "${HVCMA_BUILD:?}"
bad=0

figure() { # NAME SECONDS GOAL
	verdict=PASS
	[ "$2" -le "$3" ] || { verdict=FAIL; bad=1; }
	echo "BENCH $1 ours=${2}s limit=${3}s ratio=$(awk "BEGIN { printf \"%.2f\", $2 / $3 }") goal=<=1 $verdict"
}

start=$(date +%s)
if "$HVCMA_SRC/tests/nested/demo"; then
	figure demo_cached $(($(date +%s) - start)) 90
else
	echo "BENCH demo_cached ours=failed limit=90s ratio=- goal=<=1 FAIL"
	bad=1
fi

if [ "${FRESH:-0}" = 1 ]; then
	tmp=$(mktemp -d -p "$HVCMA_BUILD") || exit 1
	trap 'rm -rf "$tmp"' EXIT INT TERM
	git clone -q "$HVCMA_SRC" "$tmp/clone" || exit 1
	start=$(date +%s)
	if env -u MAKEFLAGS -u MFLAGS HVCMA_CACHE="$tmp/cache" make -C "$tmp/clone" demo; then
		figure demo_fresh $(($(date +%s) - start)) 600
	else
		echo "BENCH demo_fresh ours=failed limit=600s ratio=- goal=<=1 FAIL"
		bad=1
	fi
fi

if [ -s "$HVCMA_BUILD/logs/check.seconds" ]; then
	figure check_cached "$(cat "$HVCMA_BUILD/logs/check.seconds")" 1500
fi
exit $bad
