# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: whatever ends a guest's use of its virtio-mmio disk in mid-I/O, afterwards the real disk is
# reset, and only then its memory goes. The disk's interrupt is a level here: by way of KVM, and of QEMU alone.

. ./lib.sh
. ./platform_lib.sh

export REGION_PAGE_KIB=2048 REGION_MIB=64 VM_LIMIT_S=800
disk=$(virtio_mmio_disk)
check "the host has a disk on virtio-mmio" equal a003e00.virtio_mmio "$disk"
region_hugepages

# refused_device NAME TEXT
refused_device()
{
	platform_take "$1"
	# shellcheck disable=SC2046 # options are words
	refused "$1" "$2" $(region_options cma0 clients=other,unsafe-noiommu=on) \
		-device "vfio-platform-noiommu,host=$1,id=other"
}

refused_device a003a00.virtio_mmio "overlap registers 0 of '/virtio_mmio@a003c00'"
refused_device a003800.virtio_mmio "has another device in it, '/virtio_mmio@a003800/core'"
refused_device a003600.virtio_mmio "needs 'resets' of the host, which a guest can't drive"
refused_device a003400.virtio_mmio "(1 10) is not a shared one"
refused_device a003200.virtio_mmio "interrupt 0 of '/virtio_mmio@a003200' is of type 2"

# busy_guest WHAT: drivers are loaded, a filesystem is made, I/O goes on without end
busy_guest()
{
	guest load ext4 virtio_blk virtio_mmio
	check "$1: the stock driver finds its disk" guest disk_ready vda
	guest 'disk_fill vda 4 >/dev/null && io_forever /mnt/busy; sleep 1'
	check "$1: the device runs" equal 0x0000000F "$(real "$STATUS")"
	check "$1: memory is pinned" pins_agree
}

is_reset()
{
	[ "$(real "$STATUS")" = 0x00000000 ]
}

nothing_pinned()
{
	[ "$(pinned_by_kernel)" -eq 0 ]
}

platform_take "$disk"
start_platform_guest unbind
busy_guest unbind
check "its interrupts arrive, as levels" guest "grep -E 'Level +virtio[0-9]+$' /proc/interrupts"
guest 'echo $(basename /sys/bus/virtio/drivers/virtio_cma/virtio*) >/sys/bus/virtio/drivers/virtio_cma/unbind'
check "unbind: the device is reset" wait_until 5 is_reset
check "unbind: nothing is pinned" wait_until 5 nothing_pinned
guest rmmod virtio_cma

monitor system_reset
check "reset: the guest boots again" vm_booted 2 60
busy_guest reset
monitor system_reset
check "reset: the guest boots once more" vm_booted 3 60
check "reset: the device is reset" wait_until 5 is_reset
check "reset: nothing is pinned" wait_until 5 nothing_pinned

busy_guest SIGKILL
vm_kill
check "SIGKILL: the device is reset" wait_until 10 is_reset
check "SIGKILL: the pin keeper ends" wait_until 10 no_keeper
check "SIGKILL: no hugepage stays in use" wait_until 5 no_hugepage_used
check "SIGKILL: it was the keeper that reset it" grep -q 'a003e00.virtio_mmio.*: the device is quiet' "$VM_DIR/qemu.log"

start_platform_guest 'without irqfd' x-irqfd=off
busy_guest 'without irqfd'
check "without irqfd: interrupts arrive" guest "grep -E 'Level +virtio[0-9]+$' /proc/interrupts"
check "quit: QEMU ends in mid-I/O" vm_quit
check "quit: the device is reset" equal 0x00000000 "$(real "$STATUS")"
check "quit: no hugepage stays in use" wait_until 5 no_hugepage_used

# Without a rule, and without the service: one QEMU has it for good, dead or alive.
OWN_RULES=$HVCMA_BUILD/arm64/testing/platform-rules
: >"$VM_TMP/no-rules"
mount --bind "$VM_TMP/no-rules" "$OWN_RULES"
start_platform_guest once reset=once
check "once: which is said" grep -q "$disk: has no reset: it can be claimed once" "$VM_DIR/qemu.log"
busy_guest once
vm_kill
sleep 3
check "once: killed, the device still runs" equal 0x0000000F "$(real "$STATUS")"
check "once: a keeper is left" equal 1 "$(keepers)"
check "once: and so the memory is" eval '! no_hugepage_used'
# shellcheck disable=SC2046 # options are words
nested_guest $(region_options cma1 clients=disk0,unsafe-noiommu=on) \
	-device "vfio-platform-noiommu,host=$disk,id=disk0,reset=once"
check "once: a second QEMU does not get it" wait_until 20 vm_dead
vm_kill
check "once: and says who may have it" grep -q "in use by another process.*hvcma-pin-keeper" "$VM_DIR/qemu.log"
note "$(cat "$VM_DIR/qemu.log")"
check "once: the device still runs after that" equal 0x0000000F "$(real "$STATUS")"
check "once: and the memory is still there" eval '! no_hugepage_used'
umount "$OWN_RULES"
kill -9 "$(pidof hvcma-pin-keeper)"
check "once: the keeper killed, the memory is free: its word was all that held it" wait_until 10 no_hugepage_used
tap_end
