# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: hvcmad runs as root, QEMU as a user without any capability and with its sandbox on.
# The guest's stock driver works on the host's NVMe controller; hvcmad is killed while the controller does DMA,
# then both are; a copy of the controller's descriptor that lives on keeps memory in quarantine.
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh
. ./service_lib.sh

nvme=$(nvme_pci)
device=$nvme
vfio_take "$nvme"
service_prepare
cat >"$VM_TMP/hvcmad.conf" <<END
socket-group = "nogroup";
totals = { memory = "128M"; pinned = "128M"; regions = 2; devices = 1; };
vms = (
	{ name = "banka"; user = $VM_USER; memory = "64M"; pinned = "64M"; regions = 1;
	  unsafe-noiommu = true; devices = ( "$nvme" ); },
	{ name = "other"; user = 12346; memory = "64M"; pinned = "64M"; regions = 1;
	  unsafe-noiommu = true; devices = ( "0000:7f:00.0" ); } );
END

# start_guest WHAT
start_guest()
{
	# shellcheck disable=SC2046,SC2086 # options are words
	nested_guest $(region_options cma0 "clients=nv0,unsafe-noiommu=on,service=$SOCKET") \
		-device "vfio-pci,host=$nvme,id=nv0" $SANDBOX
	check "$1: the guest boots" vm_booted 1 60
	guest load ext4 nvme
	check "$1: the stock driver finds its disk" guest disk_ready nvme0n1
	check "$1: the controller is bus master" is_master on
}

# is_master on|off
is_master()
{
	[ "$(pci_master "$nvme")" = "$1" ]
}

# is_stopped WHAT: device first, then memory
is_stopped()
{
	check "$1: the service has no device any more" wait_until 15 has_no_device
	check "$1: the controller is no bus master" is_master off
	check "$1: no hugepage stays in use" wait_until 10 no_hugepage_used
}

start_service 'at first'

# Whoever is not allowed the device does not get it.
VM_USER=12346
# shellcheck disable=SC2046,SC2086 # options are words
refused "a device of another VM" "$nvme is not among the 'devices' of VM other" \
	$(region_options cma0 "clients=nv0,unsafe-noiommu=on,service=$SOCKET") \
	-device "vfio-pci,host=$nvme,id=nv0" $SANDBOX
VM_USER=12345

start_guest unprivileged
pid=$(cat "$VM_DIR/pid")
check "unprivileged: QEMU has no capability" grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status"
check "unprivileged: QEMU is in its sandbox" grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status"
check "unprivileged: there is no pin keeper" no_keeper
check "unprivileged: the service shows the device" shows "$nvme.*open"
source=$(guest disk_fill nvme0n1 4)
check "unprivileged: 4 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
echo "file $source"

# The service is killed under a running guest: nothing is noticed but by those who ask.
guest 'io_forever /mnt/busy; sleep 1'
kill_service
sleep 1
check "service killed: the controller still is bus master" is_master on
start_service 'service killed'
check "service killed: the next one takes all over" said 'takes over 1 regions and 1 devices'
check "service killed: it shows the device" shows "$nvme.*open"
check "service killed: the guest reads what it has written" same_as "$source" "$(guest disk_check)"
check "service killed: the I/O that ran goes on" guest 'reads=$(disk_reads nvme0n1); wait_for 10 eval "[ \$(disk_reads nvme0n1) -gt $reads ]"'
check "service killed: the I/O can be ended" guest 'wait_for 10 killall dd'
guest 'sync; umount -l /mnt; sync'
check "service killed: QEMU ends well" vm_quit
is_stopped 'QEMU has ended'

# Both are killed: nobody is there to stop the controller, so nobody may let go of its memory.
start_guest 'both killed'
guest 'mount -t ext4 /dev/nvme0n1 /mnt && io_forever /mnt/busy; sleep 1'
check "both killed: memory is pinned before" [ "$(status /counters/pinned-bytes)" -gt 0 ]
kill_service
vm_kill
sleep 1
check "both killed: the controller still is bus master" is_master on
check "both killed: the memory stays" all_of_region_used
start_service 'both killed'
# At once: what the dead one had is on its way back.
start_guest 'the next one'
check "both killed: the next service has stopped the device" said 'number 2, stopping -> gone'
check "both killed: and then let go of the memory" said 'have stopped; 1 of its regions end'
check "the next one: it reads what the first has written" same_as "$source" \
	"$(guest 'mount -t ext4 /dev/nvme0n1 /mnt && disk_check')"

# QEMU alone is killed, and a copy of the descriptor lives on, as one that was passed to a child would.
guest 'io_forever /mnt/busy; sleep 1'
: >"$VM_TMP/held"
"$HVCMA_BUILD/guest/arm64/bin/hold" "$(cat "$VM_DIR/pid")" vfio-device >"$VM_TMP/held" &
holder=$!
check "quarantine: another process has the device" wait_until 10 grep -q held "$VM_TMP/held"
vm_kill
check "quarantine: the service says so" wait_until 15 \
	said 'stopping -> quarantined: another process has it open'
check "quarantine: the controller is no bus master all the same" is_master off
check "quarantine: the memory stays" all_of_region_used
check "quarantine: hvcma status says which" shows "$nvme.*quarantined"
check "quarantine: and why" shows 'another process has it open'
kill_service
start_service quarantine
check "quarantine: the next service says so, too" wait_until 15 \
	said 'stopping -> quarantined: another process has it open'
: >"$LOG"
release
check "quarantine: a release that is too early changes nothing" wait_until 15 said 'stopping -> quarantined'
check "quarantine: the memory stays still" all_of_region_used
kill "$holder"
wait "$holder"
release
is_stopped released

end_service
tap_end
