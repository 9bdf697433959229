#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvcma fdt as a program: files in place and elsewhere, none of them partial; what it makes is
# read by dtc without a warning and by fdtoverlay; wrong usage and bad blobs end with their status.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/fdt/cli.sh"

dtc -O dtb -o machine.dtb "$HVCMA_SRC/tests/fdt/machine.dts" 2>err || note "$(cat err)"
check "the machine's own tree is clean" clean machine.dtb

# in place, in a pipe, elsewhere
cp machine.dtb work.dtb
chmod 640 work.dtb
check "add-region in place" status 0 add-region --name pool --type reusable --size 64M \
	--base 0x50000000 --default work.dtb
check "dtc has no warning" clean work.dtb
check "permissions are kept" equal 640 "$(stat -c %a work.dtb)"
check "no other file is left" equal 1 "$(find . -name 'work.dtb*' | wc -l)"
ln -s work.dtb link.dtb
check "add-region through a link" status 0 add-region --name later --type no-map --size 4M --align 2M \
	--alloc-range 0x40000000,256M --alloc-range 0x60000000,64M link.dtb
check "the link is still one" [ -L link.dtb ]
check "dtc has no warning about a pool without place" clean work.dtb
"$hvcma" fdt add-region --name bounce --type restricted --size 8M --base 0x60000000 - -o - \
	<work.dtb >piped.dtb
check "add-region in a pipe" clean piped.dtb
check "what went in is as it was" equal 0 "$(fdtget -l work.dtb /reserved-memory | grep -c bounce)"

check "bind platform and PCI devices" status 0 bind --region pool --client /soc@90000000/dma@1000 \
	--client pci:0000:00/02.0 --client pci:0000:00/03.0/00.1 work.dtb
check "dtc has no warning about clients" clean work.dtb
printf '%s\n' '# guest DMA size' '0x48000000 0x100000000 896M # the rest' '' \
	'0x40000000 0xc8000000 64M' '0x44000000, 0xcc000000, 64M' >extents
check "dma-ranges from a file" status 0 dma-ranges --extents extents work.dtb
check "neighbours became one window" equal 2 "$("$hvcma" fdt show --json work.dtb | grep -c '"dma":')"
check "dtc has no warning about windows" clean work.dtb
check "the border is found" status 4 check work.dtb
check "and said in one line" equal 1 "$(wc -l <out)"
check "with its place" says '^border: /pcie@10000000: .*0x48000000'
check "dma-ranges with guards" status 0 dma-ranges --guards --granule 2M --extents extents \
	--bus /pcie@10000000 work.dtb
check "dtc has no warning about guards" clean work.dtb
check "nothing is wrong any more" status 0 check work.dtb
check "as JSON, too" status 0 check --json --quiet work.dtb
check "a list" equal '[' "$(head -c 1 out)"
check "show" status 0 show work.dtb
check "show has the pool" says '^reserved /reserved-memory/pool@50000000: shared-dma-pool reusable linux,cma-default'
check "show has a window" says 'gpa 0x040000000  dma 0x0c8000000  128 MiB'
check "show has a client" says '^client /pcie@10000000/pci@3,0/dev@0,1: coherent, /reserved-memory/pool@50000000'
check "check by the host's memory attributes" status 0 check --stage2 fwb work.dtb
fdtput -d work.dtb /pcie@10000000 dma-coherent
check "a client that is not coherent on such a host" status 4 check --stage2 fwb work.dtb
check "is told from others" says '^attribute: /pcie@10000000/dev@2,0: '
fdtput work.dtb /pcie@10000000 dma-coherent

# what is disabled or can't be read is shown as that
dtc -q -f -O dtb -o odd.dtb - <<-'END'
	/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; memory@0 { device_type = "memory"; reg = <0 0 0>; };
	reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
		a { status = "disabled"; compatible = "x,y", "shared-dma-pool"; reusable; size = <0x1000>; };
		b { compatible = "shared-dma-pool"; reusable; size = <0 0x1000>; alloc-ranges = <0 0x80000000 0 0x10000000>; };
		c { compatible = [41 42]; }; };
	soc { #address-cells = <1>; #size-cells = <1>; dma-ranges = <1 2>; status = "fail"; d { memory-region = <7>; }; };
	bus { #address-cells = <5>; #size-cells = <1>; dma-ranges = <1 2>; }; e { memory-region = [00 01]; }; };
END
check "show a tree with faults" status 0 show odd.dtb
check "memory that is cut" says '^    malformed: reg has 12 bytes: a range has 16'
check "all compatibles, and the status" says '^reserved /reserved-memory/a: x,y shared-dma-pool reusable (disabled)$'
check "a size of other cells" says '^    malformed: size has 4 bytes, not 2 cells'
check "where a pool may be placed" equal "    somewhere    4 KiB, in;    0x080000000  256 MiB;" \
	"$(grep -A1 somewhere out | tr '\n' ';')"
check "a list of strings that is none" says '^    malformed: compatible has 2 bytes that do not end a string'
check "another status" says '^bus /soc (fail)$'
check "windows that are cut" says '^    malformed: dma-ranges has 8 bytes: no whole number of windows'
check "cells that make no addresses" says '^    malformed: dma-ranges: cells of the bus or of its parent make no addresses'
check "what a disabled node has below it" says '^client /soc/d: not coherent, ? (below a disabled node)'
check "a phandle that leads nowhere" says '^    malformed: memory-region: no node has phandle 0x7'
check "a list of phandles that is none" says '^    malformed: memory-region has 2 bytes: a phandle has 4'
check "as JSON, too" status 0 show --json odd.dtb
check "with as many" equal 7 "$(grep -c '"malformed":' out)"

printf '/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; memory@0 { device_type = "memory"; reg = <0 0x1000>;
	linux,usable-memory = <0x5000 0x2000>; }; };' | dtc -q -O dtb -o usable.dtb
check "memory that Linux is to use" status 0 show usable.dtb
check "is what is shown" says '^    0x000005000  8 KiB$'

# several files
check "check of several" status 4 check machine.dtb odd.dtb work.dtb
check "says of which" says '^odd.dtb: cells: /memory@0: '
check "and of no other" equal 0 "$(grep -vc '^odd.dtb: ' out)"
check "one without fault after one" status 0 check machine.dtb work.dtb
check "one that is none" status 1 check odd.dtb missing work.dtb
check "does not keep the others from being judged" says '^odd.dtb: cells: /memory@0: '
"$hvcma" fdt check --json machine.dtb - <odd.dtb >out 2>err
check "as JSON, from a pipe, too" says '"file":"-",'
check "the standard input once only" status 1 check - -

check "overlay" status 0 overlay machine.dtb work.dtb -o work.dtbo
check "fdtoverlay applies it" fdtoverlay -i machine.dtb -o applied.dtb work.dtbo
check "to the same tree" same work.dtb applied.dtb
check "no difference, no overlay" status 1 overlay work.dtb work.dtb -o none.dtbo
check "and no file" [ ! -e none.dtbo ]
check "an overlay can't take away" status 1 overlay work.dtb machine.dtb -o none.dtbo

# a client whose host bridge has memory elsewhere, as on a Raspberry Pi 5
printf '0x40000000 0x80000000 64M\n0x44000000 0xfff000000 32M\n' >far
cp machine.dtb shifted.dtb
shifted()
{
	status 0 dma-ranges --extents far "$@" shifted.dtb && fdtget -tx shifted.dtb /pcie@10000000 dma-ranges >ranges
}
check "dma-ranges behind a host bridge" shifted --host-windows 0x1000000000:0:64G
check "are addresses on the bus" equal "3000000 10 80000000 0 40000000 0 4000000 3000000 1f ff000000 0 44000000 0 1000000" "$(cat ranges)"
check "what it does not reach is left out and told" says '0x1000000 bytes are left out'
check "1:1" shifted --host-windows identity
check "is as it was" equal "2000000 0 80000000 0 40000000 0 4000000 3000000 f ff000000 0 44000000 0 2000000" "$(cat ranges)"
cp shifted.dtb before.dtb
check "refused: a device that reaches nothing" status 1 dma-ranges --extents far --host-windows 0:1G:1G shifted.dtb
check "with how much that is" says 'reaches nothing of these extents on its host: 0x6000000 bytes'
for text in '' 'nv0=identity' 'identity;0:0:4K' '0:0' '0:0:4097'; do
	check "refused: --host-windows '$text'" status 2 dma-ranges --extents far --host-windows "$text" shifted.dtb
done
check "refused: windows said twice" status 2 dma-ranges --extents far --host-windows identity --host-device 0:0 shifted.dtb
check "refused: a host device that is none" status 1 dma-ranges --extents far --host-device nv0 shifted.dtb
check "refused: 1:1 and shifted" status 2 dma-ranges --identity 0,4K --host-windows identity shifted.dtb
check "refusals leave the file alone" cmp -s before.dtb shifted.dtb

# failures leave files alone
cp work.dtb before.dtb
for bad in '--name pool --type reusable --size 1M --base 0x50000000' \
	'--name x --type reusable --size 1000' \
	'--name x --type restricted --size 1M --default' \
	'--name x --type no-map --size 4K --base 0x1000 --align 4K'; do
	# shellcheck disable=SC2086 # arguments are words
	check "refused: $bad" status 1 add-region $bad work.dtb
done
check "refused: windows that overlap" status 1 dma-ranges --identity 0x40000000,64M --identity 0x42000000,64M work.dtb
check "refused: windows that are no whole granules" status 1 dma-ranges --granule 2M --identity 0x40000000,5M work.dtb
check "refused: no such region" status 1 bind --region gone --client /soc@90000000 work.dtb
check "refused: half of the clients can't be bound" status 1 bind --region pool --client pci:0000:00/09.0 --client /gone work.dtb
check "refused: output where there is no folder" status 1 bind --region pool --client /soc@90000000/dma@1000 work.dtb -o no/where.dtb
# With files that end after half a KiB (a whole one for some shells).
short_of_room()
{
	(ulimit -f 1 && status "$@")
}
check "refused: a file that can't grow" short_of_room 1 add-region --name more --type no-map --size 1M --base 0x58000000 work.dtb
check "which is said" says "cannot write 'work.dtb': File too large"
check "refused: a full device" status 1 add-region --name more --type no-map --size 1M --base 0x58000000 work.dtb -o /dev/full
# lost ARGUMENT...: nothing of what it prints arrives, and it fails
lost()
{
	"$hvcma" "$@" >/dev/full 2>err
	have=$?
	[ $have -eq 1 ] && says 'not all of the output could be written'
}
check "refused: a table that can't be printed" lost fdt show work.dtb
check "refused: nor can findings" lost fdt check --json before.dtb
check "refused: nor a report" lost attr --table
check "refused: nor help" lost fdt check --help
check "no refusal changed the file" cmp work.dtb before.dtb
check "no refusal left a file" equal 0 "$(find . -name '*.dtb.*' | wc -l)"
printf '1 2\n' >short
check "extents: a line of two numbers" status 1 dma-ranges --extents short work.dtb
check "which one" says 'short, line 1'
printf '0x40000000 0xc8000000 64M\0 or not\n' >zero
check "extents: a zero in a line" status 1 dma-ranges --extents zero work.dtb
check "extents: a line without end" status 1 dma-ranges --extents /dev/zero work.dtb
check "that one" says '/dev/zero, line 1'
check "a pool of no size" status 1 add-region --name none --type no-map --size 0 work.dtb
check "is called that" says "size"
check "QMP: nobody there" status 1 dma-ranges --qmp "$dir/nobody" work.dtb

# blobs that are none
: >empty
printf 'not a device tree at all, and longer than a header of one' >text
head -c 200 work.dtb >half
for blob in empty text half "$dir" /dev/null missing; do
	check "no blob: $(basename "$blob")" status 1 check "$blob"
done
bytes=$(stat -c %s machine.dtb)
broken=0 tries=0
while [ $tries -lt 60 ]; do
	cp machine.dtb broken.dtb
	# one byte, from the header to the end
	printf '\377' | dd of=broken.dtb bs=1 seek=$((tries * bytes / 60)) conv=notrunc 2>/dev/null
	fdt check broken.dtb
	[ $? -le 4 ] || broken=$((broken + 1))
	tries=$((tries + 1))
done
check "60 damaged blobs: none ends with a signal" equal 0 "$broken"

# usage
for wrong in '' 'nonsense' 'add-region' 'add-region x.dtb' 'add-region --name a --type b --size 1M x' \
	'add-region --size x y' 'bind x' 'bind --region a x' 'unbind --region a x' 'remove-region x' 'drop-windows' 'drop-windows a b' 'dma-ranges x' 'dma-ranges --granule 3 x' \
	'dma-ranges --identity 1 x' 'overlay x y' 'overlay x -o y' 'check' \
	'check -o a b' 'check --stage2 x a' 'show' 'show --nonsense a'; do
	# shellcheck disable=SC2086 # arguments are words
	check "wrong usage: '$wrong'" status 2 $wrong
done
check "--help" status 0 --help
for sub in add-region remove-region bind unbind dma-ranges drop-windows overlay xen check show; do
	check "$sub --help" status 0 $sub --help
	check "the manual has $sub" grep -q "^.SS .*$sub" "$HVCMA_SRC/docs/man/hvcma-fdt.1"
	for option in $(grep -o '^  \(-., \)\?--[a-z0-9-]*' out | grep -o -e '--[a-z0-9-]*' | sort -u); do
		grep -q -e "$(echo "$option" | sed 's/-/\\\\-/g')" "$HVCMA_SRC/docs/man/hvcma-fdt.1" ||
			tap_result 1 "the manual has $sub $option"
	done
done
tap_end
