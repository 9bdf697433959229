#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# pin=all: memory of the guest that it did not ask the host for, and that a device reaches as it is.
# The emulated NVMe controller sees only pinned granules, at their host-physical addresses; every
# page of a file that lies in the region is mapped without a copy, in a block or not, and nothing
# faults, and no request crosses two extents, which nobody could map in one piece. The control is the same
# machine without it, where each page is copied.
#
#	file's pages      |  in the region   |  in other RAM  |
#	pin=all           |  as they are     |  copied        |
#	pin=blocks        |  copied          |  copied        |

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
REGION_BYTES=$((REGION_MIB * 1024 * 1024))

# copied PIN: what a file of 24 MiB that is read and written has to be
copied()
{
	if [ "$1" = all ]; then
		check "$what: the file's pages in the region are mapped as they are" \
			test "$direct_in" -ge $((24 << 20))
		check "$what: none of them is copied" equal 0 "$bounce_in"
	else
		check "$what: the control: pages in the region are copied" \
			test "$bounce_in" -ge $((24 << 20))
		check "$what: the control: none is mapped as it is" equal 0 "$direct_in"
	fi
	check "$what: and nothing of other RAM is" equal 0 "$direct_out"
}

# pinned PIN BYTES: as the option says, or more than nothing
pinned()
{
	[ "$1" != all ] || equal "$REGION_BYTES" "$(status /counters/pinned-bytes)"
}

# pin_all_case ARCH SERIES PIN
pin_all_case()
{
	what="$1 $2, pin=$3"
	image=$VM_TMP/disk
	rm -f "$image"
	truncate -s 64M "$image"
	# shellcheck disable=SC2046 # programs are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci crc32c_generic ext4 \
		"$(guest_module "$1" "$2" virtio_cma)" nvme -- $(guest_programs "$1" poison)
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "clients=nv0,unsafe-noiommu=on,x-fabric=on,mode=reusable,pin=$3") \
		$(disk_options nv0 "$image")
	if ! vm_booted 1 120; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	before=0 told=0 request_kib=256
	[ "$3" != all ] || before=$REGION_BYTES told=1 request_kib=512
	check "$what: before the guest driver, that much is pinned" status_is /counters/pinned-bytes $before
	check "$what: the report says which" status_is /region/pin "$3"
	guest load ext4 nvme
	check "$what: the region is online" wait_until 5 is_online
	check "$what: the guest driver was told, or not" \
		equal $told "$(guest 'dmesg | grep -c "region cma0: .*, pinned from the start"')"
	base=$(($(guest 'cat $(cma_dir)/region_base_gpa')))
	check "$what: the stock driver finds its disk" guest disk_ready nvme0n1
	check "$what: its requests may be as long as the disk takes them, or as copies are" \
		equal $request_kib "$(guest cat /sys/block/nvme0n1/queue/max_hw_sectors_kb)"
	guest disk_format nvme0n1
	mapped_begin 16384
	source=$(guest 'mount -t ext4 /dev/nvme0n1 /mnt && dd if=/dev/urandom of=/mnt/file bs=1M count=24 2>/dev/null && md5sum </mnt/file | cut -c 1-32; sync')
	check "$what: 24 MiB read back are what was written" equal "$source" "$(guest disk_check)"
	# shellcheck disable=SC2046 # four numbers
	set -- "$@" $(mapped "$base" "$REGION_BYTES")
	direct_in=$4 bounce_in=$5 direct_out=$6
	note "$what: in the region $4 bytes as they are, $5 copied; elsewhere $6 and $7"
	copied "$3"
	check "$what: no failure to map" equal 0 "$(guest 'cat $(cma_dir)/nr_map_failed')"
	check "$what: kernel and device agree on what is pinned" pins_agree
	check "$what: pinned is what was" pinned "$3"
	guest umount /mnt
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: the image outside holds the file" equal "$source" "$(disk_outside "$image")"
	check "$what: the drivers go" guest 'rmmod nvme && rmmod virtio_cma'
	check "$what: no memory is online" wait_until 5 status_is /counters/online-bytes 0
	check "$what: that much is pinned" status_is /counters/pinned-bytes $before
	check "$what: and come again" guest 'load virtio_cma nvme && disk_live >/dev/null && mount -t ext4 /dev/nvme0n1 /mnt'
	check "$what: the file is there" equal "$source" "$(guest disk_check)"
	[ "$3" != all ] || page_breaks
	check "$what: the file is there still" equal "$source" "$(guest disk_check)"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# api_case ARCH SERIES: the DMA API, of a device that copies from and to memory of the kernel, which lies
# beside the region, and to pages that lie in it
api_case()
{
	what="$1 $2, the DMA API"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_selftest)"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "clients=edu0,unsafe-noiommu=on,x-fabric=on,mode=reusable,pin=all") \
		-device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 120; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	GUEST_LIMIT_S=300 guest selftest has_pages=1 fragmented=1 all_pinned=1 required_bits="$(required_bits)" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: nothing is allocated or mapped any more" \
		guest '[ "$(cat $(cma_dir)/coherent_bytes) $(cat $(cma_dir)/bounce_bytes)" = "0 0" ]'
	check "$what: all of it is pinned" status_is /counters/pinned-bytes "$REGION_BYTES"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
api_case amd64 6.12
pin_all_case amd64 6.12 all
pin_all_case amd64 6.12 blocks
rarely pin_all_case arm64 6.12 all
tap_end
