#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is installed has nothing of what only tests can ask for: no property x-*, and no function of
# the folders "testing". The plugin that tests load has all of them, which shows that they would be
# seen; the rest of the two is the same object code. That it works: qtest/test_loader; that "make
# install" takes it: test_install.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
release=$HVCMA_BUILD/$arch/hvcma-qemu-10.0.so
testing=$HVCMA_BUILD/$arch/testing/hvcma-qemu-10.0.so
check "both plugins are built" [ -f "$release" -a -f "$testing" ]

# The properties, by the sources, and the functions, by the objects.
sed -n 's/.*DEFINE_PROP_[A-Z0-9]*("\(x-[a-z-]*\)".*/\1/p' "$HVCMA_SRC"/qemu-device/testing/*.c |
	sort -u >"$tmp/properties"
for source in "$HVCMA_SRC"/qemu-device/testing/*.c "$HVCMA_SRC"/hv/host/testing/*.c; do
	object=${source#"$HVCMA_SRC"/}
	nm --defined-only "$HVCMA_BUILD/$arch/obj/${object%.c}.o"
done | awk '$2 ~ /[Tt]/ { print $3 }' | sort -u >"$tmp/all"
# Those that stand in for them have the same names.
nm --defined-only "$HVCMA_BUILD/$arch/obj/qemu-device/test-hooks-none.o" |
	awk '$2 == "T" { print $3 }' | sort -u >"$tmp/none"
comm -23 "$tmp/all" "$tmp/none" | grep -E '^(hvcma_|fa[a-z]*_)' >"$tmp/functions"

# has PLUGIN: which of them it has
has_properties()
{
	strings -n 4 "$1" | grep -xFf "$tmp/properties" | sort -u
}
has_functions()
{
	nm --defined-only "$1" | awk '{ print $3 }' | grep -xFf "$tmp/functions" | sort -u
}

check "there are such properties and functions" [ "$(wc -l <"$tmp/properties")" -ge 8 -a "$(wc -l <"$tmp/functions")" -ge 10 ]
check "the tests' plugin has all properties" equal "$(cat "$tmp/properties")" "$(has_properties "$testing")"
check "the tests' plugin has all functions" equal "$(cat "$tmp/functions")" "$(has_functions "$testing")"
check "what is installed has no such property" equal '' "$(has_properties "$release")"
check "what is installed has no such function" equal '' "$(has_functions "$release")"
check "its texts name none" equal '' "$(strings "$release" | grep -E '(^|[^a-z0-9])x-(fake|fabric|provider)|fabric-faults')"
check "test-hooks-none.c stands in for every hook" equal "$(nm --defined-only \
	"$HVCMA_BUILD/$arch/obj/qemu-device/testing/hooks.o" | awk '$2 == "T" { print $3 }' | sort)" "$(cat "$tmp/none")"
tap_end
