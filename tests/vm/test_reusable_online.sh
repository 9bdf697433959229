#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Reusable regions come online as movable memory whatever the guest's policy is and whoever is
# faster; a region that can't be online is refused, or private if the host leaves the choice.

. "$HVCMA_SRC/tests/lib/testbed.sh"

ONLINE_MIB=256
SMALL_MIB=64
BLOCK_MIB=128	# of memory, in these guests

mem_total()
{
	guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo"
}

is_online()
{
	check "$what: $1: MemTotal" equal $((offline_total + ONLINE_MIB * 1024)) "$(mem_total)"
	check "$what: $1: all of it is movable" equal "Movable Movable" \
		"$(guest "cat $blocks | xargs")"
}

is_gone()
{
	check "$what: $1: unloaded: MemTotal" same_as "$offline_total" "$(mem_total)"
}

# policy_case POLICY: what the kernel does with new memory all by itself
policy_case()
{
	guest "echo $1 >/sys/devices/system/memory/auto_online_blocks"
	check "$what: policy $1: loads" guest load virtio_cma
	is_online "policy $1"
	guest rmmod virtio_cma
	is_gone "policy $1"
}

# rival_case WORD: a program brings every block online, its way, as soon as it is there
rival_case()
{
	guest "(while [ ! -e /tmp/stop ]; do for state in $states; do echo $1 >\$state; done; done) 2>/dev/null & load virtio_cma; touch /tmp/stop; wait"
	is_online "rival: $1"
	guest 'rm /tmp/stop; rmmod virtio_cma'
	is_gone "rival: $1"
	check "$what: rival: $1: unloaded: at the first attempt" \
		guest '! dmesg | grep "waiting for memory"'
}

# online_case ARCH SERIES
online_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(REGION_MIB=$ONLINE_MIB region_options cma0 mode=reusable) \
		$(REGION_MIB=$SMALL_MIB region_options small mode=reusable) \
		$(REGION_MIB=$BLOCK_MIB region_options askew mode=reusable,align=2M) \
		$(REGION_MIB=$SMALL_MIB region_options any mode=auto)
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	offline_total=$(mem_total)
	first=$(($(status /region/base-gpa) / (128 << 20)))
	blocks="/sys/devices/system/memory/memory$first/valid_zones /sys/devices/system/memory/memory$((first + 1))/valid_zones"
	states="/sys/devices/system/memory/memory$first/state /sys/devices/system/memory/memory$((first + 1))/state"
	policy_case offline
	policy_case online
	policy_case online_kernel
	policy_case online_movable
	guest 'echo offline >/sys/devices/system/memory/auto_online_blocks'
	rival_case online
	rival_case online_kernel
	rival_case online_movable

	guest 'dmesg -c >/dev/null; load virtio_cma; dmesg' >"$VM_TMP/log"
	check "$what: too small: refused, naming both sizes" \
		grep -q "region small: base .* size 0x4000000 .* block size 0x8000000" "$VM_TMP/log"
	check "$what: not aligned: refused, naming both" \
		grep -q "region askew: base 0x[0-9a-f]*4000000 and size 0x8000000 .* block size 0x8000000" "$VM_TMP/log"
	check "$what: too small, mode=auto: private" \
		grep -q 'region any: private, 67108864 bytes' "$VM_TMP/log"
	check "$what: beside these: online" grep -q 'region cma0: reusable, 268435456 bytes' "$VM_TMP/log"
	guest 'umount /sys; rmmod virtio_cma; dmesg -c >/dev/null; load virtio_cma'
	check "$what: no sysfs: refused, saying what is missing" \
		guest 'dmesg | grep -q "is sysfs mounted"'
	guest 'mount -t sysfs sys /sys; rmmod virtio_cma'
	is_gone "no sysfs"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

hugepages_need 2048 $(((ONLINE_MIB + 2 * SMALL_MIB + BLOCK_MIB) / 2))
for kernel in $(vm_kernels amd64/6.12 rarely arm64/6.1); do
	online_case "${kernel%/*}" "${kernel#*/}"
done
tap_end
