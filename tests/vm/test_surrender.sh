#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Two guests whose reusable regions are larger, together, than the pool of hugepages that they share. The one gives up
# what it does not need, and only then the other can start; a block for which it wants that back waits for the
# other's turn, and is refused clearly if that does not come. Nothing of what either guest has in memory changes.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/two_guests.sh"

HALF_MIB=$((POOL_MIB - REGION_MIB))

two_guests_begin
trap two_guests_end EXIT

want_mib()
{
	monitor "qom-set /machine/peripheral/cma0 wanted-bytes $(($1 << 20))"
}

initramfs "$VM_TMP/initramfs" amd64 6.12 virtio_pci "$(guest_module amd64 6.12 virtio_cma)" \
	"$(guest_module amd64 6.12 vcma_reuse)"

start first
check "the first guest boots" vm_booted 1 120
guest load virtio_cma
check "its memory is online" wait_until 10 status_is /counters/online-bytes $((REGION_MIB << 20))
first_sum=$(guest "$files")
first_total=$(mem_total)
check "it has all of its region" equal $((POOL_MIB - REGION_MIB)) "$(pool_free)"

start second
check "control: there is too little left for the second" wait_until 20 vm_dead
check "control: which QEMU says" grep -q 'Cannot allocate memory' "$VM_DIR/qemu.log"
vm_kill

use first
want_mib $HALF_MIB
check "the first is asked, and surrenders what it does not need" wait_until 30 eval '[ "$(surrendered_mib)" -eq $HALF_MIB ]'
check "which is free for others" equal "$REGION_MIB" "$(pool_free)"
check "and is not its own any more" equal $((first_total - HALF_MIB * 1024)) "$(mem_total)"
check "its files are what they were" same_as "$first_sum" "$(guest "$sum")"

start second
check "the second guest boots" vm_booted 1 120
guest load virtio_cma
check "its memory is online" wait_until 10 status_is /counters/online-bytes $((REGION_MIB << 20))
second_sum=$(guest "$files")
check "the pool is used up" equal 0 "$(pool_free)"

# More than the first has left, and the second gives nothing.
use first
begin=$(date +%s)
alloc $((REGION_MIB - 16)) >"$VM_TMP/results"
sed 's/^/# /' "$VM_TMP/results"
check "without the second's help the first waits" [ $(($(date +%s) - begin)) -ge 9 ]
check "and is refused" grep -q '^not ok' "$VM_TMP/results"
check "and says why" guest 'dmesg | grep -q "the host has had no pages for these in time"'
check "the host says so, too" grep -q "the host's pool has no hugepages for" "$VM_DIR/qemu.log"
check "what it had is surrendered still" equal "$HALF_MIB" "$(surrendered_mib)"
check "its files are what they were" same_as "$first_sum" "$(guest "$sum")"

# It waits, and the second takes its turn to give.
guest '(insmod /modules/vcma_reuse.ko test=keep mib='$((REGION_MIB - 16))' block_mib=2; echo $? >/tmp/kept) >/dev/null 2>&1 &'
sleep 2
check "the first waits again" guest '! [ -e /tmp/kept ]'
use second
want_mib $HALF_MIB
check "the second surrenders" wait_until 30 eval '[ "$(surrendered_mib)" -gt 0 ]'
use first
check "the first has its blocks" wait_until 30 guest '[ "$(cat /tmp/kept)" = 0 ]'
check "they are pinned" [ "$(status /counters/pinned-bytes)" -ge $(((REGION_MIB - 16) << 20)) ]
check "its files are what they were" same_as "$first_sum" "$(guest "$sum")"
use second
check "the second's files are what they were" same_as "$second_sum" "$(guest "$sum")"
check "the second can't have what the first has now" eval '[ "$(pool_free)" -lt $HALF_MIB ]'

# Back again: the first frees, is asked, and the second has all of its own.
use first
guest 'rmmod vcma_reuse'
want_mib $HALF_MIB
check "the first surrenders once more" wait_until 30 eval '[ "$(surrendered_mib)" -ge $HALF_MIB ]'
use second
alloc $((REGION_MIB - 16)) >"$VM_TMP/results"
check "the second has its turn" grep -q '^ok 1 - as many blocks as asked for' "$VM_TMP/results"
alloc $((REGION_MIB - 16)) >"$VM_TMP/results"
tap_import "$VM_TMP/results" "what came back is as before"
check "the second's files are what they were" same_as "$second_sum" "$(guest "$sum")"

# The driver goes: what is surrendered is asked for, then all of the memory is removed.
check "the second's driver is unloaded" guest 'rmmod virtio_cma'
check "nothing of it is orphaned" equal "0 0" "$(status /counters/orphaned-bytes) $(status /counters/online-bytes)"
check "no warning or oops in the second" equal 0 "$(guest complaints)"
check "the second ends well" vm_quit
# shellcheck disable=SC2034 # lib/two_guests.sh
second_pid=''
use first
check "no warning or oops in the first" equal 0 "$(guest complaints)"
# A machine that is reset has all of its memory again.
monitor system_reset
check "the first is reset" vm_booted 2 120
check "it has all of its region again" wait_until 10 status_is /counters/surrendered-bytes 0
guest load virtio_cma
alloc $((REGION_MIB - 16)) >"$VM_TMP/results"
tap_import "$VM_TMP/results" "after a reset"
check "the first ends well" vm_quit
# shellcheck disable=SC2034 # lib/two_guests.sh
first_pid=''
tap_end
