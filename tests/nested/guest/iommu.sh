# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In a nested host that does have an IOMMU: its devices are refused as clients of a region whose
# DMA addresses are host-physical.

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=64
nvme=$(nvme_pci)
vfio_take "$nvme"
region_hugepages
check "the controller has an IOMMU group" [ -e "/dev/vfio/$(basename "$(readlink "/sys/bus/pci/devices/$nvme/iommu_group")")" ]
# shellcheck disable=SC2046 # options are words
refused "a device with an IOMMU" 'has an IOMMU' \
	$(region_options cma0 clients=nv0,unsafe-noiommu=on) -device "vfio-pci,host=$nvme,id=nv0"
tap_end
