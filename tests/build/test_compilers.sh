#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
# check: limit 1200
#
# The command, the keeper and the plugin by every compiler of this machine, by newer ones that the
# test environment has, and at the levels of optimisation that distributions use: without a warning.
# CC_NAMES="gcc-11 ..." names more compilers.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset CC AR CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG MAKEFLAGS MFLAGS MAKELEVEL
export CLANG=false
headers=$(find "$HVCMA_BUILD"/env/qemu-headers-"$(dpkg --print-architecture)" -maxdepth 0)

# Newer compilers: their assembler is newer, too; this machine's linker can't load their plugin.
prefix=$HVCMA_BUILD/env/compilers/bin/x86_64-linux-gnu-
newer="-B$prefix -fno-use-linker-plugin"

# build COMPILER CFLAGS [VAR=VALUE]: all that is compiled for this machine; prints nothing if all is well
build()
{
	mkdir "$tmp/b" && cd "$tmp/b" || return
	"$HVCMA_SRC/configure" CC="$1" CFLAGS="$2" ${3:+"$3"} --qemu-headers="$(readlink -f "$headers")" >log 2>&1 &&
		echo 'PACKAGES_CHECKED = plugin' >>config.mak &&
		make -s all plugin plugin-testing >log 2>&1 && ! grep -i warning log
	b_status=$?
	[ $b_status -eq 0 ] || note "$(grep -iE 'warning|error' log | head -n 10)"
	cd "$tmp" && rm -rf "$tmp/b"
	return $b_status
}

build_case()
{
	if command -v "$1" >/dev/null; then
		check "$1 $2" build "$1" "$2"
	elif [ -x "$prefix$1" ]; then
		check "$1 $2, from the environment" build "$prefix$1 $newer" "$2" AR=ar
	else
		tap_skip "$1 $2" "no $1 on this machine"
	fi
}

build_case gcc "-O1"
build_case gcc "-O3 -flto"
for compiler in gcc-12 gcc-13 gcc-14 gcc-15 clang ${CC_NAMES-}; do
	build_case "$compiler" "-O2 -g"
done

# A warning is found: a compiler that always has one.
printf '#!/bin/sh\necho "x.c:1: warning: planted" >&2\nexec gcc "$@"\n' >"$tmp/cc"
chmod 755 "$tmp/cc"
check "negative control: a warning is found" eval '! build "$tmp/cc" -O0 >/dev/null'
tap_end
