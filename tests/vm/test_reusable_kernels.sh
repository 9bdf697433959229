#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_reusable on Linux 6.1.

HVCMA_KERNELS='amd64/6.1 arm64/6.1' exec "$HVCMA_SRC/tests/vm/test_reusable.sh"
