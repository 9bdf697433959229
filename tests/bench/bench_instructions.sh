#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the DMA API costs in instructions, counted by the guest's own PMU: under -icount the count
# does not depend on the machine's load, and two kernels that run the same code come to the same
# number. One arm64 guest with the driver; one of the same kernel without it, with swiotlb=force.
# The devices, and how they are counted: tests/lib/streams.sh.
#
# HVCMA_MODE is the region's mode (reusable). HVCMA_BEFORE=FILE.ko: another build of the driver, of an earlier commit,
# in a third guest; ours is not to be slower where it copies.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"
. "$HVCMA_SRC/tests/lib/streams.sh"

MODE=${HVCMA_MODE:-reusable}
# shellcheck disable=SC2034 # for region_options
REGION_MIB=128

streams()
{
	phase 'dd if=/dev/nvme0n1 of=/dev/null bs=64k count=512 iflag=direct'
	phase 'dd if=/dev/zero of=/dev/nvme0n1 bs=64k count=512 oflag=direct'
	phase 'dd if=/dev/nvme0n1 of=/dev/null bs=4k count=2048 iflag=direct'
	phase 'frames $nic $peer 3200 1500'
	phase 'frames $peer $nic 3200 1500'
}

# requests: how many the guest has sent, as the guest counts them, and as the host does
requests()
{
	guest 'cat $(cma_dir)/nr_alloc_requests'
	status /counters/alloc-ok
	status /counters/freed
}

# streams_beside NAME GOAL: those of both guests
streams_beside()
{
	for stream in nvme_read_64KiB nvme_write_64KiB nvme_read_4KiB nic_send nic_receive; do
		read -r ours <&3 || ours=
		read -r other <&4 || other=
		figure "stream_${stream}_instructions" "$ours" "$1" "$other" "$2"
	done 3<"$VM_TMP/ours" 4<"$VM_TMP/$1"
}

# before_case MODULE: copies by another build of the driver. Two boots of the same differ by a percent, too.
before_case()
{
	# shellcheck disable=SC2046 # options are words
	streams_boot "$1" cma=128M $(region_options cma0 "mode=$MODE,clients=ours0:nv0:nic0") || return
	figure map_bounce_4KiB_instructions "$map4" before "$(per_call $OURS map 4096 1000)" 1.01
	figure map_bounce_64KiB_instructions "$map64" before "$(per_call $OURS map 65536 500)" 1.01
	streams >"$VM_TMP/before"
	check "before: QEMU ends well" vm_quit
	streams_beside before 1.02
}

map4='' map64='' direct64=''
touch "$VM_TMP/ours" "$VM_TMP/swiotlb"
hugepages_need 2048 64
# shellcheck disable=SC2034 # for guest
GUEST_LIMIT_S=100
# shellcheck disable=SC2046 # options are words
if streams_boot "$(guest_module arm64 "$STREAMS_SERIES" virtio_cma)" cma=128M \
	$(region_options cma0 "mode=$MODE,clients=ours0:nv0:nic0"); then
	before=$(requests)
	figure pair_coherent_4KiB_instructions "$(per_call $OURS pairs 4096 2000)" dma_direct \
		"$(per_call $KERNEL pairs 4096 2000)" 1.00
	figure pair_coherent_64KiB_instructions "$(per_call $OURS pairs 65536 1000)" cma \
		"$(per_call $KERNEL pairs 65536 1000)" 1.00
	figure pair_dmapool_256B_instructions "$(per_call $OURS dmapool 256 2000)" dma_direct \
		"$(per_call $KERNEL dmapool 256 2000)" 1.00
	figure_count requests_in_steady_state "$(requests | tr '\n' ' ')" "$(echo "$before" | tr '\n' ' ')"
	map4=$(per_call $OURS map 4096 1000) map64=$(per_call $OURS map 65536 500)
	[ "$MODE" = private ] || direct64=$(per_call $OURS direct 65536 500)
	streams >"$VM_TMP/ours"
	guest 'grep . $(cma_dir)/nr_map_*' | sed 's/^/# /'
	check "with the driver: no warning or oops" equal 0 "$(guest complaints)"
	check "with the driver: QEMU ends well" vm_quit
fi
if streams_boot '' swiotlb=65536,force; then
	figure map_bounce_4KiB_instructions "$map4" swiotlb "$(per_call $KERNEL map 4096 1000)" 1.00
	figure map_bounce_64KiB_instructions "$map64" swiotlb "$(per_call $KERNEL map 65536 500)" 1.00
	# A private region is nobody's memory but drivers'.
	[ "$MODE" = private ] || figure map_in_region_64KiB_instructions "$direct64" our_bounce "$map64" 0.10
	streams >"$VM_TMP/swiotlb"
	check "swiotlb: QEMU ends well" vm_quit
fi
streams_beside swiotlb 1.00
[ -z "${HVCMA_BEFORE-}" ] || before_case "$HVCMA_BEFORE"
bench_end
