#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_selftest on the kernel that it leaves out (test_attr and test_dma_limits boot it).

HVCMA_SELFTEST_KERNELS=arm64/6.12 exec "$HVCMA_SRC/tests/vm/test_selftest.sh"
