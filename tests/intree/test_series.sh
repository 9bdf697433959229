#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The series for QEMU's sources, without building anything of QEMU: it is written for each release
# whose source is there, each patch brings all that it names, nothing of the plugin is in it, and what
# does not fit is refused.

. "$HVCMA_SRC/tests/lib/tap.sh"
intree=$HVCMA_SRC/qemu-device/in-tree

[ -d "$HVCMA_BUILD/env/qemu-src" ] || skip_all "no source of QEMU in $HVCMA_BUILD/env"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost GIT_COMMITTER_NAME=test \
	GIT_COMMITTER_EMAIL=test@localhost

# files_of DIR: of the series that is there
files_of()
{
	ls "$1"/*.patch 2>/dev/null
}

# names_all TREE: what meson.build and includes name is there
names_all()
{
	here=$1/hw/virtio/cma
	for file in $(sed -n "s/^ *'\([a-z_/0-9-]*\.c\)',\$/\1/p; s/.*files('\([^']*\)').*/\1/p" \
			"$here/meson.build"); do
		[ -f "$here/$file" ] || echo "meson.build names $file"
	done
	grep -rhoE '#include "(hw/virtio/cma|hw/vfio/vfio-noiommu|standard-headers/linux/virtio_cma)[^"]*"' "$here" \
		"$1/hw/vfio" | sort -u | cut -d '"' -f 2 | while read -r file; do
		[ -f "$1/$file" ] || [ -f "$1/include/$file" ] || echo "$file is included"
	done
	for folder in . testing; do
		[ ! -d "$here/$folder" ] ||
			(cd "$here/$folder" && grep -hoE '#include "(\.\./)?[a-z_-]*\.h"' ./*.[ch]) 2>/dev/null | sort -u | cut -d '"' -f 2 |
			while read -r file; do
				[ -f "$here/$folder/$file" ] || echo "$file is included"
			done
	done
}

# traces_all TREE: the events that are listed are those that are called
traces_all()
{
	sed -n 's/^\(virtio_cma_[a-z_]*\)(.*/\1/p' "$1/hw/virtio/cma/trace-events" | sort >"$tmp/listed"
	grep -rhoE 'trace_virtio_cma_[a-z_]*\(' "$1/hw/virtio/cma" --include='*.c' | tr -d '(' |
		sed 's/^trace_//' | sort -u | diff "$tmp/listed" -
}

# features_all TREE: QEMU names those that the header has
features_all()
{
	sed -n 's/^#define \(VIRTIO_CMA_F_[A-Z0-9_]*\)[[:blank:]].*/\1/p' \
		"$1/include/standard-headers/linux/virtio_cma.h" >"$tmp/listed"
	sed -n 's/^ *FEATURE_ENTRY(\(VIRTIO_CMA_F_[A-Z0-9_]*\),.*/\1/p' "$1/hw/virtio/virtio-qmp.c" |
		diff "$tmp/listed" -
}

# stock TREE: of the plugin
stock()
{
	grep -rnsE 'HVCMA_(STOCK_QEMU|QEMU)|stock\.h|LD_PRELOAD|opts\.trace' "$1/hw/virtio/cma" "$1/hw/vfio/noiommu.c" \
		"$1/include/hw/vfio/vfio-noiommu.h"
}

nothing()
{
	[ -z "$2" ] || note "$1: $2"
	[ -z "$2" ]
}

series_case()
{
	source=$HVCMA_BUILD/env/$1
	version=$(cat "$source/VERSION")
	check "$version: the series is written" eval "'$intree/series' '$source' '$tmp/$1' >'$tmp/out' 2>&1"
	check "$version: six patches" [ "$(files_of "$tmp/$1" | wc -l)" = 6 ] || note "$(cat "$tmp/out")"
	# As much of the tree as they touch.
	tree=$tmp/tree-$1
	mkdir "$tree"
	git -C "$tree" init -q
	sed -n 's,^--- a/,,p' "$tmp/$1"/*.patch | sort -u | while read -r file; do
		[ ! -f "$source/$file" ] || (cd "$source" && cp --parents "$file" "$tree/")
	done
	chmod -R u+w "$tree"
	for patch in $(files_of "$tmp/$1"); do
		name="$version: ${patch##*/}"
		check "$name: applies" git -C "$tree" apply "$patch"
		[ -d "$tree/hw/virtio/cma" ] || continue
		check "$name: all that it names is there" nothing missing "$(names_all "$tree")"
		[ -f "$tree/hw/virtio/cma/trace-events" ] || continue
		check "$name: all features have names" features_all "$tree"
		check "$name: its events are those that are called" traces_all "$tree"
		check "$name: nothing of the plugin" nothing found "$(stock "$tree")"
	done
}

series_case qemu-src
[ ! -d "$HVCMA_BUILD/env/qemu-src-newest" ] || series_case qemu-src-newest

# lay twice changes nothing; a file of ours that is gone goes there, too.
tree=$tmp/tree-qemu-src
mkdir -p "$tree/hw" && cp "$HVCMA_BUILD/env/qemu-src/VERSION" "$tree/" && touch "$tree/hw/Kconfig" \
	"$tree/hw/virtio/cma/stale.c"
find "$tree" -type f -exec touch -d '1 hour ago' {} +
check "a tree that has it is brought up to date" eval '"$intree/lay" "$tree" testing >"$tmp/out"'
check "nothing is written anew" equal '' "$(find "$tree" -type f -mmin -30 ! -path '*/.git/*')"
check "what is not ours any more goes" [ ! -e "$tree/hw/virtio/cma/stale.c" ]
check "the series wants a tree without it" eval '! "$intree/series" "$tree" "$tmp/none" 2>/dev/null'

# The patches of the newest release here, for one that is not known yet.
newest=$tmp/tree-qemu-src-newest
if [ -d "$newest" ]; then
	mkdir -p "$newest/hw" && touch "$newest/hw/Kconfig" && echo 99.0.0 >"$newest/VERSION"
	check "a later release that they fit is taken" eval '"$intree/lay" "$newest" testing >"$tmp/out" 2>&1'
fi

# Negative controls.
rm "$tree/hw/virtio/cma/alias.c" "$tree/hw/virtio/cma/testing/fabric.h" "$tree/include/hw/vfio/vfio-noiommu.h"
echo 'virtio_cma_never(const char *region) "%s: x"' >>"$tree/hw/virtio/cma/trace-events"
echo '#ifdef HVCMA_STOCK_QEMU' >>"$tree/hw/virtio/cma/turn.c"
names_all "$tree" >"$tmp/missing"
check "negative control: what is missing is found" \
	eval 'grep -q alias.c "$tmp/missing" && grep -q fabric.h "$tmp/missing" && grep -q noiommu.h "$tmp/missing"'
check "negative control: a feature without a name is found" \
	eval 'sed -i /F_PINNED/d "$tree/hw/virtio/virtio-qmp.c" && ! features_all "$tree" >/dev/null'
check "negative control: an event that nobody calls is found" eval '! traces_all "$tree" >/dev/null'
check "negative control: the plugin's is found" [ -n "$(stock "$tree")" ]
echo 9.2.0 >"$tree/VERSION"
check "negative control: an older QEMU is refused" eval '! "$intree/lay" "$tree" vfio 2>"$tmp/out" >/dev/null && grep -q "9.2.0, supported" "$tmp/out"'
cp "$HVCMA_BUILD/env/qemu-src/VERSION" "$tree/"
echo nothing >"$tree/hw/core/numa.c"
check "negative control: a tree that the patches don't fit is refused" \
	eval '! "$intree/lay" "$tree" vfio 2>"$tmp/out" >/dev/null && grep -q "does not fit" "$tmp/out"'
tap_end
