#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that goes to sleep with clients in use, by s2idle and S3, and wakes up: their stock drivers
# go on where they were. The host resets every device meanwhile, ours twice or three times; what is
# pinned stays, at the addresses that the drivers know, by blocks or from the start. Hibernation can't be, and
# says for whom.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
NVME=0000:00:10.0 NIC=0000:00:11.0 PEER=0000:00:12.0

# shellcheck disable=SC2034 # for ram_options
RAM_MIB=512

# memory_options MODE: of the region, with the clients
memory_options()
{
	case $1 in
	ram) ram_options nv0:nic0 unsafe-noiommu=on,x-fabric=on ;;
	*) region_options cma0 "clients=nv0:nic0,unsafe-noiommu=on,x-fabric=on,mode=$1" ;;
	esac
}

# suspend_boot ARCH SERIES MODE
suspend_boot()
{
	what="$1 $2, $3"
	[ "$3" != ram ] || export VM_MACHINE=memory-backend=ram0,max-ram-below-4g=256M VM_MEMORY=${RAM_MIB}M
	image=$VM_TMP/disk
	rm -f "$image"
	truncate -s 64M "$image"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci crc32c_generic ext4 \
		"$(guest_module "$1" "$2" virtio_cma)" nvme e1000e virtio_net button \
		-- $(guest_programs "$1" frames vcma_user) \
		-f "$HVCMA_SRC/tests/lib/guest/controllers.sh:/controllers.sh"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(memory_options "$3") \
		$(disk_options nv0 "$image" addr=0x10) \
		-netdev hubport,id=n0,hubid=0 -netdev hubport,id=p0,hubid=0 \
		-device e1000e,id=nic0,netdev=n0,addr=0x11 \
		-device virtio-net-pci,netdev=p0,addr=0x12,romfile=
	vm_booted 1 90 && guest load ext4 nvme e1000e virtio_net button && return
	tap_result 1 "$what: the guest boots"
	return 1
}

nic_works()
{
	guest ". /controllers.sh; nic_works $NIC $PEER 60 1514"
}

clients_work()
{
	check "$what: $when: the disk has what was written" same_as "$source" "$(guest disk_check)"
	check "$what: $when: the disk takes more" equal "$(guest 'dd if=/dev/urandom of=/tmp/more bs=64k count=32 2>/dev/null; md5sum </tmp/more')" \
		"$(guest 'cp /tmp/more /mnt/more && sync && echo 1 >/proc/sys/vm/drop_caches && md5sum </mnt/more')"
	check "$what: $when: frames go both ways" nic_works
	check "$what: $when: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
}

# What clients have, and where.
held()
{
	status /blocks && status /extents && status /clients/0/state && status /clients/1/state
}

# settled: what clients have, once it stays so: pools are filled by work that ends by itself
settled()
{
	se_held=$(held)
	for _ in $(seq 20); do
		sleep 1
		se_now=$(held)
		[ "$se_now" != "$se_held" ] || break
		se_held=$se_now
	done
	printf '%s\n' "$se_held"
}

masters_are()
{
	status_is /clients/0/bus-master "$1" && status_is /clients/1/bus-master "$1"
}

# falls_asleep SECONDS: S3
falls_asleep()
{
	fa_next=$(($(wc -l <"$VM_DIR/monitor.out") + 1))
	for fa_left in $(seq $(($1 * 2))); do
		monitor info status
		sleep 0.5
		! monitor_answered "$fa_next" 'VM status: paused (suspended)' || return 0
	done
	note "not asleep after $fa_left looks"
	return 1
}

# wakes_up SECONDS MONITOR-COMMAND: what wakes it is done again until it is awake
wakes_up()
{
	for wu_tries in $(seq $(($1 / 3))); do
		monitor "$2"
		! GUEST_LIMIT_S=3 guest true 2>/dev/null || return 0
	done
	note "not awake after $wu_tries tries"
	return 1
}

# sleep_begin STATE: what the guest sleeps by is on its way
sleep_begin()
{
	guest "(sleep 1; echo $1 >/sys/power/state; echo \$? >/tmp/slept) >/dev/null 2>&1 &"
}

# sleep_ended MONITOR-COMMAND
sleep_ended()
{
	check "$what: $when: the guest wakes up" wakes_up 60 "$1"
	check "$what: $when: it has slept" guest 'wait_for 20 grep -q "^0$" /tmp/slept; rm /tmp/slept'
	check "$what: $when: what is allocated, and where, is the same" same_as "$before" "$(held)"
	check "$what: $when: bus masters again" wait_until 10 masters_are true
	clients_work
}

# In this order: after S3 the button of a q35 guest wakes it no more, with clients or without.
sleep_case()
{
	when=s2idle
	before=$(settled)
	guest 'echo 1 >/sys/power/pm_print_times'
	sleep_begin freeze
	check "$what: $when: the guest sleeps" \
		wait_until 60 grep -q '0000:00:00.0: PM: pci_pm_suspend_noirq.* returned' "$VM_DIR/console.log"
	check "$what: $when: no client is bus master" masters_are false
	check "$what: $when: asleep: everything is allocated" same_as "$before" "$(held)"
	check "$what: $when: asleep: and pinned" pins_agree
	check "$what: $when: the report says so" status_is /driver/state suspended
	sleep_ended system_powerdown	# the button

	when=S3
	before=$(settled)
	sleep_begin mem
	check "$what: $when: the machine sleeps" falls_asleep 40
	check "$what: $when: no client is bus master" masters_are false
	check "$what: $when: asleep: everything is allocated" same_as "$before" "$(held)"
	check "$what: $when: asleep: and pinned" pins_agree
	check "$what: $when: the report says so" status_is /driver/state suspended
	sleep_ended system_wakeup
}

hibernate_case()
{
	when=hibernation
	guest 'dmesg -c >>/tmp/dmesg'
	check "$what: $when is refused" guest '! echo disk 2>/dev/null >/sys/power/state'
	guest 'dmesg -c | tee -a /tmp/dmesg' >"$VM_TMP/said"
	check "$what: $when: once, with the clients' names" equal \
		"virtio_cma: can't hibernate: memory that the host has pinned is in use by 'nv0' ($NVME), 'nic0' ($NIC)" \
		"$(sed -n "s/^.*\(virtio_cma: can't .*\)/\1/p" "$VM_TMP/said")"
	check "$what: $when: before anything is frozen" eval '! grep -qi "freez" "$VM_TMP/said"'
	check "$what: $when: nor is an image resumed" guest '! (: >/dev/snapshot) 2>/dev/null'
	clients_work
}

# Without clients there is nothing that an image could not hold, unless memory is online.
unused_case()
{
	guest "umount /mnt; for dev in $NVME $NIC; do echo \$dev >/sys/bus/pci/devices/\$dev/driver/unbind; done"
	check "$what: no clients: nothing but the pool is allocated" wait_until 5 status_is /clients/0/state present
	guest 'echo devices >/sys/power/pm_test; echo 1 >/sys/module/suspend/parameters/pm_test_delay'
	check "$what: no clients: devices can be frozen for an image" guest 'echo disk >/sys/power/state'
	check "$what: no clients: and for a suspend" guest 'echo mem >/sys/power/state'
	guest 'echo none >/sys/power/pm_test'
	check "$what: no clients: programs get memory" guest 'vcma_user buffers /dev/vcma/cma0 | grep -q "^ok" && ! vcma_user buffers /dev/vcma/cma0 | grep "^not ok"'
}

# A machine that is switched off in its sleep.
reset_case()
{
	sleep_begin mem
	check "$what: falling asleep again" wait_until 40 status_is /driver/state suspended
	monitor system_reset
	check "$what: reset in its sleep: nothing is pinned, no bus master" quiet_again 10
	check "$what: reset in its sleep: it starts" vm_booted 2 90
	check "$what: reset in its sleep: the driver starts" guest load virtio_cma nvme
	check "$what: reset in its sleep: the client is claimed" wait_until 10 status_is /clients/0/state claimed
}

region_hugepages
export VM_APPEND=no_console_suspend	# which tells how far it has come
if suspend_boot amd64 6.12 reusable; then
	source=$(guest disk_fill nvme0n1 24)
	when="before sleep"
	clients_work
	sleep_case
	hibernate_case
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: none before either" guest '! grep -E "WARNING:|BUG:|Call [Tt]race" /tmp/dmesg'
	reset_case
	check "$what: QEMU ends well" vm_quit
fi
if [ "${HVCMA_RARELY-}" ] && suspend_boot amd64 6.12 reusable,pin=all; then
	source=$(guest disk_fill nvme0n1 24)
	sleep_case
	check "$what: all of it is pinned" status_is /counters/pinned-bytes $((REGION_MIB << 20))
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
fi
if suspend_boot amd64 6.1 private; then
	source=$(guest disk_fill nvme0n1 24)
	when="before sleep"
	clients_work
	sleep_case
	hibernate_case
	unused_case
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
fi
ram_hugepages
if [ "${HVCMA_RARELY-}" ] && suspend_boot amd64 6.12 ram; then
	source=$(guest disk_fill nvme0n1 24)
	when="before sleep"
	clients_work
	sleep_case
	hibernate_case
	check "$what: all of it is pinned" ram_is_pinned
	check "$what: nothing was copied" equal 0 "$(guest 'cat $(cma_dir)/nr_map_bounced')"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
fi
tap_end
