#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# The series for QEMU's sources in the eyes of QEMU's own checkpatch, of each release whose source is
# there, as the series leaves it: no error, and no warning but those that are named here.

. "$HVCMA_SRC/tests/lib/tap.sh"

[ -d "$HVCMA_BUILD/env/qemu-src" ] || skip_all "no source of QEMU in $HVCMA_BUILD/env"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost GIT_COMMITTER_NAME=test \
	GIT_COMMITTER_EMAIL=test@localhost

# What no series is without: who maintains it is in the second patch, and headers come from Linux only
# when Linux has them.
known='added, moved or deleted file\(s\)( imported from Linux.*|:|, does MAINTAINERS need updating\?)$|Saw acceptable license .*'

# judge DIR PATCH: what checkpatch says of it, without what is known
judge()
{
	(cd "$1" && perl scripts/checkpatch.pl --no-tree --terse --no-summary "$2" 2>&1) |
		grep -vE "WARNING: $known"
}

checkpatch_case()
{
	source=$HVCMA_BUILD/env/$1
	version=$(cat "$source/VERSION")
	tree=$tmp/tree-$1
	mkdir -p "$tree/scripts"
	cp "$source"/scripts/*.pl "$source"/scripts/*.txt "$tree/scripts/" 2>/dev/null
	chmod -R u+w "$tree"
	git -C "$tree" init -q
	"$HVCMA_SRC/qemu-device/in-tree/series" "$source" "$tmp/$1" >/dev/null
	for patch in "$tmp/$1"/*.patch; do
		! grep -q '^+++ b/scripts/checkpatch.pl' "$patch" ||
			git -C "$tree" apply --include=scripts/checkpatch.pl "$patch"
		said=$(judge "$tree" "$patch")
		check "$version: ${patch##*/}" equal '' "$said"
	done
}

checkpatch_case qemu-src
[ ! -d "$HVCMA_BUILD/env/qemu-src-newest" ] || checkpatch_case qemu-src-newest

# Negative control.
sed 's/^+    VirtIOCMA \*s = /+  VirtIOCMA* s = /' "$tmp"/qemu-src/0003-*.patch >"$tmp/bad.patch"
check "negative control: another style is found" eval 'judge "$tmp/tree-qemu-src" "$tmp/bad.patch" | grep -q ERROR'
tap_end
