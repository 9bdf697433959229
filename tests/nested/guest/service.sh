# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: hvcmad runs as root, QEMU as a user without any capability and with its sandbox on.
# The guest's stock driver works on the host's NVMe controller; QEMU is killed while the controller
# does DMA; a copy of the controller's descriptor that lives on keeps memory in quarantine.
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=64
export VM_USER=12345 VM_AS_USER=$HVCMA_BUILD/guest/arm64/bin/as_user
SOCKET=$VM_TMP/hvcmad.socket
SANDBOX='-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'
nvme=$(nvme_pci)
hvcma=$HVCMA_BUILD/arm64/hvcma
vfio_take "$nvme"
region_hugepages
chmod 666 /dev/kvm

cat >"$VM_TMP/hvcmad.conf" <<END
totals = { memory = "128M"; pinned = "128M"; regions = 2; devices = 1; };
vms = (
	{ name = "banka"; user = $VM_USER; memory = "64M"; pinned = "64M"; regions = 1;
	  unsafe-noiommu = true; devices = ( "$nvme" ); },
	{ name = "other"; user = 12346; memory = "64M"; pinned = "64M"; regions = 1;
	  unsafe-noiommu = true; devices = ( "0000:7f:00.0" ); } );
END
chmod 711 "$VM_TMP"
LD_LIBRARY_PATH=$HVCMA_BUILD/lib "$HVCMA_BUILD/arm64/hvcmad" --config "$VM_TMP/hvcmad.conf" --socket "$SOCKET" \
	>"$VM_TMP/hvcmad.log" 2>&1 &
service=$!
check "the service runs" wait_until 20 test -S "$SOCKET"
chgrp 65534 "$SOCKET" && chmod 660 "$SOCKET"

# start_guest WHAT
start_guest()
{
	# shellcheck disable=SC2046,SC2086 # options are words
	nested_guest $(region_options cma0 "clients=nv0,unsafe-noiommu=on,service=$SOCKET") \
		-device "vfio-pci,host=$nvme,id=nv0" $SANDBOX
	check "$1: the guest boots" vm_booted 1 60 || { cat "$VM_DIR/qemu.log"; tail -n 5 "$VM_TMP/hvcmad.log"; } | sed 's/^/# /'
	guest load ext4 nvme
	check "$1: the stock driver finds its disk" guest disk_ready nvme0n1
	check "$1: the controller is bus master" equal on "$(pci_master "$nvme")"
}

has_device()
{
	"$hvcma" status --service="$SOCKET" | grep -q "$nvme"
}

no_device()
{
	! has_device
}

is_off()
{
	[ "$(pci_master "$nvme")" = off ]
}

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
check "unprivileged: the service shows the device" has_device
source=$(guest disk_fill nvme0n1 16)
check "unprivileged: 16 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
guest umount /mnt
echo "file $source"
check "unprivileged: QEMU ends well" vm_quit
check "after QEMU: the controller is no bus master" wait_until 10 is_off
check "after QEMU: no hugepage stays in use" wait_until 10 no_hugepage_used
check "after QEMU: the service has no device" wait_until 10 no_device

start_guest SIGKILL
guest 'mount -t ext4 /dev/nvme0n1 /mnt && io_forever /mnt/busy; sleep 1'
check "SIGKILL: memory is pinned before" [ "$(status /counters/pinned-bytes)" -gt 0 ]
vm_kill
# At once: what the dead one had is on its way back.
start_guest 'the next one'
check "SIGKILL: the service has stopped the device" grep -q "stopping -> gone" "$VM_TMP/hvcmad.log"
check "SIGKILL: and then let go of the memory" grep -q "have stopped; 1 of its regions end" "$VM_TMP/hvcmad.log"
check "the next one: it reads what the first has written" same_as "$source" \
	"$(guest 'mount -t ext4 /dev/nvme0n1 /mnt && disk_check')"

# A copy of the descriptor lives on, as one that was passed to a child would.
: >"$VM_TMP/held"
"$HVCMA_BUILD/guest/arm64/bin/hold" "$(cat "$VM_DIR/pid")" vfio-device >"$VM_TMP/held" &
holder=$!
check "quarantine: another process has the device" wait_until 10 grep -q held "$VM_TMP/held"
vm_kill
check "quarantine: the service says so" wait_until 15 grep -q "stopping -> quarantined: another process has it open" "$VM_TMP/hvcmad.log"
check "quarantine: the controller is no bus master all the same" is_off
check "quarantine: the memory stays" [ "$(hugepages_used)" -gt 0 ]
check "quarantine: hvcma status says which and why" eval \
	'"$hvcma" status --service="$SOCKET" | grep "$nvme.*quarantined" && "$hvcma" status --service="$SOCKET" | grep "another process has it open"'
number=$("$hvcma" status --service="$SOCKET" --field /devices/0/number)
"$hvcma" release --service="$SOCKET" "$number"
check "quarantine: a release that is too early changes nothing" wait_until 15 eval \
	'[ "$(grep -c "stopping -> quarantined" "$VM_TMP/hvcmad.log")" -eq 2 ]'
check "quarantine: the memory stays still" [ "$(hugepages_used)" -gt 0 ]
kill "$holder"
"$hvcma" release --service="$SOCKET" "$number"
check "released: the device is free" wait_until 15 no_device
check "released: no hugepage stays in use" wait_until 10 no_hugepage_used

kill "$service"
wait "$service"
check "the service ends well" equal 0 $?
sed 's/^/# /' "$VM_TMP/hvcmad.log"
tap_end
