#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_stress while one of four hundred allocations fails that the driver makes for its users, and they for themselves. Without
# ACPI: its interpreter uses objects after it has freed them when an allocation fails, as a PCI device is enabled.

HVCMA_KERNELS=arm64/6.12-checked HVCMA_STRESS_FAULTS=400 exec "$HVCMA_SRC/tests/instruments/test_stress.sh"
