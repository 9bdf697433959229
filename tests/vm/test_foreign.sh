#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Buffers that the kernel's own exporters make of ordinary RAM, imported by a client, which can't
# reach that: data arrives, or the import is refused (tests/lib/guest/vcma_foreign.c).

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
	check "$what: no warning or oops in the guest" equal '' "$(guest 'dmesg | grep -E "WARNING:|BUG:|Oops"')"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
foreign_case amd64 6.12
tap_end
