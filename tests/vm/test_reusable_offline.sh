#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The administrator of a guest takes a memory block of a reusable region offline while the driver ends: it
# has taken all pages of that block, and has to give them back, for those of another can't be had.
# Pages that the kernel is about to take offline are given back when it has changed its mind, or not at
# all.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=256	# two memory blocks of the guest

# free_is MIB: about so much can be had
free_is()
{
	fi_free=$(guest meminfo_mib MemAvailable)
	note "$what: available: $1 MiB before, $fi_free MiB now"
	[ "$fi_free" -gt $(($1 - 32)) ]
}

mem_total_is()
{
	[ "$(guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo")" -eq "$1" ]
}

# offline_case ARCH SERIES
offline_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_offline)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 mode=reusable)
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest load virtio_cma
	online_total=$(guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo")
	available=$(guest meminfo_mib MemAvailable)
	base=$(($(guest 'cat $(cma_dir)/region_base_gpa')))
	block=$(($(guest 'echo $((0x$(cat /sys/devices/system/memory/block_size_bytes)))')))
	memory=/sys/devices/system/memory/memory$((base / block))
	cma=$(guest 'basename $(readlink -f /sys/bus/virtio/drivers/virtio_cma/virtio*)')
	guest insmod /modules/vcma_offline.ko
	guest "(echo $cma >/sys/bus/virtio/drivers/virtio_cma/unbind; echo 1 >/tmp/over) >/dev/null 2>&1 &"
	check "$what: the driver has all pages of a block" \
		guest 'wait_for 30 grep -q Y /sys/module/vcma_offline/parameters/isolated'
	guest "(echo offline >$memory/state) >/dev/null 2>&1 &"
	check "$what: it is being taken offline by hand" \
		guest 'wait_for 30 grep -q Y /sys/module/vcma_offline/parameters/inside'
	guest 'sleep 2; echo 1 >/sys/module/vcma_offline/parameters/release'
	check "$what: the driver's end ends" guest 'wait_for 40 test -s /tmp/over'
	check "$what: no page is in a state that it can't be in" equal 0 "$(guest complaints)"
	guest rmmod vcma_offline
	guest "grep -q offline $memory/state && echo online_movable >$memory/state"
	guest "grep -q . /sys/bus/virtio/drivers/virtio_cma/$cma/uevent 2>/dev/null || echo $cma >/sys/bus/virtio/drivers/virtio_cma/bind"
	check "$what: bound again: all is online again" wait_until 30 mem_total_is "$online_total"
	check "$what: and is there for the guest to use" free_is "$available"
	check "$what: the module unloads" guest rmmod virtio_cma
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
offline_case amd64 6.12
tap_end
