#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
# check: limit 900
#
# The layer's other tests with Debian 12's libvirt, 9.0, beside QEMU of its backports.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export HVCMA_LIBVIRT=9.0
trap 'vm_cleanup' EXIT
[ -d "$HVCMA_BUILD/env/libvirt-$VM_NATIVE-$HVCMA_LIBVIRT" ] || skip_all "the environment has no libvirt $HVCMA_LIBVIRT"
for name in life service several plug migrate; do
	"$HVCMA_SRC/tests/libvirt/test_$name.sh" >"$VM_TMP/results" 2>&1
	tap_import "$VM_TMP/results" "$HVCMA_LIBVIRT: $name"
done
tap_end
