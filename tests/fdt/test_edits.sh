#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvcma fdt: edits that could do the wrong thing without a word - which bridge, which bus, which
# node - are refused or say what they did; each edit and its reverse give back the same file.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/fdt/cli.sh"

# does ARGUMENT...: exit status 0
does()
{
	fdt "$@" || {
		note "status $?: hvcma fdt $* $(cat out err)"
		return 1
	}
}

# refuses WORDS ARGUMENT...: exit status 1, with these words, none of them libfdt's own
refuses()
{
	words=$1
	shift
	fdt "$@"
	have=$?
	if [ $have -ne 1 ] || ! grep -q -e "$words" err || grep -q FDT_ERR_ err; then
		note "status $have: hvcma fdt $* $(cat out err)"
		return 1
	fi
}

# cells FILE NODE PROPERTY: in hexadecimal
cells()
{
	fdtget -tx "$@" 2>&1
}

# tree ROOT: t.dtb, two address and two size cells, memory at 1 GiB, and what else is in it
tree()
{
	printf '/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; compatible = "t";
		memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x40000000>; }; %s };' "$1" |
		dtc -q -@ -O dtb -o t.dtb
}

# bridge NAME REST: a PCI host bridge
bridge()
{
	printf '%s: pcie@%s { device_type = "pci"; #address-cells = <3>; #size-cells = <2>; reg = <0 0x%s 0 0x1000>; ranges; %s };\n' \
		"$1" "$2" "$2" "${3-}"
}

pool='rm: reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
	p: pool@50000000 { compatible = "shared-dma-pool"; reusable; reg = <0 0x50000000 0 0x4000000>; }; };'
off='status = "disabled";'

# ---- which bridge ----
window='--identity 0x40000000,1G'
tree "$(bridge a 1000 "$off") $(bridge b 2000)"
# shellcheck disable=SC2086 # arguments are words
{
check "a disabled bridge is passed over" does dma-ranges $window t.dtb
check "which is said" says 'note: the bus is /pcie@2000, the only'
check "and done" equal "" "$(fdtget -p t.dtb /pcie@1000 | grep dma-ranges)"
tree "$(bridge a 1000) $(bridge b 2000) $(bridge c 3000 "$off")"
check "of several, none" refuses '2 nodes can be .*/pcie@1000, /pcie@2000, /pcie@3000 (disabled)' dma-ranges $window t.dtb
check "which --bus ends" does dma-ranges --bus /pcie@2000 $window t.dtb
tree "$(bridge a 1000 "$off") soc { $off #address-cells = <2>; #size-cells = <2>; ranges; $(bridge b 2000) };"
check "nor one below a disabled node" refuses 'no PCI host bridge that is enabled; there are: /pcie@1000 (disabled), /soc/pcie@2000 (disabled)' \
	dma-ranges $window t.dtb
check "one that is named is taken" does dma-ranges --bus /pcie@1000 $window t.dtb
check "and told to be disabled" says 'note: /pcie@1000 is disabled'
check "and what is above it" does dma-ranges --bus /soc/pcie@2000 $window t.dtb
check "likewise" says 'note: /soc/pcie@2000 is below a node that is disabled'
tree ''
check "nor where there is none" refuses 'there are: none' dma-ranges $window t.dtb
tree "$(bridge a 1000 'linux,pci-domain = <3>;')"
check "the only one of another domain" does dma-ranges $window t.dtb
check "is said" says 'the bus is /pcie@1000'
}
# shellcheck disable=SC2016 # the shell has nothing to expand
tree "$pool $(bridge a 1000 'linux,pci-domain = <0>;') $(bridge b 2000 'linux,pci-domain = <5>; bus-range = <0x10 0x1f>;')"
check "a client in domain 5" does bind --region pool --client pci:0005:10/03.0 t.dtb
check "is behind its bridge" equal 1800 "$(cells t.dtb /pcie@2000/dev@3,0 reg | cut -d ' ' -f 1)"
check "bus 0 is not its root bus" refuses 'bus 0x00 is not the root bus of .pcie@2000., 0x10' bind --region pool --client pci:0005:00/03.0 t.dtb
check "nor is bus 1 that of domain 0" refuses 'bus 0x01 is not the root bus' bind --region pool --client pci:0000:01/00.0 t.dtb
check "nor of --bus" refuses "'/pcie@2000' is the host bridge of domain 0x0005" bind --region pool --bus /pcie@2000 --client pci:0000:10/04.0 t.dtb
check "where the domain may be left out" does bind --region pool --bus /pcie@2000 --client 10:04.0 t.dtb
check "no domain 6" refuses 'domain 0x0006; there are: /pcie@1000 (domain 0x0000)' bind --region pool --client pci:0006:00/00.0 t.dtb
check "as lspci says it" does bind --region pool --client 0000:00:04.1 t.dtb
check "and without domain" does bind --region pool --client pci:00:05.0 t.dtb
check "both have nodes" equal "dev@5,0 dev@4,1" "$(fdtget -l t.dtb /pcie@1000 | xargs)"
check "lspci's bus 1 is behind a bridge" refuses 'is named by the way to it' bind --region pool --client 0000:01:00.0 t.dtb
check "no way through a device" refuses '.dev@4,1. is no bridge' bind --region pool --client pci:0000:00/04.1/00.0 t.dtb
tree "$pool $(bridge a 1000) $(bridge b 2000)"
check "of several bridges, none" refuses 'say which one (--bus PATH)' bind --region pool --client 00:03.0 t.dtb
check "but with --bus" does bind --region pool --bus '&b' --client 00:03.0 t.dtb
check "that one" equal dev@3,0 "$(fdtget -l t.dtb /pcie@2000)"

# ---- which client, which region ----
tree "$pool $(bridge a 1000) cpus { cpu@0 { }; }; chosen { fb { }; }; aliases { serial0 = \"/soc/uart@2000\"; bad = \"soc\"; };
	soc { u: uart@2000 { }; uart@3000 { }; one@1 { x { }; }; };"
for where in / /__symbols__ /aliases /cpus/cpu@0 /chosen /memory@40000000 /reserved-memory '&p'; do
	check "no client: $where" refuses 'is no device' bind --region pool --client "$where" t.dtb
done
check "a framebuffer in /chosen is one" does bind --region pool --client /chosen/fb t.dtb
check "a label" does bind --region '&p' --client '&u' t.dtb
check "an alias" does unbind --region /reserved-memory/pool --client serial0 t.dtb
check "dtc's way to write a path" does bind --region pool --client '&{/soc/one@1/x}' t.dtb
check "without address, where one fits" does bind --region pool --client /soc/one t.dtb
check "but not of two" refuses "there are 'uart@2000' and 'uart@3000'" bind --region pool --client /soc/uart t.dtb
check "no such label" refuses 'no such label in /__symbols__' bind --region pool --client '&v' t.dtb
check "no such alias" refuses 'no alias in /aliases' bind --region pool --client serial1 t.dtb
check "an alias that is no path" refuses 'no alias in /aliases' bind --region pool --client bad t.dtb
check "no such node" refuses "node 'soc' has no child 'gone'" bind --region pool --client /soc/gone t.dtb
check "a pool elsewhere" refuses 'is not in /reserved-memory' bind --region '&u' --client /soc/one t.dtb
fdtput -r t.dtb /__symbols__
check "a blob without labels" refuses 'dtc -@ keeps them' bind --region pool --client '&u' t.dtb

# ---- /reserved-memory that Linux would ignore ----
tree 'reserved-memory { };'
cp t.dtb before.dtb
check "cells that are missing" does add-region --name a --type no-map --size 4K --base 0x50000000 t.dtb
check "are added" equal "2 2" "$(fdtget t.dtb /reserved-memory '#address-cells') $(fdtget t.dtb /reserved-memory '#size-cells')"
check "so that nothing is wrong" does check t.dtb
check "and go again" does remove-region --region a t.dtb
check "to the same file" cmp before.dtb t.dtb
tree 'reserved-memory { ranges; b@50000000 { reg = <0 0x50000000 0x1000>; }; };'
check "not if what is there is read by others" refuses '2 address and 1 size cells, but the root has 2 and 2' \
	add-region --name a --type no-map --size 4K --base 0x60000000 t.dtb

# ---- files that are something else ----
tree "$pool"
cp t.dtb before.dtb
printf '/dts-v1/; /plugin/; &{/} { a { }; };' | dtc -q -@ -O dtb -o o.dtbo
for edit in 'add-region --name a --type no-map --size 4K' 'bind --region pool --client /a' 'dma-ranges --identity 0,4K --bus /a' \
	'remove-region --region pool' 'unbind --region pool --client /a' 'drop-windows --bus /a'; do
	# shellcheck disable=SC2086 # arguments are words
	check "an overlay is not edited: ${edit%% *}" refuses 'is an overlay' $edit o.dtbo
done
cat t.dtb before.dtb >two.dtb
check "two trees in one file" refuses "the first has $(stat -c %s t.dtb) bytes, another begins at" add-region --name a --type no-map --size 4K two.dtb
check "to judge them, too" refuses 'several device trees' check two.dtb
{ cat t.dtb; head -c 64 /dev/zero; } >padded.dtb
check "padding is none" does check padded.dtb
echo more >>padded.dtb
check "other bytes are" refuses 'and 69 follow' check padded.dtb
printf '/* a board */\n/dts-v1/; / { };' >source.dts
check "source" refuses 'dtc -@ -O dtb -o OUT.dtb' check source.dts
gzip -c t.dtb >t.dtb.gz
check "compressed" refuses 'gunzip makes a blob' show t.dtb.gz
: >empty
check "empty" refuses 'it is empty' show empty
printf '0x40000000 0 1G\n' >extents
"$hvcma" fdt dma-ranges --bus /a --extents - - -o x.dtb <extents >out 2>err
check "the standard input can't be two things" equal 1 $?
check "which is said" says 'can be read once only'

# ---- windows and guards ----
tree 'reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; a@50000000 { reg = <0 0x50000000 0 0x1000>; }; };'
for node in / /reserved-memory /reserved-memory/a /memory; do
	check "no bus: $node" refuses 'is no bus' dma-ranges --bus $node --identity 0x40000000,1G t.dtb
done
tree "$(bridge a 1000 'pci@1,0 { device_type = "pci"; #address-cells = <3>; #size-cells = <2>; reg = <0x800 0 0 0 0>; ranges; };') d@2000 { reg = <0 0x2000 0 1>; };"
check "no bus: a device" refuses 'no bus, nothing is below it' dma-ranges --bus /d@2000 --identity 0x40000000,1G t.dtb
check "nor a bridge behind a host bridge" refuses 'whose windows count for all' dma-ranges --bus /pcie@1000/pci --identity 0x40000000,1G t.dtb
# Levels of dma-ranges: what is written is what Linux makes of it, or nothing is.
levels()
{
	tree "soc { #address-cells = <2>; #size-cells = <2>; ranges; $1 $(bridge a 1000) b { #address-cells = <2>; #size-cells = <2>; ranges; }; };"
}
levels 'dma-ranges = <0 0xc0000000 0 0x40000000 0 0x40000000>;'
cp t.dtb before.dtb
check "a bus on which memory is elsewhere" refuses "would lead elsewhere: dma-ranges above 'pcie@1000'" dma-ranges --identity 0x40000000,1G t.dtb
check "one that has no such property yet, too" refuses 'would lead elsewhere' dma-ranges --bus /soc/b --identity 0x40000000,1G t.dtb
check "which leave the file alone" cmp before.dtb t.dtb
check "the bus itself can have other windows" does dma-ranges --bus /soc --identity 0x40000000,1G t.dtb
check "then those below it, too" does dma-ranges --identity 0x40000000,1G t.dtb
levels 'dma-ranges = <0 0x40000000 0 0x40000000 0 0x20000000>;'
check "a bus that reaches half of it" refuses 'reaches beyond what dma-ranges above' dma-ranges --identity 0x40000000,1G t.dtb
check "that half it may be" does dma-ranges --identity 0x40000000,512M t.dtb
tree 'soc { ranges; d@1000 { reg = <0 0x1000 0 0x100>; }; };'
check "cells that the bus does not say" refuses 'would lead elsewhere' dma-ranges --bus /soc --identity 0x40000000,1G t.dtb
printf '0x40000000 0xc0000000 256M\n0x50000000 0x80000000 768M\n' >e1
printf '0x40000000 0xc0000000 128M\n0x48000000 0x180000000 896M\n' >e2
tree "$(bridge a 1000) $(bridge b 2000)"
cp t.dtb before.dtb
check "guards" does dma-ranges --bus '&a' --extents e1 --guards t.dtb
check "the same again" does dma-ranges --bus '&a' --extents e1 --guards t.dtb
check "others in their place" does dma-ranges --bus '&a' --extents e2 --guards t.dtb
check "one node" equal dma-guard@47fff000 "$(fdtget -l t.dtb /reserved-memory)"
check "of two pages" equal "0 47fff000 0 1000 0 7ffff000 0 1000" "$(cells t.dtb /reserved-memory/dma-guard@47fff000 reg)"
check "in which nothing is wrong" does check t.dtb
check "a second bus" does dma-ranges --bus '&b' --extents e1 --guards t.dtb
check "does not lose the guard that they share" equal 1 "$(for n in $(fdtget -l t.dtb /reserved-memory); do cells t.dtb "/reserved-memory/$n" reg; done | grep -o 7ffff000 | wc -l)"
check "nor the first one's" equal 1 "$(for n in $(fdtget -l t.dtb /reserved-memory); do cells t.dtb "/reserved-memory/$n" reg; done | grep -c 47fff000)"
check "of which nothing is wrong" does check t.dtb
check "windows go" does drop-windows --bus '&a' t.dtb
check "with guards that no other needs" equal "dma-guard@4ffff000" "$(fdtget -l t.dtb /reserved-memory)"
check "of the other, too" does drop-windows --bus '&b' t.dtb
check "which gives back the file" cmp before.dtb t.dtb
check "no windows, none to drop" refuses 'has no dma-ranges' drop-windows --bus '&b' t.dtb

# The target of interrupts on the bus of a Raspberry Pi 5; 0xc0000000 is a window of memory.
tree "$(bridge a 1000 'dma-ranges = <0x43000000 0x10 0 0 0 0x10 0>, <0x02000000 0xff 0xfffff000 0x10 0x00130000 0 0x1000>;')"
cp t.dtb before.dtb
check "new windows" does dma-ranges --extents e1 t.dtb
check "a window without memory stays" says 'note: 1 window that carries no memory stays, first 0xfffffff000 on the bus at 0x1000130000'
want="2000000 0 c0000000 0 40000000 0 10000000 2000000 0 80000000 0 50000000 0 30000000 2000000 ff fffff000 10 130000 0 1000"
check "behind them" same_as "$want" "$(cells t.dtb /pcie@1000 dma-ranges)"
check "again" does dma-ranges --extents e1 t.dtb
check "is the same" same_as "$want" "$(cells t.dtb /pcie@1000 dma-ranges)"
check "what was there before comes back" does drop-windows t.dtb
check "all of it" cmp before.dtb t.dtb
tree "$(bridge a 1000 'dma-ranges = <0x02000000 0 0xc0000000 0x10 0x00130000 0 0x1000>;')"
check "not where it is in the way" does dma-ranges --extents e1 t.dtb
check "then it goes" equal 14 "$(cells t.dtb /pcie@1000 dma-ranges | wc -w)"
tree "$(bridge a 1000 'dma-ranges;')"
cp t.dtb before.dtb
check "an empty dma-ranges" does dma-ranges --extents e1 t.dtb
check "comes back, too" does drop-windows t.dtb
check "as it was" cmp before.dtb t.dtb

# ---- and back ----
dtc -q -@ -O dtb -o machine.dtb "$HVCMA_SRC/tests/fdt/machine.dts"
tree "$pool $(bridge a 1000) soc { d: dev { memory-region-names = \"only\"; memory-region = <&p>; }; };"
for base in machine t; do
	cp $base.dtb before.dtb
	check "$base: a pool" does add-region --name new --type no-map --size 1M --base 0x60000000 $base.dtb
	check "$base: another" does add-region --name dyn --type reusable --default --size 4M --align 4M --alloc-range 0x40000000,1G $base.dtb
	check "$base: PCI clients" does bind --region new --client 00:02.0 --client pci:0000:00/03.0/01.0/00.0 --client pci:0000:00/03.0 $base.dtb
	check "$base: of the other, too" does bind --region dyn --client 00:02.0 $base.dtb
	check "$base: windows" does dma-ranges --extents e1 --guards $base.dtb
	check "$base: a pool with clients stays" refuses 'has a client, /pcie.*: unbind it first' remove-region --region new $base.dtb
	check "$base: clients go" does unbind --region new --client pci:0000:00/03.0/01.0/00.0 --client 00:02.0 --client 00:03.0 $base.dtb
	check "$base: who is none can't" refuses 'is not bound to' unbind --region new --client 00:02.0 $base.dtb
	check "$base: the first pool goes" does remove-region --region new $base.dtb
	check "$base: windows go" does drop-windows $base.dtb
	check "$base: the last client goes" does unbind --region dyn --client 00:02.0 $base.dtb
	check "$base: has no node any more" refuses 'there is none' unbind --region dyn --client 00:02.0 $base.dtb
	check "$base: the last pool goes" does remove-region --region dyn $base.dtb
	check "$base: the same file" cmp before.dtb $base.dtb
done
# A region without phandle gets one, which goes with its last client.
printf '/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges;
	pool@1000 { reg = <0x1000 0x1000>; }; }; a { }; b { }; };' | dtc -q -O dtb -o t.dtb
cp t.dtb before.dtb
check "clients of a pool without phandle" does bind --region pool --client /a --client /b t.dtb
check "one goes" does unbind --region pool --client /a t.dtb
check "the phandle stays" equal 1 "$(fdtget t.dtb /reserved-memory/pool@1000 phandle)"
check "the other goes" does unbind --region pool --client /b t.dtb
check "and the phandle" cmp before.dtb t.dtb
check "that pool can go" does remove-region --region pool t.dtb
check "and is gone" equal "" "$(fdtget -l t.dtb /reserved-memory)"
printf '/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges;
	p: pool@1000 { reg = <0x1000 0x1000>; }; q: pool@2000 { reg = <0x2000 0x1000>; }; };
	d { memory-region = <&p &q>; memory-region-names = "first", "second"; }; };' | dtc -q -@ -O dtb -o t.dtb
check "one of two" does unbind --region pool@1000 --client /d t.dtb
check "takes its name along" equal second "$(fdtget t.dtb /d memory-region-names)"
check "its pool goes" does remove-region --region '&p' t.dtb
check "with its label" equal q "$(fdtget -p t.dtb /__symbols__)"

# ---- what is there already ----
tree 'd: d@80000000 { compatible = "d"; reg = <0 0x80000000 0 0x1000>; };'
check "a domain" does xen --domain d --memory 1M t.dtb -o host.dtb
check "of that name again" refuses 'd: there is one already' xen --domain d --memory 1M host.dtb -o host.dtb
check "a device twice" refuses 'there is one already' xen --device /d --device '/d@80000000' t.dtb -o part.dtb
check "a pool of that name and place" does add-region --name a --type no-map --size 4K --base 0x50000000 t.dtb
check "again" refuses 'there is one already' add-region --name a --type no-map --size 4K --base 0x50000000 t.dtb

# ---- numbers, as dtc reads them ----
tree ''
check "hexadecimal, octal, with C's suffix" does add-region --name a --type no-map --size 0x1000UL --base 010000000000 t.dtb
check "say what they say" equal "0 40000000 0 1000" "$(cells t.dtb /reserved-memory/a@40000000 reg)"
for number in 08 0x 1KB K -1 1.5M ' 1' 0b1 18446744073709551616 16777216T; do
	fdt add-region --name b --type no-map --size "$number" t.dtb
	check "no number: '$number'" equal 2 $?
done
tap_end
