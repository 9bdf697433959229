#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long, for it is a hundred thousand edits of trees
#
# hvcma fdt on all device trees of Debian's kernels (tests/env: dtbs-*), beside a parser of our own
# that is not libfdt's: see corpus.py. The trees with a true fault are listed in corpus.faults.

trees=$HVCMA_BUILD/env/dtbs
[ -n "$(ls "$trees" 2>/dev/null)" ] || {
	echo "1..0 # SKIP no trees of kernels: make check-fdt-corpus brings them"
	exit 77
}
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
PYTHONDONTWRITEBYTECODE=1 exec python3 "$HVCMA_SRC/tests/fdt/corpus.py" "$HVCMA_BUILD/$arch/hvcma" \
	"$HVCMA_SRC/tests/fdt/corpus.faults" "$trees"
