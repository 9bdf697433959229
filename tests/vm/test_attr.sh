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
#	dt	private		emulation	auto		uncached: the guest's word counts
#	pn	reusable	without FWB	not coherent	as nr; pinned from the start (pin=all):
#							mapped as it is, with maintenance
#
# What the operator says of coherency overrules what the guest believes. The guest of the first
# machine believes, by its device tree, that all its devices are coherent; that of the second that
# none is.
#
# Memory types are read back from the processor (AT S1E1R); that maintenance loses no data is
# seen, that it is enough can't be: QEMU's processors have no caches.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# attr_region NAME MODE ADDRESS [PROPERTIES]
attr_region()
{
	[ "$2" = private ] && export REGION_MIB=32 || export REGION_MIB=128
	region_options "$1" "mode=$2,clients=edu-$1,unsafe-noiommu=on,x-fabric=on${4:+,$4}"
	echo "-device edu,id=edu-$1,dma_mask=0xffffffffff,addr=$3"
}

# dir_of REGION: its sysfs group, for the guest's shell
dir_of()
{
	echo "\$(dirname \$(grep -lx $1 /sys/bus/virtio/devices/*/vcma/region_name))"
}

# value REGION FILE: what its sysfs group says
value()
{
	guest "cat $(dir_of "$1")/$2"
}

# nothing_held REGION: of its memory, once what was freed is unpinned
nothing_held()
{
	[ "$(value "$1" allocated_bytes)" -eq 0 ]
}

# noncoherent REGION SLOT: a driver that asks for no memory comes and goes, and with it the ready
# pool. Each piece of it is cleaned from the caches when it begins to be uncached, and again when
# it ends.
noncoherent()
{
	guest "load virtio_cma; uio_bind 0000:00:$2.0"
	ho_begun=$(value "$1" nr_cache_maintained_blocks)
	guest "echo 0000:00:$2.0 >/sys/bus/pci/drivers/uio_pci_generic/unbind"
	check "$what, $1: the ready pool goes" wait_until 5 nothing_held "$1"
	check "$what, $1: caches are cleaned where memory begins to be uncached" [ "$ho_begun" -gt 0 ]
	check "$what, $1: and as often where it ends" \
		equal $((2 * ho_begun)) "$(value "$1" nr_cache_maintained_blocks)"
}

# not_noncoherent_over REGION: its memory was never uncached
not_noncoherent_over()
{
	check "$what, $1: nothing was cleaned for being uncached" \
		equal 0 "$(value "$1" nr_cache_maintained_blocks)"
}

# attr_selftest REGION SLOT PARAMETERS: the module drives this device only
attr_selftest()
{
	guest "for slot in 10 11 12 13 14 15 16 17; do dev=/sys/bus/pci/devices/0000:00:\$slot.0; [ ! -e \$dev ] || echo none >\$dev/driver_override; done; echo >/sys/bus/pci/devices/0000:00:$2.0/driver_override"
	guest "load virtio_cma; insmod /modules/vcma_selftest.ko quick=1 fragmented=1 $3; dmesg | sed -n 's/.*0000:00:$2.0: //p; s/.*vcma_selftest: //p' | tail -n 300" >"$VM_TMP/all"
	listed=$(value "$1" clients)
	guest rmmod vcma_selftest
	guest 'dmesg -c >/dev/null'
	sed -n '/^not ok\|^ok\|^1\.\./p' "$VM_TMP/all" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what, $1"
	check "$what, $1: not one DMA outside of pinned granules" \
		equal 0 "$(status /counters/fabric-faults "$1")"
	check "$what, $1: nothing is allocated any more" \
		nothing_held "$1"
}

# listed REGION WORDS: its line of the clients, while the selftest had the device
listed()
{
	check "$what, $1: sysfs says '$2'" equal "0 edu-$1 - $2" "$listed"
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
	check "$what, $1: cache maintenance at syncs: $2" [ "$(value "$1" nr_cache_syncs)" "$sy_test" 0 ]
}

# refused REGION: coherent memory, once in the log, each time in the counter
refused()
{
	listed "$1" "claimed cached Normal Write-Back not coherent, and the host's stage 2 makes every mapping Write-Back (FEAT_S2FWB)"
	check "$what, $1: the guest is told once, and why" \
		equal 1 "$(told "region $1: client 'edu-$1' gets no coherent memory: not coherent, and the host's stage 2 makes every mapping Write-Back")"
	check "$what, $1: every refusal is counted" \
		[ "$(value "$1" nr_coherent_refused)" -ge 5 ]
	synced "$1" yes
	not_noncoherent_over "$1"
}

# attr_boot SERIES OPTION...
attr_boot()
{
	what="arm64 $1"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" arm64 "$1" virtio_pci "$(guest_module arm64 "$1" virtio_cma)" \
		uio_pci_generic "$(guest_module arm64 "$1" vcma_selftest)" \
		"$(guest_module arm64 "$1" vcma_import)" -- $(guest_programs arm64 vcma_user)
	ab_kernel=$(kernel_dir arm64 "$1")/vmlinuz
	shift
	vm_start arm64 "$ab_kernel" "$VM_TMP/initramfs" "$@"
	vm_booted 1 90 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# attr_import REGION SLOT: a device that ignores caches gets no buffer that a program has mapped
# cached: 95 is EOPNOTSUPP
attr_import()
{
	guest "echo >/sys/bus/pci/devices/0000:00:$2.0/driver_override; echo 33554432 >$(dir_of "$1")/user_limit_bytes; insmod /modules/vcma_import.ko; vcma_user import /dev/vcma/$1 0 0 95; rmmod vcma_import" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what, $1"
	check "$what, $1: the log says what to do about it" \
		guest 'dmesg | grep -q "can.t use a buffer of vcma_user.*: it ignores caches, .* uncached ones can be used"'
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
if attr_boot 6.12 $(attr_region np private 0x10 stage2=no-fwb,coherent=off) \
	$(attr_region fr reusable 0x13 stage2=fwb,coherent=off) \
	$(attr_region co private 0x14 stage2=fwb,coherent=on) \
	$(attr_region pn reusable 0x17 stage2=no-fwb,coherent=off,pin=all); then
	noncoherent np 10
	attr_selftest np 10 coherent=uncached
	listed np "claimed uncached Normal Non-cacheable not coherent: mapped Non-cacheable, without a cacheable alias"
	synced np no
	attr_import np 10
	attr_selftest fr 13 'has_pages=1 coherent=refused'
	refused fr
	attr_selftest co 14 coherent=cached
	listed co "claimed cached Normal Write-Back the client's DMA is coherent: cacheable mappings are right"
	synced co no
	not_noncoherent_over co
	check "$what, co: nothing was refused" equal 0 "$(value co nr_coherent_refused)"
	noncoherent pn 17
	attr_selftest pn 17 'has_pages=1 all_pinned=1 coherent=uncached'
	listed pn "claimed uncached Normal Non-cacheable not coherent: mapped Non-cacheable beside a cacheable linear map"
	synced pn yes
	check "$what, pn: pages of the region are mapped as they are" [ "$(value pn nr_map_direct)" -gt 0 ]
	attr_end
fi

vm_tree "$VM_TMP/tree" "$(kernel_dir arm64 6.1)/vmlinuz" "$VM_TMP/initramfs"
for node in /pcie@10000000 /; do	# the root's is inherited
	check "without plugin, $node is coherent" eval 'fdtget "$VM_TMP/tree" $node dma-coherent >"$VM_TMP/property"'
	fdtput -d "$VM_TMP/tree" $node dma-coherent
done
# shellcheck disable=SC2046 # options are words
if attr_boot 6.1 -dtb "$VM_TMP/tree" $(attr_region nr reusable 0x11 stage2=no-fwb,coherent=off) \
	$(attr_region fp private 0x12 stage2=fwb,coherent=off) \
	$(attr_region un private 0x15 stage2=no-fwb,coherent=on,attr=uncached) \
	$(attr_region dt private 0x16); then
	noncoherent nr 11
	attr_selftest nr 11 'has_pages=1 coherent=uncached'
	listed nr "claimed uncached Normal Non-cacheable not coherent: mapped Non-cacheable beside a cacheable linear map"
	synced nr yes
	attr_selftest fp 12 coherent=refused
	refused fp
	attr_selftest un 15 expect_refused=1
	listed un "refused - - the operator said uncached, but the client's DMA goes through caches"
	check "$what, un: the guest is told why" \
		equal 1 "$(told "client 'edu-un' is refused: the operator said uncached, but the client's DMA goes through caches")"
	noncoherent dt 16
	attr_selftest dt 16 coherent=uncached
	listed dt "claimed uncached Normal Non-cacheable not coherent: mapped Non-cacheable, without a cacheable alias"
	synced dt no
	attr_end
fi
tap_end
