#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What streaming DMA costs where memory is pinned from the start, in instructions, beside the kernel's own
# way (dma_direct) and beside copying (swiotlb=force): mappings of one page and of scatterlists of 256,
# NVMe streams of 4 KiB to 1 MiB, network frames. The machines differ in what serves the devices only.
#
#	extents		pin=all, host-physical addresses, several extents
#	one_extent	pin=all, one extent
#	ram		mode=ram, host-physical addresses
#	direct		no driver of ours: dma_direct
#	swiotlb		no driver of ours: everything is copied
#
# Frames are in the kernel's own memory, which lies in the region in mode ram only; with pin=all they are
# copied, as before, and have no goal here.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"
. "$HVCMA_SRC/tests/lib/streams.sh"

# shellcheck disable=SC2034 # for region_options and ram_options
REGION_MIB=128 RAM_MIB=512
ROUNDS=3
STREAMS='nvme_read_4KiB nvme_read_64KiB nvme_read_1MiB nvme_write_64KiB nvme_write_1MiB nic_send nic_receive'

# stream NAME: the instructions that it takes; all move 8 MiB or less
stream()
{
	case $1 in
	nvme_read_4KiB) phase 'dd if=/dev/nvme0n1 of=/dev/null bs=4k count=1024 iflag=direct' $ROUNDS ;;
	nvme_read_64KiB) phase 'dd if=/dev/nvme0n1 of=/dev/null bs=64k count=128 iflag=direct' $ROUNDS ;;
	nvme_read_1MiB) phase 'dd if=/dev/nvme0n1 of=/dev/null bs=1M count=8 iflag=direct' $ROUNDS ;;
	nvme_write_64KiB) phase 'dd if=/dev/zero of=/dev/nvme0n1 bs=64k count=128 oflag=direct' $ROUNDS ;;
	nvme_write_1MiB) phase 'dd if=/dev/zero of=/dev/nvme0n1 bs=1M count=8 oflag=direct' $ROUNDS ;;
	nic_send) phase 'frames $nic $peer 1600 1500' $ROUNDS ;;
	nic_receive) phase 'frames $peer $nic 1600 1500' $ROUNDS ;;
	esac
}

# streams NAME: all of them, into a file of that name; and of a machine with our driver, the mappings
# that were copied in each
streams()
{
	st_ours=$(guest 'cat $(cma_dir)/nr_map_bounced' 2>/dev/null)
	for st_name in $STREAMS; do
		st_copied=0
		st_count=$(stream "$st_name")
		if [ -n "$st_ours" ]; then
			st_now=$(guest 'cat $(cma_dir)/nr_map_bounced')
			st_copied=$((st_now - st_ours)) st_ours=$st_now
		fi
		echo "$st_name ${st_count:-0} $st_copied"
	done >"$VM_TMP/$1"
}

# of NAME STREAM FIELD: a number of that machine's
of()
{
	awk -v name="$2" -v field="$3" '$1 == name { print $field }' "$VM_TMP/$1"
}

# bytes STREAM: that it moves
bytes()
{
	case $1 in
	nvme_*_4KiB) echo $((4 << 20)) ;;
	nvme_*) echo $((8 << 20)) ;;
	*) echo $((1600 * 1500)) ;;
	esac
}

# rate NAME STREAM: bytes per 1,000 instructions of that machine
rate()
{
	ra_count=$(of "$1" "$2" 2)
	[ "${ra_count:-0}" -eq 0 ] || echo $(($(bytes "$2") * 1000 / ra_count))
}

# mappings NAME: one page, and a list; beside the kernel's own in the same guest
mappings()
{
	figure "map_4KiB_${1}_instructions" "$(per_call $OURS movable 4096 1000)" dma_direct \
		"$(per_call $KERNEL movable 4096 1000)" 1.20
	figure "scatter_256_${1}_instructions" "$(per_call $OURS scatter 256 100)" dma_direct \
		"$(per_call $KERNEL scatter 256 100)" 1.10
}

# ended NAME
ended()
{
	check "$1: no warning or oops" equal 0 "$(guest complaints)"
	check "$1: QEMU ends well" vm_quit
}

# pinned_case NAME QEMU-OPTION...: a machine with our driver
pinned_case()
{
	pc_name=$1
	shift
	streams_boot "$(guest_module arm64 "$STREAMS_SERIES" virtio_cma)" '' "$@" || return
	note "$pc_name: $(status /counters/extents) extents"
	mappings "$pc_name"
	[ "$pc_name" = one_extent ] || streams "$pc_name"
	check "$pc_name: no mapping has failed" equal 0 "$(guest 'cat $(cma_dir)/nr_map_failed')"
	ended "$pc_name"
}

# kernel_case NAME COMMAND-LINE
kernel_case()
{
	streams_boot '' "$2" || return
	streams "$1"
	ended "$1"
}

# swiotlb_goal STREAM: twice, where copying is what a request costs
swiotlb_goal()
{
	case $1 in
	*_1MiB) echo 2.00 ;;
	*) echo 1.00 ;;
	esac
}

# judge NAME STREAM...: against the kernel's own, and against copying
judge()
{
	ju_name=$1
	shift
	for ju_stream; do
		figure_count "stream_${ju_stream}_${ju_name}_copied_mappings" "$(of "$ju_name" "$ju_stream" 3)" 0
		figure_least "stream_${ju_stream}_${ju_name}_bytes_per_1000_instructions" "$(rate "$ju_name" "$ju_stream")" \
			dma_direct "$(rate direct "$ju_stream")" 0.95
		figure_least "stream_${ju_stream}_${ju_name}_bytes_per_1000_instructions" "$(rate "$ju_name" "$ju_stream")" \
			swiotlb "$(rate swiotlb "$ju_stream")" "$(swiotlb_goal "$ju_stream")"
	done
}

# shellcheck disable=SC2034 # for guest
GUEST_LIMIT_S=200
export STREAMS_LIMIT_S=600
hugepages_need 2048 $(((REGION_MIB > RAM_MIB ? REGION_MIB : RAM_MIB) / 2))
touch "$VM_TMP/extents" "$VM_TMP/ram" "$VM_TMP/direct" "$VM_TMP/swiotlb"
# shellcheck disable=SC2046 # options are words
{
	pinned_case extents $(region_options cma0 mode=reusable,pin=all,clients=ours0:nv0:nic0,unsafe-noiommu=on,x-fabric=on)
	pinned_case one_extent $(region_options cma0 mode=reusable,pin=all,clients=ours0:nv0:nic0)
	VM_MACHINE=memory-backend=ram0 VM_MEMORY=${RAM_MIB}M \
		pinned_case ram $(ram_options ours0:nv0:nic0 unsafe-noiommu=on,x-fabric=on)
}
kernel_case direct ''
kernel_case swiotlb swiotlb=65536,force
# shellcheck disable=SC2046,SC2086 # names are words
judge extents $(echo $STREAMS | tr ' ' '\n' | grep nvme)
# shellcheck disable=SC2086
judge ram $STREAMS
bench_end
