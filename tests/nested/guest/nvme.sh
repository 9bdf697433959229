# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: its NVMe controller, behind no IOMMU, is driven by the guest's stock driver;
# its edu device by the selftest module, which looks at the DMA API more closely.
#
#	nvme.sh PAGE-KIB private|reusable
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh

REGION_PAGE_KIB=$1 REGION_MIB=128 mode=$2
nvme=$(nvme_pci)
edu=$(edu_pci)
vfio_take "$nvme"
vfio_take "$edu"
region_hugepages
# shellcheck disable=SC2046 # options are words
nested_guest $(region_options cma0 "clients=nv0:edu0,unsafe-noiommu=on,mode=$mode") \
	-device "vfio-pci,host=$nvme,id=nv0" -device "vfio-pci,host=$edu,id=edu0"
check "the guest boots" vm_booted 1 60
check "before the guest driver: nothing is pinned" status_is /counters/pinned-bytes 0
check "before the guest driver: the controller is no bus master" equal off "$(pci_master "$nvme")"
guest load ext4 nvme
[ "$mode" = private ] && has_pages=0 || has_pages=1
[ "$mode" = private ] || check "the region is online" wait_until 5 is_online
check "the stock driver finds its disk" guest disk_ready nvme0n1
check "the controller is bus master" equal on "$(pci_master "$nvme")"
check "the client is claimed" status_is /clients/0/state claimed
check "kernel and device agree on what is pinned" pins_agree
source=$(guest disk_fill nvme0n1 16)
check "16 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
guest umount /mnt
echo "file $source"
GUEST_LIMIT_S=90 guest selftest fragmented=1 has_pages=$has_pages >"$VM_TMP/selftest"
tap_import "$VM_TMP/selftest" "edu"
check "QEMU ends well" vm_quit
check "after QEMU: the controller is no bus master" equal off "$(pci_master "$nvme")"
check "after QEMU: no hugepage stays in use" wait_until 5 no_hugepage_used
check "after QEMU: no pin keeper is left" wait_until 5 no_keeper
tap_end
