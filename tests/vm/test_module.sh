#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The guest module's life: many binds, a host that falls silent, suspend, unplug of virtio-cma.
# (Unbinding in mid-I/O is in test_unbind, resets are in test_reset.)

. "$HVCMA_SRC/tests/lib/testbed.sh"

nvme_unbind='basename $(readlink /sys/bus/pci/drivers/nvme/0000:*) >/tmp/nvme; cat /tmp/nvme >/sys/bus/pci/drivers/nvme/unbind'
nvme_bind='cat /tmp/nvme >/sys/bus/pci/drivers/nvme/bind'
cma_unbind='basename $(readlink /sys/bus/virtio/drivers/virtio_cma/virtio*) >/tmp/cma; cat /tmp/cma >/sys/bus/virtio/drivers/virtio_cma/unbind'
cma_bind='cat /tmp/cma >/sys/bus/virtio/drivers/virtio_cma/bind'
cma_pci='$(pci_find 0x1af4 0x107f)'

# module_boot ARCH SERIES OPTION...
module_boot()
{
	mb_arch=$1 mb_series=$2
	shift 2
	truncate -s 64M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" "$mb_arch" "$mb_series" virtio_pci \
		"$(guest_module "$mb_arch" "$mb_series" virtio_cma)" nvme \
		"$(guest_module "$mb_arch" "$mb_series" vcma_hang)"
	vm_start "$mb_arch" "$(kernel_dir "$mb_arch" "$mb_series")/vmlinuz" "$VM_TMP/initramfs" "$@"
	vm_booted 1 90 && guest load nvme && guest 'disk_live >/dev/null' && return
	tap_result 1 "$what: the guest boots and finds its disk"
	return 1
}

# silent_host: virtio-cma that is no bus master sees no request; to the guest, the host is silent.
silent_host()
{
	guest 'echo 300 >/sys/module/virtio_cma/parameters/request_timeout_ms'
	guest "printf '\\002\\004' | dd of=/sys/bus/pci/devices/$cma_pci/config bs=2 seek=2 conv=notrunc 2>/dev/null"
	check "$what: silent host: the client's driver unbinds all the same" guest "$nvme_unbind"
	check "$what: silent host: the region is given up" guest 'grep -q dead $(cma_dir)/state'
	check "$what: silent host: the guest is told" \
		guest 'dmesg | grep -q "no response within request_timeout_ms"'
	guest "$nvme_bind 2>/dev/null"
	check "$what: silent host: a client gets no addresses" \
		guest 'dmesg | grep -q "gets no DMA" && ! ls -d /sys/block/nvme* 2>/dev/null'
	guest "echo 30000 >/sys/module/virtio_cma/parameters/request_timeout_ms; pci_set_master $cma_pci"
	check "$what: silent host: virtio-cma can be unbound" guest "$cma_unbind"
	check "$what: silent host: then all is quiet" quiet_again 5
	guest "$cma_bind; $nvme_bind 2>/dev/null"
	check "$what: silent host, bound anew: the disk is back" guest 'disk_live >/dev/null'
}

# suspend, by a host that doesn't know of it: refused while a client is bound; without one the region
# is set up anew, as it is for an image. (By one that knows: test_suspend.)
suspend_case()
{
	guest 'echo devices >/sys/power/pm_test; insmod /modules/vcma_hang.ko function=vcma_request_suspend fails=1'
	check "$what: suspend is refused while a client is bound" \
		guest '! echo freeze 2>/dev/null >/sys/power/state && dmesg | grep -q "can.t suspend while clients"'
	check "$what: suspend refused: the disk still reads" guest 'disk_live >/dev/null'
	guest "rmmod vcma_hang; $nvme_unbind; dmesg -c | grep -E 'WARNING:|BUG:'; insmod /modules/vcma_hang.ko function=vcma_request_suspend fails=1; echo freeze >/sys/power/state; rmmod vcma_hang"
	check "$what: suspended without clients: the region is back" \
		guest 'dmesg | grep -q "region cma0: private" && grep -q ready $(cma_dir)/state'
	guest "$nvme_bind"
	check "$what: suspended without clients: the disk is back" guest 'disk_live >/dev/null'
}

# life_case ARCH SERIES
life_case()
{
	what="$1 $2"
	# shellcheck disable=SC2046 # options are words
	module_boot "$1" "$2" $(region_options cma0 clients=nv0,unsafe-noiommu=on,x-fabric=on) \
		$(disk_options nv0 "$VM_TMP/disk") || return
	held=$(guest 'cat $(cma_dir)/allocated_bytes')
	GUEST_LIMIT_S=150 guest "round=0; while [ \$round -lt 20 ]; do round=\$((round + 1)); $nvme_unbind; $nvme_bind; disk_live >/dev/null || exit 1; done"
	tap_result $? "$what: 20 times unbind, bind, read"
	check "$what: as much allocated as at first" same_as "$held" "$(guest 'cat $(cma_dir)/allocated_bytes')"
	silent_host
	check "$what: no warning or oops in the guest so far" equal 0 "$(guest complaints)"
	suspend_case
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: QEMU ends well" vm_quit
}

# unplug_case ARCH SERIES: virtio-cma goes once its client is unbound
unplug_case()
{
	what="$1 $2"
	# shellcheck disable=SC2046 # options are words
	module_boot "$1" "$2" -device pcie-root-port,id=port0,chassis=1 \
		$(region_options cma0 clients=nv0,unsafe-noiommu=on,x-fabric=on,bus=port0) \
		$(disk_options nv0 "$VM_TMP/disk") || return
	guest "$nvme_unbind"
	monitor device_del cma0
	check "$what: virtio-cma unplugged" guest 'wait_for 20 eval "! cma_dir"'
	check "$what: unplugged: rmmod" guest rmmod virtio_cma
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
life_case amd64 6.12
rarely life_case arm64 6.1
unplug_case amd64 6.12
tap_end
