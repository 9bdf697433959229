#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What must not happen, on real (if nested) hardware without IOMMU: DMA before a claim, pins or bus
# mastering that outlive their guest, attaching what the operator did not ask for.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

# nested_test SCRIPT
nested_test()
{
	nested_run "$1" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "${1%.sh}"
}

truncate -s 64M "$VM_TMP/disk"
# shellcheck disable=SC2046 # options are words
NESTED_LIMIT_S=300 nested_start 6.12-cloud 6.12 \
	$(disk_options nv "$VM_TMP/disk") -device edu,dma_mask=0xffffffffff
check "the nested host boots" vm_alive
nested_test gate.sh
nested_test refusals.sh
nested_test faults.sh
vm_quit

# shellcheck disable=SC2046 # options are words
NESTED_MACHINE=iommu=smmuv3 nested_start 6.12-cloud 6.12 $(disk_options nv "$VM_TMP/disk")
check "the nested host with an IOMMU boots" vm_alive
nested_test iommu.sh
vm_quit
tap_end
