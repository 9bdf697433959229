# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: while a device writes (capture.sh), QEMU is killed, or the service, or both. No device may write
# to pages that others have taken. Nor if another process has the device, as a child of that QEMU would, so that
# the kernel does not close it. The control, in which the service's keeper is killed as well, shows that this
# would be seen.
#
#	kills.sh QEMU OTHERS	QEMU is killed so often, the others as often as OTHERS says; the control is a tenth of that

. ./capture.sh

all_taken=0 all_corrupted=0

# kill_both [PROCESS]: at once, and that one
kill_both()
{
	kill -KILL "$@" "$service" "$(cat "$VM_DIR/pid")"
	wait "$service" 2>/dev/null
	vm_kill
}

# hold_device: somebody has it as well
hold_device()
{
	: >"$VM_TMP/held"
	"$HVCMA_BUILD/guest/arm64/bin/hold" "$(cat "$VM_DIR/pid")" vfio-device >"$VM_TMP/held" &
	holder=$!
	wait_until 10 grep -q held "$VM_TMP/held"
}

drop_device()
{
	kill "$holder"
	wait "$holder" 2>/dev/null
}

# all_is_well WHAT: QEMU is dead. The device is stopped, then its memory is another's, and stays as he has left it.
all_is_well()
{
	check "$1: the service stops the device, then lets go of the memory" \
		wait_until 30 said 'have stopped; 1 of its regions end' || sed 's/^/# /' "$LOG"
	sleep 1
	stop_taker
	check "$1: all pages are another's, and none is corrupted" equal "$PAGES 0" "$taken $corrupted"
	all_taken=$((all_taken + taken)) all_corrupted=$((all_corrupted + corrupted))
}

configure
check "the service runs" start_service

for i in $(seq "$1"); do
	begin "QEMU, $i"
	vm_kill
	all_is_well "QEMU, $i"
done

# A guest lives through all of that.
begin service
for i in $(seq "$2"); do
	kill_service
	pause
	check "service, $i: another runs" start_service
	check "service, $i: it has taken all over" said 'takes over 1 regions and 1 devices'
	pause
done
check "service: the device writes still" writes
check "service: no page has become free" nothing_is_free
vm_kill
all_is_well service

for i in $(seq "$2"); do
	begin "both, $i"
	if [ $((i % 2)) -eq 0 ]; then
		kill_service
		pause
		vm_kill
	else
		kill_both
	fi
	pause
	check "both, $i: no page has become free" nothing_is_free
	check "both, $i: another service runs" start_service
	all_is_well "both, $i"
done
for i in $(seq "$2"); do
	begin "held, $i"
	check "held, $i: another process has the device" hold_device
	kill_both
	pause
	check "held, $i: another service runs" start_service
	check "held, $i: the device is in quarantine" wait_until 30 said 'stopping -> quarantined'
	sleep 1
	check "held, $i: no page has become free" nothing_is_free
	drop_device
	"$hvcma" release --service="$SOCKET" "$("$hvcma" status --service="$SOCKET" --field /devices/0/number)"
	all_is_well "held, $i"
done
note "killed: QEMU $1 times, the service $2 times, both $(($2 * 2)) times: of $all_taken pages that others got" \
	"$all_corrupted were corrupted"

# Nobody is left to stop the device, and nobody keeps its memory.
control_taken=0 control_corrupted=0
for i in $(seq $((($2 + 9) / 10))); do
	begin "control, $i"
	check "control, $i: another process has the device" hold_device
	kill_both "$(pidof hvcmad-keeper)"
	sleep 2
	stop_taker
	drop_device
	control_taken=$((control_taken + taken)) control_corrupted=$((control_corrupted + corrupted))
	check "control, $i: another service runs" start_service
done
note "control: of $control_taken pages that others got $control_corrupted were corrupted"
check "control: pages that others got are corrupted" [ "$control_corrupted" -gt 0 ]
tap_end
