#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A platform device as client: virtio-blk behind virtio-mmio, told to use DMA addresses
# (iommu_platform=on). It is emulated, so its DMA addresses are guest-physical.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# platform_case SERIES
platform_case()
{
	what="arm64 $1"
	image=$VM_TMP/disk
	rm -f "$image"
	truncate -s 32M "$image"
	# virtio_blk loads last: its device is claimed when virtio_mmio binds to it
	initramfs "$VM_TMP/initramfs" arm64 "$1" virtio_pci crc32c_generic ext4 \
		"$(guest_module arm64 "$1" virtio_cma)" virtio_mmio virtio_blk
	# shellcheck disable=SC2046 # options are words
	vm_start arm64 "$(kernel_dir arm64 "$1")/vmlinuz" "$VM_TMP/initramfs" \
		-global virtio-mmio.force-legacy=false $(region_options cma0 clients=vb0) \
		-drive "if=none,id=disk,format=raw,file=$image" \
		-device virtio-blk-device,id=vb0,drive=disk,iommu_platform=on
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest load ext4 virtio_cma virtio_blk
	check "$what: the stock driver finds its disk" guest disk_ready vda
	check "$what: the client is claimed" status_is /clients/0/state claimed
	check "$what: kernel and device agree on what is pinned" pins_agree
	source=$(guest disk_fill vda 8)
	check "$what: 8 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
	guest umount /mnt
	check "$what: its maps went through the region" \
		guest '[ $(($(cat $(cma_dir)/nr_map_bounced) + $(cat $(cma_dir)/nr_map_direct))) -gt 100 ]'
	check "$what: the image outside holds the file" same_as "$source" "$(disk_outside "$image")"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
platform_case 6.12
rarely platform_case 6.1
tap_end
