#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Old and new against each other: the guest driver and the plugin of the last commit that knew no
# feature bits, each with the other half as it is now. Built out of the repository's history.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/compat.sh"

OLD=d6a539b
old=$HVCMA_BUILD/compat/$OLD
modules=guest/amd64/6.12

# old_build: the old tree, in a folder of its own, with the environment of this one
old_build()
{
	[ ! -e "$old/built" ] || return 0
	rm -rf "$old"
	mkdir -p "$old/build" &&
		git -C "$HVCMA_SRC" archive "$OLD" | tar -x -C "$old" &&
		ln -s "$(realpath "$HVCMA_BUILD/env")" "$old/build/env" &&
		(cd "$old" && ./configure) >"$old/log" 2>&1 &&
		env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL timeout 600 make -C "$old" -j2 \
			"build/$VM_NATIVE/hvcma-preload.so" "build/$VM_NATIVE/hvcma-qemu.so" \
			"build/$VM_NATIVE/hvcma-pin-keeper" "build/$modules/vcma_selftest.ko" \
			>>"$old/log" 2>&1 &&
		touch "$old/built"
}

git -C "$HVCMA_SRC" rev-parse -q --verify "$OLD^{commit}" >/dev/null 2>&1 ||
	skip_all "commit $OLD is not in this repository's history (a shallow clone, or no clone)"
export REGION_MIB=128	# whole memory blocks of the guest, as a reusable region needs
region_hugepages
if ! old_build; then
	tail -n 20 "$old/log" | sed 's/^/# /'
	tap_result 1 "the tree of $OLD is built"
	tap_end
fi

# compat_case NAME MODULES MODE
compat_case()
{
	what="$1, $3"
	compat_boot "$2" "$3" || return
	[ "$1" = "new driver, old host" ] ||
		check "$what: the interface" equal legacy "$(status /driver/interface)"
	[ "$3" = reusable ] || compat_selftest
	compat_disk
	[ "$3" = private ] || compat_sleep
	compat_end
}

for mode in private reusable; do
	compat_case "old driver, new host" "$old/build/$modules" "$mode"
	export VM_PRELOAD="$old/build/$VM_NATIVE/hvcma-preload.so"
	compat_case "new driver, old host" "$HVCMA_BUILD/$modules" "$mode"
	unset VM_PRELOAD
done
tap_end
