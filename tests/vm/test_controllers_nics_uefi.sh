#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# Stock drivers of network controllers behind the fabric, after UEFI, which has drivers of its own
# and runs those of the option ROMs: see tests/lib/controllers.sh. At the other ends of the wires it
# has no driver for any: through those it would look for a server, minutes each.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"

export NIC_ROM=,rombar=1 PEER=tulip
controllers_test amd64 6.12 UEFI \
	'virtio_net e1000 e1000e igb 8139cp pcnet32 tulip vmxnet3' \
	e1000 e1000e igb rtl8139 pcnet vmxnet3 virtio-net-pci
tap_end
