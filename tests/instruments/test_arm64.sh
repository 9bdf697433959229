#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_short on arm64, with the same instruments.

HVCMA_KERNELS='arm64/6.12-checked' exec "$HVCMA_SRC/tests/instruments/test_short.sh"
