#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Each patch of the series builds without those after it, of the release that the plugin is for, and
# brings what it is to bring: headers, the library and its program, the device without clients, the gate,
# VFIO without IOMMU.

. "$HVCMA_SRC/tests/lib/tap.sh"

[ -d "$HVCMA_BUILD/env/qemu-src" ] && [ -e "$HVCMA_BUILD/env/ready/meson" ] ||
	skip_all "no source of QEMU in $HVCMA_BUILD/env"
out=$(mktemp)
trap 'rm -f "$out"' EXIT
tree=$HVCMA_BUILD/in-tree/qemu-src-parts
program=$tree/build/qemu-system-x86_64
share=$(readlink -f "$HVCMA_BUILD/env/qemu-amd64/root/usr/share")

# built PART
built()
{
	"$HVCMA_SRC/tests/intree/build" qemu-src "$1" >"$out" 2>&1 && return
	note "$(tail -n 20 "$out")"
	return 1
}

# run OPTION...: a machine that ends at once
run()
{
	echo quit | timeout 60 "$program" -M q35 -m 64M,maxmem=1G,slots=2 -nodefaults -display none -S \
		-L "$share/qemu" -L "$share/seabios" -monitor stdio "$@" >"$out" 2>&1
}

region='-object memory-backend-memfd,id=m0,size=128M,share=on
	-device virtio-cma-pci,id=cma0,memdev=m0,name=banka'

# with_region MORE [OPTION...]: MORE are properties of it
# shellcheck disable=SC2086 # options are words
with_region()
{
	more=$1
	shift
	run $region$more "$@"
}

said()
{
	grep -qF -e "$1" "$out" && return
	note "$(cat "$out")"
	return 1
}

events()
{
	"$program" -trace help | grep -c "^$1\$"
}

types()
{
	nm "$program" | grep -c " $1\$"
}

# header_alone: what comes from Linux compiles by itself
header_alone()
{
	echo '#include "standard-headers/linux/virtio_cma.h"' |
		${CC:-cc} -xc -fsyntax-only -Wall -Wextra -Werror -I "$tree/src/include" - 2>"$out"
}

check "headers: what includes the ids builds" built headers
check "headers: the new one compiles alone" header_alone || note "$(cat "$out")"
check "headers: nothing else is there" [ ! -e "$tree/src/hw/virtio/cma" ]
check "the library: builds" built library
check "the library: no device yet" [ ! -e "$tree/src/hw/virtio/cma/virtio-cma.c" ]
"$tree/build/hw/virtio/cma/hvcma-pin-keeper" --help >"$out" 2>&1
check "the library: its program runs" said 'Usage: hvcma-pin-keeper'
check "the device: builds" built device
check "the device: a region" with_region '' || note "$(cat "$out")"
with_region ,clients=edu0 -device edu,id=edu0
check "the device: no client, and why" said 'built without the bus-master gate (CONFIG_VIRTIO_CMA_GATE)'
check "the device: its events" equal '1 0' "$(events virtio_cma_engine) $(events virtio_cma_gate)"
check "the gate: builds" built gate
check "the gate: a client" with_region ,clients=edu0 -device edu,id=edu0 || note "$(cat "$out")"
check "the gate: its events" equal 1 "$(events virtio_cma_gate)"
check "the gate: no VFIO without IOMMU" equal 0 "$(types noiommu_attach)"
check "VFIO: builds" built vfio
check "VFIO: a container of its own" equal 1 "$(types noiommu_attach)"
check "VFIO: nothing of the tests" equal 0 "$("$program" -device virtio-cma-pci,help | grep -c " x-provider=")"
tap_end
