#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# As test_disk.sh, with Xen 4.20 and Linux 6.12 in the domain.

XEN_RELEASE=4.20 XEN_SERIES=6.12
. "$HVCMA_SRC/tests/xen/test_disk.sh"
