#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_short with pages of 64 KiB, where memory comes online in blocks of 512 MiB.

SHORT_REGION_MIB=512 HVCMA_KERNELS='arm64/6.12-64k' exec "$HVCMA_SRC/tests/instruments/test_short.sh"
