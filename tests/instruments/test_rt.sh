#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_short on PREEMPT_RT, with lockdep: there spinlocks sleep.

HVCMA_KERNELS='amd64/6.12-rt' exec "$HVCMA_SRC/tests/instruments/test_short.sh"
