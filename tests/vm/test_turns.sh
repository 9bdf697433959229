#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Two guests whose reusable regions are larger, together, than the pool of hugepages that they share, and the host's service, which
# has them take turns: the second can start as the first is asked, then each has what it needs from the other without anybody's doing; what
# both need at a time is refused to the later, clearly; a service that is restarted goes on; the end of one leaves all to the other. Nothing of what
# either guest has in memory changes. How it is decided is in service/test_turns.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/two_guests.sh"

# Emulated guests take long to give anything.
DEADLINE_MS=45000
MOST_MIB=$((REGION_MIB - 16))

two_guests_begin
service_pid=''
trap 'two_guests_end "$service_pid"' EXIT

# turn WHAT: as much as a guest can have; once more, as memory that comes back meanwhile would be counted as online
turn()
{
	alloc $MOST_MIB >"$VM_TMP/results"
	check "$1: it has what it needs" grep -q '^ok 1 - as many blocks as asked for' "$VM_TMP/results"
	alloc $MOST_MIB >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$1, again"
}

service_start()
{
	"$HVCMA_BUILD/$VM_NATIVE/hvcmad" --config "$VM_TMP/hvcmad.conf" --socket "$VM_TMP/socket" >>"$VM_TMP/hvcmad.log" 2>&1 &
	service_pid=$!
	wait_until 10 eval "service_field /memory-bytes >/dev/null"
}

# service_field POINTER: what "hvcma status --service" says
service_field()
{
	"$HVCMA_BUILD/$VM_NATIVE/hvcma" status --service="$VM_TMP/socket" --field "$1" 2>/dev/null
}

# service_is POINTER VALUE
service_is()
{
	[ "$(service_field "$1")" = "$2" ]
}

start_served()
{
	start "$1" "name=$1,service=$VM_TMP/socket" reserve=off
}

cat >"$VM_TMP/hvcmad.conf" <<-END
	totals = { memory = "1G"; pinned = "1G"; regions = 4; };
	turns = { deadline-ms = $DEADLINE_MS; };
	vms = ( { name = "guests"; user = 0; memory = "1G"; pinned = "1G"; regions = 4; } );
END

initramfs "$VM_TMP/initramfs" amd64 6.12 virtio_pci "$(guest_module amd64 6.12 virtio_cma)" \
	"$(guest_module amd64 6.12 vcma_reuse)"

check "the service is there" service_start

start_served first
check "the first guest boots" vm_booted 1 120
check "control: it has all of its region, and offers nothing without a driver" equal "$((POOL_MIB - REGION_MIB)) " \
	"$(pool_free) $(service_field /turns/0/name)"
start_served second
check "control: nobody can be asked for what the second needs" wait_until 30 vm_dead
check "which QEMU says" grep -q "mode=reusable needs all of its" "$VM_DIR/qemu.log"
vm_kill

use first
guest load virtio_cma
check "its memory is online" wait_until 10 status_is /counters/online-bytes $((REGION_MIB << 20))
check "with its driver the first offers what is idle" wait_until 10 service_is /turns/0/offers true
first_sum=$(guest "$files")

start_served second
check "the second guest boots, as the first surrenders what it lacks" vm_booted 1 180
guest load virtio_cma
check "its memory is online" wait_until 10 status_is /counters/online-bytes $((REGION_MIB << 20))
check "and it offers, too" wait_until 10 service_is /turns/1/name second
check "the service knows what the first has surrendered" [ "$(service_field /turns/0/surrendered-bytes)" -ge $(((2 * REGION_MIB - POOL_MIB) << 20)) ]
second_sum=$(guest "$files")
use first
check "the first's files are what they were" same_as "$first_sum" "$(guest "$sum")"

turn "the first's turn"
check "the second has given for it" service_is /turns/1/missed-bytes 0
use second
check "and has surrendered something" [ "$(surrendered_mib)" -gt 0 ]
check "its files are what they were" same_as "$second_sum" "$(guest "$sum")"
turn "the second's turn"
use first
check "the first's files are what they were" same_as "$first_sum" "$(guest "$sum")"

# Another service takes over; the guests offer again by themselves.
kill -KILL "$service_pid"
wait "$service_pid" 2>/dev/null
check "the service is restarted" service_start
check "both offer again" wait_until 30 service_is /turns/1/offers true

guest '(insmod /modules/vcma_reuse.ko test=keep mib='$MOST_MIB' block_mib=2; echo $? >/tmp/kept) >/dev/null 2>&1 &'
check "the first has its turn, and keeps what it has" wait_until 60 guest '[ "$(cat /tmp/kept)" = 0 ]'
use second
alloc $MOST_MIB >"$VM_TMP/results"
sed 's/^/# /' "$VM_TMP/results"
check "so much is not there for the second" grep -q '^not ok' "$VM_TMP/results"
check "and it says why" guest 'dmesg | grep -q "the host has had no pages for these in time"'
check "the host says what was wanted, and what there is" grep -q 'wanted [0-9]* bytes, free [0-9]*, [0-9]* more could be asked of 1 regions' "$VM_DIR/qemu.log"
check "its files are what they were" same_as "$second_sum" "$(guest "$sum")"
use first
guest 'rmmod vcma_reuse'
use second
turn "the second's turn, when the first has freed"
check "its files are what they were" same_as "$second_sum" "$(guest "$sum")"
check "no warning or oops in the second" equal 0 "$(guest complaints)"

check "the second ends well" vm_quit
# shellcheck disable=SC2034 # lib/two_guests.sh
second_pid=''
use first
turn "what the second has left"
check "the first's files are what they were" same_as "$first_sum" "$(guest "$sum")"
check "no warning or oops in the first" equal 0 "$(guest complaints)"
check "the first ends well" vm_quit
# shellcheck disable=SC2034 # lib/two_guests.sh
first_pid=''
check "nothing is left at the service" wait_until 10 service_is /memory-bytes 0
check "nor in the pool" equal "$POOL_MIB" "$(pool_free)"
tap_end
