#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# QEMU is killed while a device writes that has no reset, neither of its own nor by a bus: see guest/no_reset.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

# On the root bus: nothing resets that.
NESTED_HUGEPAGES='hugepagesz=2M hugepages=16' NESTED_SERVICE=1 \
	NESTED_BARE=capture NESTED_CPU=neoverse-n1 nested_start 6.12-cloud '' \
	-audiodev none,id=silence \
	-device ich9-intel-hda,id=sound -device hda-duplex,bus=sound.0,audiodev=silence
check "the nested host boots" vm_alive
nested_test no_reset.sh
vm_quit
tap_end
