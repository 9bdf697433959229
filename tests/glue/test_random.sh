#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Random guests against the plugin in stock QEMU under AddressSanitizer (fuzz_glue.c), for
# FUZZ_SECONDS (60); before that the cases of what was found once (cases/), and a plugin with a
# fault planted in it (planted.h), which must be found.
#
# check: early

. "$HVCMA_SRC/tests/lib/tap.sh"
fuzz=$HVCMA_BUILD/tests/glue/fuzz_glue

[ -x "$HVCMA_BUILD/env/qemu-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/qemu-system-x86_64" ] || skip_all "no QEMU"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# finds_nothing ARGUMENT...: the fuzzer's remarks are ours, too
finds_nothing()
{
	"$fuzz" "$@" >"$out" 2>&1
	status=$?
	grep '^#' "$out"
	return $status
}

# finds SENTENCE ARGUMENT...
finds()
{
	sentence=$1
	shift
	if "$fuzz" --plugin glue-planted --findings 1 "$@" >"$out" 2>&1 || ! grep -q "$sentence" "$out"; then
		note "$(cat "$out")"
		return 1
	fi
}

for case in "$HVCMA_SRC"/tests/glue/cases/*; do
	check "no finding any more: $(basename "$case")" finds_nothing --case "$case"
done
check "a planted fault is found where it was found once" \
	finds 'AddressSanitizer: attempting double-free' --case "$HVCMA_SRC/tests/glue/cases/answer-resets-bus"
check "a planted fault is found by random guests" \
	finds 'AddressSanitizer: attempting double-free' --seed 1 --guests 30
check "random guests" finds_nothing --seconds "${FUZZ_SECONDS:-60}"
tap_end
