#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# A reusable region comes and goes while others have the locks of hotplug: plugged, its module loaded
# as udev would, and unplugged at once, sooner or later; removed and found again by hand while ACPI plugs
# and unplugs another device. (Who waits for which lock with which others held: test_order.)

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
ROUNDS=8
CMA=virtio-cma-pci,id=cma0,memdev=cma0-mem,mode=reusable,bus=port0
FIND='pci_find 0x1af4 0x107f'

mem_total_is()
{
	[ "$(guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo")" -eq "$1" ]
}

# gone DEVICE: QEMU has let go of it
gone()
{
	go_next=$(($(wc -l <"$VM_DIR/monitor.out") + 1))
	monitor info qtree
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.2
		! monitor_answered "$go_next" 'acpi-mr-restore' || break
	done
	monitor_answered "$go_next" 'acpi-mr-restore' && ! monitor_answered "$go_next" "id \"$1\""
}

# unplug DEVICE: again and again, for a guest that is busy with it refuses
unplug()
{
	for un_try in $(seq 40); do
		[ $((un_try % 5)) -ne 1 ] || monitor device_del "$1"
		! gone "$1" || return 0
	done
	return 1
}

# hasty NUMBER: each time it has a little longer before it is unplugged
hasty()
{
	monitor device_add $CMA
	guest "rm -f /tmp/gone; (until $FIND || [ -e /tmp/gone ]; do sleep 0.1; done; load virtio_cma; echo >/tmp/loaded) >/dev/null 2>&1 &"
	sleep "$(echo "$1" | awk '{ printf "%.2f", $1 * 0.2 }')"
	unplug cma0 || return 1
	guest 'touch /tmp/gone; wait_for 30 test -e /tmp/loaded; rm -f /tmp/loaded; ! grep -q "^virtio_cma " /proc/modules || rmmod virtio_cma'
}

hasty_case()
{
	hc_round=0
	while [ $hc_round -lt $ROUNDS ] && hasty $hc_round; do
		hc_round=$((hc_round + 1))
	done
	check "$what: plugged, loaded, unplugged at once, $ROUNDS times" equal $ROUNDS $hc_round
	check "$what: unplugged at once: no memory is left" wait_until 20 mem_total_is "$offline_total"
}

# The guest removes the region and looks for it, on and on; QEMU plugs and unplugs something else.
rescan_case()
{
	monitor device_add $CMA
	guest "wait_for 20 $FIND >/dev/null; load virtio_cma; touch /tmp/go"
	check "$what: online" wait_until 30 mem_total_is $((offline_total + REGION_MIB * 1024))
	guest "(while [ -e /tmp/go ]; do echo 1 >/sys/bus/pci/devices/\$($FIND)/remove; echo 1 >/sys/bus/pci/rescan; echo >>/tmp/rounds; sleep 0.5; done; echo >/tmp/over) >/dev/null 2>&1 &"
	rc_round=0
	while [ $rc_round -lt $ROUNDS ]; do
		monitor device_add edu,id=edu0,bus=port1
		guest 'wait_for 30 edu_pci' >/dev/null || break
		unplug edu0 || break
		rc_round=$((rc_round + 1))
	done
	check "$what: another device, plugged and unplugged $ROUNDS times" equal $ROUNDS $rc_round
	guest 'rm /tmp/go'
	check "$what: beside that: the last removal comes to its end" guest 'wait_for 60 test -e /tmp/over'
	note "$what: beside that the region was removed and found $(guest 'wc -l </tmp/rounds') times"
	check "$what: beside that: more than a few times" guest '[ "$(wc -l </tmp/rounds)" -gt 3 ]'
	check "$what: online in the end" wait_until 40 mem_total_is $((offline_total + REGION_MIB * 1024))
	check "$what: unplugged in the end" unplug cma0
	check "$what: no memory is left in the end" wait_until 20 mem_total_is "$offline_total"
}

# races_case ARCH SERIES
races_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)"
	# nohz=off: else timers of idle processors came never here, on a loaded machine, and RCU waited.
	# shellcheck disable=SC2046 # options are words
	VM_APPEND=nohz=off VM_LIMIT_S=500 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=port0,chassis=1 -device pcie-root-port,id=port1,chassis=2 \
		$(region_options cma0 - | cut -d ' ' -f 1-2)
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'echo 60 >/proc/sys/kernel/hung_task_timeout_secs'
	offline_total=$(guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo")
	hasty_case
	rescan_case
	check "$what: no task that hangs" guest '! dmesg | grep "blocked for more than"'
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
for kernel in $(vm_kernels amd64/6.12); do
	races_case "${kernel%/*}" "${kernel#*/}"
done
tap_end
