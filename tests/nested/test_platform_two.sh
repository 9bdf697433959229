#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Two platform devices of one guest and one region: the outer machine's disk and its source of random numbers, both
# on virtio-mmio and true DMA masters, by stock drivers. See guest/platform_two.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 64M "$VM_TMP/disk"
NESTED_PLATFORM=1 NESTED_DRIVER_ONLY=1 NESTED_GUEST_MODULES=virtio-rng NESTED_CPU=neoverse-n1 \
	nested_start 6.12-cloud 6.12 -global virtio-mmio.force-legacy=false \
	-blockdev "driver=raw,node-name=disk,file.driver=file,file.filename=$VM_TMP/disk" \
	-device virtio-blk-device,drive=disk,iommu_platform=on \
	-device virtio-rng-device,iommu_platform=on
check "the nested host boots" vm_alive
nested_test platform_two.sh
check "the image outside holds the file" \
	equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
vm_quit
tap_end
