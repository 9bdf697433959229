#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Regions at once: a guest with 2 CPUs takes memory back from itself for clients of one, two and
# four regions. A pair of regions can keep up with one, four with two rounds of one.
#
#	edu at slots 08-0b: clients of cma0-cma3	arm64: edu at slots 10-13: the kernel's own CMA
#
# The ready pools are small: neither they nor their refill is what is measured. Real time, so that
# the host's part counts: other load on the machine shows; what two CPUs can clear at once says how
# much. Each figure is of pairs, taken in turns (tests/bench/decision.h).
#
# On amd64 judged beside one region. The arm64 kernels have no preemptible RCU: there
# alloc_contig_range(), which waits for a grace period, waits until no other is clearing what it
# has got. That is no matter of ours, and judged beside CMA, which the kernel also uses it for.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

SERIES=6.12
REGION_MIB=512
BLOCKS=30 CMA_BLOCKS=7	# of 16 MiB, for each device
ROUNDS=7

# regions_boot ARCH [APPEND]
regions_boot()
{
	initramfs "$VM_TMP/initramfs" "$1" "$SERIES" virtio_pci \
		"$(guest_module "$1" "$SERIES" virtio_cma)" "$(guest_module "$1" "$SERIES" vcma_bench)"
	rb_options=
	for rb_nr in 0 1 2 3; do
		rb_options="$rb_options $(region_options "cma$rb_nr" "mode=reusable,clients=ours$rb_nr")"
		rb_options="$rb_options -device edu,id=ours$rb_nr,addr=$(printf '0x%x' $((8 + rb_nr)))"
		rb_options="$rb_options -device edu,id=cma-edu$rb_nr,addr=$(printf '0x%x' $((16 + rb_nr)))"
	done
	# shellcheck disable=SC2086 # options are words
	VM_MEMORY=1280M,maxmem=16G VM_LIMIT_S=600 VM_APPEND=${2-} \
	vm_start "$1" "$(kernel_dir "$1" "$SERIES")/vmlinuz" "$VM_TMP/initramfs" $rb_options
	vm_booted 1 90 && guest 'load vcma_bench' &&
		guest 'for r in /sys/bus/virtio/drivers/virtio_cma/virtio*; do echo 2097152 >$r/vcma/pool_bytes; done'
}

# at_once NR FIRST-SLOT COMMAND: for NR devices at the same time, each on one of two CPUs, begun
# when all are ready; ns from first start to last end
at_once()
{
	ao_slots=$(seq "$2" $(($2 + $1 - 1)) | while read -r ao_slot; do printf '%02x ' "$ao_slot"; done)
	guest "echo $1 >/sys/module/vcma_bench/parameters/together; cpu=1; for s in $ao_slots; do taskset \$cpu sh -c \"echo $3 >/sys/bus/pci/devices/0000:00:\$s.0/bench\" & cpu=\$((3 - cpu)); done; wait; for s in $ao_slots; do cat /sys/bus/pci/devices/0000:00:\$s.0/bench; done; echo 1 >/sys/module/vcma_bench/parameters/together" |
		tr ' ' '\n' | awk -F = '
			$1 == "begin_ns" && (!begin || $2 < begin) { begin = $2 }
			$1 == "end_ns" && $2 > end { end = $2 }
			$1 == "got" { got += $2 }
			END { printf "%.0f %d\n", end - begin, got }'
}

# taken NR FIRST-SLOT BLOCKS: ns; nothing if not all were got. The regions have all of their
# memory back from the time before
taken()
{
	sleep 6
	at_once "$1" "$2" "singles 16777216 $3 60000" |
		while read -r ta_ns ta_got; do [ "$ta_got" -ne $(($1 * $3)) ] || echo "$ta_ns"; done
}

# rounds: of ours, one, two, four at once; each beside what was taken right before
rounds()
{
	for _ in $(seq $ROUNDS); do
		one=$(taken 1 8 $BLOCKS)
		two=$(taken 2 8 $BLOCKS)
		four=$(taken 4 8 $BLOCKS)
		echo "# $arch: one, two, four at once, ns: $one $two $four"
		figure_sample regions_two_at_once_ns "$two" "$one"
		figure_sample regions_four_at_once_ns "$four" "$((2 * ${one:-0}))"
	done
	figure_pairs regions_two_at_once_ns ns one 1.20
	figure_pairs regions_four_at_once_ns ns two_rounds_of_one 1.20
}

# rounds_beside_cma: four at once, then the same of the kernel's own CMA; ns for each block
rounds_beside_cma()
{
	for _ in $(seq $ROUNDS); do
		four=$(taken 4 8 $BLOCKS)
		cma=$(taken 4 16 $CMA_BLOCKS)
		echo "# $arch: four at once, ns: $four, CMA $cma"
		figure_sample regions_four_at_once_arm64_per_block_ns "$((${four:-0} / (4 * BLOCKS)))" \
			"$((${cma:-0} / (4 * CMA_BLOCKS)))"
	done
	figure_pairs regions_four_at_once_arm64_per_block_ns ns cma 1.00
}

# regions_case ARCH [APPEND]
regions_case()
{
	arch=$1
	VM_CALM=
	regions_boot "$@" || bench_end
	# shellcheck disable=SC2034 # for guest
	VM_CALM=1
	echo "# $arch: clearing alone, ns: one $(at_once 1 8 'clear 8388608 100') two $(at_once 2 8 'clear 8388608 100')"
	case $arch in
	amd64) rounds ;;
	*) rounds_beside_cma ;;
	esac
	check "$arch: no warning, oops or stack dump in the guest" equal 0 "$(guest complaints)"
	check "$arch: QEMU ends well" vm_quit
}

region_hugepages
hugepages_need 2048 $((4 * REGION_MIB / 2))
regions_case amd64
regions_case arm64 cma=512M
bench_end
