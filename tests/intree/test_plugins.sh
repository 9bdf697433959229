#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# The plugins for series of QEMU beside the first one: what each is of, that QEMU of that series has all that it asks
# for, and what Debian's newest QEMU, as it is installed, is told when there is none for it.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
plugins=$HVCMA_BUILD/$arch
version=$(sed -n 's/^.define HVCMA_VERSION[[:blank:]]*"\(.*\)"$/\1/p' "$HVCMA_SRC/hv/abi/version.h")
# The list is the loader's.
known=$(sed -n 's/^    { \([0-9]*\), \([0-9]*\) },$/\1.\2/p' "$HVCMA_SRC/qemu-device/loader.c")
check "the loader's text is its list" grep -qxF \
	"#define SUPPORTED_TEXT \"$(echo "$known" | sed 's/$/.x/' | tr '\n' ' ' | sed 's/ $//; s/ /, /g')\"" "$HVCMA_SRC/qemu-device/loader.c"

# says PLUGIN [OPTION] TEXT: it is among its strings
says()
{
	sa_plugin=$1
	shift
	strings "$sa_plugin" | grep -q "$@"
}

# wanted PLUGIN: symbols that it has from others
wanted()
{
	nm -D --undefined-only "$1" | sed 's/.* //; s/@.*//' | sort -u
}

# lacks PLUGIN PROGRAM...: those that neither the program nor a library has that either is linked with
lacks()
{
	la_plugin=$1
	shift
	{
		nm -D --defined-only "$@"
		ldd "$la_plugin" "$@" 2>/dev/null | sed -n 's/.* => \([^ ]*\) .*/\1/p' | sort -u | xargs nm -D --defined-only
	} 2>/dev/null | sed 's/.* //; s/@.*//' | sort -u >"$tmp/offered"
	wanted "$la_plugin" | grep -v '^_ITM_\|^__gmon_start__$\|^__tls_get_addr$' | comm -23 - "$tmp/offered"
}

n=0
for series in $known; do
	plugin=$plugins/hvcma-qemu-$series.so
	if [ ! -e "$plugin" ]; then
		tap_skip "QEMU $series" "no plugin for it: make check-long builds it where its headers can be had"
		continue
	fi
	n=$((n + 1))
	check "$series: of this version" says "$plugin" -xF "hvcma-plugin-version=$version"
	check "$series: built for it" says "$plugin" "the plugin was built for $series\."
	case $series in
	10.0) qemu=$HVCMA_BUILD/env/qemu-$arch/root/usr/bin/qemu-system-x86_64 ;;
	*) qemu=$HVCMA_BUILD/in-tree/qemu-src-newest/bin/.qemu-system-x86_64 ;;
	esac
	if [ ! -x "$qemu" ] || ! strings "$qemu" | grep -q "^QEMU emulator version $series\."; then
		tap_skip "$series: its symbols" "no QEMU $series here: make check-intree-long builds it"
		continue
	fi
	check "$series: QEMU has all symbols that it wants" equal '' "$(lacks "$plugin" "$qemu")"
done
check "there is one at least" [ $n -ge 1 ]
other=$plugins/hvcma-qemu-10.2.so
if [ -e "$other" ]; then
	check "negative control: QEMU 10.0 lacks some that the one for 10.2 wants" \
		eval 'lacks "$other" "$HVCMA_BUILD/env/qemu-$arch/root/usr/bin/qemu-system-x86_64" | grep -q vfio_device_'
	mkdir "$tmp/one"
	cp "$plugins/hvcma-preload.so" "$tmp/one/"
	cp "$other" "$tmp/one/hvcma-qemu-10.0.so"
	check "and it says so if it is put there as the one for 10.0" eval '"$plugins/hvcma" check \
		--qemu "$HVCMA_BUILD/env/qemu-$arch/bin/qemu-system-x86_64" --plugin "$tmp/one/hvcma-preload.so" |
		grep "^FAIL *plugin " | grep -q "undefined symbol"'
fi

qemu=$HVCMA_BUILD/env/qemu-amd64-newest/bin/qemu-system-x86_64
if [ -x "$qemu" ]; then
	release=$("$qemu" --version | sed -n 's/^QEMU emulator version \([0-9.]*\).*/\1/p')
	note "Debian's newest QEMU is $release"
	check "QEMU $release runs" [ -n "$release" ]
	"$plugins/hvcma" check --qemu "$qemu" --plugin "$plugins/hvcma-preload.so" >"$tmp/check"
	case " $(echo $known) " in
	*" ${release%.*} "*) tap_skip "QEMU $release" "there is a plugin for it" ;;
	*)
		check "QEMU $release: hvcma check says which it is, and for which there is a plugin" \
			grep -q "^FAIL *plugin .*this is QEMU $release, supported: 10.0.x, 10.2.x" "$tmp/check"
		check "and what helps" eval 'sed -n "/^FAIL *plugin /{n;p;}" "$tmp/check" | grep -q "install a QEMU of a series that it names"'
		check "it runs on without the device" eval 'HVCMA_PRELOAD=$plugins/hvcma-preload.so "$qemu" -M none -device help 2>/dev/null |
			grep -q "virtio-mem-pci" && ! HVCMA_PRELOAD=$plugins/hvcma-preload.so "$qemu" -M none -device help 2>/dev/null | grep -q virtio-cma'
		;;
	esac
	note "$(grep -A 1 '^[A-Z]* *plugin ' "$tmp/check" | cut -c 1-300)"
else
	tap_skip "Debian's newest QEMU" "not here: make check-long brings it"
fi
tap_end
