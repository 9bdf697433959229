#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# From a host that knows nothing of hvcma to a guest with its disk, and back, by hvcma check, setup and run:
# see guest/setup.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 64M "$VM_TMP/disk"
# shellcheck disable=SC2046 # options are words
NESTED_HUGEPAGES='' nested_start 6.12-cloud 6.12 $(disk_options nv "$VM_TMP/disk")
check "the nested host boots" vm_alive
nested_test setup.sh
check "the image outside holds the file" equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
vm_quit
tap_end
