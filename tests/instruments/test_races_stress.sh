#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_stress under KCSAN, whose delays also let others in where they seldom come.

HVCMA_KERNELS='amd64/6.12-races' exec "$HVCMA_SRC/tests/instruments/test_stress.sh"
