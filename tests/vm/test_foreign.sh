#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Buffers that are foreign to the client that imports them. The kernel's own exporters make them of
# ordinary RAM, which it can't reach: data arrives, or the import is refused (tests/lib/guest/vcma_foreign.c).
# So it is with a buffer of a region that is online, and serves others: the client would have a copy of
# it, of which they know nothing.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# foreign_case ARCH SERIES
foreign_case()
{
	what="$1 $2"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_import)" -- $(guest_programs "$1" vcma_foreign)
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=edu0,unsafe-noiommu=on,x-fabric=on) \
		-device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'load vcma_import && vcma_foreign 0' >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: the log says why, once" equal 1 \
		"$(guest "dmesg | grep -c 'a buffer of a file.s pages is refused'")"
	guest 'rmmod vcma_import'
	check "$what: nothing is mapped any more" guest '[ "$(cat $(cma_dir)/bounce_bytes)" -eq 0 ]'
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# region_case ARCH SERIES: edu0 is a client of the buffers' region, edu1 of another
region_case()
{
	what="$1 $2, two regions"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_import)" -- $(guest_programs "$1" vcma_user)
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 mode=reusable,clients=edu0,unsafe-noiommu=on,x-fabric=on) \
		$(region_options cma1 clients=edu1,unsafe-noiommu=on,x-fabric=on) \
		-device edu,id=edu0,dma_mask=0xffffffffff,addr=0x10 \
		-device edu,id=edu1,dma_mask=0xffffffffff,addr=0x11
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'load vcma_import'
	for rc_import in '0 0' "1 $EOPNOTSUPP"; do
		guest "vcma_user import /dev/vcma/cma0 $rc_import" >"$VM_TMP/results"
		tap_import "$VM_TMP/results" "$what"
	done
	check "$what: the log says why" \
		guest 'dmesg | grep -q "a buffer of vcma_user.*: it is a client of other regions only"'
	guest 'rmmod vcma_import'
	for rc_region in cma0 cma1; do
		check "$what: $rc_region: not one DMA outside of pinned granules" \
			status_is /counters/fabric-faults 0 $rc_region
	done
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

EOPNOTSUPP=95
region_hugepages
foreign_case amd64 6.12
export REGION_MIB=256	# whole memory blocks of the guest, as a reusable region needs
hugepages_need "$REGION_PAGE_KIB" $((2 * REGION_MIB * 1024 / REGION_PAGE_KIB))
region_case amd64 6.12
tap_end
