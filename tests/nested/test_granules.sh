#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# check: limit 900
#
# Regions of hugepages of all sizes that Arm hosts have: 64 KiB, 2 MiB, 32 MiB and 1 GiB with pages of 4 KiB, 2 MiB
# and 512 MiB with pages of 64 KiB. Each is a granule, is found in a fragmented pool or refused, and is
# pinned: see guest/granules.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

export NESTED_SERVICE=1 NESTED_BARE=capture NESTED_CPU=neoverse-n1 NESTED_MEMORY=6G

# host_case SERIES POOL... -- SIZE...: sizes in KiB
host_case()
{
	series=$1
	shift
	NESTED_HUGEPAGES=
	while [ "$1" != -- ]; do
		NESTED_HUGEPAGES="$NESTED_HUGEPAGES hugepagesz=${1%:*} hugepages=${1#*:}"
		shift
	done
	shift
	for mode in root service; do
		nested_start "$series" ''
		check "$series, $mode: the host boots" vm_alive
		nested_test granules.sh "$mode" "$@"
		vm_quit
	done
}

host_case 6.12-cloud 64K:64 2M:16 32M:4 1G:3 -- 64 2048 32768 1048576
if [ -e "$(kernel_dir arm64 6.12-64k)/vmlinuz" ]; then
	# A kernel of ours, of those with instruments, which are not asked; without KVM: no guest runs.
	NESTED_NO_VFIO=1 VM_INSTRUMENTS='' host_case 6.12-64k 2M:16 512M:3 -- 2048 524288
else
	tap_skip "pages of 64 KiB" "no kernel arm64/6.12-64k: make check-long builds it"
fi
tap_end
