#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
# check: limit 900
#
# The layer's other tests with Debian's newest libvirt, beside the QEMU 10.0 that the plugin fits.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/libvirt.sh"

trap 'vm_cleanup' EXIT
libvirt_all newest
tap_end
