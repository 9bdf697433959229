#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# As test_dom0less.sh, with Xen 4.17 and Linux 6.1 in the domain.

XEN_RELEASE=4.17 XEN_SERIES=6.1
. "$HVCMA_SRC/tests/xen/test_dom0less.sh"
