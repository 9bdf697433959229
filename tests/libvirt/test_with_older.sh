#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
# check: limit 900
#
# The layer's other tests with Debian 12's libvirt, 9.0, beside QEMU of its backports.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/libvirt.sh"

trap 'vm_cleanup' EXIT
libvirt_all 9.0
tap_end
