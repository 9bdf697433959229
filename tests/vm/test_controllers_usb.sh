#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# Stock drivers of USB host controllers behind the fabric, each with a disk, after SeaBIOS: see
# tests/lib/controllers.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"

controllers_test amd64 6.1 SeaBIOS \
	'sd_mod xhci-pci ehci-pci uhci-hcd ohci-pci usb-storage uas' \
	qemu-xhci nec-usb-xhci usb-ehci ich9-usb-ehci1 piix3-usb-uhci ich9-usb-uhci1 pci-ohci
tap_end
