#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mode=static with real (if nested) hardware without IOMMU: stock kernels, no module of ours in the
# guest; in test_static_down the other kernel, without Stage-2 Force Write-Back. See guest/static.sh.
# (On emulated hardware that checks every DMA, in vm/test_static.)
#
# check: long

export NESTED_STOCK=1
export NESTED_HUGEPAGES='hugepagesz=32M hugepages=16'
. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

# static_case CPU HOST-SERIES GUEST-SERIES DIRECTION
static_case()
{
	what="$1, host $2, guest $3"
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	# shellcheck disable=SC2046 # options are words
	NESTED_CPU=$1 nested_start "$2" "$3" $(disk_options nv "$VM_TMP/disk")
	check "$what: the nested host boots" vm_alive
	nested_test static.sh "$4"
	check "$what: the image outside holds the file" \
		equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
	vm_quit
}

for case in ${HVCMA_STATIC_CASES:-neoverse-v1/6.12-cloud/6.12/up}; do
	# shellcheck disable=SC2046 # four words
	static_case $(echo "$case" | tr / ' ')
done
tap_end
