#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
# check: alone
#
# Controllers with 32 address bits and their stock drivers, on a region of this machine's own
# hugepages, with the fabric in front of them: where all of it lies above 4 GiB they find nothing
# (the control), with low= and what "hvcma hugepages --low" made they work.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"

LIMIT=4294967296
LOW_MIB=32
POOL=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
hvcma=$HVCMA_BUILD/$VM_NATIVE/hvcma

region_hugepages
[ "$(awk '/start_pfn:/ { high = $2 } END { print (high >= 1048576) }' /proc/zoneinfo)" = 1 ] ||
	skip_all "this machine has no memory above 4 GiB"
before=$(cat $POOL)
trap 'echo "$before" >$POOL' EXIT

# In place of memory that is made up: all of it is there from the start, so extents say where.
controllers_region()
{
	slot=$FIRST_SLOT
	echo "-object memory-backend-memfd,id=m0,size=${REGION_MIB}M,hugetlb=on,hugetlbsize=2M,share=on,prealloc=on" \
		"-device virtio-cma-pci,id=cma0,memdev=m0,name=real,unsafe-noiommu=on,x-fabric=on" \
		"-set device.cma0.clients=$(echo "$*" | tr ' ' :)$LOW"
	for client; do
		controllers_options "$client"
		slot=$((slot + 1))
	done
}

# low_extents: bytes of the region that QEMU has below the limit
low_extents()
{
	le_index=0 le_sum=0
	while le_dma=$(status "/extents/$le_index/base-dma" 2>/dev/null); do
		[ "$le_dma" -ge $LIMIT ] || le_sum=$((le_sum + $(status "/extents/$le_index/bytes")))
		le_index=$((le_index + 1))
	done
	echo $le_sum
}

four='usb-ehci piix3-usb-uhci pci-ohci megasas'
two='usb-ehci megasas'	# of which only their drivers know how many bits they have
modules='sd_mod ehci-pci uhci-hcd ohci-pci usb-storage megaraid_sas'

# control: pages that are new come from high memory, and are given out first
LOW=
REGION_MIB=64
echo $((before + REGION_MIB)) >$POOL
# shellcheck disable=SC2086 # names are words
controllers_start amd64 6.12 SeaBIOS "$modules" $two
if vm_booted 1 $BOOT_LIMIT_S; then
	low=$(low_extents)
	if [ "$low" -eq 0 ]; then
		guest load virtio_cma
		guest load ehci-pci usb-storage
		check "control: a region above 4 GiB has nothing for 32 address bits" eval \
			'! controller "disk_works 0000:00:04.0"'
		check "which is said" guest 'dmesg | grep "virtio_cma: no .* 0xffffffff"'
		vm_quit
		# shellcheck disable=SC2086
		controllers_start amd64 6.12 SeaBIOS "$modules" $four
		wait_until 30 vm_dead
		check "control: one that has 32 bits whoever made it is refused at the start, with what there is" \
			grep "client 'piix3-usb-uhci' reaches nothing: .* end at 0xffffffff, but all 32 granules lie from 0x" "$VM_DIR/qemu.log"
	else
		tap_result 0 "control: # SKIP $low bytes of the region are low by chance"
	fi
	vm_quit
else
	tap_result 1 "the guest boots"
fi
vm_kill
echo "$before" >$POOL

"$hvcma" hugepages --low ${LOW_MIB}M --spare 1G --json >"$VM_TMP/low" 2>&1
note "$(tr -d '\n' <"$VM_TMP/low")"
grep -q "\"added\":$((LOW_MIB / 2))" "$VM_TMP/low" || {
	tap_result 0 "hugepages below 4 GiB # SKIP this machine is too busy to have $LOW_MIB MiB of them"
	tap_end
	exit
}

LOW=" -set device.cma0.low=${LOW_MIB}M"
# shellcheck disable=SC2086
if controllers_boot amd64 6.12 SeaBIOS "$modules" $four; then
	check "the report has how much is low" status_is /region/low-bytes $((LOW_MIB << 20))
	check "hvcma status, too" eval '"$hvcma" status --qmp "$VM_DIR/qmp" | grep -q "below 4 GiB of host memory: 32 MiB of 32 MiB"'
	check "and the extents" test "$(low_extents)" -ge $((LOW_MIB << 20))
	controllers_check
	controllers_end
fi
vm_kill
tap_end
