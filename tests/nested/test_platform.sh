#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A platform device without an IOMMU, passed through: the outer machine's virtio-mmio disk, which is a true
# DMA master by host-physical addresses, and the stock drivers virtio_mmio and virtio_blk in the guest. See
# guest/platform.sh; what ends it, other kernels and processors are in test_platform_long.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

# platform_case CPU HOST-SERIES GUEST-SERIES SCRIPT
platform_case()
{
	what="$1, host $2, guest $3"
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	NESTED_PLATFORM=1 NESTED_DRIVER_ONLY=1 NESTED_CPU=$1 \
	nested_start "$2" "$3" -global virtio-mmio.force-legacy=false \
		-blockdev "driver=raw,node-name=disk,file.driver=file,file.filename=$VM_TMP/disk" \
		-device virtio-blk-device,drive=disk,iommu_platform=on
	check "$what: the nested host boots" vm_alive
	nested_test "$4"
	check "$what: the image outside holds the file" \
		equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
	vm_quit
}

for case in ${HVCMA_PLATFORM_CASES:-neoverse-n1/6.12-cloud/6.12/platform.sh}; do
	# shellcheck disable=SC2046 # four words
	platform_case $(echo "$case" | tr / ' ')
done
tap_end
