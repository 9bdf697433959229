#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_attr on a host with Stage-2 Force Write-Back.

HVCMA_ATTR_CASES=neoverse-v1/fwb/6.12-cloud/6.12 exec "$HVCMA_SRC/tests/nested/test_attr.sh"
