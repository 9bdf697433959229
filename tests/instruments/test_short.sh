#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A short life of the driver on a kernel that has the kernel's own instruments built in: coherent
# memory and mappings, a disk that is unbound in mid-I/O, the region, unbound in mid-I/O, unloading.
# They report nothing; and each of them reports the fault that is planted for it
# (tests/guest/planted.c).
#
# check: early

. "$HVCMA_SRC/tests/lib/testbed.sh"

# module_run NAME PARAMETER...: results of a test module, which is gone afterwards
module_run()
{
	mr_name=$1
	shift
	GUEST_LIMIT_S=120 guest "dmesg -c >/dev/null; insmod /modules/$mr_name.ko $*; dmesg | sed -n 's/.*$mr_name: //p'; rmmod $mr_name" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: $mr_name $*"
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
	check "$what: planted: $1" wait_until 10 report_says "$pl_from" "$2"
}

# planted_case: lockdep is off after its own report, and after one of KASAN's
planted_case()
{
	planted sleep 'BUG: sleeping function called from invalid context'
	planted rcu 'WARNING: suspicious RCU usage'
	planted unmap 'DMA-API: .*: device driver frees DMA memory with different size'
	planted locks 'WARNING: possible circular locking dependency'
	check "$what: planted: lockdep is off after that, and it is noticed" eval '! instruments_work'
	planted freed 'KASAN: slab-use-after-free'
	planted beyond 'KASAN: slab-out-of-bounds'
	planted shift 'UBSAN: shift-out-of-bounds'
	planted index 'UBSAN: array-index-out-of-bounds'
}

# short_case ARCH SERIES
short_case()
{
	what="$1 $2"
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" "$1" "$2" crc32c_generic ext4 "$(guest_module "$1" "$2" virtio_cma)" \
		nvme "$(guest_module "$1" "$2" vcma_selftest)" "$(guest_module "$1" "$2" vcma_planted)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=reusable,clients=edu0:nv0") \
		-device edu,id=edu0,dma_mask=0xffffffffff $(disk_options nv0 "$VM_TMP/disk")
	if ! vm_booted 1 60; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	check "$what: the instruments look" instruments_work
	guest load virtio_cma
	module_run vcma_selftest guest_physical=1 has_pages=1 quick=1
	disk_case
	check "$what: unloaded, loaded, unloaded" guest 'rmmod virtio_cma && load virtio_cma && rmmod virtio_cma'
	check "$what: nothing is pinned" quiet_again 5
	check "$what: nothing was reported, and the instruments still look" instruments_judge
	planted_case
	vm_kill
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
region_hugepages
short_case amd64 6.12-checked
tap_end
