#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Mappings of 4 KiB, and their ends, on 1, 2 and 4 CPUs at once, beside swiotlb's: what one costs each
# CPU more than it costs one alone. Time says nothing on a machine with fewer processors than the
# guest, or others' work; counted are the instructions of a mapping, with those of who waits for a
# lock, and the cache lines that CPUs have to take from each other for it if they all run at once
# (tests/bench/tcg/lines.c). A line is judged as if it took as long as TRANSFER instructions.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

MAPS=2000
TRANSFER=200	# a line that another core of the same package has: 50 to 100 ns

# scale_boot ARCH SERIES
scale_boot()
{
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_scale)"
	# shellcheck disable=SC2046 # options are words
	VM_APPEND=swiotlb=force VM_SMP=4 VM_LIMIT_S=900 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=edu0) -device edu,id=edu0,dma_mask=0xffffffffff \
		-device edu,id=edu1,dma_mask=0xffffffffff \
		-plugin "$HVCMA_BUILD/tests/bench/tcg/lines.so"
	vm_booted 1 400
}

# per_map FIELD WHO CPUS: of one mapping
per_map()
{
	awk -v field="$1" -v who="$2" -v cpus="cpus=$3" '
		$1 == who && $2 == cpus {
			for (i = 3; i <= NF; i++) {
				split($i, pair, "=")
				value[pair[1]] = pair[2]
			}
			printf "%.2f", value[field] / value["maps"]
		}' "$VM_TMP/runs"
}

# scaling WHO CPUS: how much work they do, of what one does alone
scaling()
{
	awk -v cpus="$2" -v alone="$(per_map instructions "$1" 1)" -v each="$(per_map instructions "$1" "$2")" \
		-v moved="$(per_map shared "$1" "$2")" -v transfer=$TRANSFER \
		'BEGIN { printf "%.2f", cpus * alone / (each + moved * transfer) }'
}

region_hugepages
if scale_boot amd64 6.12; then
	GUEST_LIMIT_S=600 guest "load virtio_cma; dmesg -c >/dev/null; insmod /modules/vcma_scale.ko maps=$MAPS; dmesg | sed -n 's/.*vcma_scale: # //p'" >"$VM_TMP/guest"
	grep '^lines: ' "$VM_DIR/qemu.log" | paste -d ' ' "$VM_TMP/guest" - >"$VM_TMP/runs"
	sed 's/^/# /' "$VM_TMP/runs" "$VM_DIR/qemu.log"
	for cpus in 1 2 4; do
		for who in ours swiotlb; do
			echo "# $who, $cpus: $(per_map instructions $who $cpus) instructions and $(per_map shared $who $cpus) cache lines of others for one mapping: $(scaling $who $cpus) times one CPU's work"
		done
	done
	figure_least scale_2_cpus "$(scaling ours 2)" one 1 1.8
	figure_least scale_4_cpus "$(scaling ours 4)" one 1 3.2
	figure_least scale_2_cpus_beside "$(scaling ours 2)" swiotlb "$(scaling swiotlb 2)" 1.00
	figure_least scale_4_cpus_beside "$(scaling ours 4)" swiotlb "$(scaling swiotlb 4)" 1.00
	check "no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "QEMU ends well" vm_quit
fi
bench_end
