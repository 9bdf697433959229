#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# What make demo runs can fail: with addresses that lead nowhere its verdict is FAIL.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/lib/demo.sh"

demo --size 16 --wrong-window
check "a wrong DMA window: the demonstration says FAIL" grep -q '^VERDICT: FAIL' "$log"
check "a wrong DMA window: its exit status says so too" equal 1 "$demo_status"
check "a wrong DMA window: nothing has reached the disk" \
	grep -q "md5 in the disk's image *$" "$log"
tap_end
