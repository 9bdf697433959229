#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_lend on the kernels that it leaves out.

HVCMA_LEND_KERNELS='amd64/6.1 arm64/6.12' exec "$HVCMA_SRC/tests/vm/test_lend.sh"
