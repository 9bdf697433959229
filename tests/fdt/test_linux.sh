#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long, for it needs the source of Linux, and reads all trees of its boards
#
# hvcma fdt beside Linux itself: drivers/of and mm/memblock.c of Debian's linux-source, 6.1 and 6.12,
# compiled as a program each (linux/build.sh), read the same trees as the library does: those of Debian's kernels, those
# that test_judge.sh makes up, and trees at random. What is compared: linux/compare.py.

series='6.12 6.1'
trees=$HVCMA_BUILD/env/dtbs
newest=$HVCMA_BUILD/env/dtbs-newest	# if the archives have one: its trees have what older ones lack
here=$HVCMA_SRC/tests/fdt/linux
for one in $series; do
	[ -d "$HVCMA_BUILD/env/linux-src-$one/drivers/of" ] || {
		echo "1..0 # SKIP no source of Linux $one: make check-fdt-linux brings it"
		exit 77
	}
done
[ "$(uname -m)" = x86_64 ] || {
	echo "1..0 # SKIP the headers of Linux's own memblock simulator are for x86"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export PYTHONDONTWRITEBYTECODE=1

gcc -std=gnu11 -Wall -Wextra -Werror -O1 -I"$HVCMA_SRC" -o "$dir/linux-ours" "$here/ours.c" \
	"$HVCMA_BUILD/amd64/libhvcma-fdt.a" "$HVCMA_BUILD/amd64/libhvcma-core.a" -lfdt || exit 1
mkdir "$dir/made" "$dir/random"
HVCMA_KEEP_TREES=$dir/made sh "$HVCMA_SRC/tests/fdt/test_judge.sh" >"$dir/judge" 2>&1
python3 "$here/random_trees.py" "$dir/random" 3000 || exit 1
# shellcheck disable=SC2046 # nothing or a folder
find "$dir/made" "$dir/random" "$trees/" $([ ! -d "$newest" ] || echo "$newest/") -follow -name '*.dtb' | sort >"$dir/files"
xargs -a "$dir/files" "$dir/linux-ours" >"$dir/ours" || exit 1

n=1
for one in $series; do
	mkdir "$dir/$one"
	sh "$here/build.sh" "$(realpath "$HVCMA_BUILD/env/linux-src-$one")" "$here" "$dir/$one" || exit 1
	xargs -a "$dir/files" "$dir/$one/linux-view" >"$dir/linux-$one" || echo "# Linux $one failed on some"
	python3 "$here/compare.py" "$dir/linux-$one" "$dir/ours" "$one" $n
	n=$((n + 4))
done

# has BOARD NODE WORDS: what a device at that node of a board's tree would do DMA by; compared above
has()
{
	if awk -v file="/$1.dtb" -v map="map $2 $3" '/^file / { at = index($2, file) }
		at && index($0, map) == 1 { found = 1 } END { exit !found }' "$dir/ours"; then
		echo "ok $n - $1, $2: $3"
	else
		echo "not ok $n - $1, $2: $3"
	fi
	n=$((n + 1))
}

# noticed WHAT SED: the differences are, if ours said something else
noticed()
{
	sed "$2" "$dir/ours" >"$dir/planted"
	if cmp -s "$dir/ours" "$dir/planted" ||
		python3 "$here/compare.py" "$dir/linux-6.12" "$dir/planted" >/dev/null; then
		echo "not ok $n - $1 is noticed"
	else
		echo "ok $n - $1 is noticed"
	fi
	n=$((n + 1))
}

# External PCIe of a Raspberry Pi 5, 64 GiB further up: Linux 6.12 has agreed to it above, but its
# own tree of the board has no PCIe yet.
if [ -d "$newest" ]; then
	has bcm2712-rpi-5-b /axi/pcie@1000110000 \
		'0x0:0x1000000000:0x1000000000 0x1000131000:0xfffffff000:0x1000'
else
	echo "ok $n - bcm2712-rpi-5-b # SKIP the archives have no newest kernel"
	n=$((n + 1))
fi

noticed "a window that is lost" '0,/^dma /{/^dma /d}'
noticed "a window that is another" '0,/^pci .*:0x/s/\(^pci .*\):0x/\1:0x1/'
noticed "DMA that would go elsewhere" '0,/^map .*:0x/s/\(^map .*\):0x/\1:0x1/'
noticed "DMA that would go where Linux has nothing" '0,/^map .* identity/s/^\(map .*\) identity/\1 0x1000:0x2000:0x1000/'
noticed "a pool for which there is room, after all" '0,/^find pool-no-room/{/^find pool-no-room/d}'
noticed "a fault that there is not" '0,/^find /s/^find .*/&\nfind reserved-length \/reserved-memory\/x y/'
echo "1..$((n - 1))"
