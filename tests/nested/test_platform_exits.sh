#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# What a register and an interrupt of a platform device cost: see guest/platform_exits.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"
. "$HVCMA_SRC/tests/lib/platform_exits.sh"

platform_exits_start
nested_test platform_exits.sh
vm_quit
tap_end
