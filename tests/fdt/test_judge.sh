#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvcma fdt check, judged against what Linux makes of small trees: each has exactly the findings
# that are named, or none. Every id that there is has a tree in which it is found.
#
#	the machine		| memory 0x40000000, 1 GiB |	soc, pcie
#	of most trees		      | pool at 0x50000000, 64 MiB |

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/fdt/cli.sh"
: >seen

# judged "WHAT" "IDS" [OPTION...]: t.dts has these findings and no others; the exit status follows
# from how bad they are.
judged()
{
	text=$1 want=$(echo "$2" | tr ' ' '\n' | sort | xargs)
	shift 2
	dtc -q -f -I dts -O dtb -o t.dtb t.dts 2>err || { note "$(cat err)"; check "$text: dtc" false; return; }
	nr=$((${nr:-0} + 1))
	[ -z "${HVCMA_KEEP_TREES-}" ] || cp t.dtb "$HVCMA_KEEP_TREES/judge-$nr.dtb"
	"$hvcma" fdt check "$@" t.dtb >out 2>&1
	status=$?
	have=$(sed -n 's/.*\[\([a-z-]*\)\]$/\1/p' out | sort | xargs)
	sed -n 's/.*\[\([a-z-]*\)\]$/\1/p' out >>seen
	due=0
	grep -vqE '^(note|warning): ' out && due=4
	if [ "$have" = "$want" ] && [ "$status" -eq "$due" ]; then
		check "$text: ${want:-nothing}" true
		return
	fi
	note "wanted: $want; status $status, due $due"
	note "$(cat out)"
	check "$text: ${want:-nothing}" false
}

# tree MEMORY RESERVED SOC PCI REST BLOCK: t.dts, a machine with these in its nodes
tree()
{
	cat >t.dts <<-END
		/dts-v1/; ${6-}
		/ {
			#address-cells = <2>; #size-cells = <2>; compatible = "t"; interrupt-parent = <&gic>;
			memory@40000000 { device_type = "memory"; ${1:-reg = <0 0x40000000 0 0x40000000>;} };
			gic: gic@8000000 { reg = <0 0x8000000 0 0x1000>; interrupt-controller; #interrupt-cells = <3>; };
			smmu: iommu@9000000 { reg = <0 0x9000000 0 0x1000>; #iommu-cells = <1>; };
			reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; ${2-} };
			pcie: pcie@10000000 { device_type = "pci"; #address-cells = <3>; #size-cells = <2>;
				reg = <0x40 0x10000000 0 0x10000000>; ${4-} };
			soc: soc@0 { #address-cells = <2>; #size-cells = <2>; ranges; ${3-} };
			${5-}
		};
	END
}

pool='p: pool@50000000 { compatible = "shared-dma-pool"; reusable; reg = <0 0x50000000 0 0x4000000>; };'
default='p: pool@50000000 { compatible = "shared-dma-pool"; reusable; linux,cma-default; reg = <0 0x50000000 0 0x4000000>; };'
client='dev@a000000 { compatible = "d"; reg = <0 0xa000000 0 0x1000>; memory-region = <&p>; };'

tree '' "$pool" "$client"
judged "a pool and its client" ""

# ---- memory ----
tree 'reg = <0 0x40000000 0 0>;' "$pool"
judged "memory that the boot loader fills in" "memory-unknown"
tree ' ' "$pool"
judged "memory without reg" "memory-unknown"
tree 'reg = <0 0x40000000 0>;'
judged "cells of memory" "memory-length"
tree 'reg = <0 0x40000000 0xffffffff 0xffffffff>;'
judged "memory that wraps" "memory-wraps"
tree 'reg = <0 0x40000000 0 0x40000000>, <0 0x60000000 0 0x1000>;'
judged "memory twice" "memory-overlap"
tree 'reg = <0 0 0 0x1000>; linux,usable-memory = <0 0x40000000 0 0x40000000>;' "$pool"
judged "linux,usable-memory counts" ""
tree '' "$pool" '' '' 'memory@7ff00000 { device_type = "memory"; status = "disabled"; reg = <0 0x7ff00000 0 0x1000>; };'
judged "disabled memory is none" ""
tree 'status = "disabled"; reg = <0 0x40000000 0 0x40000000>;' "$pool"
judged "nor does it hold a pool" "pool-no-memory"
cat >t.dts <<-'END'
	/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; memory@0 { reg = <0 0x1000>; }; };
END
judged "memory without device_type" "memory-unknown"

# ---- /reserved-memory ----
cat >t.dts <<-'END'
	/dts-v1/; / { #address-cells = <2>; #size-cells = <1>; memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0x40000000>; };
	reserved-memory { ranges; a@50000000 { reg = <0 0x50000000 0x1000>; }; }; };
END
judged "without cells Linux ignores all of it" "reserved-cells"
cat >t.dts <<-'END'
	/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; memory@40000000 { device_type = "memory"; reg = <0x40000000 0x40000000>; };
	reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; a@50000000 { reg = <0 0x50000000 0 0x1000>; }; }; };
END
judged "with others than the root, too" "reserved-cells"
cat >t.dts <<-'END'
	/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; memory@40000000 { device_type = "memory"; reg = <0x40000000 0x40000000>; };
	reserved-memory { #address-cells = <1>; #size-cells = <1>; a@50000000 { reg = <0x50000000 0x1000>; }; }; };
END
judged "without ranges" "reserved-ranges"
sed -i 's/reserved-memory {/& ranges = <0 0x40000000 0x40000000>;/' t.dts
judged "with ranges that lead elsewhere" "reserved-mapped"
tree '' 'a@50000000 { reg = <0 0x50000000 0>; };' "$client"
sed -i 's/reserved-memory {/reserved-memory@0 {/; s/a@50000000/p: &/' t.dts
judged "with an address Linux reads it, too" "reserved-length"
tree '' '' "reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges; $pool };"
judged "not below the root nobody does" "pool-elsewhere"
tree '' 'a@50000000 { reg = <0 0x50000000 0>; };'
judged "cells of a region" "reserved-length"
tree '' 'a@50000000 { reg = <0 0x50000000 0 0>; };'
judged "an empty region" "reserved-empty"
tree '' 'a@50000000 { reg = <0 0x50000000 0xffffffff 0xffffffff>; };'
judged "a region that wraps" "reserved-wraps"
tree '' 'a@50000000 { no-map; reg = <0 0x50000000 0 0x10000000>; };
	b@51000000 { no-map; reg = <0 0x51000000 0 0x1000>; }; c@52000000 { no-map; reg = <0 0x52000000 0 0x1000>; };'
judged "all that overlap, not only neighbours" "reserved-overlap reserved-overlap"
tree '' "$pool b@51000000 { no-map; status = \"disabled\"; reg = <0 0x51000000 0 0x1000>; };"
judged "a disabled region overlaps nothing" ""
tree '' "$pool" '' '' '' '/memreserve/ 0x50000000 0x4000000;'
judged "the same in both maps" "reserved-twice"
tree '' "$pool" '' '' '' '/memreserve/ 0x50000000 0x100000;'
judged "another in both maps" "reserved-overlap"
tree '' 'a@50000000 { reg = <0 0x50000000 0 0x80000>; };' '' '' '' '/memreserve/ 0x50000000 0x1000;'
judged "but nobody uses it" "reserved-twice"
tree '' 'a@50000000 { no-map; reg = <0 0x50000000 0 0x80000>; };' '' '' '' '/memreserve/ 0x50000000 0x1000;'
judged "nor maps it, if it can" "reserved-overlap"
tree '' '' '' '' '' '/memreserve/ 0x50000000 0x2000; /memreserve/ 0x50001000 0x2000;'
judged "entries of the block must not overlap" "reserved-overlap"
tree '' "$pool" '' '' 'chosen { linux,initrd-start = <0x52000000>; linux,initrd-end = <0x56000000>; };'
judged "a pool where the initial RAM disk is" "reserved-overlap"
tree '' "$pool" '' '' 'chosen { linux,initrd-start = <0 0x54000000>; linux,initrd-end = <0 0x56000000>; };'
judged "beside it" ""
tree '' 'a@52000000 { reg = <0 0x52000000 0 0x4000000>; };' '' '' 'chosen { linux,initrd-start = <0x52000000>; linux,initrd-end = <0x56000000>; };'
judged "a node that reserves it" "reserved-twice"
tree '' '' '' '' 'chosen { linux,initrd-start = <0x52000000>; linux,initrd-end = <0x56000000>; };' '/memreserve/ 0x52000000 0x5000000;'
judged "boot loaders reserve it, too" ""
tree '' "$(for i in $(seq 0 64); do printf 'r@5%07x { no-map; reg = <0 0x5%07x 0 0x1000>; };' $((i * 8192)) $((i * 8192)); done)"
judged "65 regions" "reserved-many"

# ---- pools ----
tree '' 'a@50000000 { compatible = "shared-dma-pool"; reusable; no-map; reg = <0 0x50000000 0 0x200000>; };'
judged "reusable and no-map" "pool-flags"
tree '' 'a@50000000 { compatible = "restricted-dma-pool"; linux,dma-default; reg = <0 0x50000000 0 0x200000>; };'
judged "a restricted default" "pool-flags"
tree '' 'a@50000000 { compatible = "shared-dma-pool"; reg = <0 0x50000000 0 0x200000>; };'
judged "neither reusable nor no-map" "pool-unmarked"
tree '' "$default q@60000000 { compatible = \"shared-dma-pool\"; reusable; linux,cma-default; reg = <0 0x60000000 0 0x200000>; };"
judged "two defaults" "pool-defaults"
tree '' "$default" '' '' 'chosen { bootargs = "quiet cma=64M"; };'
judged "cma= takes its place" "pool-bypassed"
tree '' "$default" '' '' 'chosen { bootargs = "quiet hugetlb_cma=64M"; };'
judged "another option does not" ""
tree '' 'a@50100000 { compatible = "shared-dma-pool"; reusable; reg = <0 0x50100000 0 0x400000>; };'
judged "half a pageblock" "pool-alignment"
tree '' "$pool"
judged "pageblocks of 512 MiB" "pool-alignment" --pageblock 512M
tree '' "$pool"
judged "granules of 1 GiB" "pool-granules" --granule 1G
tree '' 'a@90000000 { compatible = "shared-dma-pool"; reusable; reg = <0 0x90000000 0 0x200000>; };'
judged "no memory there" "pool-no-memory"
tree '' 'a@80000000 { compatible = "restricted-dma-pool"; reg = <0 0x80000000 0 0x200000>; };'
judged "bounce buffers above what the tree knows" "pool-above-memory"
tree '' 'a@30000000 { compatible = "restricted-dma-pool"; reg = <0 0x30000000 0 0x200000>; };'
judged "bounce buffers below all memory" "pool-no-memory"
tree '' 'a@90000000 { no-map; reg = <0 0x90000000 0 0x200000>; };'
judged "no-map may be anything" ""

wide='reg = <0 0x80000000 1 0>;'
tree "$wide" 'a@f0000000 { compatible = "shared-dma-pool"; reusable; reg = <0 0xf0000000 0 0x20000000>; };'
judged "CMA across 4 GiB" "pool-zones"
tree "$wide" 'a@f0000000 { compatible = "shared-dma-pool"; no-map; reg = <0 0xf0000000 0 0x20000000>; };'
judged "others may be" ""
tree "$wide" 'a@f0000000 { compatible = "shared-dma-pool"; reusable; reg = <0 0xf0000000 0 0x10000000>; };
	b@100000000 { compatible = "shared-dma-pool"; reusable; reg = <1 0 0 0x10000000>; };'
judged "on either side" ""
tree "$wide" 'a { compatible = "shared-dma-pool"; reusable; size = <0 0xa0000000>; };'
judged "too long for one side" "pool-zones"
tree "$wide" 'a { compatible = "shared-dma-pool"; reusable; linux,cma-default; size = <0 0x4000000>; };'
judged "the default pool on the far side" "pool-high"
tree "$wide" 'a { compatible = "shared-dma-pool"; reusable; linux,cma-default; size = <0 0x4000000>; alloc-ranges = <0 0 1 0>; };'
judged "and on the near side" ""
tree '' "$pool" '' '' 'memory@80000000 { device_type = "memory"; reg = <0 0x80000000 0 0x40000000>; numa-node-id = <1>; };'
judged "in one NUMA node" ""
tree '' 'a@70000000 { compatible = "shared-dma-pool"; reusable; reg = <0 0x70000000 0 0x20000000>; };' '' '' \
	'memory@80000000 { device_type = "memory"; reg = <0 0x80000000 0 0x40000000>; numa-node-id = <1>; };'
judged "in two" "pool-zones"

tree '' 'a@50000000 { compatible = "shared-dma-pool"; reusable; reg = <0 0x50000000 0 0x400000>, <0 0x60000000 0 0x400000>; };'
judged "a pool of two ranges" "pool-ranges"

# ---- pools that the kernel places ----
dynamic()
{
	tree '' "a { compatible = \"shared-dma-pool\"; reusable; $1 }; $2"
}
dynamic 'size = <0 0x4000000>;'
judged "placed by the kernel" ""
dynamic 'size = <0x4000000>;'
judged "size of one cell" "pool-length"
dynamic 'size = <0 0x4000000>; alignment = <0x200000>;'
judged "alignment of one cell" "pool-length"
dynamic 'size = <0 0x4000000>; alignment = <0 0x300000>;'
judged "alignment that is no power of two" "pool-alignment"
dynamic 'size = <0 0x4000000>; alloc-ranges = <0 0x50000000 0>;'
judged "cells of alloc-ranges" "pool-length"
dynamic 'size = <0 0x4001000>;'
judged "size of no whole pageblocks" "pool-alignment"
dynamic 'size = <0 0x4000000>;'
judged "nor of large ones" "pool-alignment" --pageblock 512M
dynamic 'size = <0 0x4000000>; alloc-ranges = <1 0 0 0x10000000>;'
judged "where there is no memory" "pool-no-room"
dynamic 'size = <0 0x4000000>; alloc-ranges = <0 0x50000000 0 0x200000>;'
judged "where it is too long" "pool-no-room"
dynamic 'size = <1 0>;'
judged "larger than memory" "pool-no-room"
dynamic 'size = <0 0x4000000>; alloc-ranges = <0 0x60000000 0 0x10000000>;' 'f@60000000 { no-map; reg = <0 0x60000000 0 0x10000000>; };'
judged "where all is taken" "pool-no-room"
dynamic 'size = <0 0x20000000>; alloc-ranges = <0 0x40000000 0 0x20000000>;' \
	'b { no-map; size = <0 0x1000>; alloc-ranges = <0 0x40000000 0 0x20000000>; };'
judged "one after the other" "pool-no-room"
dynamic 'size = <0 0x20000000>; alloc-ranges = <0 0x40000000 0 0x20000000>;' 'b { no-map; size = <0 0x1f000000>; };'
judged "side by side" ""
dynamic 'size = <0 0x40000000>;'
judged "all memory" "pool-no-room"
tree '' 'a@40000000 { compatible = "shared-dma-pool"; reusable; reg = <0 0x40000000 0 0x40000000>; };'
judged "which is none for the kernel" "pool-no-room"
cat >t.dts <<-'END'
	/dts-v1/; / { #address-cells = <2>; #size-cells = <1>;
	memory@0 { device_type = "memory"; reg = <0 0 0x3b400000>, <0 0x40000000 0x3c000000>; };
	reserved-memory { #address-cells = <2>; #size-cells = <1>; ranges;
	linux,cma { compatible = "shared-dma-pool"; reusable; size = <0x20000000>; alloc-ranges = <0 0 0x20000000>; }; }; };
END
judged "the first page is nobody's" "pool-no-room"
tree '' 'a { };'
judged "neither reg nor size" "pool-no-place"
tree '' 'a { iommu-addresses = <&smmu 0 0x1000 0 0x1000>; };'
judged "addresses of an IOMMU need none" ""
tree '' 'a { iommu-addresses = <&smmu 0 0x1000 0 0x1000>, <0x77 0 0 0 1>; };'
judged "they are a device's" "phandle-open"
tree '' 'a { iommu-addresses = <&smmu 0 0x1000 0 0x1000>, <&d 0x1000>; };' \
	'b { #address-cells = <1>; #size-cells = <1>; d: d@1 { reg = <1 1>; }; };'
judged "in the cells of its bus" "list-length"
tree '' 'a { iommu-addresses = <&smmu 0 0x1000 0 0x1000>, <&d 0x1000 0x1000>; };' \
	'b { #address-cells = <1>; #size-cells = <1>; d: d@1 { reg = <1 1>; }; };'
judged "which may be others than the root's" ""

# ---- phandles ----
tree '' '' 'd@1000 { reg = <0 0x1000 0 1>; interrupt-parent = <0x77>; };'
judged "a phandle of nobody" "phandle-open"
tree '' '' 'd@1000 { reg = <0 0x1000 0 1>; interrupts-extended = <&gic 0 1 4>, <0x77 1>; };'
judged "in interrupts-extended" "phandle-open"
tree '' '' '' '#interrupt-cells = <1>; interrupt-map-mask = <0 0 0 7>; interrupt-map = <0 0 0 1 0x77 0 3 4>;'
judged "in interrupt-map" "phandle-open"
tree '' '' '' '#interrupt-cells = <1>; interrupt-map = <0 0 0 1 &gic 0 3 4>, <0 0 0 2 &gic 0 4 4>;'
judged "a good interrupt-map" ""
tree '' '' '' '#interrupt-cells = <1>; interrupt-map = <0 0 0 1 &gic 0 3>;'
judged "one that is cut" "list-length"
tree '' '' 'd@1000 { status = "disabled"; reg = <0 0x1000 0 1>; interrupt-parent = <0x77>; };'
judged "a disabled device is not read" ""
tree '' '' 'a { phandle = <0x50>; }; b { phandle = <0x50>; };'
judged "a phandle of two" "phandle-twice"
tree '' '' 'd@1000 { reg = <0 0x1000 0 1>; memory-region = <&gic>; };'
judged "a region that is none" "phandle-target"
tree '' '' 'd@1000 { reg = <0 0x1000 0 1>; iommus = <&gic 1>; };'
judged "an IOMMU that is none" "list-length"
tree '' '' '' 'iommu-map = <0 &two 0x1400 0 1 0x100 &two 0x1401 0 1>; msi-map = <0 &its 0x10000>;' \
	'two: i@1 { reg = <0 1 0 1>; #iommu-cells = <2>; }; its: m@2 { reg = <0 2 0 1>; #msi-cells = <0>; };'
judged "maps with the cells of their targets" ""
tree '' '' '' 'iommu-map = <0 &two 0x1400 1>;' 'two: i@1 { reg = <0 1 0 1>; #iommu-cells = <2>; };'
judged "and with one, as it was before" ""
tree '' '' '' 'iommu-map = <0 &smmu 0x1400>;'
judged "a map that is cut" "list-length"
cat >t.dts <<-'END'
	/dts-v1/; /plugin/; / { fragment@0 { target = <&soc>; __overlay__ { d@1000 { reg = <0x1000 1>; interrupt-parent = <&gic>; memory-region = <&pool>; }; }; }; };
END
judged "what an overlay leaves open" ""

# ---- windows ----
tree '' "$pool" "dma-ranges = <0 0x80000000 0 0x40000000 0>; $client"
judged "cells of dma-ranges" "window-length"
tree '' '' 'dma-ranges = <0 0 0 0x40000000 0 0>; d@1 { reg = <0 1 0 1>; };'
judged "an empty window" "window-empty"
tree '' '' 'dma-ranges = <0 0x80000000 0 0x40000000 0xffffffff 0xffffffff>; d@1 { reg = <0 1 0 1>; };'
judged "a window that wraps" "window-wraps"
tree '' '' 'dma-ranges = <0 0x80000000 0 0x40000000 0 0x20000000>, <0 0x90000000 0 0x60000000 0 0x1000>; d@1 { reg = <0 1 0 1>; };'
judged "two places for one address" "border window-overlap"
tree '' '' 'dma-ranges = <4 0x7c000000 0 0x7c000000 0 0x3800000>, <0 0 0 0x40000000 0 0x40000000>; d@1 { reg = <0 1 0 1>; };'
judged "windows that overlap in memory: the first counts" "border"
tree '' '' '' 'dma-ranges = <0x42000000 0 0x40000000 0 0x40000000 0 0x40000000>, <0x02000000 0 0x40000000 0 0x40000000 0 0x40000000>;'
judged "the same window twice" ""
tree '' '' '' 'dma-ranges = <0x02000000 0 0 0 0x40000000 2 0>;'
judged "32-bit space" "window-space"
tree '' '' '' 'dma-ranges = <0x01000000 0 0 0 0x40000000 0 0x40000000>;'
judged "I/O space" "window-space"
tree '' '' 'dma@1 { reg = <0 1 0 1>; #address-cells = <2>; #size-cells = <2>; dma-ranges = <0 0 0 0x40000000 0 0x40000000>; };'
judged "windows of a device" "window-leaf"
tree '' "$pool" "dev@a000000 { reg = <0 0xa000000 0 0x1000>; memory-region = <&p>; #address-cells = <2>; #size-cells = <2>; dma-ranges = <0 0 0 0x40000000 0 0x8000000>; };"
judged "do not count for itself" "window-leaf"
tree '' '' 'mbus@1 { reg = <0 1 0 1>; #interconnect-cells = <1>; #address-cells = <2>; #size-cells = <2>; dma-ranges = <0 0 0 0x40000000 0 0x40000000>; };'
judged "of an interconnect" ""
bridge='device_type = "pci"; #address-cells = <3>; #size-cells = <2>; reg = <0 0 0 0 0>; ranges;'
tree '' '' '' "pci@0 { $bridge dma-ranges = <0x02000000 0 0 0x02000000 0 0 0 0x1000>; dev@0 { reg = <0 0 0 0 0>; }; };"
judged "of a bridge behind a host bridge" "window-pci"
tree '' '' '' "pci@0 { $bridge dev@0 { reg = <0 0 0 0 0>; #address-cells = <1>; #size-cells = <1>;
	ranges; dma-ranges = <0 0x02000000 0 0 0x40000000>; inner@0 { reg = <0 4>; }; }; };"
judged "of a device that has buses of its own" ""
tree '' '' 'dma-ranges = <0 0 0 0x40000000 0 0x40000000>; b { #address-cells = <2>; #size-cells = <2>; ranges;
	dma-ranges = <0 0 0 0 0 0x1000>, <0 0x1000 1 0 0 0x1000>; d@1 { reg = <0 1 0 1>; }; };'
judged "a window that leads nowhere" "window-lost"
tree '' "$pool" "dma-ranges = <0 0 0 0x40000000 0 0x40000000>; b { #address-cells = <2>; #size-cells = <2>; ranges;
	dma-ranges = <0 0xc0000000 0 0 0 0x40000000>; $client };"
judged "two levels that cover" ""
tree '' "$pool" "dma-ranges = <0 0 0 0x40000000 0 0x8000000>; b { #address-cells = <2>; #size-cells = <2>; ranges;
	dma-ranges = <0 0x1000 0 0 0 0x1000000>; $client };"
judged "two levels that do not" "window-memory window-pool"
tree '' "$pool" "dma-ranges = <0 0 0 0x40000000 0 0x8000000>; b { #address-cells = <2>; #size-cells = <2>; ranges;
	dma-ranges = <0 0x80000000 0 0 0 0x40000000>; $client };"
judged "a window longer than the one above it" "window-long"
tree '' "$pool" "dma-ranges = <0 0 0 0x40000000 0 0x10000000>, <0 0x10000000 0 0x50000000 0 0x30000000>;
	b { #address-cells = <2>; #size-cells = <2>; ranges; dma-ranges = <0 0x80000000 0 0 0 0x40000000>; $client };"
judged "which may be two that go on" ""
# The first of three cells is a flag, even on a bus that is not PCI: it counts on this bus only.
tree '' "$pool" 'nexus@10000000 { #address-cells = <3>; #size-cells = <2>; ranges; dma-ranges;
	inner@20000000 { #address-cells = <1>; #size-cells = <1>; ranges = <0 0x2000000 0 0x20000000 0x10000000>;
		dma-ranges = <0x0 0x2000000 0 0x40000000 0x40000000>;
		dev@1000 { compatible = "d"; reg = <0x1000 0x1000>; memory-region = <&p>; }; }; };'
sed -i 's/soc@0 {/soc@0 { dma-ranges = <0 0x40000000 0 0x40000000 0 0x40000000>;/' t.dts
judged "flags end with their bus" ""
tree '' "$pool" 'bus@10000000 { ranges; dma-ranges = <0 0x80000000 0 0x40000000 0 0x40000000>;
		dev@10001000 { compatible = "d"; reg = <0 0x10001000 0 0x1000>; memory-region = <&p>; }; };'
judged "cells that a bus has from above" ""
tree '' "$pool" 'isa@10000000 { #address-cells = <2>; #size-cells = <1>; ranges;
		dma-ranges = <0 0 0 0x40000000 0x40000000>;
		dev@0,60 { compatible = "d"; reg = <0 0x60 1>; memory-region = <&p>; }; };'
judged "an ISA bus" ""
bus='#address-cells = <2>; #size-cells = <2>; ranges;'
tree '' "$pool" "dma-ranges = <0 0xc0000000 0 0x40000000 0 0x40000000>; a { $bus b { $bus $client }; };"
judged "two buses without dma-ranges end the search" "window-unused"
tree '' "$pool" "dma-ranges = <0 0xc0000000 0 0x40000000 0 0x40000000>; a { $bus b { $bus dma-ranges; $client }; };"
judged "so does one after an empty one" "window-unused"
tree '' "$pool" "dma-ranges = <0 0xc0000000 0 0x40000000 0 0x40000000>; a { $bus $client };"
judged "the first may lack it" ""
tree '' "$pool" "dma-ranges = <0 0xc0000000 0 0x40000000 0 0x40000000>; a { $bus dma-ranges; b { $bus dma-ranges; $client }; };"
judged "all have it" ""
tree '' "$pool" "dma-ranges = <0 0x40000000 0 0x40000000 0 0x40000000>; a { $bus b { $bus $client }; };"
judged "1:1 is what it is without" ""
tree '' "$pool" "dma-ranges = <0 0x80000000 0 0x40000000 0 0x8000000>; $client"
judged "a pool outside" "window-memory window-pool"
tree '' 'p: pool { compatible = "shared-dma-pool"; reusable; size = <0 0x4000000>; alloc-ranges = <0 0x70000000 0 0x10000000>; };' \
	"dma-ranges = <0 0x80000000 0 0x40000000 0 0x8000000>; $client"
judged "one to be placed outside" "window-memory window-pool"
tree '' 'p: pool { compatible = "shared-dma-pool"; reusable; size = <0 0x4000000>; };' \
	"dma-ranges = <0 0x80000000 0 0x40000000 0 0x8000000>; $client"
judged "one that will be, from the top down" "window-memory window-pool"
tree '' 'p: pool { compatible = "shared-dma-pool"; reusable; size = <0 0x4000000>; alloc-ranges = <0 0x40000000 0 0x40000000>; };' \
	"dma-ranges = <0 0x80000000 0 0x40000000 0 0x8000000>; $client"
judged "one that may be" "window-memory window-place"
tree '' 'p: pool { compatible = "shared-dma-pool"; reusable; size = <0 0x4000000>; };' \
	"dma-ranges = <0 0x80000000 0 0x60000000 0 0x20000000>; $client"
judged "or not" "window-memory window-place"
tree '' 'p: pool { compatible = "shared-dma-pool"; reusable; linux,cma-default; size = <0 0x4000000>; };' '' \
	'dma-ranges = <0x02000000 0 0x40000000 0 0x40000000 0 0x20000000>;'
judged "the default pool will be" "window-default"
tree '' 'p: pool { compatible = "shared-dma-pool"; reusable; linux,cma-default; size = <0 0x4000000>; };' '' \
	'dma-ranges = <0x02000000 0 0x40000000 0 0x40000000 0 0x3f000000>;'
judged "not if firmware takes the end of memory" ""
tree '' "$default" '' 'dma-ranges = <0x02000000 0 0x40000000 0 0x40000000 0 0x8000000>;'
judged "the default pool, of a PCI bus" "window-default"
tree '' "$default" 'dma-ranges = <0 0x40000000 0 0x40000000 0 0x8000000>; d@1 { reg = <0 1 0 1>; };'
judged "and of another" "window-default-bus"
tree '' "$default" '' 'dma-ranges = <0x02000000 0 0x40000000 0 0x40000000 0 0x8000000>; status = "disabled";'
judged "but not of a disabled one" ""
tree '' '' '' 'dma-ranges = <0x03000000 0x10 0 0 0x40000000 0 0x40000000>;'
judged "all above 4 GiB" "window-high"
tree '' "$default" '' 'dma-ranges = <0x03000000 0x10 0 0 0x40000000 0 0x8000000>; iommu-map = <0 &smmu 0 0x10000>;'
judged "behind an IOMMU" "window-iommu"
off="sm: iommu@9100000 { status = \"disabled\"; reg = <0 0x9100000 0 0x1000>; #iommu-cells = <1>; };"
tree '' "$pool" "dma-ranges = <0 0x40000000 0 0x40000000 0 0x8000000>; $off
	dev@a000000 { reg = <0 0xa000000 0 0x1000>; iommus = <&sm 1>; memory-region = <&p>; };"
judged "one that is disabled is none" "window-memory window-pool"
tree '' "$default" '' 'dma-ranges = <0x02000000 0 0x40000000 0 0x40000000 0 0x8000000>; iommu-map = <0 &sm 0 0x10000>;' "$off"
judged "nor is it of a PCI bus" "window-default"
tree '' "$pool" "far: far@0 { $bus reg = <0 0 0 1>; #interconnect-cells = <1>; dma-ranges = <0 0 0 0x40000000 0 0x8000000>; x@1 { reg = <0 1 0 1>; }; };
	dev@a000000 { reg = <0 0xa000000 0 0x1000>; memory-region = <&p>; interconnects = <&far 3>; interconnect-names = \"dma-mem\"; };"
judged "the interconnect dma-mem is the way" "window-memory window-pool"
tree '' "$pool" "a: a { $bus #interconnect-cells = <0>; interconnects = <&b>; interconnect-names = \"dma-mem\"; };
	b: b { $bus #interconnect-cells = <0>; interconnects = <&a>; interconnect-names = \"dma-mem\"; };
	dev@a000000 { reg = <0 0xa000000 0 0x1000>; memory-region = <&p>; interconnects = <&a>; interconnect-names = \"dma-mem\"; };"
judged "interconnects in a circle" ""

# ---- borders ----
tree '' '' 'dma-ranges = <0 0x80000000 0 0x40000000 0 0x20000000>; d@1 { reg = <0 1 0 1>; };'
judged "the end of the only window is none" ""
tree '' '' 'dma-ranges = <0 0 0 0x40000000 0 0x20000000>, <0 0x80000000 0 0x60000000 0 0x20000000>; d@1 { reg = <0 1 0 1>; };'
judged "the end of the lower one is" "border"
tree '' 'g@5ffff000 { no-map; reg = <0 0x5ffff000 0 0x1000>; };' \
	'dma-ranges = <0 0 0 0x40000000 0 0x20000000>, <0 0x80000000 0 0x60000000 0 0x20000000>; d@1 { reg = <0 1 0 1>; };'
judged "with a guard it is not" ""

# ---- devices ----
tree '' '' 'd@1 { reg = <1>; };'
judged "cells of a device" "reg-length"
tree '' '' 'd@1 { reg = <0 1 0 1>; ports { port@0 { reg = <0>; endpoint@0 { reg = <0>; }; }; }; };'
judged "ports have cells of their own" ""
tree '' '' 'dma-coherent; dma-noncoherent;'
judged "coherent and not, on a bus" "coherent-both"
tree '' '' '' 'd@0,0 { reg = <0 0 0 0 0>; dma-coherent; };'
judged "of a PCI device" "coherent-pci"
tree '' 'p: pool@50000000 { compatible = "shared-dma-pool"; reusable; status = "disabled"; reg = <0 0x50000000 0 0x4000000>; };' "$client"
judged "client of a disabled pool" "pool-disabled"
tree '' 'p: fw@50000000 { no-map; status = "disabled"; reg = <0 0x50000000 0 0x4000000>; };' "$client"
judged "and of what is no pool" "pool-disabled"
tree '' "$default" "$client" '' 'chosen { bootargs = "quiet cma=64M"; };'
judged "client of a default pool that cma= takes the place of" "pool-bypassed pool-disabled"
tree '' "$default" '' 'dma-ranges = <0x02000000 0 0x40000000 0 0x40000000 0 0x8000000>;' 'chosen { bootargs = "quiet\tcma=64M"; };'
judged "of which no bus needs to reach anything" "pool-bypassed"
tree '' "$pool" "$client"
judged "attributes by the host's" "attribute" --stage2 fwb
cat >t.dts <<-'END'
	/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; memory@0 { device_type = "memory"; reg = <0 0x1000>; };
	keys { compatible = "gpio-keys"; #address-cells = <7>; #size-cells = <0>; }; };
END
judged "more cells than an address has" ""

# ---- severity, ids ----
tree '' '' '' 'dma-ranges = <0x02000000 0 0 0 0x40000000 2 0>;'
dtc -q -f -I dts -O dtb -o w.dtb t.dts
"$hvcma" fdt check w.dtb >out
check "a warning is no fault" equal 0 $?
check "and says what it is" grep -q '^warning: window: /pcie@10000000: .* \[window-space\]$' out
"$hvcma" fdt check --strict w.dtb >out
check "but for --strict" equal 4 $?
"$hvcma" fdt check --strict --silence window-space,border w.dtb >out
check "unless it is silenced" equal 0 $?
check "and not printed" [ ! -s out ]
"$hvcma" fdt check --silence window-spice w.dtb 2>err
check "refused: an id that nothing has" equal 2 $?
check "by its name" grep -q "no finding is called 'window-spice'" err
check "as JSON" sh -c "\"$hvcma\" fdt check --json w.dtb | tr -d ' \\n' |
	grep -qF '\"id\":\"window-space\",\"kind\":\"window\",\"severity\":\"warning\",\"note\":false,\"node\":\"/pcie@10000000\"'"
"$hvcma" fdt check --list | sed 's/ .*//' | sort >ids
check "every finding is in a tree above" equal "" "$(sort -u seen | comm -23 ids - | xargs)"
"$hvcma" fdt check --list | awk '{ print $1, $3 }' | sort >ids
check "the manual has every finding, as bad as it is" equal "" "$(sed -n 's/^\.B \([a-z-]*\) (\(.*\))$/\1 \2/p' \
	"$HVCMA_SRC/docs/man/hvcma-fdt.1" | sort | comm -3 ids - | xargs)"
tap_end
