#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvcma fdt xen as a program: partial trees and what xl is told with them; domains that Xen starts; its check, and what a build of
# Xen lacks, by its configuration, which is found in a hypervisor, too. What is found and why: test_xen_check.c.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/fdt/cli.sh"

dtc -O dtb -o machine.dtb "$HVCMA_SRC/tests/fdt/machine.dts" 2>err || note "$(cat err)"
device=/soc@90000000/dma@1000

# ---- a partial tree ----
printf '0x40000000 0x60000000 64M\n' >extents
check "partial tree" status 0 xen --device $device --extents extents --memory 64M --vpl011 --xl machine.dtb -o pt.dtb
check "dtc has no warning about it" clean pt.dtb
check "its windows are the extents" equal "0 60000000 0 40000000 0 4000000" "$(fdtget -tx pt.dtb /passthrough dma-ranges)"
check "memory for xl" says '^memory = 64$'
check "a console for xl" says '^vuart = "sbsa_uart"$'
check "the tree itself, by its whole path" says "^device_tree = \"$(realpath pt.dtb)\"$"
check "no device that Xen would look for an IOMMU of" eval '! says "dtdev" >/dev/null'
check "registers for xl" says '^iomem = \[ "0x90001,1" \]$'
check "interrupts for xl" says '^irqs = \[ 48 \]$'
cp machine.dtb left.dtb
fdtput -ts left.dtb /soc@90000000/dma@1000 clock-names a
fdtput -c left.dtb /soc@90000000/dma@1000/child
check "a device of which something is left out" status 0 xen --device /soc@90000000/dma left.dtb -o pt.dtb
check "which is said" says "'/soc@90000000/dma@1000': left out, to be added by hand where it is needed: clock-names, nodes child$"
check "even beside a tree on standard output" status 0 xen --device /soc@90000000/dma left.dtb -o -
check "which it does not spoil" cmp out pt.dtb
fdtput left.dtb /soc@90000000/dma@1000 interrupts 1 7 4
check "a PPI is refused" status 1 xen --device /soc@90000000/dma@1000 left.dtb -o none.dtb
check "and which it is" says "interrupt 0 of '/soc@90000000/dma@1000' (1 7) is no SPI"
check "no such name of a domain" status 1 xen --domain a/b --memory 1M machine.dtb -o none.dtb
check "no file came of it" [ ! -e none.dtb ]
fdtput left.dtb /soc@90000000/dma@1000 interrupts 0 16 1
fdtput -p left.dtb /soc@90000000/other@2000 interrupts 0 17 1 0 16 1
fdtput -tx left.dtb /soc@90000000/other@2000 reg 2000 200
check "devices that share an interrupt" status 0 xen --device /soc@90000000/dma@1000 --device /soc@90000000/other@2000 --xl left.dtb -o pt.dtb
check "which xl is told once" says '^irqs = \[ 48, 49 \]$'
fdtput -p left.dtb /soc@90000000/other@2000 interrupts 0 17 1
fdtput -tx left.dtb /soc@90000000/other@2000 reg 2000 200 2800 200 3000 1000
check "registers that share a page" status 0 xen --device /soc@90000000/other --xl left.dtb -o pt.dtb
check "which xl is told once, too" says '^iomem = \[ "0x90002,1", "0x90003,1" \]$'

# a region for a domain whose driver finds out where its memory is
check "a partial tree with a region" status 0 xen --device /soc@90000000/dma@1000 --device /soc@90000000/other@2000 --region ram left.dtb -o region.dtb
check "dtc has no warning about it, but that it has no registers" eval 'dtc -Wno-simple_bus_reg -Wno-interrupt_provider -I dtb -O dtb -o again.dtb region.dtb 2>err && [ ! -s err ]'
check "it has the name" equal ram "$(fdtget region.dtb /passthrough/vcma region-name)"
check "and both devices, each by a phandle of its own" equal \
	"$(for at in $(fdtget -l region.dtb /passthrough | grep @); do fdtget region.dtb "/passthrough/$at" phandle; done | tr '\n' ' ' | sed 's/ $//')" \
	"$(fdtget region.dtb /passthrough/vcma clients)"
check "which differ" eval '[ "$(fdtget region.dtb /passthrough/vcma clients | tr " " "\n" | sort -u | wc -l)" -eq 2 ]'
check "nothing is said of windows that it has not" eval '! says "no dma-ranges"'
check "without a region it is" status 0 xen --device $device machine.dtb -o pt.dtb
check "said" says "no dma-ranges: DMA goes astray unless"
fdtput -tx region.dtb /passthrough dma-ranges 0 60000000 0 40000000 0 4000000
check "no windows, which would be translated twice" status 2 xen --device $device --region ram --extents extents machine.dtb -o none.dtb
check "no domain at once" status 2 xen --domain d --memory 64M --region ram machine.dtb -o none.dtb
check "not twice" status 2 xen --device $device --region ram --region ram machine.dtb -o none.dtb
check "no name that the driver has no room for" status 1 xen --device $device --region 12345678901234567890123456789012 machine.dtb -o none.dtb
check "which is said" says "is no name of a region: 1 to 31 bytes without '/'"
check "no empty one" status 1 xen --device $device --region '' machine.dtb -o none.dtb
check "and no file came of it" [ ! -e none.dtb ]

check "memory" status 1 xen --device /memory machine.dtb -o none.dtb
check "is no device" says "'/memory@40000000' is memory, no device"
check "the GIC" status 1 xen --device /interrupt-controller machine.dtb -o none.dtb
check "is Xen's" says 'is the GIC that Xen drives'

# a bus of the host on which memory is elsewhere, as on a Raspberry Pi
xen_windows()
{
	"$hvcma" fdt xen --device /soc@90000000/dma@1000 "$@" -o pt.dtb 2>err && fdtget -tx pt.dtb /passthrough dma-ranges
}
printf '0x40000000 0x48000000 64M\n0x44000000 0x4e000000 64M\n' >far
check "a bus that has memory where it is" equal "0 48000000 0 40000000 0 4000000 0 4e000000 0 44000000 0 4000000" \
	"$(xen_windows --extents far left.dtb)"
fdtput -tx left.dtb /soc@90000000 dma-ranges c0000000 0 40000000 10000000
check "one that has it elsewhere" equal "0 c8000000 0 40000000 0 4000000 0 ce000000 0 44000000 0 2000000" \
	"$(xen_windows --extents far left.dtb)"
check "as it is, for a direct map" equal "0 c0000000 0 40000000 0 10000000" "$(xen_windows left.dtb)"
printf '0x40000000 0x80000000 64M\n' >far
check "nothing that it reaches" status 1 xen --device /soc@90000000/dma --extents far left.dtb -o none.dtb
check "is said" says "'/soc@90000000/dma@1000' reaches none of these extents"
fdtput -p left.dtb /other@a0000000 interrupts 0 18 1
fdtput -tx left.dtb /other@a0000000 reg 0 a0000000 0 200
check "two that find memory at different places" status 1 xen --device /soc@90000000/dma --device /other left.dtb -o none.dtb
check "are too many for one tree" says "can't be in one partial tree"
fdtput -tx left.dtb /soc@90000000 dma-ranges c0000000 0
check "dma-ranges that are cut" status 1 xen --device /soc@90000000/dma left.dtb -o none.dtb
check "lead nowhere" says "dma-ranges of '/soc@90000000' lead nowhere"

# ---- a domain that Xen starts ----
check "domain" status 0 xen --domain domU1 --memory 128M --static-mem 0x50000000,128M --direct-map \
	--device $device machine.dtb -o host.dtb
check "its memory in KiB" equal "0 131072" "$(fdtget host.dtb /chosen/domU1 memory)"
check "its static memory by the root's cells" equal "0 1342177280 0 134217728" "$(fdtget host.dtb /chosen/domU1 xen,static-mem)"
check "which Xen 4.16 is told by itself" equal 2 "$(fdtget host.dtb /chosen/domU1 '#xen,static-mem-size-cells')"
check "the device is kept" equal 1 "$(fdtget -p host.dtb $device | grep -c 'xen,passthrough')"

head -c 3000000 /dev/zero >kernel
head -c 5000 /dev/zero >ramdisk
check "the partial tree of one with static memory" status 0 xen --device $device --static-mem 0x50000000,128M machine.dtb -o pt.dtb
check "leads to where Xen puts that" equal "0 50000000 0 40000000 0 8000000" "$(fdtget -tx pt.dtb /passthrough dma-ranges)"
check "direct-mapped" status 0 xen --device $device --static-mem 0x50000000,128M --direct-map machine.dtb -o direct.dtb
check "it needs no windows" equal 0 "$(fdtget -p direct.dtb /passthrough | grep -c dma-ranges)"
# domain ARGUMENT...: with all that it boots
domain()
{
	status "$1" xen --domain d1 --memory 128M --kernel 0x48000000,kernel --ramdisk 0x4a000000,ramdisk --bootargs 'console=hvc0 ro' \
		--device-tree 0x4b000000,pt.dtb --device $device --enhanced no-xenstore --vpl011 --cpus 2 "$2" "$3" machine.dtb -o "$4"
}
check "all that a domain boots" domain 0 --static-mem 0x50000000,128M full.dtb
check "dtc has no warning about it" clean full.dtb
check "a module is as long as its file" equal "0 1207959552 0 3000000" "$(fdtget full.dtb /chosen/d1/kernel@48000000 reg)"
check "the kernel's command line" equal 'console=hvc0 ro' "$(fdtget full.dtb /chosen/d1/kernel@48000000 bootargs)"
check "all is right with it" status 0 xen --check --partial d1=pt.dtb full.dtb
check "and nothing is said" cmp out /dev/null
check "a region and windows" status 4 xen --check --partial d1=region.dtb full.dtb
check "are one too many" says "dma-ranges, and a client of a region: virtio_cma leaves alone what has them"
check "a partial tree with other windows" status 4 xen --check --partial d1=direct.dtb full.dtb
check "is a fault, on standard output" grep -q '^window: /passthrough/dma@90001000: .*goes to 0x40000000 by the partial tree' out
cp pt.dtb good.dtb
cp direct.dtb pt.dtb
check "with which no domain is written" domain 1 --static-mem 0x50000000,128M none.dtb
check "and why" says 'DMA to its memory 0x40000000 goes to 0x40000000 by the partial tree, and on the device.s bus that is at 0x50000000'
check "nor a file" [ ! -e none.dtb ]
cp good.dtb pt.dtb
check "memory where the machine has none" domain 1 --static-mem 0x7c000000,128M none.dtb
check "is a fault" says 'static memory 0x7c000000, 0x8000000 bytes: the host has no memory there'
check "memory with the kernel in it" domain 1 --static-mem 0x48000000,128M none.dtb
check "is one, too" says 'overlaps a module 0x48000000, 0x2dc6c0 bytes'
check "another domain" status 1 xen --domain d2 --memory 64M --kernel 0x48000000,kernel --device $device full.dtb -o none.dtb
check "can't have the same device" says "^hvcma: device: $device: of domain 'd1', and it is of domain 'd2'"
check "one that has none" status 0 xen --domain d2 --memory 64M --kernel 0x48000000,kernel --partial d1=pt.dtb full.dtb -o two.dtb
check "may have the same kernel" status 0 xen --check two.dtb
check "refused: a partial tree of no domain" status 1 xen --check --partial d3=pt.dtb full.dtb
check "which one" says "domain 'd3': /chosen has none"
check "refused: a partial tree that is none" status 1 xen --check --partial d1=kernel full.dtb
check "refused: a module that is not there" status 2 xen --domain d --memory 1M --kernel 0x48000000,gone machine.dtb -o none.dtb
check "which one" says '\-\-kernel: gone: No such file'

# ---- what the build of Xen can do ----
config()
{
	printf '#\n# Xen/arm %s Configuration\n#\nCONFIG_ARM=y\nCONFIG_SBSA_VUART_CONSOLE=y\n' "$1"
}
config 4.17.7 >config
lacks()
{
	check "$1: a build that lacks it" status 4 xen --check --xen-config "$2" full.dtb
	check "$1: is told, once" equal 1 "$(grep -c "^build: /chosen/d1: xen,static-mem: this Xen, $3, is built without it (CONFIG_STATIC_MEMORY" out)"
}
lacks "its .config" config 4.17
gzip -nc config >config.gz
lacks "packed" config.gz 4.17
(head -c 100000 /dev/zero | tr '\0' '\37'; printf '\37\213\10 not really'; cat config.gz; head -c 5000 /dev/zero) >hypervisor
lacks "in a hypervisor" hypervisor 4.17
gzip -nc hypervisor >hypervisor.gz
lacks "which is packed itself" hypervisor.gz 4.17
for release in 4.17 4.20; do
	real=$HVCMA_BUILD/env/xen-arm64-$release/xen
	if [ -e "$real" ]; then
		lacks "Debian's own" "$real" $release
	else
		tap_skip "Debian's own $release" "make check-xen brings it"
	fi
done
(config 4.20.0 && echo CONFIG_DOM0LESS_BOOT=y && echo CONFIG_STATIC_MEMORY=y) >able
check "one that has all" status 0 xen --check --xen-config able --partial d1=pt.dtb full.dtb
check "with it a domain is written" status 0 xen --domain d2 --memory 64M --kernel 0x48000000,kernel --xen-config able \
	--partial d1=pt.dtb full.dtb -o two.dtb
check "and without, none" status 1 xen --domain d2 --memory 64M --kernel 0x48000000,kernel --static-mem 0x60000000,64M --xen-config config \
	machine.dtb -o none.dtb
echo CONFIG_X86=y >x86
for bad in x86 kernel ramdisk missing /dev/null; do
	check "no build of Xen for Arm: $bad" status 1 xen --check --xen-config $bad full.dtb
done
check "no refusal left a file" equal 0 "$(find . -name 'none.dtb*' | wc -l)"

# ---- usage ----
for wrong in 'xen x -o y' 'xen --cpus 0 x' \
	'xen --device /a --cpus 1 x -o y' 'xen --device /a --memory 1K x -o y' 'xen --device /a --enhanced enabled x -o y' \
	'xen --device /a --extents extents --direct-map x -o y' 'xen --device /a --bootargs a x -o y' \
	'xen --device /a --kernel 0,4K x -o y' 'xen --device /a --partial a=pt.dtb x -o y' 'xen --device /a --xl x -o -' \
	'xen --device /a --static-mem 0,4K --xl x -o y' 'xen --domain a x -o y' 'xen --domain a --domain b --memory 1M x -o y' \
	'xen --domain a --memory 1M --memory 1M x -o y' 'xen --domain a --memory 1M --extents extents x -o y' \
	'xen --domain a --memory 1M --cpus 1 --cpus 1 x -o y' 'xen --domain a --memory 1M --xl x -o y' \
	'xen --domain a --memory 1M --enhanced some x -o y' 'xen --domain a --memory 1M --kernel 4K x -o y' \
	'xen --domain a --memory 1M --kernel x,4K x -o y' 'xen --domain a --memory 1M --kernel 4K, x -o y' \
	'xen --domain a --memory 1M --kernel 4K,0 x -o y' 'xen --domain a --memory 1M --kernel 0,4K --kernel 0,4K x -o y' \
	'xen --domain a --memory 1M --kernel 0,/dev/null x -o y' 'xen --domain a --memory 1M --bootargs a --bootargs b x -o y' \
	'xen --domain a --memory 1M --static-mem 1M x -o y' 'xen --domain a --memory 1M --partial a x -o y' \
	'xen --domain a --memory 1M --partial =pt.dtb x -o y' 'xen --check x y' 'xen --check -o y x' 'xen --check --device /a x' \
	'xen --check --domain a x' 'xen --check --memory 1M x' 'xen --check --vpl011 x' 'xen --check --xl x' \
	'xen --check --kernel 0,4K x' 'xen --check --xen-config able --xen-config able x' 'xen --check'; do
	# shellcheck disable=SC2086 # arguments are words
	check "wrong usage: '$wrong'" status 2 $wrong
done
tap_end
