#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Neither a pin nor bus mastering outlives a QEMU or a pin keeper that is killed: see
# guest/killed.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 64M "$VM_TMP/disk"
# shellcheck disable=SC2046 # options are words
NESTED_CPU=neoverse-n1 nested_start 6.12-cloud 6.12 $(disk_options nv "$VM_TMP/disk")
check "the nested host boots" vm_alive
nested_test killed.sh
vm_quit
tap_end
