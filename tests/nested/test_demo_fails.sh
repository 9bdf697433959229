#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# What make demo runs can fail: with addresses that lead nowhere its decision is FAIL.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/lib/demo.sh"

demo --size 16 --wrong-window
check "a wrong DMA window: the demonstration says FAIL" demo_said '^VERDICT: FAIL'
check "a wrong DMA window: its exit status says so too" demo_ended 1
check "a wrong DMA window: nothing has reached the disk" \
	demo_said "md5 in the disk's image *$"
tap_end
