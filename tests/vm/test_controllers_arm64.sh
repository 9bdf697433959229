#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# Stock drivers behind the fabric on arm64, after UEFI: see tests/lib/controllers.sh. igb is at
# a low slot, for its virtual functions take those 16 above it. At the other ends of the wires UEFI
# has no driver for any: through those it would look for a server, minutes each.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"

export NIC_ROM=,rombar=1 PEER=e1000
controllers_test arm64 6.12 UEFI \
	'sd_mod ahci virtio_blk virtio_scsi nvme sdhci-pci xhci-pci usb-storage uas virtio_net e1000 e1000e igb' \
	e1000e igb virtio-net-pci ich9-ahci virtio-blk-pci virtio-scsi-pci nvme sdhci-pci qemu-xhci nec-usb-xhci
tap_end
