#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_hotplug_races under the kernel's own instruments: lockdep knows the order of hotplug's locks.

HVCMA_KERNELS='amd64/6.12-checked' exec "$HVCMA_SRC/tests/vm/test_hotplug_races.sh"
