#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Cache maintenance by address in the guest driver (arm64): instructions for each cache line of 64
# bytes, counted by the guest's PMU under -icount. The architecture's instruction handles one line
# and takes its address in a register: one for it and one for the address is the least, 32 bytes
# per instruction. What a call costs besides falls out as the difference of two lengths.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

# between COMMAND: instructions that 256 KiB cost more than 64 KiB, 3072 lines
between()
{
	bw_short=$(bench_run 08 "$1" 65536 20)
	bw_long=$(bench_run 08 "$1" 262144 20)
	echo "# $1: 64 KiB $bw_short, 256 KiB $bw_long" >&2
	echo $(($(bench_value instructions "$bw_long") - $(bench_value instructions "$bw_short")))
}

initramfs "$VM_TMP/initramfs" arm64 6.12 virtio_pci "$(guest_module arm64 6.12 vcma_bench)"
if VM_SMP=1 VM_ACCEL=tcg,thread=single vm_start arm64 "$(kernel_dir arm64 6.12)/vmlinuz" \
	"$VM_TMP/initramfs" -icount shift=0 -device edu,addr=0x8 &&
	vm_booted 1 90 && guest load vcma_bench; then
	lines=3072
	ours=$(between maintain)
	figure cache_clean_invalidate_instructions "$ours" lines $lines 2.25
	figure cache_maintenance_beside_the_kernel "$ours" kernel_loop "$(between maintain_kernel)" 0.60
	figure_least cache_clean_invalidate_bytes $((lines * 64)) instructions "$ours" 28.4
	check "no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "QEMU ends well" vm_quit
fi
bench_end
