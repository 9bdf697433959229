# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: the guest has told a sound controller to capture into its region, round and round. QEMU is
# killed, or the service, or both. The pool has no page but the region's, and a program takes, fills and
# watches each that becomes free: no device may write to those. Nor if another process has the device, as a child
# of that QEMU would, so that the kernel does not close it. The control, in which the service's keeper is killed as well,
# shows that this would be seen.
#
#	kills.sh QEMU OTHERS	QEMU is killed so often, the others as often as OTHERS says

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=32
PAGES=$((REGION_MIB * 1024 / REGION_PAGE_KIB))
export VM_USER=12345 VM_AS_USER=$HVCMA_BUILD/guest/arm64/bin/as_user VM_SMP=1
SOCKET=$VM_TMP/hvcmad.socket
LOG=$VM_TMP/hvcmad.log
hda=$(hda_pci)
hvcma=$HVCMA_BUILD/arm64/hvcma
vfio_take "$hda"
chmod 666 /dev/kvm
chmod 711 "$VM_TMP"
writable_etc
echo nogroup:x:65534: >>/etc/group
cat >"$VM_TMP/hvcmad.conf" <<END
socket-group = "nogroup";
totals = { memory = "32M"; pinned = "32M"; regions = 1; devices = 1; };
vms = ( { name = "banka"; user = $VM_USER; memory = "32M"; pinned = "32M"; regions = 1;
	  unsafe-noiommu = true; devices = ( "$hda" ); } );
END

all_taken=0 all_corrupted=0

start_service()
{
	: >"$LOG"
	LD_LIBRARY_PATH=$HVCMA_BUILD/lib "$HVCMA_BUILD/arm64/hvcmad" --config "$VM_TMP/hvcmad.conf" \
		--socket "$SOCKET" >>"$LOG" 2>&1 &
	service=$!
	wait_until 20 said 'ready, 1 VMs'
}

kill_service()
{
	kill -KILL "$service"
	wait "$service" 2>/dev/null
}

# kill_both [PROCESS]: at once, and that one
kill_both()
{
	kill -KILL "$@" "$service" "$(cat "$VM_DIR/pid")"
	wait "$service" 2>/dev/null
	vm_kill
}

# said TEXT: the service has, since it was started or the guest was
said()
{
	grep -q -e "$1" "$LOG"
}

# pause: up to a second
pause()
{
	sleep "0.$(tr -dc 0-9 </proc/sys/kernel/random/uuid | cut -c 1-2)"
}

# writes: the device does, to half of the region at least; the guest driver has some in its pool
writes()
{
	nr_written=$(guest 'cat /sys/module/vcma_capture/parameters/nr_written')
	note "to $nr_written of $PAGES pages"
	[ "$nr_written" -ge $((PAGES / 2)) ]
}

# nothing_is_free: and nothing was
nothing_is_free()
{
	! grep -q takes "$VM_TMP/taker"
}

# begin WHAT: a guest whose device writes, and somebody who waits
begin()
{
	: >"$LOG"
	# shellcheck disable=SC2046 # options are words
	nested_guest $(region_options cma0 "clients=hda0,unsafe-noiommu=on,service=$SOCKET") \
		-device "vfio-pci,host=$hda,id=hda0"
	check "$1: the guest boots" vm_booted 1 180
	guest load vcma_capture
	check "$1: the device writes to the region" writes
	: >"$VM_TMP/taker"
	"$HVCMA_BUILD/guest/arm64/bin/taker" "$REGION_PAGE_KIB" "$PAGES" >"$VM_TMP/taker" 2>"$VM_TMP/taker.log" &
	taker=$!
	check "$1: somebody waits for pages" wait_until 10 grep -q ready "$VM_TMP/taker"
	pause
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

# stop_taker: it has $taken pages, $corrupted of them
stop_taker()
{
	kill "$taker"
	wait "$taker" 2>/dev/null
	taken=$(sed -n 's/^taken \([0-9]*\), .*/\1/p' "$VM_TMP/taker")
	corrupted=$(sed -n 's/.*, corrupted \([0-9]*\)$/\1/p' "$VM_TMP/taker")
	sed 's/^/# /' "$VM_TMP/taker.log"
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
for i in $(seq "$2"); do
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
