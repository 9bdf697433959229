#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Drivers that were bound before virtio_cma came. The host keeps the device off the bus until it
# is claimed, so the nvme driver waits for its first answer until admin_timeout, and gives up:
#
#	built in:	nvme probes ... gives up		virtio_cma: probe again
#	module first:	nvme probes ...		virtio_cma: wait for it, probe again
#
# A driver that did not notice, as one that does no DMA, is unbound and bound again. With
# reprobe=0 nothing happens by itself: the disk comes when someone binds it.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# reprobe_boot ARCH SERIES MODULE...
reprobe_boot()
{
	tb_arch=$1 tb_series=$2
	shift 2
	truncate -s 64M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" "$tb_arch" "$tb_series" "$@" \
		"$HVCMA_BUILD/guest/$tb_arch/$tb_series/virtio_cma.ko"
	# shellcheck disable=SC2046 # options are words
	VM_APPEND=nvme_core.admin_timeout=2 vm_start "$tb_arch" \
		"$(kernel_dir "$tb_arch" "$tb_series")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=nv0:edu0,unsafe-noiommu=on,x-fabric=on) \
		$(disk_options nv0 "$VM_TMP/disk") -device edu,id=edu0
	vm_booted 1 90 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# nvme_early SECONDS: the driver's module, that gives up after so long, in the background
nvme_early()
{
	guest "load nvme-core && echo $1 >/sys/module/nvme_core/parameters/admin_timeout"
	guest '(insmod $(grep /nvme.ko /modules.order-to-load) 2>/dev/null &) ; wait_for 10 eval "dmesg | grep -q \"nvme nvme0: pci function\""'
}

reprobe_end()
{
	check "$what: the disk is there" guest 'disk_live >/dev/null'
	check "$what: it is served" status_is /clients/0/state claimed
	check "$what: written and read back" guest 'disk=$(disk_live) && dd if=/dev/urandom of=/tmp/a bs=64k count=32 2>/dev/null && dd if=/tmp/a of=/dev/$disk bs=64k oflag=direct 2>/dev/null && dd if=/dev/$disk of=/tmp/b bs=64k count=32 iflag=direct 2>/dev/null && cmp /tmp/a /tmp/b'
}

reprobe_quit()
{
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# built_in_case ARCH SERIES
built_in_case()
{
	what="$1 $2, built in"
	reprobe_boot "$1" "$2" virtio_pci || return
	check "$what: the driver has tried, and is without a disk" \
		guest 'dmesg | grep -q "nvme nvme0: pci function" && ! ls -d /sys/block/nvme* 2>/dev/null'
	check "$what: no bus master so far" status_is /clients/0/bus-master false
	guest load virtio_cma
	reprobe_end
	reprobe_quit
}

# module_case ARCH SERIES
module_case()
{
	what="$1 $2, module first"
	reprobe_boot "$1" "$2" virtio_pci nvme uio_pci_generic || return
	nvme_early 4
	guest 'uio_bind $(edu_pci)'
	# insmod of the nvme module goes on meanwhile; load would wait for it
	guest insmod /modules/virtio_cma.ko
	check "$what: its driver is still waiting for the device" \
		guest '! ls -d /sys/block/nvme* 2>/dev/null'
	reprobe_end
	check "$what: the driver that was bound is bound again, and served" \
		guest 'dmesg | grep -q "bound to uio_pci_generic before" && [ -e /sys/bus/pci/devices/$(edu_pci)/driver ]'
	check "$what: it is claimed" status_is /clients/1/state claimed
	reprobe_quit
}

# off_case ARCH SERIES: and the control, that it is the reprobe which does it
off_case()
{
	what="$1 $2, reprobe=0"
	reprobe_boot "$1" "$2" virtio_pci nvme uio_pci_generic || return
	nvme_early 1
	guest 'uio_bind $(edu_pci)'
	guest insmod /modules/virtio_cma.ko reprobe=0
	check "$what: after 3 s there is no disk" guest 'sleep 3; ! ls -d /sys/block/nvme* 2>/dev/null'
	check "$what: nothing is claimed" status_is /clients/0/state present
	check "$what: no bus master" status_is /clients/0/bus-master false
	check "$what: the guest is told" \
		guest 'dmesg | grep -q "bound to uio_pci_generic before: it is not served"'
	guest 'nvme_pci >/sys/bus/pci/drivers/nvme/bind'
	reprobe_end
	reprobe_quit
}

region_hugepages
built_in_case arm64 6.12-cloud
module_case amd64 6.12
off_case amd64 6.1
tap_end
