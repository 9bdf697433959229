#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A nested host that has an IOMMU keeps its devices out of host-physical regions: see
# guest/iommu.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 16M "$VM_TMP/disk"
# shellcheck disable=SC2046 # options are words
NESTED_MACHINE=iommu=smmuv3 nested_start 6.12-cloud 6.12 $(disk_options nv "$VM_TMP/disk")
check "the nested host with an IOMMU boots" vm_alive
nested_test iommu.sh
vm_quit
tap_end
