#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_static without Stage-2 Force Write-Back, on the older kernel, with extents the other way round.

HVCMA_STATIC_CASES=neoverse-n1/6.1-cloud/6.1/down exec "$HVCMA_SRC/tests/nested/test_static.sh"
