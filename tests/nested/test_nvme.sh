#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The main job: NVMe without an IOMMU passed through to a KVM guest on Arm, from memory online to the
# guest; in test_nvme_fwb with Stage-2 Force Write-Back, the other kernel, large hugepages, and
# memory of the guest's driver alone.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

fwb='dmesg | grep -q "Stage-2 Force Write-Back" && echo with || echo without'

# nvme_case CPU FWB HOST-SERIES GUEST-SERIES PAGE-KIB MODE
nvme_case()
{
	what="$1, host $3, guest $4, pages of $5 KiB, $6"
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	# shellcheck disable=SC2046 # options are words
	NESTED_CPU=$1 nested_start "$3" "$4" $(disk_options nv "$VM_TMP/disk") \
		-device edu,dma_mask=0xffffffffff
	check "$what: the nested host boots" vm_alive
	check "$what: $2 Stage-2 Force Write-Back" equal "$2" "$(guest "$fwb")"
	nested_test nvme.sh "$5" "$6"
	check "$what: the image outside holds the file" \
		equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
	vm_quit
}

for case in ${HVCMA_NVME_CASES:-neoverse-n1/without/6.1-cloud/6.1/2048/reusable}; do
	# shellcheck disable=SC2046 # six words
	nvme_case $(echo "$case" | tr / ' ')
done
tap_end
