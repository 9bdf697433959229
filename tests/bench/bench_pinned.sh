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
#	swiotlb		no driver of ours: everything is copied
#
# dma_direct is in the same machines: each has a second disk, adapter and edu that nobody has for a
# client, and streams are counted in pairs, one right after the other. What a request costs depends on whether
# it ends before the processor sleeps, so no two rounds are the same.
#
# A stream has to be 0.95 times as good as dma_direct's, and twice as good as with swiotlb=force. But in
# requests of 4 KiB and in frames copying is the lesser part of what swiotlb does, and dma_direct, which does
# nothing, is not twice as good: there 0.95 times as good as dma_direct is what is judged. Each line says what
# dma_direct has of swiotlb's instructions.
#
# Frames are in the kernel's own memory, which lies in the region in mode ram only; with pin=all they are
# copied, as before, and have no goal here.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"
. "$HVCMA_SRC/tests/lib/streams.sh"

# shellcheck disable=SC2034 # for region_options and ram_options
REGION_MIB=128 RAM_MIB=512
ROUNDS=11
# beside those of streams.sh
OTHERS='-blockdev driver=null-co,node-name=nv1-disk,size=67108864,read-zeroes=on
	-device nvme,id=nv1,drive=nv1-disk,serial=nv1,addr=0xf
	-netdev hubport,id=wire2,hubid=1 -netdev hubport,id=wire3,hubid=1
	-device e1000e,netdev=wire2,addr=0x10 -device virtio-net-pci,netdev=wire3,addr=0x11'
STREAMS='nvme_read_4KiB nvme_read_64KiB nvme_read_1MiB nvme_write_4KiB nvme_write_64KiB nvme_write_1MiB nic_send nic_receive'

# stream NAME: the command; long enough for the program's own start not to count
stream()
{
	case $1 in
	nvme_read_4KiB) echo 'blocks read $disk 4096 4096' ;;
	nvme_read_64KiB) echo 'blocks read $disk 65536 1024' ;;
	nvme_read_1MiB) echo 'blocks read $disk 1048576 64' ;;
	nvme_write_4KiB) echo 'blocks write $disk 4096 4096' ;;
	nvme_write_64KiB) echo 'blocks write $disk 65536 1024' ;;
	nvme_write_1MiB) echo 'blocks write $disk 1048576 64' ;;
	nic_send) echo 'frames $nic $peer 1600 1500' ;;
	nic_receive) echo 'frames $peer $nic 1600 1500' ;;
	esac
}

# streams NAME STREAM...: those, each beside the kernel's own; and how many mappings were copied for it
streams()
{
	st_name=$1
	shift
	streams_names others nv1 10 11
	for st_stream; do
		st_copied=$(guest 'cat $(cma_dir)/nr_map_bounced')
		phase_pairs names others "$(stream "$st_stream")" $ROUNDS >"$(figure_file "stream_${st_stream}_${st_name}_instructions")"
		figure_count "stream_${st_stream}_${st_name}_copied_mappings" \
			$(($(guest 'cat $(cma_dir)/nr_map_bounced') - st_copied)) 0
		figure_pairs "stream_${st_stream}_${st_name}_instructions" instructions dma_direct 1.053
	done
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

# pinned_case NAME STREAMS QEMU-OPTION...: a machine with our driver
pinned_case()
{
	pc_name=$1 pc_streams=$2
	shift 2
	# shellcheck disable=SC2086 # options are words
	streams_boot "$(guest_module arm64 "$STREAMS_SERIES" virtio_cma)" '' "$@" $OTHERS || return
	note "$pc_name: $(status /counters/extents) extents"
	mappings "$pc_name"
	# shellcheck disable=SC2086 # names are words
	[ -z "$pc_streams" ] || streams "$pc_name" $pc_streams
	check "$pc_name: no mapping has failed" equal 0 "$(guest 'cat $(cma_dir)/nr_map_failed')"
	ended "$pc_name"
}

# least NAME STREAM COLUMN: instructions; 1 is ours, 2 dma_direct
least()
{
	cut -d ' ' -f "$3" "$(figure_file "stream_${2}_${1}_instructions")" 2>/dev/null | sort -n | head -n 1
}

# beside_swiotlb NAME STREAM COUNT: judged by half of its instructions where dma_direct has that, by dma_direct
# elsewhere
beside_swiotlb()
{
	be_ours=$(least "$1" "$2" 1) be_direct=$(least "$1" "$2" 2)
	# shellcheck disable=SC2046 # a goal and a remark
	set -- "stream_${2}_${1}_instructions" "$be_ours" swiotlb "$3" $(echo "$be_direct $3" | awk '{
		share = $2 ? $1 / $2 : 0
		is_half = share <= 0.5
		printf("%.4g dma_direct=%.4g%s", is_half ? 0.5 : share / 0.95, share, is_half ? "" : ",which-is-no-half") }')
	figure "$@"
}

# swiotlb_case: everything is copied
swiotlb_case()
{
	streams_boot '' swiotlb=65536,force || return
	for sw_stream in $STREAMS; do
		sw_count=$(phase "$(stream "$sw_stream")" 3)
		for sw_name in extents ram; do
			[ -z "$(least $sw_name "$sw_stream" 1)" ] || beside_swiotlb $sw_name "$sw_stream" "$sw_count"
		done
	done
	ended swiotlb
}

# shellcheck disable=SC2034 # for guest
GUEST_LIMIT_S=200
export STREAMS_LIMIT_S=600
hugepages_need 2048 $(((REGION_MIB > RAM_MIB ? REGION_MIB : RAM_MIB) / 2))
nvme=$(echo "$STREAMS" | tr ' ' '\n' | grep nvme)
# shellcheck disable=SC2046 # options are words
{
	pinned_case extents "$nvme" $(region_options cma0 mode=reusable,pin=all,clients=ours0:nv0:nic0,unsafe-noiommu=on,x-fabric=on)
	pinned_case one_extent '' $(region_options cma0 mode=reusable,pin=all,clients=ours0:nv0:nic0)
	VM_MACHINE=memory-backend=ram0 VM_MEMORY=${RAM_MIB}M \
		pinned_case ram "$STREAMS" $(ram_options ours0:nv0:nic0 unsafe-noiommu=on,x-fabric=on)
}
swiotlb_case
bench_end
