#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The unit tests of hv/host, on stock Debian kernels: the machine's own kernel need not have
# what they look at (soft-offlining of hugepages, two NUMA nodes), and old kernels pin and unpin by
# other code, and have other free lists of hugepages.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# Programs of this machine run in a guest of its architecture, with the machine's libraries.
tests='local refusals keeper contiguous'
unit=$HVCMA_BUILD/tests/unit
keeper=$HVCMA_BUILD/$VM_NATIVE/hvcma-pin-keeper

# libraries PROGRAM...: files that they load
libraries()
{
	ldd "$@" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | sort -u
}

# host_cases SERIES
host_cases()
{
	set -- "$1" -f "$keeper:/build/$VM_NATIVE/hvcma-pin-keeper"
	for t in $tests; do
		set -- "$@" -f "$unit/test_host_$t:/test_host_$t"
	done
	for lib in $(libraries "$unit/test_host_local"); do
		set -- "$@" -f "$(readlink -f "$lib"):$lib"
	done
	series=$1
	shift
	initramfs "$VM_TMP/initramfs" "$VM_NATIVE" "$series" -- "$@"
	VM_NO_PRELOAD=1 VM_MEMORY=1G VM_LIMIT_S=250 \
		vm_start "$VM_NATIVE" "$(kernel_dir "$VM_NATIVE" "$series")/vmlinuz" "$VM_TMP/initramfs" \
		-object memory-backend-ram,id=n0,size=512M -numa node,memdev=n0,cpus=0 \
		-object memory-backend-ram,id=n1,size=512M -numa node,memdev=n1,cpus=1
	if ! vm_booted 1 60; then
		tap_result 1 "$series: the guest boots"
		return
	fi
	guest 'echo 64 >/proc/sys/vm/nr_hugepages'
	for t in $tests; do
		GUEST_LIMIT_S=80 guest "HVCMA_BUILD=/build CMOCKA_MESSAGE_OUTPUT=TAP /test_host_$t 2>/dev/null" \
			>"$VM_TMP/raw"
		status=$?
		# cmocka counts a skipped test as not ok.
		sed 's/^not ok \([0-9]*\) # SKIP \(.*\)/ok \1 - \2 # SKIP see above/' \
			"$VM_TMP/raw" >"$VM_TMP/tap"
		tap_import "$VM_TMP/tap" "$series $t"
		check "$series $t: ends well" equal 0 "$status"
	done
	vm_quit
}

host_cases 6.1
host_cases 6.12
tap_end
