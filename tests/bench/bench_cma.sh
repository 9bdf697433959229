#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ours beside the same kernel's own CMA, in one arm64 guest, one boot, through one test driver
# (tests/guest/bench.c): latency and bulk. Both areas have 512 MiB, both are open to the guest's
# movable memory, both allocators return cleared memory. (Regions at once: bench_regions.)
#
#	edu at slot 08: client of cma0		edu at slot 10: the kernel's own CMA
#
# Real time, so that the host's part counts: other load on the machine shows. Times with fewer
# than 100 samples have their maximum as p99. The kernel serves 4 KiB from its page allocator,
# never from CMA, and what one in a hundred takes longer there is an interrupt, for both: the p99
# goal is to be no slower, within the 10 % that CMA itself differs from one run to the next. 8 KiB
# stands beside it.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

SERIES=6.12
MODE=${HVCMA_MODE:-reusable}
AREA_MIB=512
OURS=08 CMA=10

bench_boot()
{
	data_disk "$VM_TMP/disk" 700
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" arm64 "$SERIES" virtio_pci virtio_blk crc32c_generic ext4 \
		"$(guest_module arm64 "$SERIES" virtio_cma)" "$(guest_module arm64 "$SERIES" vcma_bench)" \
		-- $(guest_programs arm64 hog pin)
	hugepages_need 2048 $((AREA_MIB / 2))
	# shellcheck disable=SC2034 # for region_options
	REGION_MIB=$AREA_MIB
	# shellcheck disable=SC2046 # options are words
	VM_MEMORY=1280M,maxmem=16G VM_LIMIT_S=1200 VM_APPEND="cma=${AREA_MIB}M" \
	vm_start arm64 "$(kernel_dir arm64 "$SERIES")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=$MODE,clients=ours0") -device "edu,id=ours0,addr=0x$OURS" \
		-device "edu,id=cma-edu0,addr=0x$CMA" $(data_disk_options "$VM_TMP/disk" addr=0x18)
	vm_booted 1 90 && guest 'data_mount && load vcma_bench'
}

# measure ROUNDS BYTES COUNT GAP_US: in turn ours and CMA's, after a first try that does not count;
# sets "ours" and "cma" to avg_ns p99_ns failed
measure()
{
	: >"$VM_TMP/latency.ours"
	: >"$VM_TMP/latency.cma"
	[ "$1" -eq 1 ] || for me_slot in $OURS $CMA; do bench_run "$me_slot" latency "$2" 50 "$4" >/dev/null; done
	for _ in $(seq "$1"); do
		bench_run $OURS latency "$2" "$3" "$4" >>"$VM_TMP/latency.ours"
		bench_run $CMA latency "$2" "$3" "$4" >>"$VM_TMP/latency.cma"
	done
	ours=$(middle "$VM_TMP/latency.ours") cma=$(middle "$VM_TMP/latency.cma")
}

# middle FILE: of each number in an odd number of rounds
middle()
{
	for mi_name in avg_ns p99_ns failed; do
		tr ' ' '\n' <"$1" | sed -n "s/^$mi_name=//p" | sort -n |
			awk '{ at[NR] = $1 } END { if (NR) printf "%s ", at[(NR + 1) / 2] }'
	done
}

# latency_row STATE BYTES NAME ROUNDS COUNT GAP_US: measures both, prints both, judges
latency_row()
{
	measure "$4" "$2" "$5" "$6"
	sed "s/^/# $1 $3 ours /" "$VM_TMP/latency.ours"
	sed "s/^/# $1 $3 cma  /" "$VM_TMP/latency.cma"
	# shellcheck disable=SC2086 # numbers
	set -- "$1" "$2" "$3" $ours $cma
	figure "latency_$1_$3_avg_ns" "$4" cma "$7" 1.00
	figure_count "latency_$1_$3_failed_where_cma_is_not" "$((${6:-1} > ${9:-0} ? $6 - $9 : 0))" 0
	[ "$1" = load ] || return
	lr_goal=
	[ "$2" -gt "$ready_bytes" ] || lr_goal=0.10
	[ "$2" -gt 4096 ] || lr_goal=1.10
	[ -z "$lr_goal" ] || figure "latency_$1_$3_p99_ns" "$5" cma "$8" "$lr_goal"
}

# latency_table STATE: with pauses in which both can recover, as drivers make them
latency_table()
{
	latency_row "$1" 4096 4KiB 7 400 500
	latency_row "$1" 8192 8KiB 3 200 500
	latency_row "$1" 2097152 2MiB 1 100 100000
	latency_row "$1" 16777216 16MiB 1 100 100000
	latency_row "$1" 67108864 64MiB 1 10 250000
	latency_row "$1" 131072000 125MiB 1 8 250000
}

# One process for page cache, one for what is left: together all memory.
fill_memory()
{
	guest 'background /tmp/hog hog $(($(meminfo_mib MemAvailable) / 2)) /data/file; echo $last >/tmp/hog.pid'
	guest 'grep -E "MemFree|^Cached|AnonPages|CmaFree" /proc/meminfo; grep -A1 -E "zone +Movable" /proc/zoneinfo; cat $(cma_dir)/*online* 2>/dev/null' | sed 's/^/# full: /'
}

# bulk_figures: 5 % of the pages of both areas pinned, in buffers of 16 KiB. One by one for a
# minute at most: CMA tries every pinned place again for every block
bulk_figures()
{
	bf_cma_base=$(guest 'dmesg' | sed -n 's/.*cma: Reserved .* at \(0x[0-9a-f]*\).*/\1/p' | head -n 1)
	bf_base=$(guest 'cat $(cma_dir)/region_base_gpa')
	guest 'sync; echo 3 >/proc/sys/vm/drop_caches'
	guest "background /tmp/pin pin spread \$((\$(meminfo_mib MemAvailable) * 3 / 4)) 5 4 16 $bf_base:$AREA_MIB $bf_cma_base:$AREA_MIB" >"$VM_TMP/pin"
	sed 's/^/# pinned: /' "$VM_TMP/pin"
	bf_clean=$(sed -n '1s/.*clean=//p' "$VM_TMP/pin")
	check "pages are pinned in our region" grep -q 'pinned=[1-9]' "$VM_TMP/pin"
	bf_fit=4800
	[ "${bf_clean:-0}" -ge 4800 ] || bf_fit=$bf_clean
	bf_bulk=$(bench_run $OURS bulk 65536 4800)
	echo "# bulk ours: $bf_bulk"
	echo "# bulk ours, one by one: $(bench_run $OURS singles 65536 4800 60000)"
	bf_cma=$(bench_run $CMA singles 65536 4800 60000)
	echo "# bulk cma, one by one: $bf_cma"
	figure_count bulk_4800x64KiB_got "$(bench_value got "$bf_bulk")" "$bf_fit"
	figure bulk_4800x64KiB_per_block_ns "$(per_block "$bf_bulk")" cma_singles "$(per_block "$bf_cma")" 0.10
}

# per_block RESULT: nanoseconds of each block that was got
per_block()
{
	pb_got=$(bench_value got "$1")
	[ "${pb_got:-0}" -eq 0 ] || echo $(($(bench_value ns "$1") / pb_got))
}

region_hugepages
bench_boot || bench_end
ready_bytes=$(guest 'dmesg' | sed -n 's/.*region cma0: .* pool \([0-9]*\),.*/\1/p')
# shellcheck disable=SC2034 # for guest
GUEST_LIMIT_S=320 VM_CALM=1
latency_table idle
fill_memory
latency_table load
guest 'kill $(cat /tmp/hog.pid)'
bulk_figures
check "no warning, oops or stack dump in the guest" equal 0 "$(guest complaints)"
check "QEMU ends well" vm_quit
bench_end
