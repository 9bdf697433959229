#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Bindings: ours are well-formed, and what hvcma fdt makes satisfies them and the public schemas
# of dt-schema. These programs say what is wrong on stdout or stderr and exit 0 all the same.

. "$HVCMA_SRC/tests/lib/tap.sh"

for tool in dt-doc-validate dt-mk-schema dt-validate dtc; do
	command -v $tool >/dev/null || skip_all "$tool is not installed (dt-schema, device-tree-compiler)"
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
hvcma=$HVCMA_BUILD/$arch/hvcma

# silent COMMAND...: has nothing to say
silent()
{
	"$@" >"$dir/out" 2>&1
	[ ! -s "$dir/out" ] || {
		note "$(cat "$dir/out")"
		return 1
	}
}

# complains WORDS COMMAND...
complains()
{
	words=$1
	shift
	"$@" >"$dir/out" 2>&1
	grep -q -e "$words" "$dir/out" || {
		note "$(cat "$dir/out")"
		return 1
	}
}

valid()
{
	dt-validate -s "$dir/schema.json" "$@"
}

cd "$HVCMA_SRC/docs/bindings" || exit 1
for binding in *.yaml; do
	check "$binding is a binding" silent dt-doc-validate -u "$PWD" "$binding"
	# its example, completed to a tree
	{
		echo '/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; compatible = "a,b"; model = "b";'
		sed -n '/^  - |/,/^\.\.\./{/^  - |/d;/^\.\.\./d;p;}' "$binding"
		echo '};'
	} | dtc -q -O dtb -o "$dir/$binding.dtb"
done
check "the bindings make a schema" silent dt-mk-schema -j -o "$dir/schema.json" .
for binding in *.yaml; do
	check "the example of $binding is valid" silent valid "$dir/$binding.dtb"
done
cd "$dir" || exit 1

dtc -q -O dtb -o machine.dtb "$HVCMA_SRC/tests/fdt/machine.dts"
check "the machine of the tests is valid" silent valid machine.dtb
printf '%s\n' '0x40000000 0xc0000000 256M' '0x50000000 0x80000000 768M' >extents
cp machine.dtb made.dtb
"$hvcma" fdt add-region --name pool --type reusable --default --size 64M --base 0x50000000 --granule 2M made.dtb
"$hvcma" fdt add-region --name private --type no-map --size 4M --base 0x60000000 made.dtb
"$hvcma" fdt add-region --name bounce --type restricted --size 4M --align 4M --alloc-range 0x70000000,64M made.dtb
"$hvcma" fdt bind --region pool --client pci:0000:00/02.0/00.0 --client /soc@90000000/dma@1000 made.dtb
"$hvcma" fdt dma-ranges --extents extents --guards made.dtb
check "what hvcma fdt makes is valid" silent valid made.dtb
"$hvcma" fdt xen --device /soc@90000000/dma@1000 --extents extents machine.dtb -o partial.dtb
# A partial tree lacks what a machine has by definition, and Xen chose the name of /passthrough:
# that alone may be said.
valid partial.dtb 2>&1 |
	grep -vE "'(model|compatible|#address-cells|#size-cells)' is a required|From schema|passthrough: [$]nodename" >said
check "a partial tree for Xen is, but for what it lacks" silent cat said

# A schema that nothing can violate shows nothing.
cp made.dtb broken.dtb
fdtput -d broken.dtb /reserved-memory/dma-guard@4ffff000 no-map
check "control: a guard without no-map" complains "'no-map' is a required property" valid broken.dtb
cp made.dtb broken.dtb
fdtput -t s broken.dtb /reserved-memory/pool@50000000 hvcma,granule-bytes text
check "control: a granule that is no number" complains 'hvcma,granule-bytes' valid broken.dtb
cp made.dtb broken.dtb
fdtput -t x broken.dtb /memory@40000000 reg 1
check "control: memory without a size" complains 'too short' valid broken.dtb
tap_end
