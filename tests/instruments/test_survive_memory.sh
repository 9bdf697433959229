#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_survive_memory under the kernel's own instruments.

HVCMA_KERNELS='amd64/6.12-checked' exec "$HVCMA_SRC/tests/vm/test_survive_memory.sh"
