#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_ram on Linux 6.1, and on arm64, whose RAM is in one range.

HVCMA_KERNELS='amd64/6.1 arm64/6.12' exec "$HVCMA_SRC/tests/vm/test_ram.sh"
