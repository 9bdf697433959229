#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# QEMU is an ordinary user, and the host's service opens the NVMe controller, pins, and stops the
# controller when QEMU is killed, or the service, or both: see guest/service.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 64M "$VM_TMP/disk"
# shellcheck disable=SC2046 # options are words
NESTED_SERVICE=1 NESTED_DRIVER_ONLY=1 NESTED_CPU=neoverse-n1 nested_start 6.12-cloud 6.12 $(disk_options nv "$VM_TMP/disk")
check "the nested host boots" vm_alive
nested_test service.sh
check "the image outside holds the file" \
	equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
vm_quit
tap_end
