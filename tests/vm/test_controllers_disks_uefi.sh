#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# Stock drivers of storage controllers behind the fabric, after UEFI: see tests/lib/controllers.sh.
# QEMU's PIIX IDE is not among them: UEFI on q35 leaves its ports switched off for the stock driver,
# client or not.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"

controllers_test amd64 6.12 UEFI \
	'sd_mod ahci virtio_blk virtio_scsi nvme sdhci-pci mmc_block xhci-pci usb-storage uas' \
	ich9-ahci virtio-blk-pci virtio-scsi-pci nvme sdhci-pci qemu-xhci nec-usb-xhci
tap_end
