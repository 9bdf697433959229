#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvcma check, bind and unbind on a host with a kernel: see guest/bind.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

truncate -s 16M "$VM_TMP/disk"
PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -F "$VM_TMP/disk"
# shellcheck disable=SC2046 # options are words
nested_start 6.12-cloud 6.12 $(disk_options nv "$VM_TMP/disk") -device edu
check "the nested host boots" vm_alive
nested_test bind.sh
vm_quit
tap_end
