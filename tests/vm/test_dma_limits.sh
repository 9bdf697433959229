#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The DMA API of a client under other conditions than test_selftest's: uncached mappings, address
# limits that part of the region satisfies, guest-physical addresses, granules that are shorter than
# mappings, a driver that leaks.
#
#	driver's memory   |  a  |  b  |          |  b  |		vcma_selftest
#	                     |  copied there         ^ and back
#	pinned granules   |  a' |  b' | ...          |			DMA addresses
#	                     `--> edu's buffer ------'			DMA by the device

. "$HVCMA_SRC/tests/lib/testbed.sh"

# limits_boot ARCH SERIES REGION-PROPERTIES EDU-PROPERTIES; $what names the case
limits_boot()
{
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_selftest)" "$(guest_module "$1" "$2" vcma_reach)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "clients=edu0,$3") -device "edu,id=edu0$4"
	vm_booted 1 90 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# limits_end: nothing is left, and nothing went wrong behind the scenes
limits_end()
{
	check "$what: nothing is allocated any more" guest '[ "$(cat $(cma_dir)/allocated_bytes)" -eq 0 ]'
	check "$what: nothing is allocated or mapped any more" \
		guest '[ "$(cat $(cma_dir)/coherent_bytes) $(cat $(cma_dir)/bounce_bytes)" = "0 0" ]'
	check "$what: nothing is pinned, no bus master" quiet_again 5
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# limits_case ARCH SERIES WHAT REGION-PROPERTIES EDU-PROPERTIES MODULE-PARAMETER [MAX-ALIGN-ORDER]
limits_case()
{
	what="$1 $2, $3"
	limits_boot "$1" "$2" "$4" "$5" || return
	[ -z "${7-}" ] || guest "load virtio_cma; echo $7 >\$(cma_dir)/max_align_order"
	# shellcheck disable=SC2086 # parameters are words
	GUEST_LIMIT_S=150 guest selftest $6 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	[ "${4#*x-fabric}" = "$4" ] ||
		check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	limits_end
}

# pages_case ARCH SERIES: memory without hugepages, whose granules are pages
pages_case()
{
	what="$1 $2, granules of a page"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_selftest)"
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-object memory-backend-memfd,id=cma0-mem,size=64M \
		-device virtio-cma-pci,id=cma0,memdev=cma0-mem,clients=edu0 \
		-device "edu,id=edu0,$wide"
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	GUEST_LIMIT_S=150 guest selftest guest_physical=1 quick=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	limits_end
}

# leak_case ARCH SERIES: what a driver leaves behind is logged, kept until it is quiesced, and freed
leak_case()
{
	what="$1 $2, a driver that leaks"
	limits_boot "$1" "$2" unsafe-noiommu=on,x-fabric=on ",$wide" || return
	guest "load virtio_cma; dmesg -c >>/tmp/dmesg; insmod /modules/vcma_reach.ko; dmesg | sed -n 's/.*vcma_reach: //p'; rmmod vcma_reach" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$1 $2, limits that change"
	guest selftest leak=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: the guest is told" \
		guest 'dmesg | grep -q "driver left 65536 bytes allocated, 64 mapped"'
	guest selftest leak=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what, bound again"
	limits_end
}

wide=dma_mask=0xffffffffff
region_hugepages
limits_case arm64 6.12 uncached unsafe-noiommu=on,x-fabric=on,attr=uncached ",$wide" "fragmented=1 coherent=uncached"
# 28 bits reach the first half of the region; extents are 4 granules long and shuffled.
half=x-provider=fake,x-fake-base=0xe000000,x-fake-extent=4,x-fake-shuffle=on
rarely limits_case arm64 6.1 "half of it in reach" "unsafe-noiommu=on,x-fabric=on,$half" '' mask_bits=28
leak_case amd64 6.12
pages_case amd64 6.12
# shellcheck disable=SC2034 # for region_options
REGION_MIB=128	# wherever it lies, 32 MiB of it are aligned to their size
region_hugepages
rarely limits_case amd64 6.1 "guest-physical" granule=2M ",$wide" "guest_physical=1 aligned_mib=32" 13
tap_end
