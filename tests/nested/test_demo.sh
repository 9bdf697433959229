#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What make demo runs can pass; that it can fail is shown by test_demo_fails.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/lib/demo.sh"

demo --size 16 --page 32M --kernel 6.1 --host 6.1
check "the demonstration says PASS" demo_said '^VERDICT: PASS'
check "its exit status says so too" demo_ended 0
demo --size nonsense
check "wrong usage: exit status 2" demo_ended 2
tap_end
