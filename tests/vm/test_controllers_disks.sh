#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# Stock drivers of storage controllers behind the fabric, after SeaBIOS: see tests/lib/controllers.sh.
# QEMU's mptsas1068 is not among them: the stock driver finds no disk, client or not.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"

controllers_test amd64 6.12 SeaBIOS \
	'sd_mod ahci ata_piix am53c974 megaraid_sas virtio_blk virtio_scsi nvme sdhci-pci mmc_block' \
	ich9-ahci am53c974 dc390 megasas megasas-gen2 virtio-blk-pci virtio-scsi-pci nvme sdhci-pci piix3-ide
tap_end
