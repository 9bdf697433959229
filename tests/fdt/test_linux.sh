#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long, for it needs the source of Linux, and reads all trees of its boards
#
# hvcma fdt beside Linux itself: drivers/of and mm/memblock.c of Debian's linux-source, compiled as a
# program (linux/build.sh), read the same trees as the library does: those of Debian's kernels, those
# that test_judge.sh makes up, and trees at random. What is compared: linux/compare.py.

source=$HVCMA_BUILD/env/linux-src-6.12
trees=$HVCMA_BUILD/env/dtbs
here=$HVCMA_SRC/tests/fdt/linux
[ -d "$source/drivers/of" ] || {
	echo "1..0 # SKIP no source of Linux: make check-fdt-linux brings it"
	exit 77
}
[ "$(uname -m)" = x86_64 ] || {
	echo "1..0 # SKIP the headers of Linux's own memblock simulator are for x86"
	exit 77
}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export PYTHONDONTWRITEBYTECODE=1

sh "$here/build.sh" "$(realpath "$source")" "$here" "$dir" || exit 1
gcc -std=gnu11 -Wall -Wextra -Werror -O1 -I"$HVCMA_SRC" -o "$dir/linux-ours" "$here/ours.c" \
	"$HVCMA_BUILD/amd64/libhvcma-fdt.a" "$HVCMA_BUILD/amd64/libhvcma-core.a" -lfdt || exit 1

mkdir "$dir/made" "$dir/random"
HVCMA_KEEP_TREES=$dir/made sh "$HVCMA_SRC/tests/fdt/test_judge.sh" >"$dir/judge" 2>&1
python3 "$here/random_trees.py" "$dir/random" 3000 || exit 1
find "$dir/made" "$dir/random" "$trees/" -follow -name '*.dtb' | sort >"$dir/files"
xargs -a "$dir/files" "$dir/linux-view" >"$dir/linux" || echo "# Linux failed on some"
xargs -a "$dir/files" "$dir/linux-ours" >"$dir/ours" || exit 1
python3 "$here/compare.py" "$dir/linux" "$dir/ours"

# noticed N WHAT SED: the differences are, if ours said something else
noticed()
{
	sed "$3" "$dir/ours" >"$dir/planted"
	if cmp -s "$dir/ours" "$dir/planted" || python3 "$here/compare.py" "$dir/linux" "$dir/planted" >/dev/null; then
		echo "not ok $1 - $2 is noticed"
	else
		echo "ok $1 - $2 is noticed"
	fi
}

noticed 4 "a window that is lost" '0,/^dma /{/^dma /d}'
noticed 5 "a window that is another" '0,/^pci .*:0x/s/\(^pci .*\):0x/\1:0x1/'
noticed 6 "a pool for which there is room, after all" '0,/^find pool-no-room/{/^find pool-no-room/d}'
noticed 7 "a fault that there is not" '0,/^find /s/^find .*/&\nfind reserved-length \/reserved-memory\/x y/'
echo 1..7
