# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: its virtio-mmio disk, behind no IOMMU and without a bus-master bit, is driven by the
# guest's stock drivers once it is claimed, and can't be reached before and after.
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh
. ./platform_lib.sh

export REGION_PAGE_KIB=2048 REGION_MIB=64
hvcma=$HVCMA_BUILD/arm64/hvcma
disk=$(virtio_mmio_disk)
check "the host has a disk on virtio-mmio" [ -n "$disk" ]
region_hugepages
# shellcheck disable=SC2046 # options are words
refused "not VFIO's" "$disk is not bound to vfio-platform, but to no driver" \
	$(region_options cma0 clients=disk0,unsafe-noiommu=on) -device "vfio-platform-noiommu,host=$disk,id=disk0"
check "hvcma bind finds it by its node" "$hvcma" bind --yes "/virtio_mmio@${disk%%.*}"
check "VFIO has it, without an IOMMU" equal vfio-noiommu "$(cat "$PLATFORM/$disk/iommu_group/name")"
"$hvcma" check "$disk" >"$VM_TMP/check"
check "hvcma check: it needs nothing of other devices" grep -q '^PASS  device-needs' "$VM_TMP/check"
check "hvcma check: VFIO has it" grep -q '^PASS  device-driver .*/dev/vfio/noiommu-0' "$VM_TMP/check"
refused "no region names it" 'unsafe-noiommu=on names device' -device "vfio-platform-noiommu,host=$disk,id=disk0"
platform_take 9020000.fw-cfg
# shellcheck disable=SC2046
refused "a device that nothing resets" '9020000.fw-cfg has no reset' \
	$(region_options cma0 clients=fw0,unsafe-noiommu=on) -device vfio-platform-noiommu,host=9020000.fw-cfg,id=fw0

start_platform_guest boot
check "unclaimed: the guest reads nothing" equal 0xFFFFFFFF "$(seen 0)"
check "unclaimed: the device is there" equal "$MAGIC" "$(real 0)"
guest devmem $((GUEST_BASE + STATUS)) 32 1
check "unclaimed: what the guest writes does not arrive" equal 0x00000000 "$(real "$STATUS")"
check "unclaimed: nothing is pinned" status_is /counters/pinned-bytes 0
guest load ext4 virtio_blk virtio_mmio
check "the stock driver finds its disk" guest disk_ready vda
check "claimed" status_is /clients/0/state claimed
check "claimed: the device runs" equal 0x0000000F "$(real "$STATUS")"
source=$(guest disk_fill vda 8)
check "8 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
check "its interrupts arrive, as edges" guest "grep -E 'Edge +virtio[0-9]+$' /proc/interrupts"
check "kernel and device agree on what is pinned" pins_agree
guest umount /mnt
bind_in_guest unbind
check "released: the guest reads nothing" equal 0xFFFFFFFF "$(seen 0)"
check "released: the device is reset" equal 0x00000000 "$(real "$STATUS")"
check "released: nothing is pinned" wait_until 5 status_is /counters/pinned-bytes 0
bind_in_guest bind
check "claimed again: its disk is there" guest 'disk_ready vda && mount -t ext4 /dev/vda /mnt'
check "claimed again: the file is what it was" same_as "$source" "$(guest disk_check)"
echo "file $source"
guest umount /mnt
check "QEMU ends well" vm_quit
check "after QEMU: the device is reset" equal 0x00000000 "$(real "$STATUS")"
check "after QEMU: no hugepage stays in use" wait_until 5 no_hugepage_used
check "after QEMU: no pin keeper is left" wait_until 5 no_keeper
check "hvcma unbind gives it back" "$hvcma" unbind "$disk"
check "VFIO has it no more" [ ! -e "$PLATFORM/$disk/driver" ]
tap_end
