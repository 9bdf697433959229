#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# The life of a region on Xen: it comes and goes at run time, and the domain's memory with it; the driver goes and comes back; the
# backend is killed and started again; a domain is destroyed. Frames that are in use are refused.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/xen.sh"

# domu_mib: memory of domU, as Xen counts
domu_mib()
{
	dom0 xl list domu | awk '$1 == "domu" { print $3 }'
}

nothing_is_left()
{
	[ -z "$(dom0 hvcma-xen list)" ] && ! dom0 xenstore-exists /local/domain/0/backend/vcma/1
}

check "Xen 4.17, and a domain with Linux 6.12 whose driver has no region yet" xen_pair 4.17 6.12 6.12
check "which has the memory that it was made with" equal 256 "$(domu_mib)"
check "it is given 256 MiB" dom0 "time hvcma-xen attach domu big=256M --wait 30"
check "which count as its own" equal 512 "$(domu_mib)"
check "in one extent of the machine" equal 1 "$(xen_field machine-extents)"
note "found in $(xen_field discovery-us) us"
check "they are taken away" dom0 "hvcma-xen detach domu 0 --wait 30"
check "and are its own no more" equal 256 "$(domu_mib)"
check "nothing is left in xenstore" nothing_is_left

check "the backend is killed" dom0 'kill -9 $(cat /tmp/hvcma-xen.pid)'
check "which hvcma check says" eval '! dom0 "NO_COLOR=1 hvcma check" >"$VM_TMP/check" && grep -q "FAIL  *xen-daemon .*does not run" "$VM_TMP/check"'
check "a region is asked for meanwhile" dom0 "hvcma-xen attach domu late=64M"
check "and comes when it is started again" eval 'dom0 hvcma_up && dom0 "await 20 eval \"hvcma-xen list | grep -q frontend=connected\""'
check "hvcma draws it in the guest and in the machine" eval 'dom0 hvcma map --xen | grep -c "^0x.*#.*0x.*#" | grep -qx 1'
dom0 'kill -STOP $(cat /tmp/hvcma-xen.pid)'
check "the driver is unbound, and bound again, before the backend looks" \
	domu "echo vcma-0 >/sys/bus/xen/drivers/vcma/unbind && echo vcma-0 >/sys/bus/xen/drivers/vcma/bind"
dom0 'kill -CONT $(cat /tmp/hvcma-xen.pid)'
check "the region comes again" dom0 'await 60 eval "hvcma-xen list | grep -q backend=connected.frontend=connected"'
check "nothing was leaked" equal 320 "$(domu_mib)"
check "and goes" dom0 "hvcma-xen detach domu 0 --wait 30"

# Frames that have memory already, page by page: not the backend's idea.
check "frames of the guest's RAM are refused" eval '! dom0 "hvcma-xen attach domu bad=2M@0x40000000 --wait 10"'
check "and it is said why" eval 'dom0 hvcma-xen list | grep -q "has memory at 0x40000000"'
check "which can be taken away, too" dom0 "hvcma-xen detach domu 0 --wait 10"

check "a region serves when the domain is destroyed" dom0 "hvcma-xen attach domu last=64M --wait 30"
check "the domain is destroyed" dom0 "xl destroy domu"
check "nothing is left in xenstore" eval 'dom0 "await 10 eval \"[ -z \\\"\$(hvcma-xen list)\\\" ]\"" && nothing_is_left'
vm_quit
tap_end
