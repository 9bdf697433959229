#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Thousands of blocks in one call, from a driver that knows virtio_cma (tests/guest/bulk.c): all
# that fit, also with a twentieth of the region's pages pinned by a process; private mode as
# well; and what a driver leaves behind.

. "$HVCMA_SRC/tests/lib/testbed.sh"

REGION_MIB=384	# 4,800 blocks of 64 KiB and the pool, in whole memory blocks of the guest

# bulk PARAMETER...: results of the module, which ends with its driver unbound
bulk="dmesg -c >/dev/null; insmod /modules/vcma_bulk.ko"
bulk_results="dmesg | sed -n 's/.*vcma_bulk: //p'; rmmod vcma_bulk"

# bulk_run WHAT PARAMETER...
bulk_run()
{
	br_what=$1
	shift
	# shellcheck disable=SC2154 # vm_slow: lib/vm.sh
	GUEST_LIMIT_S=120 guest "$bulk timeout_ms=$((20000 * vm_slow)) $*; $bulk_results" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: $br_what"
}

# bulk_boot ARCH SERIES MODE MEMORY
bulk_boot()
{
	what="$1 $2 $3"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_bulk)" -- $(guest_programs "$1" pin)
	# shellcheck disable=SC2046 # options are words
	VM_MEMORY=$4 VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" \
		"$VM_TMP/initramfs" \
		$(region_options cma0 "mode=$3,clients=edu0,unsafe-noiommu=on,x-fabric=on") \
		-device edu,id=edu0,dma_mask=0xffffffffff
	vm_booted 1 120 && guest load virtio_cma && return
	tap_result 1 "$what: the guest boots"
	return 1
}

bulk_end()
{
	check "$what: nothing is allocated by a client that is gone" \
		guest 'wait_for 10 eval "[ \$(cat $(cma_dir)/allocated_bytes) -eq 0 ]"'
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	instruments_expect 'WARNING: .*\[virtio_cma\]'
	guest 'dmesg -c >/dev/null; insmod /modules/vcma_bulk.ko misuse=1'
	check "$what: what is no block is refused, three times" equal 3 \
		"$(guest 'dmesg | grep -c "is no block of order"')"
	check "$what: and nothing else is said" equal 3 "$(guest 'dmesg | grep -c WARNING:')"
	guest rmmod vcma_bulk
	guest 'insmod /modules/vcma_bulk.ko leave=1 count=100; rmmod vcma_bulk'
	check "$what: what a driver left is freed once it is quiesced" \
		guest 'wait_for 10 eval "[ \$(cat $(cma_dir)/allocated_bytes) -eq 0 ]"'
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: rmmod" guest rmmod virtio_cma
	check "$what: QEMU ends well" vm_quit
}

# reusable_case ARCH SERIES
reusable_case()
{
	bulk_boot "$1" "$2" reusable 384M,maxmem=8G || return
	bulk_run "empty" count=2000 fits=2000 fast_fits=2000 fast_most=2000 online=1
	rc_bulk=$(guest 'cat $(cma_dir)/nr_bulk_ok $(cma_dir)/nr_bulk_failed' | tr '\n' ' ')
	check "$what: four calls with blocks are counted, and one without" equal "4 1 " "$rc_bulk"
	bulk_run "4,800 in one call" count=4800 fits=4800
	bulk_run "more than there is" count=7000 fits=6080
	bulk_run "pages" order=0 count=3000 fits=3000
	bulk_run "2 MiB each" order=9 count=200 fits=150

	rc_base=$(guest 'cat $(cma_dir)/region_base_gpa')
	guest "background /tmp/pin pin spread \$((\$(meminfo_mib MemAvailable) * 7 / 8)) 5 4 16 $rc_base:$REGION_MIB" >"$VM_TMP/pin"
	rc_clean=$(sed -n '1s/.*clean=//p' "$VM_TMP/pin")
	note "$(cat "$VM_TMP/pin")"
	check "$what: pages are pinned" grep -q 'pinned=[1-9]' "$VM_TMP/pin"
	# What the driver keeps ready is neither pinned nor all given up.
	bulk_run "5 % pinned" count=6144 fits=$((${rc_clean:-0} - 64)) pinned=1 singles=1000
	guest 'killall pin'

	# Page cache goes to the region first; what can't be dropped has to be moved.
	guest "mount -t tmpfs -o size=100% none /mnt && dd if=/dev/zero of=/mnt/all bs=1M count=$((REGION_MIB + 48)) 2>/dev/null"
	bulk_run "full" count=1000 fits=1000 fast_most=200
	guest umount /mnt
	bulk_end
}

# private_case ARCH SERIES
private_case()
{
	bulk_boot "$1" "$2" private 384M,maxmem=8G || return
	bulk_run "4,800 in one call" count=4800 fits=4800
	bulk_run "more than there is" count=7000 fits=5500
	bulk_end
}

region_hugepages
for kernel in $(vm_kernels amd64/6.12); do
	reusable_case "${kernel%/*}" "${kernel#*/}"
done
for kernel in $(vm_kernels rarely arm64/6.1); do
	private_case "${kernel%/*}" "${kernel#*/}"
done
tap_end
