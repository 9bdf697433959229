# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: the guest's UEFI looks for something to boot among closed clients that are
# real (if nested) hardware, gets past them to a disk that is none, and leaves them fit for the
# stock driver.
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=128
nvme=$(nvme_pci)
nic=$(pci_find 0x8086 0x10d3)
vfio_take "$nvme"
vfio_take "$nic"
region_hugepages
mkdir "$VM_TMP/esp"
cp "$HVCMA_BUILD/env/kernel/arm64/$GUEST_SERIES/vmlinuz" "$VM_TMP/esp/linux.efi"
cp "$HVCMA_BUILD/initramfs" "$VM_TMP/esp/initrd"
printf 'fs0:\r\nlinux.efi initrd=\\initrd console=ttyAMA0 panic=-1 loglevel=4\r\n' >"$VM_TMP/esp/startup.nsh"

begin=$(date +%s)
# shellcheck disable=SC2046 # options are words
vm_start arm64 '' '' -bios "$HVCMA_BUILD/env/firmware/arm64.fd" \
	-drive "if=none,id=esp,format=raw,file=fat:$VM_TMP/esp,read-only=on" \
	-device virtio-blk-pci,drive=esp \
	$(region_options cma0 clients=nv0:nic0,unsafe-noiommu=on) \
	-device "vfio-pci,host=$nvme,id=nv0" -device "vfio-pci,host=$nic,id=nic0,rombar=1"
check "UEFI boots the guest" vm_booted 1 240 || {
	vm_kill
	tap_end
}
note "after $(($(date +%s) - begin)) s"
check "after firmware: nothing is pinned" status_is /counters/pinned-bytes 0
check "after firmware: the controller is no bus master" equal off "$(pci_master "$nvme")"
check "after firmware: the network controller is no bus master" equal off "$(pci_master "$nic")"
guest load ext4 nvme
check "the stock driver finds its disk" guest disk_ready nvme0n1
check "the controller is bus master" equal on "$(pci_master "$nvme")"
source=$(guest disk_fill nvme0n1 16)
check "16 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
guest umount /mnt
echo "file $source"
check "the network controller is no bus master" equal off "$(pci_master "$nic")"
check "no warning or oops in the guest" equal 0 "$(guest complaints)"
check "QEMU ends well" vm_quit
check "after QEMU: the controller is no bus master" equal off "$(pci_master "$nvme")"
check "after QEMU: no hugepage stays in use" wait_until 5 no_hugepage_used
tap_end
