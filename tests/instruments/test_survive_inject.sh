#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
# check: limit 4300
#
# test_survive_inject, with memory that is online, under the kernel's own instruments.

HVCMA_INJECT_CASES=amd64/6.12-checked/reusable exec "$HVCMA_SRC/tests/vm/test_survive_inject.sh"
