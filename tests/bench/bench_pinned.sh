#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a streaming mapping costs where all of a region is pinned, in instructions, beside the
# kernel's own (dma_direct): same guest, same pages, two edu devices of which one is our client.
# Counted by the guest's own PMU under -icount, as bench_instructions is.
#
#	edu at 08: our client, HPAs in several extents, or one extent	edu at 09: the kernel's own

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

SERIES=6.12
# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
OURS=08 KERNEL=09

# per_call SLOT COMMAND...: instructions of one
per_call()
{
	pc_result=$(bench_run "$@")
	echo "# $*: $pc_result" >&2
	[ "$(bench_value failed "$pc_result")" != 0 ] || bench_value instructions "$pc_result"
}

# pinned_case EXTENTS PROPERTIES: figures of a region like that
pinned_case()
{
	what="$1"
	initramfs "$VM_TMP/initramfs" arm64 "$SERIES" virtio_pci \
		"$(guest_module arm64 "$SERIES" virtio_cma)" "$(guest_module arm64 "$SERIES" vcma_bench)"
	# shellcheck disable=SC2046 # options are words
	VM_SMP=1 VM_ACCEL=tcg,thread=single VM_LIMIT_S=300 \
	vm_start arm64 "$(kernel_dir arm64 "$SERIES")/vmlinuz" "$VM_TMP/initramfs" -icount shift=0 \
		$(region_options cma0 "mode=reusable,pin=all,clients=ours0$2") \
		-device edu,id=ours0,addr=0x8,dma_mask=0xffffffffffff -device edu,id=edu1,addr=0x9
	vm_booted 1 120 || return
	check "$what: the drivers are there" guest 'load virtio_cma vcma_bench'
	note "$what: $(status /counters/extents) extents"
	figure "map_4KiB_${what}_instructions" "$(per_call $OURS movable 4096 1000)" dma_direct \
		"$(per_call $KERNEL movable 4096 1000)" 1.20
	figure "scatter_256_${what}_instructions" "$(per_call $OURS scatter 256 100)" dma_direct \
		"$(per_call $KERNEL scatter 256 100)" 1.10
	guest 'grep . $(cma_dir)/nr_map_*' | sed 's/^/# /'
	check "$what: nothing was copied" equal 0 "$(guest 'cat $(cma_dir)/nr_map_bounced')"
	check "$what: no warning or oops" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# shellcheck disable=SC2034 # for guest
GUEST_LIMIT_S=100
hugepages_need 2048 64
pinned_case extents ,unsafe-noiommu=on,x-fabric=on
pinned_case one_extent ''
bench_end
