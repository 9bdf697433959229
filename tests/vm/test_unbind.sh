#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Taking drivers away, also in the middle of I/O: the client is quiet before memory goes, and
# everything comes back when drivers do.

. "$HVCMA_SRC/tests/lib/testbed.sh"

nvme_unbind='basename $(readlink /sys/bus/pci/drivers/nvme/0000:*) >/tmp/nvme; cat /tmp/nvme >/sys/bus/pci/drivers/nvme/unbind'
nvme_bind='cat /tmp/nvme >/sys/bus/pci/drivers/nvme/bind'
cma_unbind='basename $(readlink /sys/bus/virtio/drivers/virtio_cma/virtio*) >/tmp/cma; cat /tmp/cma >/sys/bus/virtio/drivers/virtio_cma/unbind'
cma_bind='cat /tmp/cma >/sys/bus/virtio/drivers/virtio_cma/bind'

# unbind_case ARCH SERIES
unbind_case()
{
	what="$1 $2"
	image=$VM_TMP/disk
	rm -f "$image"
	truncate -s 64M "$image"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci crc32c_generic ext4 \
		"$(guest_module "$1" "$2" virtio_cma)" nvme
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=nv0,unsafe-noiommu=on,x-fabric=on) \
		$(disk_options nv0 "$image")
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'load ext4 nvme; disk_ready nvme0n1'
	check "$what: rmmod is refused while the client is bound" equal refused \
		"$(guest 'rmmod virtio_cma 2>/dev/null && echo removed || echo refused')"
	guest "$nvme_unbind"
	check "$what: nvme unbound: no longer claimed" status_is /clients/0/state present
	check "$what: nvme unbound: no bus master" status_is /clients/0/bus-master false
	guest "$nvme_bind"
	check "$what: nvme bound again: the disk is back" guest 'disk_live >/dev/null'
	check "$what: nvme bound again: I/O works" guest 'disk_fill $(disk_live) 4 >/tmp/md5; disk_check | cmp - /tmp/md5'

	guest 'io_forever /mnt/busy; sleep 1; umount -l /mnt'
	guest "$nvme_unbind"
	check "$what: nvme unbound in mid-I/O: no bus master" status_is /clients/0/bus-master false
	guest "$nvme_bind"
	check "$what: nvme bound after that: the disk is back" guest 'disk_live >/dev/null'

	guest 'disk=$(disk_live); (while dd if=/dev/$disk of=/dev/null bs=64k iflag=direct; do :; done) >/dev/null 2>&1 & sleep 1'
	check "$what: virtio-cma unbound in mid-I/O returns" guest "$cma_unbind"
	check "$what: virtio-cma unbound in mid-I/O: quiet" quiet_again 5
	guest "$cma_bind"
	guest "$nvme_bind 2>/dev/null"
	check "$what: virtio-cma and nvme back: the disk is back" guest 'disk_live >/dev/null'
	guest "$nvme_unbind"
	check "$what: rmmod works once the client is unbound" guest rmmod virtio_cma
	check "$what: module gone: quiet" quiet_again 5
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# removed_case ARCH SERIES: a driver's probe fails, and the device is removed before anyone has looked
# after that. The driver that fails is virtio-pci's, which looks at the device's ID first. What is written
# to freed memory is seen by its poison.
removed_case()
{
	what="$1 $2, removed after a failed probe"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_import)" "$(guest_module "$1" "$2" vcma_hang)"
	# shellcheck disable=SC2046 # options are words
	VM_APPEND=slub_debug=FPU vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=edu0,unsafe-noiommu=on,x-fabric=on) \
		-device edu,id=edu0,dma_mask=0xffffffffff,addr=0x10
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'load virtio_cma; insmod /modules/vcma_hang.ko function=vcma_bindings_failed_work fails=1'
	guest 'echo 1234 11e8 >/sys/bus/pci/drivers/virtio-pci/new_id'
	check "$what: it is still claimed" status_is /clients/0/state claimed
	guest 'echo 1 >/sys/bus/pci/devices/0000:00:10.0/remove; sleep 2; rmmod vcma_hang'
	check "$what: virtio-cma unbound" guest "$cma_unbind"
	check "$what: it is no longer claimed, and quiet" quiet_again 5
	guest 'echo 1234 11e8 >/sys/bus/pci/drivers/virtio-pci/remove_id'
	guest "$cma_bind; echo 1 >/sys/bus/pci/rescan; load vcma_import"
	check "$what: found again: served" status_is /clients/0/state claimed
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
for kernel in $(vm_kernels amd64/6.12 rarely arm64/6.1); do
	removed_case "${kernel%/*}" "${kernel#*/}"
	unbind_case "${kernel%/*}" "${kernel#*/}"
done
tap_end
