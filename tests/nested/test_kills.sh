#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# QEMU, hvcmad and both are killed while a device writes to the guest's memory without end, and somebody waits for
# each page that becomes free: see guest/kills.sh. HVCMA_KILLS says how often QEMU is killed, three times as often as
# the service and as both.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

kills=${HVCMA_KILLS:-12}
export NESTED_LIMIT_S=$((300 + kills * 60))
# Behind a port: by that it can be reset.
NESTED_HUGEPAGES='hugepagesz=2M hugepages=16' NESTED_SERVICE=1 \
	NESTED_BARE=capture NESTED_CPU=neoverse-n1 nested_start 6.12-cloud '' \
	-device pcie-root-port,id=port0 -audiodev none,id=silence \
	-device ich9-intel-hda,id=sound,bus=port0 -device hda-duplex,bus=sound.0,audiodev=silence
check "the nested host boots" vm_alive
nested_test kills.sh "$kills" $(((kills + 2) / 3))
vm_quit
tap_end
