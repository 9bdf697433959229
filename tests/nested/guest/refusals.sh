# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: attaching a device without IOMMU is refused unless the operator asked for
# it, by name.

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=64
nvme=$(nvme_pci)
vfio_take "$nvme"
region_hugepages
# shellcheck disable=SC2046 # options are words
{
	refused "no unsafe-noiommu=on" 'unsafe-noiommu=on' \
		$(region_options cma0 clients=nv0) -device "vfio-pci,host=$nvme,id=nv0"
	refused "no region at all" 'unsafe-noiommu=on' -device "vfio-pci,host=$nvme,id=nv0"
	refused "a region that names another device" 'nv0' \
		$(region_options cma0 clients=nv1,unsafe-noiommu=on) -device "vfio-pci,host=$nvme,id=nv0"
	refused "a client that does not exist" 'nv0' $(region_options cma0 clients=nv0,unsafe-noiommu=on)
	VM_MACHINE=iommu=smmuv3 refused "an emulated IOMMU above it" 'the device is behind an emulated one' \
		$(region_options cma0 clients=nv0,unsafe-noiommu=on) -device "vfio-pci,host=$nvme,id=nv0"
}
check "the controller is no bus master" equal off "$(pci_master "$nvme")"
tap_end
