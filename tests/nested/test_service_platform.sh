#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU is an ordinary user, the host's service opens a platform device for it, the outer machine's virtio-mmio disk, and
# makes it quiet when QEMU is killed: see guest/service_platform.sh; what else can end, and what happens without
# a rule, is in test_service_platform_ends.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 64M "$VM_TMP/disk"
NESTED_LIMIT_S=${NESTED_LIMIT_S:-500} NESTED_SERVICE=1 NESTED_PLATFORM=1 NESTED_DRIVER_ONLY=1 NESTED_CPU=neoverse-n1 \
nested_start 6.12-cloud 6.12 -global virtio-mmio.force-legacy=false \
	-blockdev "driver=raw,node-name=disk,file.driver=file,file.filename=$VM_TMP/disk" \
	-device virtio-blk-device,drive=disk,iommu_platform=on
check "the nested host boots" vm_alive
nested_test "${HVCMA_SERVICE_PLATFORM:-service_platform.sh}"
check "the image outside holds the file" \
	equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
vm_quit
tap_end
