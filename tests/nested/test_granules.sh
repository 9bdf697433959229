#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Regions of hugepages of all sizes that an Arm host with pages of 4 KiB has: 64 KiB, 2 MiB, 32 MiB, 1 GiB. Each is
# a granule, is found in a fragmented pool or refused, and is pinned: see guest/granules.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

NESTED_HUGEPAGES='hugepagesz=64K hugepages=64 hugepagesz=2M hugepages=16 hugepagesz=32M hugepages=4 hugepagesz=1G hugepages=3' \
	NESTED_SERVICE=1 NESTED_BARE=capture NESTED_CPU=neoverse-n1 NESTED_MEMORY=6G nested_start 6.12-cloud ''
check "the host boots" vm_alive
nested_test granules.sh
vm_quit
tap_end
