#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# Stock drivers of network controllers behind the fabric, after SeaBIOS, which runs their option
# ROMs: see tests/lib/controllers.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"

export NIC_ROM=,rombar=1
controllers_test amd64 6.12 SeaBIOS \
	'virtio_net e1000 e1000e igb 8139cp pcnet32 tulip vmxnet3' \
	e1000 e1000-82544gc e1000-82545em e1000e igb rtl8139 pcnet tulip vmxnet3 virtio-net-pci
tap_end
