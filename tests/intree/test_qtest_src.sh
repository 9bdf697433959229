#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# virtio-cma built into QEMU, of the release that the plugin is for: the layer qtest.

. "$HVCMA_SRC/tests/intree/qtest.sh"
qtest_layer qemu-src
