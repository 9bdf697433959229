#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The DMA API in a reusable region: memory with struct pages, mappings without copy, and all that
# test_selftest shows of a private one. What the log says, what is counted, what a driver leaves
# behind and what it does wrong.
#
#	dma_alloc_pages() a	|  a  | online | online |		pinned granule
#	dma_map_page(a)		   ^ the same address: no copy

. "$HVCMA_SRC/tests/lib/testbed.sh"

# counter NAME: of the region, as the guest counts
counter()
{
	guest "cat \$(cma_dir)/$1"
}

# dma_boot ARCH SERIES REGION-PROPERTIES
dma_boot()
{
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_selftest)" "$(guest_module "$1" "$2" vcma_mapped)" \
		"$(guest_module "$1" "$2" vcma_relief)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "clients=edu0,$3") -device edu,id=edu0,dma_mask=0xffffffffff
	vm_booted 1 90 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# dma_quiet: nothing is left, and nothing went wrong behind the scenes
dma_quiet()
{
	check "$what: nothing is allocated or mapped any more" \
		guest '[ "$(cat $(cma_dir)/coherent_bytes) $(cat $(cma_dir)/bounce_bytes)" = "0 0" ]'
	check "$what: nothing is allocated any more" guest '[ "$(cat $(cma_dir)/allocated_bytes)" -eq 0 ]'
	check "$what: nothing is pinned, no bus master" quiet_again 5
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
}

# dma_misuse: WARNs, one for each kind of mistake, and no harm
dma_misuse()
{
	guest selftest misuse=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	for dm_word in 'frees 0x2000 bytes' 'unmaps 0x1000 bytes' 'syncs 0x1000 bytes' \
		'which is in no region'; do
		check "$what: misuse: the log says '$dm_word'" guest "dmesg | grep -q '$dm_word'"
	done
	dma_quiet
}

# dma_case ARCH SERIES PROPERTIES SELFTEST-PARAMETERS
dma_case()
{
	what="$1 $2, reusable"
	dma_boot "$1" "$2" "mode=reusable,$3" || return
	GUEST_LIMIT_S=150 guest selftest has_pages=1 "$4" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: NO_WARN is quiet, others are not" \
		guest 'dmesg | grep -q "no 365357432832 bytes" && ! dmesg | grep -q "no 365642645504 bytes"'
	check "$what: mappings without copy were counted" [ "$(counter nr_map_direct)" -gt 5 ]
	check "$what: and copies" [ "$(counter nr_map_bounced)" -gt 100 ]
	dma_quiet
	# What a driver leaves mapped stays so for DMA-API, and overlaps with whoever has those pages next.
	instruments_expect 'DMA-API: .* (pending DMA allocations|frees DMA|syncs DMA|tries to|it has not)' \
		'DMA-API: .* cacheline tracking EEXIST' \
		'WARNING: .* at kernel/dma/debug\.c' 'WARNING: .*\[virtio_cma\]'
	guest selftest has_pages=1 leak=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what, a driver that leaks"
	check "$what: the guest is told" \
		guest 'dmesg | grep -q "left 69632 bytes allocated, 64 mapped, 1 mappings without copy"'
	guest "dmesg -c >/tmp/log; insmod /modules/vcma_mapped.ko; dmesg | sed -n 's/.*vcma_mapped: //p'; rmmod vcma_mapped" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what, a page that is mapped while it is being isolated"
	guest "dmesg -c >>/tmp/log; insmod /modules/vcma_relief.ko; dmesg | sed -n 's/.*vcma_relief: //p'; rmmod vcma_relief" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what, memory is short"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints /tmp/log)"
	dma_quiet
	dma_misuse
	check "$what: QEMU ends well" vm_quit
}

export REGION_MIB=256
region_hugepages
for kernel in $(vm_kernels amd64/6.12 rarely arm64/6.1); do
	case $kernel in arm64/*) cached=" coherent=cached" ;; *) cached= ;; esac
	dma_case "${kernel%/*}" "${kernel#*/}" unsafe-noiommu=on,x-fabric=on "fragmented=1$cached"
done
tap_end
