#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Memory that is pinned from the start (mode=ram, pin=all), and kernels that follow one another without a reset
# of the machine. Nothing is ever unpinned, so a client that is left running reaches nothing of others; but the
# gate is closed before the next kernel's driver claims it. A crash kernel has its disk, too; with mode=ram it runs
# in a part of the region.

. "$HVCMA_SRC/tests/lib/testbed.sh"

RAM_MIB=768
export REGION_MIB=128

# guest_gone COMMAND: one that does not come back
guest_gone()
{
	GUEST_LIMIT_S=1 guest "$@" 2>/dev/null
	:
}

is_closed()
{
	status_is /clients/0/state present && status_is /clients/0/bus-master false
}

# all_is_pinned: no more and no less than the region
all_is_pinned()
{
	equal "$all_bytes $all_bytes" "$(status /counters/pinned-bytes) $(pinned_by_kernel)"
}

# works WHO: the disk has its file; read and written without end from then on
works()
{
	check "$what: $1: all of it is pinned" all_is_pinned
	check "$what: $1: nobody has claimed the client" wait_until 5 is_closed
	check "$what: $1: the driver has its disk" guest 'load ext4 nvme && disk_live >/dev/null && mount -t ext4 /dev/$live /mnt'
	check "$what: $1: the file is there" equal "$source" "$(guest disk_check)"
	check "$what: $1: mappings are as they are" guest '[ "$(cat $(cma_dir)/nr_map_direct)" -gt 0 ]'
	check "$what: $1: no warning or oops" equal 0 "$(guest complaints)"
	guest 'io_forever /mnt/other'
}

# kexec_case NAME BYTES QEMU-OPTION...: of so much memory
kexec_case()
{
	what="amd64 6.12, $1" all_bytes=$2
	shift 2
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	# shellcheck disable=SC2046 # options are words
	VM_APPEND=crashkernel=256M VM_LIMIT_S=500 vm_start amd64 "$(kernel_dir amd64 6.12)/vmlinuz" \
		"$VM_TMP/initramfs" "$@" $(disk_options nv0 "$VM_TMP/disk")
	if ! vm_booted 1 120; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest load ext4 nvme
	source=$(guest 'disk_live >/dev/null && disk_format $live && mount -t ext4 /dev/$live /mnt && dd if=/dev/urandom of=/mnt/file bs=1M count=8 2>/dev/null && sync && md5sum </mnt/file | cut -c 1-32; umount /mnt; rmmod nvme; rmmod virtio_cma')
	works 'first kernel'
	check "$what: kexec: loaded" guest 'kexec load /next/vmlinuz /next/initramfs "$(cat /proc/cmdline)"'
	guest_gone 'kexec boot'
	check "$what: kexec: the next kernel boots" vm_booted 2 90
	works 'next kernel'
	monitor system_reset
	check "$what: reset: boots" vm_booted 3 90
	works 'kernel that will crash'
	check "$what: crash: crash kernel loaded" guest 'kexec crash /next/vmlinuz /next/initramfs "console=ttyS0 panic=-1"'
	guest_gone 'echo c >/proc/sysrq-trigger'
	check "$what: crash: the crash kernel boots" vm_booted 4 90
	check "$what: crash: its RAM is a part of it" guest '[ "$(meminfo_mib MemTotal)" -lt 256 ]'
	check "$what: crash: all of it is pinned" all_is_pinned
	check "$what: crash: the driver has its disk" guest 'load ext4 nvme && disk_live >/dev/null && mount -t ext4 /dev/$live /mnt'
	check "$what: crash: the file is there" equal "$source" "$(guest disk_check)"
	check "$what: crash: no warning or oops" equal 0 "$(guest complaints)"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: QEMU ends well" vm_quit
}

ram_hugepages
modules="virtio_pci crc32c_generic ext4 $(guest_module amd64 6.12 virtio_cma) nvme"
# shellcheck disable=SC2046,SC2086 # names and options are words
initramfs "$VM_TMP/next" amd64 6.12 $modules -- $(guest_programs amd64 kexec)
# shellcheck disable=SC2046,SC2086
initramfs "$VM_TMP/initramfs" amd64 6.12 $modules -- $(guest_programs amd64 kexec) \
	-f "$VM_TMP/next:/next/initramfs" -f "$(kernel_dir amd64 6.12)/vmlinuz:/next/vmlinuz"
# shellcheck disable=SC2046 # options are words
{
	VM_MACHINE=memory-backend=ram0,max-ram-below-4g=512M VM_MEMORY=${RAM_MIB}M \
		kexec_case mode=ram $((RAM_MIB << 20)) $(ram_options nv0 unsafe-noiommu=on,x-fabric=on)
	VM_MACHINE='' VM_MEMORY=${RAM_MIB}M,maxmem=8G kexec_case pin=all $((REGION_MIB << 20)) \
		$(region_options cma0 mode=reusable,pin=all,clients=nv0,unsafe-noiommu=on,x-fabric=on)
}
tap_end
