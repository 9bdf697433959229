#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Ours beside the same kernel's own CMA, in one arm64 guest, one boot, through one test driver
# (tests/guest/bench.c): latency, bulk, regions in parallel. Both areas have 512 MiB, both are
# open to the guest's movable memory, both allocators return cleared memory.
#
#	edu at slots 08-0b: clients of cma0-cma3		edu at slots 10-13: the kernel's own CMA
#
# Real time, so that the host's part counts: other load on the machine shows. Times with fewer
# than 100 samples have their maximum as p99. The kernel serves 4 KiB from its page allocator,
# never from CMA: there the p99 goal is to be no slower, and 8 KiB stands beside it.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

SERIES=6.12
MODE=${HVCMA_MODE:-reusable}
AREA_MIB=512
SMALL_MIB=128
OURS=08 CMA=10

bench_boot()
{
	data_disk "$VM_TMP/disk" 700
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" arm64 "$SERIES" virtio_pci virtio_blk crc32c_generic ext4 \
		"$(guest_module arm64 "$SERIES" virtio_cma)" "$(guest_module arm64 "$SERIES" vcma_bench)" \
		-- $(guest_programs arm64 hog pin)
	hugepages_need 2048 $(((AREA_MIB + 3 * SMALL_MIB) / 2))
	# shellcheck disable=SC2034 # for region_options
	REGION_MIB=$AREA_MIB
	bb_options=$(region_options cma0 "mode=$MODE,clients=ours0")
	# shellcheck disable=SC2034
	REGION_MIB=$SMALL_MIB
	for bb_nr in 1 2 3; do
		bb_options="$bb_options $(region_options "cma$bb_nr" "mode=$MODE,clients=ours$bb_nr")"
	done
	for bb_nr in 0 1 2 3; do
		bb_options="$bb_options -device edu,id=ours$bb_nr,addr=$(printf '0x%x' $((8 + bb_nr)))"
		bb_options="$bb_options -device edu,id=cma-edu$bb_nr,addr=$(printf '0x%x' $((16 + bb_nr)))"
	done
	# shellcheck disable=SC2046,SC2086 # options are words
	VM_MEMORY=1280M,maxmem=16G VM_LIMIT_S=1200 VM_APPEND="cma=${AREA_MIB}M" \
	vm_start arm64 "$(kernel_dir arm64 "$SERIES")/vmlinuz" "$VM_TMP/initramfs" $bb_options \
		$(data_disk_options "$VM_TMP/disk" addr=0x18)
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
	ours=$(least "$VM_TMP/latency.ours") cma=$(least "$VM_TMP/latency.cma")
}

# least FILE: of each number, as what else runs on the machine only adds
least()
{
	for le_name in avg_ns p99_ns failed; do
		tr ' ' '\n' <"$1" | sed -n "s/^$le_name=//p" | sort -n | head -n 1 | tr '\n' ' '
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
	[ "$2" -gt 4096 ] || lr_goal=1.00
	[ -z "$lr_goal" ] || figure "latency_$1_$3_p99_ns" "$5" cma "$8" "$lr_goal"
}

# latency_table STATE: with pauses in which both can recover, as drivers make them
latency_table()
{
	latency_row "$1" 4096 4KiB 5 400 500
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
	guest 'grep -E "MemFree|^Cached|AnonPages|CmaFree" /proc/meminfo; grep -A1 -E "zone +Movable" /proc/zoneinfo; cat $(cma_dir)/*lent* 2>/dev/null' | sed 's/^/# full: /'
}

# bulk_figures: 5 % of the pages of both areas pinned, in buffers of 16 KiB. One by one for a
# minute at most: CMA tries every pinned place again for every block
bulk_figures()
{
	bf_cma_base=$(guest 'dmesg' | sed -n 's/.*cma: Reserved .* at \(0x[0-9a-f]*\).*/\1/p' | head -n 1)
	bf_base=$(guest 'cat $(cma_dir)/region_base_gpa')
	# The other regions' memory would only take longer to fill.
	guest 'for r in /sys/bus/virtio/drivers/virtio_cma/virtio*; do grep -q "^cma0$" $r/vcma/region_name || echo ${r##*/} >/sys/bus/virtio/drivers/virtio_cma/unbind; done'
	guest "background /tmp/pin pin spread \$((\$(meminfo_mib MemAvailable) * 3 / 4)) 5 4 16 $bf_base:$AREA_MIB $bf_cma_base:$AREA_MIB" >"$VM_TMP/pin"
	sed 's/^/# pinned: /' "$VM_TMP/pin"
	bf_clean=$(sed -n '1s/.*clean=//p' "$VM_TMP/pin")
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

# at_once NR FIRST-SLOT COMMAND: for NR devices at the same time; ns from first start to last end
at_once()
{
	ao_slots=$(seq "$2" $(($2 + $1 - 1)) | while read -r ao_slot; do printf '%02x ' "$ao_slot"; done)
	guest "for s in $ao_slots; do echo $3 >/sys/bus/pci/devices/0000:00:\$s.0/bench & done; wait; for s in $ao_slots; do cat /sys/bus/pci/devices/0000:00:\$s.0/bench; done" |
		tr ' ' '\n' | awk -F = '
			$1 == "begin_ns" && (!begin || $2 < begin) { begin = $2 }
			$1 == "end_ns" && $2 > end { end = $2 }
			END { printf "%.0f\n", end - begin }'
}

# taken_at_once NR FIRST-SLOT: 80 MiB each, most of it taken back from the guest: the pools have
# given back what they had from the time before
taken_at_once()
{
	sleep 6
	at_once "$1" "$2" 'singles 16777216 5 60000'
}

# in_the_middle COLUMNS: of the rounds by that ratio, the one in the middle; its two numbers
in_the_middle()
{
	awk "{ $1; printf \"%f %.0f %.0f\\n\", ours / base, ours, base }" "$VM_TMP/rounds" |
		sort -n | sed -n '2s/^[^ ]* //p'
}

# The guest has 2 CPUs: a pair of regions can keep up with one, four with two pairs. What it can
# clear at once says how much of that the machine allows at all.
parallel_figures()
{
	: >"$VM_TMP/rounds"
	for pf_round in 1 2 3; do
		pf_clear1=$(at_once 1 8 'clear 8388608 40')
		pf_clear2=$(at_once 2 8 'clear 8388608 40')
		pf_one=$(taken_at_once 1 8) pf_two=$(taken_at_once 2 8) pf_four=$(taken_at_once 4 8)
		echo "# at once, round $pf_round: one $pf_one two $pf_two four $pf_four; clearing alone one $pf_clear1 two $pf_clear2"
		echo "$pf_one $pf_two $pf_four" >>"$VM_TMP/rounds"
	done
	echo "# at once, cma: one $(taken_at_once 1 16) two $(taken_at_once 2 16) four $(taken_at_once 4 16)"
	in_the_middle 'ours = $2; base = $1' >"$VM_TMP/two"
	in_the_middle 'ours = $3; base = $1 * 2' >"$VM_TMP/four"
	read -r pf_ours pf_base <"$VM_TMP/two"
	figure regions_two_at_once_ns "$pf_ours" one "$pf_base" 1.20
	read -r pf_ours pf_base <"$VM_TMP/four"
	figure regions_four_at_once_ns "$pf_ours" two_rounds_of_one "$pf_base" 1.20
}

region_hugepages
bench_boot || bench_end
ready_bytes=$(guest 'dmesg' | sed -n 's/.*region cma0: .* pool \([0-9]*\),.*/\1/p')
# shellcheck disable=SC2034 # for guest
GUEST_LIMIT_S=320
latency_table idle
parallel_figures
fill_memory
latency_table load
guest 'kill $(cat /tmp/hog.pid)'
bulk_figures
check "no warning, oops or stack dump in the guest" equal 0 "$(guest complaints)"
check "QEMU ends well" vm_quit
bench_end
