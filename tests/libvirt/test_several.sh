#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# What a domain with a region goes through under a real libvirtd beside another one, QEMU by TCG: saved
# and restored, by file and managed; a snapshot; reboot; crash; libvirtd started again beside both;
# destroyed and undefined; and a start that the hook refuses.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/libvirt.sh"

libvirt_need
hugepages_need 2048 24
trap 'libvirt_stop; vm_cleanup' EXIT
libvirt_start || {
	tap_result 1 "libvirtd starts"
	tap_end
}
libvirt_guest

# state_is NAME WORD...
state_is()
{
	si_name=$1
	shift
	[ "$(inside virsh domstate "$si_name" | head -n 1)" = "$*" ]
}

# kept NAME: the guest goes on where it was, with its region and client
kept()
{
	equal "$before" "$(guest cat /tmp/before)" && domain_field_is "$1" banka /clients/0/state claimed
}

for name in one two; do
	domain_xml $name >"$VIRT/$name.xml"
	domain_talk $name
	check "$name: defined and started" eval \
		'inside hvcma domain define /vm/$name.xml >/dev/null && inside hvcma domain start $name'
done
check "each has its file" equal 2 "$(region_files)"
check "two: the guest's driver, and its client" libvirt_client_up two 1
mv "$VIRT/two/agent.out" "$VIRT/two/said"
exec 7>&-

VM_DIR=$VIRT/one
exec 7<>"$VM_DIR/agent.in"
check "one: the guest's driver, and its client" libvirt_client_up one 1
before=$(cat /proc/sys/kernel/random/uuid)
guest "echo $before >/tmp/before"

: >"$VM_DIR/agent.out"
check "saved to a file" inside virsh -q save one /vm/one.save
check "its region's file is gone" equal 1 "$(region_files)"
check "restored" inside virsh -q restore /vm/one.save
check "the guest goes on" kept one
: >"$VM_DIR/agent.out"
check "managed save" inside virsh -q managedsave one
check "it does not run" state_is one shut off
check "started again" inside virsh -q start one
check "the guest goes on once more" kept one

if inside virsh -q snapshot-create-as one first 2>"$VM_TMP/err"; then
	tap_result 1 "a snapshot of a domain without a disk that takes one is refused"
else
	note "$(cat "$VM_TMP/err")"
	check "a snapshot that libvirt can't make leaves the domain as it was" kept one
fi

check "libvirtd ends" libvirt_daemon_stop
check "and starts again" libvirt_daemon
for name in one two; do
	check "$name still runs" state_is $name running
	check "$name still has its region" domain_field_is $name banka /clients/0/state claimed
done

echo "reboot reboot -f" >&7
check "rebooted by its guest: the driver comes again" libvirt_client_up one 1
inside sh -c 'kill -KILL "$(cat /run/libvirt/qemu/two.pid)"'
check "a QEMU that is killed is a domain that has ended" domain_wait 60 state_is two shut off
check "and its region's file is gone" domain_wait 30 eval '[ "$(region_files)" = 1 ]'
check "destroyed" inside virsh -q destroy one
check "all is given back" equal 0 "$(region_files)"

inside sh -c 'mkdir -p /dev/hugepages/hvcma && : >/dev/hugepages/hvcma/one'
check "what the hook refuses virsh shows" eval '! inside virsh -q start one 2>"$VM_TMP/err" && grep -q "folder hvcma/one" "$VM_TMP/err"'
note "$(cat "$VM_TMP/err")"
check "undefined" eval 'inside virsh -q undefine one && inside virsh -q undefine two'
check "none is left" equal '' "$(inside virsh list --all --name)"
tap_end
