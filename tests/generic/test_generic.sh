#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# QEMU's own generic fuzzer over virtio-cma built into QEMU (build): FUZZ_SECONDS (600) for each of
# two machines, under AddressSanitizer. It writes to any register and fills in whatever devices
# read from memory.
#
#	plain     a region, and nothing else
#	clients   two regions; edu, NVMe and virtio-blk as clients, of which it can reach the gates
#
# What it found to be worth keeping is in HVCMA_BUILD/fuzz/generic-MACHINE, and is where the next
# run begins.

. "$HVCMA_SRC/tests/lib/tap.sh"
tree=$HVCMA_BUILD/generic/build
fuzzer=$tree/qemu-fuzz-x86_64

[ -x "$fuzzer" ] || skip_all "no fuzzer: make fuzz builds it"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
ln -sf hw/virtio/cma/hvcma-pin-keeper "$tree/"
share=$HVCMA_BUILD/env/qemu-amd64/root/usr/share	# the firmware, which is no part of the source

# region ID OPTIONS: 256 MiB that nobody backs before it is asked for
region()
{
	echo "-object memory-backend-memfd,id=m-$1,size=256M,reserve=off" \
		"-device virtio-cma-pci,id=$1,memdev=m-$1,granule=2M,x-provider=fake,$2"
}

# run OPTIONS ARGUMENT...: libFuzzer's words are left in $out
run()
{
	export QEMU_FUZZ_OBJECTS='virtio-cma*'
	export QEMU_FUZZ_ARGS="-L $share/seabios -L $share/qemu -M q35 -m 512M,maxmem=8G,slots=4 -nodefaults $1"
	shift
	"$fuzzer" --fuzz-target=generic-fuzz "$@" >"$out" 2>&1
}

# fuzz MACHINE SECONDS OPTIONS
fuzz()
{
	corpus=$HVCMA_BUILD/fuzz/generic-$1
	mkdir -p "$corpus"
	if "$HVCMA_BUILD/tests/generic/seed" "$corpus" &&
		run "$3" -max_total_time="$2" -timeout=30 -rss_limit_mb=4096 -len_control=0 -max_len=4096 \
		-print_final_stats=1 -artifact_prefix="$corpus." "$corpus"
	then
		return 0
	fi
	note "$(tail -n 80 "$out")"
	return 1
}

# told WHAT: a number of libFuzzer's
told()
{
	sed -n "s/^stat::$1: *//p" "$out"
}

# fuzz_case MACHINE OPTIONS
fuzz_case()
{
	check "$1: no finding in ${FUZZ_SECONDS:-600} s" fuzz "$1" "${FUZZ_SECONDS:-600}" "$2"
	check "$1: it has the device's registers" grep -q '\* virtio-pci-common-virtio-cma' "$out"
	check "$1: its inputs ran" [ "$(told number_of_executed_units)" -gt 100 ]
	note "$1: $(told number_of_executed_units) inputs, $(told new_units_added) of them new, $(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$out" | tail -n 1) edges of QEMU"
}

mkdir -p "$HVCMA_BUILD/fuzz/seeds"
"$HVCMA_BUILD/tests/generic/seed" "$HVCMA_BUILD/fuzz/seeds"
check "the engine gets a request that a seed makes" \
	eval 'run "$(region cma0 name=cma0) -trace virtio_cma_engine" "$HVCMA_BUILD/fuzz/seeds/alloc" && grep -q "cma0: back 0 2 " "$out"'
fuzz_case plain "$(region cma0 name=cma0)"
fuzz_case clients "-device edu,id=edu0 -device nvme,id=nv0,serial=a \
	-blockdev null-co,node-name=d0,size=16777216 -device virtio-blk-pci,id=vb0,drive=d0,disable-legacy=on,iommu_platform=on \
	$(region cma0 name=cma0,unsafe-noiommu=on,x-fabric=on,clients=edu0:nv0:vb0) $(region cma1 name=cma1)"
tap_end
