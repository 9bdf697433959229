# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: hvcmad has opened its virtio-mmio disk for a QEMU without privileges, and is killed with it; or
# a copy of the device's descriptor lives on; or no rule says how the device is stopped: then it is claimed once,
# and the next QEMU gets it when the operator says so.
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh
. ./platform_lib.sh
. ./service_lib.sh
. ./service_platform_lib.sh
export VM_LIMIT_S=800

# The service's, and the plugin's, which looks beside itself.
RULES=$HVCMA_BUILD/arm64/platform-rules OWN_RULES=$HVCMA_BUILD/arm64/testing/platform-rules
write_config "$RULES"
start_service 'at first'

# Both are killed: nobody is there to stop the device, so nobody may let go of its memory.
start_guest 'both killed'
source=$(guest disk_fill vda 4)
echo "file $source"
guest 'sync; io_forever /mnt/busy; sleep 1'
kill_service
vm_kill
sleep 1
check "both killed: the device still runs" runs
check "both killed: the memory stays" memory_stays
start_service 'both killed'
is_stopped 'both killed'
check "both killed: it was the next service" said 'number 1, stopping -> gone'

# QEMU alone is killed, and a copy of the descriptor lives on, as one that was passed to a child would.
start_guest quarantine
guest 'mount -t ext4 /dev/vda /mnt && io_forever /mnt/busy; sleep 1'
: >"$VM_TMP/held"
"$HVCMA_BUILD/guest/arm64/bin/hold" "$(cat "$VM_DIR/pid")" vfio-device >"$VM_TMP/held" &
holder=$!
check "quarantine: another process has the device" wait_until 10 grep -q held "$VM_TMP/held"
vm_kill
check "quarantine: the service says so" wait_until 15 said 'stopping -> quarantined: another process has it open'
check "quarantine: the device is quiet all the same" is_quiet
check "quarantine: the memory stays" memory_stays
check "quarantine: hvcma status says which" shows "$disk.*quarantined"
kill "$holder"
wait "$holder"
release
is_stopped released

# Without a rule, the service's or QEMU's.
kill_service
: >"$VM_TMP/no-rules"
mount --bind "$VM_TMP/no-rules" "$OWN_RULES"
write_config
start_service 'without a rule'
# shellcheck disable=SC2046,SC2086 # options are words
refused "without a rule" "$disk has no reset" \
	$(region_options cma0 "clients=disk0,unsafe-noiommu=on,service=$SOCKET") \
	-device "vfio-platform-noiommu,host=$disk,id=disk0" $SANDBOX
# It has been open, and who had it could have told it anything: QEMU's word that it has not is none.
check "without a rule: whoever had it open, it is in quarantine" wait_until 15 shows "$disk.*quarantined"
check "without a rule: hvcma status says why" shows 'it has no reset: .*there is no rule'
release --force
check "without a rule: the operator gives it back" wait_until 5 has_no_device

start_guest once reset=once
check "once: the service warns" said "VM banka: device $disk has no reset: when its process has ended it goes into quarantine"
guest 'mount -t ext4 /dev/vda /mnt'
check "once: the file is what it was" same_as "$source" "$(guest disk_check)"
guest umount /mnt
check "once: it is claimed" status_is /clients/0/state claimed
bind_in_guest unbind
check "once: released, it is in quarantine" status_is /clients/0/state quarantined
check "once: and its memory pinned" [ "$(status /counters/quarantined-bytes)" -gt 0 ]
bind_in_guest bind
sleep 1
check "once: it is not claimed again" status_is /clients/0/state quarantined
check "once: and not there" guest '! test -e /sys/block/vda'
check "once: the guest reads nothing" equal 0xFFFFFFFF "$(seen 0)"
check "once: QEMU ends well" vm_quit
check "once: the service has it in quarantine" wait_until 15 shows "$disk.*quarantined"
check "once: the memory stays" memory_stays
release --force
check "once: the operator gives it back" wait_until 5 has_no_device
check "once: then the memory is free" wait_until 10 no_hugepage_used

# Killed in mid-I/O: the negative control of all above. unsafe-no-reset is not for what has no bus-master bit.
start_guest 'once more' reset=once
guest 'mount -t ext4 /dev/vda /mnt && io_forever /mnt/busy; sleep 1'
vm_kill
check "once more: it is in quarantine" wait_until 15 shows "$disk.*quarantined"
check "once more: nothing has stopped the device" runs
check "once more: so the memory stays" memory_stays
# shellcheck disable=SC2046,SC2086 # options are words
nested_guest $(region_options cma0 "clients=disk0,unsafe-noiommu=on,service=$SOCKET" | sed 's/cma0/cma1/g') \
	-device "vfio-platform-noiommu,host=$disk,id=disk0,reset=once" $SANDBOX
check "once more: another QEMU does not get it" wait_until 20 vm_dead
vm_kill
check "once more: it is told why" grep -q "is in quarantine since VM banka had it" "$VM_DIR/qemu.log"
kill_service
start_service 'once more'
check "once more: the next service knows" wait_until 15 shows "$disk.*quarantined"
: >"$LOG"
release
check "once more: a release without a rule changes nothing" wait_until 15 said 'stopping -> quarantined: it has no reset'
check "once more: the device still runs" runs
umount "$OWN_RULES"
mkdir -p /etc/hvcma
cp "$RULES" /etc/hvcma/
check "once more: the memory stays until then" memory_stays
release
is_stopped 'once more, with a rule'
end_service
tap_end
