#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_reusable on the newer kernel for Arm.

HVCMA_KERNELS=arm64/6.12 exec "$HVCMA_SRC/tests/vm/test_reusable.sh"
