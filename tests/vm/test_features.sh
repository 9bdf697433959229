#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest driver on a device that lacks features: none but the first of them, and none at all. Of
# devices and drivers that are older there is test_compat, of requests tests/loopback/test_features.c.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/compat.sh"

modules=$HVCMA_BUILD/guest/amd64/6.12

export REGION_MIB=128	# whole memory blocks of the guest, as a reusable region needs
region_hugepages
what="no bulk, kinds, attributes, suspend"
if compat_boot "$modules" private ,bulk=off,kinds=off,client-attributes=off,suspend=off; then
	check "$what: negotiated" status_is /driver/interface "virtio-cma 1.3"
	compat_selftest
	compat_disk
	check "$what: it can't sleep with clients" guest '! echo freeze 2>/dev/null >/sys/power/state'
	# shellcheck disable=SC2154 # by compat_disk
	check "$what: and goes on" same_as "$compat_source" "$(guest disk_check)"
	compat_end
fi
what="no features"
if compat_boot "$modules" reusable ,version-1=off; then
	check "$what: negotiated" status_is /driver/interface legacy
	check "$what: the guest says so" guest 'dmesg | grep -q "region cma0: .*, legacy interface"'
	compat_disk
	compat_sleep
	compat_end
fi
tap_end
