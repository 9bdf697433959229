#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Address limits that little of a region satisfies, or nothing of it: devices of 28, 30 and 32 bits,
# each with a region that begins a granule below its limit, and one of 28 bits whose region lies
# above. What can't be had is refused at once, and the log says why in one line for each binding.
# Then devices whose bus has addresses of its own.
#
#	0xfe00000 | 0x10000000 ...	edu28: its first granule is in reach

. "$HVCMA_SRC/tests/lib/testbed.sh"

# reach PARAMETER: what vcma_reach says of it
reach()
{
	guest "load virtio_cma; dmesg -c >>/tmp/dmesg; insmod /modules/vcma_reach.ko $1; dmesg | sed -n 's/.*vcma_reach: //p'; rmmod vcma_reach" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
}

# told MASK LOWEST: how often the log names both
told()
{
	guest "dmesg | grep -c 'no memory is in reach: mask $1, lowest address $2\$'"
}

# region ID CLIENT BASE
region()
{
	region_options "$1" "clients=$2,unsafe-noiommu=on,x-fabric=on,x-provider=fake,x-fake-shuffle=on,x-fake-base=$3"
}

# reach_case ARCH SERIES
reach_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_reach)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region low28 edu28 0xfe00000) $(region low30 edu30 0x3fe00000) \
		$(region low32 edu32 0xffe00000) $(region high edu28high 0x123400000000) \
		-device edu,id=edu28,addr=10 -device edu,id=edu30,addr=11 \
		-device edu,id=edu32,addr=12 -device edu,id=edu28high,addr=13
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	reach mask_bits=28,30,32,-28
	check "$what: out of reach: one line says so, of a mask and one allocation" \
		equal 1 "$(told 0xfffffff 0x123400000000)"
	check "$what: in reach: no such line" equal 1 "$(told '.*' '.*')"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	reach no_mask=1
	check "$what: no mask: one line for each binding, of two allocations each" \
		equal 4 "$(told 0x0 '0x[0-9a-f]*')"
	for rc_lowest in 0xfe00000 0x3fe00000 0xffe00000 0x123400000000; do
		check "$what: no mask: with the lowest address $rc_lowest" \
			equal 1 "$(told 0x0 $rc_lowest)"
	done
	reach bus_offset=0
	reach bus_offset=4096
	check "$what: a bus with addresses of its own: each device is told" \
		equal 4 "$(guest 'dmesg | grep -c "addresses of its own (dma-ranges): left alone"')"
	guest 'rmmod virtio_cma; load_with virtio_cma request_timeout_ms=0'
	check "$what: request_timeout_ms=0: no limit" \
		equal "ready ready ready ready" "$(guest 'echo $(cat /sys/bus/virtio/devices/*/vcma/state)')"
	guest 'rmmod virtio_cma'
	for rc_region in low28 low30 low32 high; do
		check "$what: $rc_region: not one DMA outside of pinned granules" \
			status_is /counters/fabric-faults 0 $rc_region
		check "$what: $rc_region: nothing is pinned any more" \
			wait_until 5 status_is /counters/pinned-bytes 0 $rc_region
	done
	check "$what: QEMU ends well" vm_quit
}

REGION_MIB=16
hugepages_need "$REGION_PAGE_KIB" $((4 * REGION_MIB * 1024 / REGION_PAGE_KIB))
region_hugepages
reach_case amd64 6.12
tap_end
