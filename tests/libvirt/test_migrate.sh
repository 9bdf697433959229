#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# A domain with a region goes from one libvirtd to another, QEMU by TCG, as it runs: what the guest has in memory and in the
# region is the same there, and its client goes on. What can't go, or can't be there, is refused with the region's name and why, before
# anything stops.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/libvirt.sh"

libvirt_need
hugepages_need 2048 24
trap 'libvirt_stop; vm_cleanup' EXIT
for host in there one; do
	libvirt_use $host
	libvirt_start || {
		tap_result 1 "libvirtd '$host' starts"
		tap_end
	}
	libvirt_guest
done

# state_is WORD...: of the domain, on the host that is in use
state_is()
{
	[ "$(inside virsh domstate moves 2>/dev/null | head -n 1)" = "$*" ]
}

migrate()
{
	inside virsh -q migrate --live "$1" 'qemu+unix:///system?socket=/run/hosts/there/libvirt-sock' \
		--migrateuri tcp://127.0.0.1 2>"$VM_TMP/err" && return
	note "$(cat "$VM_TMP/err")"
	return 1
}


domain_xml moves >"$VIRT/moves.xml"
domain_talk moves
check "defined and started" eval 'inside hvcma domain define /vm/moves.xml >/dev/null && inside hvcma domain start moves'
check "the guest's driver, and its client" libvirt_client_up moves 1
before=$(guest 'dd if=/dev/urandom of=/tmp/files bs=1M count=24 2>/dev/null; md5sum </tmp/files')
check "the region has its file here" equal 1 "$(region_files)"
exec 7>&-
libvirt_use there
domain_talk moves
check "and none there" equal 0 "$(region_files)"
libvirt_use one
check "it goes there" migrate moves
check "it is no more here" eval '! state_is running'
check "nor its file" domain_wait 10 equal 0 "$(region_files)"

libvirt_use there
check "it runs there" state_is running
check "with its file" equal 1 "$(region_files)"
check "what the guest has in memory is the same" equal "$before" "$(guest 'md5sum </tmp/files')"
check "its client goes on" domain_field_is moves banka /clients/0/state claimed
# shellcheck disable=SC2016 # for the guest
check "which is bound again, with memory of the region" guest 'cd /sys/bus/pci/drivers/e1000e && for d in 0000*; do echo $d >unbind; echo $d >bind; done'
check "it is claimed again" domain_wait 60 domain_field_is moves banka /clients/0/state claimed
check "no warning or oops" equal 0 "$(guest complaints)"
check "destroyed" inside virsh -q destroy moves
check "all is given back there" equal 0 "$(region_files)"

# What can't be there, or can't go, stays as it was.
libvirt_use one
inside virsh -q undefine moves
libvirt_use there
inside sh -c 'mkdir -p /dev/hugepages/hvcma && : >/dev/hugepages/hvcma/stays'
libvirt_use one

# stays WHAT WORDS: it can't go there, for this reason, and was never stopped
stays()
{
	check "$1: refused" eval '! migrate stays'
	check "$1: with the reason" grep -q "$2" "$VM_TMP/err"
	check "$1: it runs" equal "running (booted)" "$(inside virsh domstate --reason stays | head -n 1)"
	check "$1: its region's file is here" equal 1 "$(region_files)"
}

domain_xml stays >"$VIRT/stays.xml"
mkdir -p "$VIRT/stays"
mkfifo "$VIRT/stays/agent.in" "$VIRT/stays/agent.out"
check "another one" eval 'inside hvcma domain define /vm/stays.xml >/dev/null && inside virsh -q start stays'
stays "the hook there has no place for its file" "folder hvcma/stays"
inside virsh -q destroy stays
inside virsh -q undefine stays
sed -i "s,mode='auto',mode='reusable' surrender='yes'," "$VIRT/stays.xml"
check "one that may surrender memory" eval 'inside hvcma domain define /vm/stays.xml >/dev/null && inside virsh -q start stays'
stays "what is surrendered is not told" "virtio-cma 'banka': surrender=on"
check "nor is it saved" eval '! inside virsh -q save stays /vm/stays.save 2>"$VM_TMP/err" && grep -q banka "$VM_TMP/err"'
check "it runs" equal running "$(inside virsh domstate stays | head -n 1)"
check "destroyed" inside virsh -q destroy stays
libvirt_use there
check "there was nothing of it there" equal '' "$(inside virsh list --all --name)"
tap_end
