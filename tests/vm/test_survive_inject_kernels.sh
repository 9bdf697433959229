#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_survive_inject with memory that is online, which has more places, on the other architecture.

HVCMA_INJECT_CASES=arm64/6.12/reusable exec "$HVCMA_SRC/tests/vm/test_survive_inject.sh"
