#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Locks of device hotplug. Adding and removing memory needs the first of them, which ACPI has
# while it takes those of PCI and of devices: who is called with one of these must not wait for
# it. A module takes the first lock while a reusable region comes, goes and is suspended, and then
# the others, as ACPI does. Nor may an image of an earlier life be resumed while memory is online.

. "$HVCMA_SRC/tests/lib/testbed.sh"

REGION_MIB=128

mem_total_is()
{
	[ "$(guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo")" -eq "$1" ]
}

# locks_case NAME COMMAND: the command runs while the first lock is held
locks_case()
{
	guest "dmesg -c >>/tmp/dmesg; insmod /modules/vcma_order.ko; rm -f /tmp/done; ($2; echo >/tmp/done) >/dev/null 2>&1 & sleep 3; echo $1 >/sys/module/vcma_order/parameters/check; dmesg | sed -n 's/.*vcma_order: //p'; rmmod vcma_order" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: $1: comes to its end" guest 'wait_for 30 test -e /tmp/done'
}

# order_case ARCH SERIES
order_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_order)" "$(guest_module "$1" "$2" vcma_hang)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 mode=reusable)
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	offline_total=$(guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo")
	online_total=$((offline_total + REGION_MIB * 1024))
	locks_case probe 'load virtio_cma'
	check "$what: probe: online in the end" wait_until 20 mem_total_is "$online_total"
	check "$what: an image is not resumed while memory is online" guest '! (: >/dev/snapshot) 2>/dev/null'
	check "$what: the log says why" guest 'dmesg | grep -q "can.t resume from an image while its memory is online"'
	guest 'echo 1 >/sys/module/suspend/parameters/pm_test_delay; echo devices >/sys/power/pm_test'
	# By a host that doesn't know of it; else there is nothing to be removed.
	guest 'insmod /modules/vcma_hang.ko function=vcma_request_suspend fails=1'
	locks_case suspend 'echo freeze >/sys/power/state'
	guest rmmod vcma_hang
	check "$what: suspend: online again" wait_until 20 mem_total_is "$online_total"
	locks_case remove 'echo 1 >$(cma_dir)/../../remove'
	check "$what: remove: not online any more" wait_until 20 mem_total_is "$offline_total"
	guest 'echo 1 >/sys/bus/pci/rescan'
	check "$what: found again: online" wait_until 20 mem_total_is "$online_total"
	check "$what: unload" guest rmmod virtio_cma
	check "$what: unloaded: removed by then" mem_total_is "$offline_total"
	check "$what: images could be resumed without a region" guest '(: >/dev/snapshot) 2>/dev/null'
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
order_case amd64 6.12
tap_end
