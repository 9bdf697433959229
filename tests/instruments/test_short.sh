#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short life of the driver on a kernel that has the kernel's own instruments built in: coherent
# memory and mappings, a disk that is unbound in mid-I/O, the region, unbound in mid-I/O, unloading.
# They report nothing; and each of them reports the fault that is planted for it
# (tests/guest/planted.c). With HVCMA_INSTRUMENTS=all also bulk, programs, and memory online and taken.
#
# check: early

. "$HVCMA_SRC/tests/lib/testbed.sh"

# all_of_it: are those instruments on, and wanted, that take much longer?
all_of_it()
{
	[ "${HVCMA_INSTRUMENTS-}" = all ]
}

# module_run NAME PARAMETER...: results of a test module, which is gone afterwards
module_run()
{
	mr_name=$1
	shift
	GUEST_LIMIT_S=120 guest "dmesg -c >/dev/null; insmod /modules/$mr_name.ko $*; dmesg | sed -n 's/.*$mr_name: //p'; rmmod $mr_name" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: $mr_name $*"
}

# reusable_case: what programs and bulk do, and memory that is online
reusable_case()
{
	module_run vcma_bulk count=300 fits=300 online=1
	for lc_verb in buffers bulk; do
		guest vcma_user $lc_verb /dev/vcma/cma0 >"$VM_TMP/results"
		tap_import "$VM_TMP/results" "$what: program: $lc_verb"
	done
	guest "mount -t tmpfs -o size=100% none /mnt && dd if=/dev/zero of=/mnt/all bs=1M count=$((REGION_MIB + 16)) 2>/dev/null"
	module_run vcma_reuse test=alloc mib=32 block_mib=2
	guest umount /mnt
	module_run vcma_mapped
}

# disk_case: a stock driver, taken away while it works; then the region is
disk_case()
{
	guest 'load ext4 nvme && disk_ready nvme0n1 && basename $(readlink /sys/bus/pci/drivers/nvme/0000:*) >/tmp/nvme'
	check "$what: nvme: what was written is read" \
		guest 'disk_fill nvme0n1 2 >/tmp/md5; disk_check | cmp - /tmp/md5; status=$?; umount /mnt; exit $status'
	guest '(while dd if=/dev/nvme0n1 of=/dev/null bs=64k iflag=direct; do :; done) >/dev/null 2>&1 & sleep 1; cat /tmp/nvme >/sys/bus/pci/drivers/nvme/unbind'
	guest 'cat /tmp/nvme >/sys/bus/pci/drivers/nvme/bind'
	check "$what: nvme: unbound in mid-I/O and bound again" guest 'disk_live >/dev/null'
	guest 'disk=$(disk_live); (while dd if=/dev/$disk of=/dev/null bs=64k iflag=direct; do :; done) >/dev/null 2>&1 & sleep 1'
	check "$what: virtio-cma: unbound in mid-I/O" \
		guest 'basename $(readlink /sys/bus/virtio/drivers/virtio_cma/virtio*) >/tmp/cma; cat /tmp/cma >/sys/bus/virtio/drivers/virtio_cma/unbind'
	check "$what: virtio-cma: unbound in mid-I/O: quiet" quiet_again 5
	guest 'cat /tmp/cma >/sys/bus/virtio/drivers/virtio_cma/bind; cat /tmp/nvme >/sys/bus/pci/drivers/nvme/bind 2>/dev/null'
	check "$what: virtio-cma and nvme back: the disk is, too" guest 'disk_live >/dev/null'
	guest 'rmmod nvme'
}

# leak_case: what was allocated and is known to nobody; an object has to be five seconds old
leak_case()
{
	on_debugfs 'sleep 6; echo scan >/debug/kmemleak; echo scan >/debug/kmemleak; cat /debug/kmemleak'
}

# report_says LINE PATTERN: of a report from that line of the console on
report_says()
{
	reports "$1" | grep -qaE "$2"
}

# planted FAULT PATTERN: it is reported, and seen by what looks for reports
planted()
{
	pl_from=$(($(wc -l <"$VM_DIR/console.log") + 1))
	guest "insmod /modules/vcma_planted.ko fault=$1; rmmod vcma_planted" >/dev/null
	[ "$1" != leak ] || leak_case >/dev/null
	check "$what: planted: $1" wait_until 10 report_says "$pl_from" "$2"
}

# planted_case: those for what the kernel has. Lockdep is off after its own report, and after one of
# KASAN's.
# shellcheck disable=SC2154 # vm_instruments: vm_start
planted_case()
{
	case $vm_instruments in
	races) planted race 'KCSAN: data-race' ;;
	64k) planted unmap 'DMA-API: .*: device driver frees DMA memory with different size' ;;
	*)
		planted sleep 'BUG: sleeping function called from invalid context'
		planted rcu 'WARNING: suspicious RCU usage'
		planted unmap 'DMA-API: .*: device driver frees DMA memory with different size'
		planted locks 'WARNING: possible circular locking dependency'
		check "$what: planted: lockdep is off after that, and it is noticed" eval '! instruments_work'
		;;
	esac
	[ "$vm_instruments" = checked ] || return 0
	planted freed 'KASAN: slab-use-after-free'
	planted beyond 'KASAN: slab-out-of-bounds'
	planted shift 'UBSAN: shift-out-of-bounds'
	planted index 'UBSAN: array-index-out-of-bounds'
	all_of_it || return 0
	planted page 'pagealloc: .*corruption'
	planted object 'ODEBUG: free active'
	planted leak 'kmemleak: .* new suspected'
}

# short_case ARCH SERIES
short_case()
{
	what="$1 $2"
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" crc32c_generic ext4 "$(guest_module "$1" "$2" virtio_cma)" \
		nvme $(for module in selftest bulk reuse mapped planted; do
			guest_module "$1" "$2" "vcma_$module"
		done) -- $(guest_programs "$1" vcma_user)
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=reusable,clients=edu0:nv0") \
		-device edu,id=edu0,dma_mask=0xffffffffff $(disk_options nv0 "$VM_TMP/disk")
	if ! vm_booted 1 60; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	check "$what: the instruments look" instruments_work
	guest 'load virtio_cma; echo 33554432 >$(cma_dir)/user_limit_bytes'
	module_run vcma_selftest guest_physical=1 has_pages=1 quick=1
	all_of_it && reusable_case
	disk_case
	check "$what: unloaded, loaded, unloaded" guest 'rmmod virtio_cma && load virtio_cma && rmmod virtio_cma'
	check "$what: nothing is pinned" quiet_again 5
	! all_of_it || note "$(leak_case)"
	check "$what: nothing was reported, and the instruments still look" instruments_judge
	planted_case
	vm_kill
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=${SHORT_REGION_MIB:-128}
region_hugepages
for kernel in $(vm_kernels amd64/6.12-checked); do
	short_case "${kernel%/*}" "${kernel#*/}"
done
tap_end
