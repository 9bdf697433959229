#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# test_nvme with Stage-2 Force Write-Back, large hugepages, memory of the guest's driver alone.

HVCMA_NVME_CASES=neoverse-v1/with/6.12-cloud/6.12/32768/private exec "$HVCMA_SRC/tests/nested/test_nvme.sh"
