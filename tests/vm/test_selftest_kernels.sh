#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_selftest on the kernels that it leaves out (others boot them).

HVCMA_KERNELS='amd64/6.1 arm64/6.12' exec "$HVCMA_SRC/tests/vm/test_selftest.sh"
