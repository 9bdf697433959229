#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest driver against a host that lies: vcma_hostile.ko (tests/guest) is the driver with a
# transport that answers wrongly in every way the protocol forbids. There is no virtio-cma.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# hostile_case ARCH SERIES
hostile_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" "$(guest_module "$1" "$2" vcma_hostile)"
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs"
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'load vcma_hostile; dmesg | sed -n "s/.*] vcma_hostile: //p"' >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: rmmod" guest rmmod vcma_hostile
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

hostile_case amd64 6.12
hostile_case arm64 6.1
tap_end
