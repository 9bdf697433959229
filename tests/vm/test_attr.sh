#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the guest does when the host says what a client's memory needs (Arm). The edu devices of a
# machine are clients of a region each, so that each sees another host:
#
#	region	mode		second stage	client		coherent memory
#	np	private		without FWB	not coherent	uncached, no cacheable alias
#	nr	reusable	without FWB	not coherent	uncached, beside the linear map
#	fp	private		with FWB	not coherent	refused; streaming with maintenance
#	fr	reusable	with FWB	not coherent	refused; pages with maintenance
#	co	private		with FWB	coherent	cached
#	un	private		without FWB	coherent	no DMA at all: attr=uncached contradicts
#
# Memory types are read back from the processor (AT S1E1R); that maintenance loses no data is
# seen, that it is enough can't be: QEMU's processors have no caches.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# attr_region NAME MODE STAGE2 COHERENT ADDRESS [PROPERTY]
attr_region()
{
	[ "$2" = private ] && export REGION_MIB=32 || export REGION_MIB=128
	region_options "$1" "mode=$2,stage2=$3,coherent=$4,clients=edu-$1,unsafe-noiommu=on,x-fabric=on${6:+,$6}"
	echo "-device edu,id=edu-$1,dma_mask=0xffffffffff,addr=$5"
}

# dir_of REGION: its sysfs group, for the guest's shell
dir_of()
{
	echo "\$(dirname \$(grep -lx $1 /sys/bus/virtio/devices/*/vcma/region_name))"
}

# attr_selftest REGION SLOT PARAMETERS: the module drives this device only
attr_selftest()
{
	guest "for slot in 10 11 12 13 14 15; do dev=/sys/bus/pci/devices/0000:00:\$slot.0; [ ! -e \$dev ] || echo none >\$dev/driver_override; done; echo >/sys/bus/pci/devices/0000:00:$2.0/driver_override"
	guest "load virtio_cma; insmod /modules/vcma_selftest.ko quick=1 fragmented=1 $3; dmesg | sed -n 's/.*0000:00:$2.0: //p; s/.*vcma_selftest: //p' | tail -n 300" >"$VM_TMP/all"
	guest rmmod vcma_selftest
	guest 'dmesg -c >/dev/null'
	sed -n '/^not ok\|^ok\|^1\.\./p' "$VM_TMP/all" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what, $1"
	check "$what, $1: not one DMA outside of pinned granules" \
		equal 0 "$(status /counters/fabric-faults "$1")"
	check "$what, $1: nothing is held any more" \
		guest "[ \$(cat $(dir_of "$1")/held_bytes) -eq 0 ]"
}

# told TEXT: how often the last device's part of the log has it
told()
{
	grep -c "$1" "$VM_TMP/all"
}

# synced REGION YES|NO: was there cache maintenance for the client's syncs?
synced()
{
	[ "$2" = yes ] && sy_test=-gt || sy_test=-eq
	check "$what, $1: cache maintenance at syncs: $2" \
		guest "[ \$(cat $(dir_of "$1")/nr_cache_syncs) $sy_test 0 ]"
}

# refused REGION: coherent memory, once in the log, each time in the counter
refused()
{
	check "$what, $1: the guest is told once, and why" \
		equal 1 "$(told "region $1: client 'edu-$1' gets no coherent memory: not coherent, and the host's stage 2 makes every mapping Write-Back")"
	check "$what, $1: every refusal is counted" \
		guest "[ \$(cat $(dir_of "$1")/nr_coherent_refused) -ge 5 ]"
	synced "$1" yes
}

# attr_boot SERIES OPTION...
attr_boot()
{
	what="arm64 $1"
	initramfs "$VM_TMP/initramfs" arm64 "$1" virtio_pci "$(guest_module arm64 "$1" virtio_cma)" \
		"$(guest_module arm64 "$1" vcma_selftest)"
	ab_kernel=$(kernel_dir arm64 "$1")/vmlinuz
	shift
	vm_start arm64 "$ab_kernel" "$VM_TMP/initramfs" "$@"
	vm_booted 1 90 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

attr_end()
{
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

hugepages_need 2048 176
[ "$(id -u)" -eq 0 ] || skip_all "host-physical addresses are shown to root only"
# shellcheck disable=SC2034 # for guest
GUEST_LIMIT_S=90

# shellcheck disable=SC2046 # options are words
if attr_boot 6.12 $(attr_region np private no-fwb off 0x10) \
	$(attr_region fr reusable fwb off 0x13) $(attr_region co private fwb on 0x14); then
	attr_selftest np 10 coherent=uncached
	synced np no
	attr_selftest fr 13 'has_pages=1 coherent=refused'
	refused fr
	attr_selftest co 14 coherent=cached
	synced co no
	check "$what, co: nothing was refused" \
		guest "[ \$(cat $(dir_of co)/nr_coherent_refused) -eq 0 ]"
	attr_end
fi
# shellcheck disable=SC2046 # options are words
if attr_boot 6.1 $(attr_region nr reusable no-fwb off 0x11) $(attr_region fp private fwb off 0x12) \
	$(attr_region un private no-fwb on 0x15 attr=uncached); then
	attr_selftest nr 11 'has_pages=1 coherent=uncached'
	synced nr yes
	attr_selftest fp 12 coherent=refused
	refused fp
	attr_selftest un 15 expect_refused=1
	check "$what, un: the guest is told why" \
		equal 1 "$(told "client 'edu-un' is refused: the operator said uncached, but the client's DMA goes through caches")"
	attr_end
fi
tap_end
