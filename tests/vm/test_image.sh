#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# A guest that hibernated before its region was in use, and one that is about to become what that image
# says: not while memory is online, of which the image knows nothing; once it is offline, it does.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
RESUME='echo $(cat /sys/block/vda/dev) >/sys/power/resume'

mem_total()
{
	guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo"
}

# image_boot ARCH SERIES DISK NAME
image_boot()
{
	life="$what: $4"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 mode=reusable) \
		-blockdev "driver=file,node-name=swap,filename=$3" -device virtio-blk-pci,drive=swap,addr=0x10
	vm_booted 1 90 && guest 'load virtio_blk && wait_for 20 test -b /dev/vda' && return
	tap_result 1 "$life: the guest boots"
	return 1
}

# The command that wrote the image ends in the guest that has become it.
first_life_goes_on()
{
	tr -d '\r' <"$VM_DIR/agent.out" | grep -q "^@done $image_id 0"
}

life_ends()
{
	check "$life: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$life: QEMU ends well" vm_quit
}

# image_case ARCH SERIES
image_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci virtio_blk "$(guest_module "$1" "$2" virtio_cma)"
	truncate -s 1G "$VM_TMP/disk"
	image_boot "$1" "$2" "$VM_TMP/disk" "first life" || return
	guest 'mkswap /dev/vda >/dev/null && swapon /dev/vda && echo shutdown >/sys/power/disk; echo here >/tmp/life'
	GUEST_LIMIT_S=120 guest 'echo disk >/sys/power/state' 2>/dev/null
	# shellcheck disable=SC2154 # guest sets it
	image_id=$guest_id
	check "$life: writes an image of itself, and is off" wait_until 60 vm_dead
	vm_kill
	cp --sparse=always "$VM_TMP/disk" "$VM_TMP/copy"	# who tries to resume spoils it

	image_boot "$1" "$2" "$VM_TMP/disk" "second life" || return
	offline_total=$(mem_total)
	guest load virtio_cma
	check "$life: memory is online" equal $((offline_total + REGION_MIB * 1024)) "$(mem_total)"
	check "$life: does not become the first" guest "($RESUME) 2>/dev/null; ! test -e /tmp/life"
	check "$life: the log says why" \
		guest 'dmesg | grep -q "can.t resume from an image while its memory is online"'
	check "$life: goes on, with its memory" equal $((offline_total + REGION_MIB * 1024)) "$(mem_total)"
	life_ends

	image_boot "$1" "$2" "$VM_TMP/copy" "third life, memory offline" || return
	guest "load virtio_cma; rmmod virtio_cma; ($RESUME) >/dev/null 2>&1 &"
	check "$life: becomes the first" wait_until 180 first_life_goes_on
	check "$life: goes on where that was" guest 'grep -q here /tmp/life'
	check "$life: the driver loads" guest load virtio_cma
	check "$life: memory is online" equal $((offline_total + REGION_MIB * 1024)) "$(mem_total)"
	life_ends
}

region_hugepages
image_case amd64 6.12
tap_end
