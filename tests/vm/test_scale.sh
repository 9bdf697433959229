#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Mappings on several CPUs at once: how often one waits for a lock of the driver that another CPU
# has, and of swiotlb's beside (tests/guest/scale.c). Then the machine ends, as far as the driver is told.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# scale_case ARCH SERIES
scale_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_scale)"
	# shellcheck disable=SC2046 # options are words
	VM_APPEND=swiotlb=force VM_SMP=4 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=edu0) -device edu,id=edu0,dma_mask=0xffffffffff \
		-device edu,id=edu1,dma_mask=0xffffffffff
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest "load virtio_cma; dmesg -c >/dev/null; insmod /modules/vcma_scale.ko shutdown=1; dmesg | sed -n 's/.*vcma_scale: //p'" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: shutdown: nothing is pinned, no bus master, though the client is bound" quiet_again 5
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
scale_case amd64 6.12
tap_end
