# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Unit tests of hv/host in a guest that plays the host: programs of this machine run in a guest of its
# architecture, with the machine's libraries. Sourced after testbed.sh.
#
#	host_start SERIES "TEST..." [QEMU-OPTION...]	boot the kernel with these tests in its initramfs
#	host_test SERIES TEST	run unit/test_host_TEST there: its results, and how it ended

ht_unit=$HVCMA_BUILD/tests/unit

# libraries PROGRAM...: files that they load
libraries()
{
	ldd "$@" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | sort -u
}

host_start()
{
	ht_series=$1 ht_tests=$2
	shift 2
	ht_files="-f $HVCMA_BUILD/$VM_NATIVE/hvcma-pin-keeper:/build/$VM_NATIVE/hvcma-pin-keeper"
	for ht_test in $ht_tests; do
		ht_files="$ht_files -f $ht_unit/test_host_$ht_test:/test_host_$ht_test"
	done
	for ht_lib in $(libraries "$ht_unit/test_host_${ht_tests%% *}"); do
		ht_files="$ht_files -f $(readlink -f "$ht_lib"):$ht_lib"
	done
	# shellcheck disable=SC2086 # options are words
	initramfs "$VM_TMP/initramfs" "$VM_NATIVE" "$ht_series" -- $ht_files
	VM_NO_PRELOAD=1 VM_MEMORY=1G VM_LIMIT_S=250 \
		vm_start "$VM_NATIVE" "$(kernel_dir "$VM_NATIVE" "$ht_series")/vmlinuz" "$VM_TMP/initramfs" "$@"
	if ! vm_booted 1 60; then
		tap_result 1 "$ht_series: the guest boots"
		return
	fi
	guest 'echo 64 >/proc/sys/vm/nr_hugepages'
}

host_test()
{
	GUEST_LIMIT_S=80 guest "HVCMA_BUILD=/build CMOCKA_MESSAGE_OUTPUT=TAP /test_host_$2 2>/dev/null" \
		>"$VM_TMP/raw"
	ht_status=$?
	# cmocka counts a skipped test as not ok.
	sed 's/^not ok \([0-9]*\) # SKIP \(.*\)/ok \1 - \2 # SKIP see above/' "$VM_TMP/raw" >"$VM_TMP/tap"
	tap_import "$VM_TMP/tap" "$1 $2"
	check "$1 $2: ends well" equal 0 "$ht_status"
}
