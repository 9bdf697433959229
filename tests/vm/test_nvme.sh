#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The stock nvme driver behind a real address translation. The emulated NVMe controller sees, as
# bus master, only pinned granules, at their true host-physical addresses:
#
#	guest pages      |  a  |  b  | pool |  pool  |     |
#	                               \       \
#	the controller   ....... hpa of it ..... hpa of it ....   anything else faults
#
# A file goes to a fresh filesystem and comes back; the image is compared from outside. In a region
# that is online, the guest keeps files too, in pages which nobody pins: those must not be seen.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# nvme_case ARCH SERIES TRANSPORT MODE
nvme_case()
{
	what="$1 $2 over $3, $4"
	case $3 in
	pci) device=virtio-cma-pci transport=virtio_pci ;;
	mmio) device=virtio-cma-device transport=virtio_mmio ;;
	esac
	image=$VM_TMP/disk
	rm -f "$image"
	truncate -s 64M "$image"
	initramfs "$VM_TMP/initramfs" "$1" "$2" $transport crc32c_generic ext4 \
		"$(guest_module "$1" "$2" virtio_cma)" nvme
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-global virtio-mmio.force-legacy=false \
		$(region_options cma0 "clients=nv0,unsafe-noiommu=on,x-fabric=on,mode=$4" $device) \
		$(disk_options nv0 "$image")
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	check "$what: before the guest driver, no bus master" status_is /clients/0/bus-master false
	check "$what: before the guest driver, nothing is pinned" status_is /counters/pinned-bytes 0
	guest load ext4 nvme
	[ "$4" = private ] || check "$what: the region is online" wait_until 5 is_online
	check "$what: the stock driver finds its disk" guest disk_ready nvme0n1
	check "$what: the client is claimed" status_is /clients/0/state claimed
	check "$what: features are negotiated" status_is /driver/interface "virtio-cma 1.3"
	check "$what: kernel and device agree on what is pinned" pins_agree
	source=$(guest disk_fill nvme0n1 24)
	check "$what: 24 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
	guest umount /mnt
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: the image outside holds the file" same_as "$source" "$(disk_outside "$image")"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
nvme_case amd64 6.12 pci private
nvme_case arm64 6.12 mmio private
rarely nvme_case arm64 6.1 pci private
export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
region_hugepages
nvme_case amd64 6.1 pci reusable
tap_end
