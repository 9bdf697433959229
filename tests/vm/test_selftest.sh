#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest driver's DMA API, called by a test module that drives an edu device: see
# tests/guest. Then the same device with 28 address bits, which no granule is in reach of. Once
# the region names the device twice, for coherent memory and for mappings. And once more with a
# build of the driver whose pools have several slots to a page, as those of kernels with large pages
# have: it also checks its invariants.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# selftest_case ARCH SERIES [CLIENTS]
selftest_case()
{
	what="$1 $2${3:+ $3}"
	sc_slots=$(guest_module "$1" "$2/debug" virtio_cma)
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_selftest)" -- \
		$([ ! -e "$sc_slots" ] || echo "-f $sc_slots:/slots.ko")
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "${3:-clients=edu0},unsafe-noiommu=on,x-fabric=on") \
		-device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	GUEST_LIMIT_S=150 guest selftest fragmented=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: unbound: no bus master" status_is /clients/0/bus-master false
	guest selftest mask_bits=28 expect_refused=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what, 28 bits"
	check "$what: refused: no bus master" status_is /clients/0/bus-master false
	if [ -e "$sc_slots" ]; then
		guest 'rmmod virtio_cma && insmod /slots.ko'
		GUEST_LIMIT_S=150 guest selftest fragmented=1 slot_bytes=1024 >"$VM_TMP/results"
		tap_import "$VM_TMP/results" "$what, slots of 1 KiB"
	fi
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
for kernel in $(vm_kernels amd64/6.12 arm64/6.1); do
	[ "$kernel" = amd64/6.12 ] && twice='regions=cma0/edu0(coherent)=0;cma0/edu0(streaming)=0' || twice=
	selftest_case "${kernel%/*}" "${kernel#*/}" $twice
done
tap_end
