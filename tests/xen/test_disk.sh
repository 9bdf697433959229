#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A disk without an IOMMU, passed to a domain of unmodified Debian Xen 4.17: its stock driver works out of a region that the
# running domain is given, at addresses that its driver has found out by itself. Other releases: test_disk_*.sh.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/xen.sh"

XEN_RELEASE=${XEN_RELEASE:-4.17} XEN_SERIES=${XEN_SERIES:-6.12}
check "Xen $XEN_RELEASE, and a domain with Linux $XEN_SERIES whose driver has no region yet" \
	xen_pair "$XEN_RELEASE" 6.12 "$XEN_SERIES"
check "the running domain is given one" xen_attach banka=64M
note "$(dom0 hvcma-xen list)"
check "its machine addresses are known" test "$(xen_field machine-extents)" -ge 1
extent=$(dom0 xenstore-read /local/domain/1/device/vcma/0/extent/0)
note "guest-physical, machine, bytes: $extent; found in $(xen_field discovery-us) us"
extent=${extent% *}
check "and are not those that the guest sees" test "${extent% *}" != "${extent#* }"
check "hvcma says so, too" equal "$(printf 'pinned\n')" \
	"$(dom0 hvcma status --xen --device domu/0 --field /granules/0/state)"
check "and whose machine address that is" \
	eval 'dom0 hvcma who --xen "${extent#* }" | grep -q "^${extent#* }: domu, region banka (0), gpa ${extent% *}, "'
check "this control domain has all that it needs" dom0 hvcma check
check "a second daemon is refused" eval '! dom0 "hvcma-xen daemon" >"$VM_TMP/second" && grep -q "a daemon is running" "$VM_TMP/second"'
xen_disk_test 4
check "the region served it" test "$(domu "cat /sys/bus/xen/devices/vcma-0/vcma/nr_map_bounced" | tail -n 1)" -gt 0
vm_quit
tap_end
