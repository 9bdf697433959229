# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host, for what ends a QEMU that has a device: a guest without a kernel (bare/capture.c) has told a sound
# controller to capture into its region, round and round. The pool has no page but the region's, and a program takes,
# fills and watches each that becomes free. Sourced.

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=32
PAGES=$((REGION_MIB * 1024 / REGION_PAGE_KIB))
export VM_USER=12345 VM_AS_USER=$HVCMA_BUILD/guest/arm64/bin/as_user VM_SMP=1 VM_MEMORY=64M,maxmem=8G
SOCKET=$VM_TMP/hvcmad.socket
LOG=$VM_TMP/hvcmad.log
hda=$(hda_pci)
hvcma=$HVCMA_BUILD/arm64/hvcma
vfio_take "$hda"
chmod 666 /dev/kvm
chmod 711 "$VM_TMP"
writable_etc
echo nogroup:x:65534: >>/etc/group

# configure [SETTING;]: the service, from its start on
configure()
{
	cat >"$VM_TMP/hvcmad.conf" <<-END
		socket-group = "nogroup";
		totals = { memory = "32M"; pinned = "32M"; regions = 1; devices = 1; };
		vms = ( { name = "banka"; user = $VM_USER; memory = "32M"; pinned = "32M"; regions = 1;
			unsafe-noiommu = true; devices = ( "$hda" ); ${1-} } );
	END
}

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

# rounds: how often the guest has said how much was written to
rounds()
{
	cat "$VM_DIR/console.log" 2>/dev/null | grep -c '^written: '
}

# more_rounds THAN
more_rounds()
{
	[ "$(rounds)" -gt "$1" ] || vm_dead
}

# writes: the device does, now, to each page of the region. The guest may have been in the middle of a round.
writes()
{
	wait_until 60 more_rounds $(($(rounds) + 2))
	last=$(tail -n 2 "$VM_DIR/console.log" | head -n 1 | tr -d '\r')	# the last may not be whole
	equal "written: $PAGES" "$last"
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
	vm_start arm64 "" "" -kernel "$HVCMA_BUILD/bare/capture.elf" -global virtio-mmio.force-legacy=false \
		$(region_options cma0 "clients=hda0,unsafe-noiommu=on,service=$SOCKET" virtio-cma-device) \
		-device "vfio-pci,host=$hda,id=hda0"
	check "$1: the device writes to the region" writes || vm_logs
	: >"$VM_TMP/taker"
	"$HVCMA_BUILD/guest/arm64/bin/taker" "$REGION_PAGE_KIB" "$PAGES" >"$VM_TMP/taker" 2>"$VM_TMP/taker.log" &
	taker=$!
	check "$1: somebody waits for pages" wait_until 10 grep -q ready "$VM_TMP/taker"
	pause
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
