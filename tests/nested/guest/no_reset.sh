# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: QEMU is killed while a device writes (capture.sh) that nothing can reset. It is no bus master then,
# and has forgotten nothing: whoever makes it one again, as its next driver does, lets it go on. So its memory
# stays until the operator says that it has stopped. The control, with "unsafe-no-reset", shows what would become of that
# memory otherwise.

. ./capture.sh

# is_master on|off
is_master()
{
	[ "$(pci_master "$hda")" = "$1" ]
}

# release [--force]
release()
{
	"$hvcma" release --service="$SOCKET" "$@" "$("$hvcma" status --service="$SOCKET" --field /devices/0/number)"
}

# stop_device: no bus master from now on
stop_device()
{
	printf '\000\001' | dd of="/sys/bus/pci/devices/$hda/config" bs=2 seek=2 conv=notrunc 2>/dev/null
}

check "the kernel has no reset for the device" [ ! -s "/sys/bus/pci/devices/$hda/reset_method" ]

configure
check "the service runs" start_service
begin kept
check "kept: it was said when the device was opened" said "device $hda has no reset: when its process has ended"
vm_kill
check "kept: the device is in quarantine" wait_until 15 said 'stopping -> quarantined: it has no reset'
check "kept: it is no bus master" is_master off
check "kept: hvcma status has it, and why" \
	eval '"$hvcma" status --service="$SOCKET" >"$VM_TMP/status" && grep -q "it has no reset" "$VM_TMP/status"'
pci_set_master "$hda"
check "kept: somebody makes it a bus master again" is_master on
sleep 1
check "kept: no page has become free" nothing_is_free
: >"$LOG"
release
check "kept: released without force it stays" wait_until 15 said 'stopping -> quarantined: it has no reset'
check "kept: it is no bus master once more" is_master off
check "kept: no page has become free by that" nothing_is_free
kill_service
check "kept: another service runs" start_service
check "kept: there it is in quarantine, too" wait_until 15 said 'stopping -> quarantined: it has no reset'
check "kept: no page has become free meanwhile" nothing_is_free
release --force
check "kept: by force it is gone, and lets go of the memory" wait_until 15 said 'have stopped; 1 of its regions end'
sleep 1
stop_taker
check "kept: all pages are another's, and none is corrupted" equal "$PAGES 0" "$taken $corrupted"
kill_service

configure 'unsafe-no-reset = true;'
check "the service runs with unsafe-no-reset" start_service
begin control
check "control: it was said when the device was opened" said "UNSAFE: device $hda has no reset"
vm_kill
check "control: the device counts as stopped" wait_until 15 said 'have stopped; 1 of its regions end'
check "control: it is no bus master" is_master off
sleep 1
check "control: its memory is another's" grep -q takes "$VM_TMP/taker"
pci_set_master "$hda"
check "control: somebody makes it a bus master again" is_master on
sleep 2
stop_device
stop_taker
note "control: of $taken pages that others got $corrupted were corrupted"
check "control: pages that others got are corrupted" [ "$corrupted" -gt 0 ]
kill_service
sed 's/^/# /' "$LOG"
tap_end
