#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_lend on the newer kernel for Arm.

HVCMA_LEND_KERNELS=arm64/6.12 exec "$HVCMA_SRC/tests/vm/test_lend.sh"
