#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Memory types as a real (if nested) Arm host decides them, with and without Stage-2 Force
# Write-Back: see guest/attr.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

# attr_case CPU KIND HOST-SERIES GUEST-SERIES
attr_case()
{
	rm -f "$VM_TMP/disk"
	truncate -s 16M "$VM_TMP/disk"
	# shellcheck disable=SC2046 # options are words
	NESTED_CPU=$1 nested_start "$3" "$4" $(disk_options nv "$VM_TMP/disk") \
		-device edu,dma_mask=0xffffffffff
	check "$1: the nested host boots" vm_alive
	nested_test attr.sh "$2"
	vm_quit
}

"$HVCMA_BUILD/env/cross/bin/aarch64-linux-gnu-objdump" -d --disassemble=hvcma_clean_invalidate \
	"$HVCMA_BUILD/arm64/hvcma-qemu-10.0.so" >"$VM_TMP/maintenance"
check "QEMU's loop has one instruction of maintenance" equal 1 "$(grep -c 'dc[[:space:]]*civac, x' "$VM_TMP/maintenance")"
for case in ${HVCMA_ATTR_CASES:-neoverse-n1/no-fwb/6.1-cloud/6.12}; do
	# shellcheck disable=SC2046 # four words
	attr_case $(echo "$case" | tr / ' ')
done
tap_end
