#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest driver on a host whose operations fail: no memory behind the first ALLOCs, a client
# that can't be quiesced. The fake provider fails the calls NR to NR + COUNT - 1.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# faults_boot FAULT; $what names the case
faults_boot()
{
	initramfs "$VM_TMP/initramfs" amd64 6.12 virtio_pci "$(guest_module amd64 6.12 virtio_cma)" \
		"$(guest_module amd64 6.12 vcma_selftest)" "$(guest_module amd64 6.12 vcma_bulk)"
	# shellcheck disable=SC2046 # options are words
	vm_start amd64 "$(kernel_dir amd64 6.12)/vmlinuz" "$VM_TMP/initramfs" $(region_options cma0 \
		"clients=edu0,unsafe-noiommu=on,x-fabric=on,x-provider=fake,x-fake-fault=$1") \
		-device edu,id=edu0,dma_mask=0xffffffffff
	vm_booted 1 90 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# served: a driver binds, allocates, maps, and leaves both behind
served()
{
	guest selftest leak=1 | grep -q '^0 of 3 failed'
}

# served_at_last: within a few binds; how many calls one bind makes is the driver's business
served_at_last()
{
	for _ in 1 2 3 4 5 6 7 8; do
		served && return
	done
	return 1
}

# stat_is NAME VALUE: in the guest's sysfs
stat_is()
{
	equal "$2" "$(guest "cat \$(cma_dir)/$1")"
}

no_memory_case()
{
	what="no memory for the first binds"
	faults_boot back:0:8:12 || return
	guest selftest >"$VM_TMP/results"
	check "$what: the driver gets no DMA" grep -q '^not ok 1 - dma_set_mask' "$VM_TMP/results"
	check "$what: the guest is told why" guest 'dmesg | grep -q "gets no DMA: -ENOBUFS"'
	check "$what: the client is not claimed" status_is /clients/0/state present
	check "$what: nothing is allocated" stat_is allocated_bytes 0
	check "$what: a later bind is served" served_at_last
	check "$what: the region lives" stat_is state ready
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

not_quiesced_case()
{
	what="not quiesced after the second unbind"
	faults_boot quiesce:1:1:5 || return
	check "$what: first bind" served
	check "$what: first unbind: nothing is allocated" stat_is allocated_bytes 0
	check "$what: second bind" served
	check "$what: second unbind: the guest is told" \
		guest 'dmesg | grep -q "may still do DMA: -EIO"'
	check "$what: what the driver left is kept" stat_is coherent_bytes 65536
	check "$what: host and guest agree on what is allocated" \
		equal "$(status /counters/pinned-bytes)" "$(guest 'cat $(cma_dir)/allocated_bytes')"
	check "$what: third bind: quiesced first, then served" served
	check "$what: third unbind: nothing is allocated" stat_is allocated_bytes 0
	check "$what: third unbind: nothing is allocated" stat_is coherent_bytes 0
	check "$what: third unbind: nothing is pinned" status_is /counters/pinned-bytes 0
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# The host gives in when the device is reset, which is after the driver has let go.
never_quiesced_case()
{
	what="not quiesced until virtio-cma is reset"
	faults_boot quiesce:0:2:5 || return
	guest 'load virtio_cma; insmod /modules/vcma_bulk.ko leave=1; rmmod vcma_bulk'
	check "$what: the guest is told" guest 'dmesg | grep -q "may still do DMA: -EIO"'
	check "$what: the bulk that the driver left is kept" \
		guest 'mount -t debugfs debugfs /sys/kernel/debug && grep -q " edu0$" /sys/kernel/debug/virtio_cma/*/blocks'
	guest '(rmmod virtio_cma; echo >/tmp/unloaded) >/dev/null 2>&1 &'
	check "$what: unloads, without waiting for the client" \
		guest 'wait_for 20 test -e /tmp/unloaded && ! grep -q virtio_cma /proc/modules'
	check "$what: nothing is pinned" quiet_again 5
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
no_memory_case
not_quiesced_case
never_quiesced_case
tap_end
