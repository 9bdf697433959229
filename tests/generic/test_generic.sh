#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU's own generic fuzzer against the device built into QEMU, with AddressSanitizer: libFuzzer
# chooses accesses to registers and configuration space, and what every DMA read of a device finds
# in memory, and keeps what reaches new code. Non-purpose: what only a sensible guest gets to, as
# long as nobody told the fuzzer how: tests/glue.

. "$HVCMA_SRC/tests/lib/tap.sh"
fuzz=$HVCMA_BUILD/qemu-fuzz/build/qemu-fuzz-x86_64
work=$HVCMA_BUILD/fuzz/generic
seconds=${FUZZ_SECONDS:-60}

[ -x "$fuzz" ] || skip_all "no QEMU with fuzzers: make fuzz builds it"
mkdir -p "$work"
"$HVCMA_SRC/tests/generic/seed" "$work/seeds"
# No processor runs: firmware is never executed, but QEMU wants some.
truncate -s 64K "$work/firmware"

disks='-drive if=none,id=dn,driver=null-co,size=16M,read-zeroes=on
	-device nvme,id=nv0,serial=nv0,drive=dn,addr=4
	-drive if=none,id=db,driver=null-co,size=16M,read-zeroes=on
	-device virtio-blk-pci,id=vb0,drive=db,iommu_platform=on,disable-legacy=on,addr=5'
region='-object memory-backend-ram,id=m0,size=64M
	-device virtio-cma-pci,id=cma0,addr=3,memdev=m0,memaddr=0x140000000,granule=2M,x-provider=fake'

# run NAME OBJECTS MACHINE ARGUMENT...: the fuzzer with its arguments, output to WORK/NAME/log
run()
{
	name=$1 objects=$2 machine=$3
	shift 3
	mkdir -p "$work/$name/corpus"
	QEMU_FUZZ_ARGS="-machine q35 -m 512M,maxmem=4G,slots=4 -nodefaults -bios $work/firmware $machine" \
	QEMU_FUZZ_OBJECTS=$objects \
		"$fuzz" --fuzz-target=generic-fuzz -detect_leaks=0 -rss_limit_mb=4096 -timeout=60 \
		-max_len=4096 -artifact_prefix="$work/$name/" "$@" >"$work/$name/log" 2>&1
}

finds_nothing()
{
	run "$@" -max_total_time="$seconds" -print_final_stats=1 "$work/$1/corpus" "$work/seeds"
	status=$?
	note "$1: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$1/log") guests"
	[ $status -eq 0 ] && return
	note "$(tail -n 60 "$work/$1/log")"
	note "again: the input is in $work/$1"
	return 1
}

# Does what is kept reach our functions? If not, that nothing is found means nothing.
reaches()
{
	functions=$1
	shift
	run "$@" -runs=0 -print_coverage=1 "$work/$1/corpus"
	for function in $functions; do
		grep -q "^COVERED_FUNC: .* in $function " "$work/$1/log" && continue
		note "never called: $function"
		return 1
	done
}

# An object that is not there: the fuzzer refuses, and so would we.
refuses()
{
	! run none 'virtio-cma-none*' "$region" -runs=1 && grep -q 'No fuzzable memory regions' "$work/none/log"
}

# Requests of guests and the gate; then addresses of the host, a translation before the disks, buses
# that are reset.
gate="$disks ${region},clients=nv0:vb0"
fabric="-device pcie-root-port,id=rp0,chassis=1,slot=1,addr=8 $disks
	${region},unsafe-noiommu=on,x-fabric=on,x-fake-base=0x7700000000,clients=nv0:vb0:rp0"

check "without the device there is nothing to fuzz" refuses
check "registers, queues, gate" finds_nothing gate 'virtio-cma* virtio-blk-pci nvme' "$gate"
check "requests were served" reaches 'queue_serve' gate 'virtio-cma* virtio-blk-pci nvme' "$gate"
check "host-physical addresses, root port" finds_nothing fabric 'virtio-cma* pcie-root-port nvme' "$fabric"
tap_end
