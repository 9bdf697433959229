#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What mode=ram costs at the start: processor time of QEMU until a guest of 4 GiB could execute its first
# instruction, beside the same guest on the same hugepages, preallocated. Both zero all of them; mode=ram pins and
# locates them, too. In pairs, taken in turns. What the guest does then is the same in both, and not counted:
# with it the ratio is nearer to 1.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

RAM_MIB=4096
PAIRS=11
TICK_MS=$((1000 / $(getconf CLK_TCK)))

is_ready()
{
	grep -q 'VM status: paused' "$VM_DIR/monitor.out"
}

# start QEMU-OPTION...: $spent_ms is the processor time until it waits for "cont"
start()
{
	spent_ms=
	VM_MACHINE=memory-backend=ram0 VM_MEMORY=${RAM_MIB}M vm_start amd64 '' '' -S "$@" -device edu,id=edu0
	monitor info status
	wait_until 120 is_ready || return
	spent_ms=$(awk -v tick=$TICK_MS '{ print ($14 + $15) * tick }' "/proc/$(cat "$VM_DIR/pid")/stat")
}

ram_hugepages
# shellcheck disable=SC2046 # options are words
for pair in $(seq $PAIRS); do
	start $(ram_options edu0 unsafe-noiommu=on,x-fabric=on)
	ours_ms=$spent_ms
	check "mode=ram: all of it is pinned" ram_is_pinned
	vm_kill
	start -object "memory-backend-memfd,id=ram0,size=${RAM_MIB}M,hugetlb=on,hugetlbsize=${REGION_PAGE_KIB}k,share=on,prealloc=on"
	vm_kill
	note "pair $pair: $ours_ms ms, $spent_ms ms"
	figure_sample start_4GiB_ram "$ours_ms" "$spent_ms"
done
figure_pairs start_4GiB_ram ms preallocated 1.10
bench_end
