#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# UEFI in the innermost guest, with NVMe and a network controller with its option ROM passed through
# without an IOMMU: see guest/firmware.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 64M "$VM_TMP/disk"
# shellcheck disable=SC2046 # options are words
NESTED_UEFI=1 nested_start 6.12-cloud 6.12 $(disk_options nv "$VM_TMP/disk") -device e1000e
check "the nested host boots" vm_alive
nested_test firmware.sh
check "the image outside holds the file" \
	equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
vm_quit
tap_end
