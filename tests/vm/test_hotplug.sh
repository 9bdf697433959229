#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A client behind a PCIe root port is unplugged and plugged again while the guest runs.

. "$HVCMA_SRC/tests/lib/testbed.sh"

region_hugepages
truncate -s 32M "$VM_TMP/disk"
initramfs "$VM_TMP/initramfs" amd64 6.12 virtio_pci crc32c_generic ext4 \
	"$(guest_module amd64 6.12 virtio_cma)" nvme
# shellcheck disable=SC2046 # options are words
vm_start amd64 "$(kernel_dir amd64 6.12)/vmlinuz" "$VM_TMP/initramfs" \
	-device pcie-root-port,id=rp0,chassis=1 \
	$(region_options cma0 clients=nv0,unsafe-noiommu=on,x-fabric=on) \
	$(disk_options nv0 "$VM_TMP/disk" bus=rp0)
if ! vm_booted 1 90; then
	tap_result 1 "the guest boots"
	tap_end
fi
guest load ext4 nvme
check "behind a root port: the disk is there" guest disk_ready nvme0n1
check "behind a root port: claimed" status_is /clients/0/state claimed

monitor device_del nv0
check "unplugged: the client is absent" wait_until 20 status_is /clients/0/state absent
check "unplugged: no bus master" status_is /clients/0/bus-master false

# QEMU lets go of the unplugged device's disk a moment later, and says so until then.
plug_again()
{
	monitor device_add nvme,id=nv0,drive=nv0-disk,serial=nv0,bus=rp0
	sleep 0.3
	! status_is /clients/0/state absent
}

check "plugged again: the client is there" wait_until 5 plug_again
check "plugged again: the disk is back" guest 'disk_live >/dev/null'
check "plugged again: claimed" status_is /clients/0/state claimed
check "plugged again: I/O works" guest 'disk_fill $(disk_live) 4 >/tmp/md5 && disk_check | cmp - /tmp/md5'
check "not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
check "QEMU ends well" vm_quit
tap_end
