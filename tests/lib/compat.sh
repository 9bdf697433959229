# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A host and a guest that do not know the same features: what tests of that run. Both sides are
# asked for little beside their work, and by words that all versions share. Sourced after testbed.sh.
#
#	compat_boot MODULES MODE [PROPERTIES]	a machine with an NVMe disk and an edu device as
#						clients; virtio_cma.ko and vcma_selftest.ko are in folder MODULES
#	compat_selftest				the DMA API, all of it
#	compat_disk				a file goes to the disk and comes back
#	compat_sleep				the same before and after s2idle
#	compat_end				drivers go, nothing stays
#
# $what is the test's name for the case.

# shellcheck disable=SC2154
compat_boot()
{
	compat_image=$VM_TMP/disk
	rm -f "$compat_image"
	truncate -s 64M "$compat_image"
	initramfs "$VM_TMP/initramfs" amd64 6.12 virtio_pci crc32c_generic ext4 button \
		"$1/virtio_cma.ko" nvme "$1/vcma_selftest.ko"
	# shellcheck disable=SC2046 # options are words
	VM_APPEND=no_console_suspend VM_LIMIT_S=400 vm_start amd64 "$(kernel_dir amd64 6.12)/vmlinuz" \
		"$VM_TMP/initramfs" \
		$(region_options cma0 "clients=nv0:edu0,unsafe-noiommu=on,x-fabric=on,mode=$2${3-}") \
		$(disk_options nv0 "$compat_image" addr=0x10) -device edu,id=edu0,dma_mask=0xffffffffff
	vm_booted 1 90 && guest load ext4 button virtio_cma && return
	tap_result 1 "$what: the guest boots"
	return 1
}

compat_selftest()
{
	GUEST_LIMIT_S=150 guest selftest fragmented=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
}

compat_disk()
{
	guest load nvme
	check "$what: the stock driver finds its disk" guest disk_ready nvme0n1
	check "$what: as a bus master" status_is /clients/0/bus-master true
	check "$what: something is pinned, and the kernel agrees" pins_agree
	compat_source=$(guest disk_fill nvme0n1 24)
	check "$what: 24 MiB read back are what was written" same_as "$compat_source" "$(guest disk_check)"
}

compat_held()
{
	status /blocks && status /clients/0/state
}

compat_awake()
{
	for ca_tries in $(seq 20); do
		monitor system_powerdown	# the button
		! GUEST_LIMIT_S=3 guest true 2>/dev/null || return 0
	done
	note "not awake after $ca_tries tries"
	return 1
}

compat_sleep()
{
	compat_before=$(compat_held)
	guest 'echo 1 >/sys/power/pm_print_times; (sleep 1; echo freeze >/sys/power/state; echo $? >/tmp/slept) >/dev/null 2>&1 &'
	check "$what: the guest sleeps" wait_until 60 \
		grep -q '0000:00:00.0: PM: pci_pm_suspend_noirq.* returned' "$VM_DIR/console.log"
	check "$what: asleep: everything is held" same_as "$compat_before" "$(compat_held)"
	check "$what: the guest wakes up" compat_awake
	check "$what: it has slept" guest 'wait_for 20 grep -q "^0$" /tmp/slept'
	check "$what: what is held is the same" same_as "$compat_before" "$(compat_held)"
	check "$what: the disk has what was written" same_as "$compat_source" "$(guest disk_check)"
}

compat_end()
{
	guest "umount /mnt; rmmod nvme"
	check "$what: the driver goes" guest rmmod virtio_cma
	check "$what: nothing stays pinned, no bus master" quiet_again 10
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: the image outside holds the file" \
		same_as "$compat_source" "$(disk_outside "$compat_image")"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}
