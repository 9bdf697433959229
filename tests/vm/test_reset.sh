#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Resets in the middle of I/O, each seen from outside while the new boot has no driver yet:
# nothing is pinned, nothing is bus master, and DMA did not outlive the pins (which the fabric
# would count as a fault).

. "$HVCMA_SRC/tests/lib/testbed.sh"

# reset_case BOOT WHAT COMMAND...: the command ends the current boot, the next is number BOOT
reset_case()
{
	boot=$1 cause="$what: $2"
	shift 2
	guest 'load ext4 nvme; disk_ready nvme0n1 && disk_fill nvme0n1 4 >/dev/null && io_forever /mnt/busy; sleep 1'
	check "$cause: the client is bus master before" status_is /clients/0/bus-master true
	[ "$mode" = private ] || check "$cause: the region is online before" wait_until 5 is_online
	"$@"
	check "$cause: the guest boots again" vm_booted "$boot" 90
	check "$cause: quiet" quiet_again 5
	check "$cause: nothing is online" status_is /counters/online-bytes 0
	check "$cause: the client waits for its claim" status_is /clients/0/state present
	check "$cause: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
}

# A command that does not come back.
guest_gone()
{
	GUEST_LIMIT_S=1 guest "$@" 2>/dev/null
	:
}

# reset_cases ARCH SERIES MODE
reset_cases()
{
	what="$1 $2 $3" mode=$3
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci crc32c_generic ext4 \
		"$(guest_module "$1" "$2" virtio_cma)" nvme
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "clients=nv0,unsafe-noiommu=on,x-fabric=on,mode=$3") \
		$(disk_options nv0 "$VM_TMP/disk")
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	reset_case 2 system_reset monitor system_reset
	reset_case 3 'reboot -f' guest_gone reboot -f
	reset_case 4 'kernel crash' guest_gone 'echo c >/proc/sysrq-trigger'
	guest 'load ext4 nvme'
	check "$what: after all that the disk works" guest 'disk_ready nvme0n1 && disk_fill nvme0n1 4 >/tmp/md5 && disk_check | cmp - /tmp/md5'
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
rarely reset_cases amd64 6.1 private
export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
region_hugepages
reset_cases arm64 6.12 reusable
tap_end
