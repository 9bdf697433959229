#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# No DMA before a claim, and no device that the operator did not ask for, on real (if nested)
# hardware without IOMMU: see guest/gate.sh and guest/refusals.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 16M "$VM_TMP/disk"
# shellcheck disable=SC2046 # options are words
nested_start 6.12-cloud 6.12 $(disk_options nv "$VM_TMP/disk") -device edu,dma_mask=0xffffffffff
check "the nested host boots" vm_alive
nested_test gate.sh
nested_test refusals.sh
vm_quit
tap_end
