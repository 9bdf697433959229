#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_short under KCSAN, which reports accesses that nobody has put in order.

HVCMA_KERNELS='amd64/6.12-races' exec "$HVCMA_SRC/tests/instruments/test_short.sh"
