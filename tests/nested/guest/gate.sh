# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: the real edu device can't write to this host's memory before it is claimed,
# whatever the guest tells it; once claimed, the same copy arrives (or this test shows nothing).

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=64
edu=$(edu_pci)
vfio_take "$edu"
region_hugepages
# shellcheck disable=SC2046 # options are words
nested_guest $(region_options cma0 clients=edu0,unsafe-noiommu=on) -device "vfio-pci,host=$edu,id=edu0"
check "the guest boots" vm_booted 1 60

# What is copied is nobody's memory, and the same always: the identification of the real-time clock
# of the machine that this one runs on, at its place on the bus.
clock=0x09010fe0 clock_id=0x00000031
target=$(status /region/base-gpa)
guest "devmem $target 32 0xa5a5a5a5"
check "the region is memory" equal 0xa5a5a5a5 "$(guest_memory "$target")"
dma=$(dma_of "$target")
guest "pci_set_master \$(edu_pci); edu_copy \$(edu_pci) $clock $dma"
check "unclaimed: the guest does not see the bus-master bit set" equal off "$(guest 'pci_master $(edu_pci)')"
check "unclaimed: the real bus-master bit is not set" equal off "$(pci_master "$edu")"
check "unclaimed: host memory is untouched" equal 0xa5a5a5a5 "$(guest_memory "$target")"

check "a driver binds, the device is claimed" guest 'load virtio_cma && uio_bind $(edu_pci)'
guest 'pci_set_master $(edu_pci)'
check "claimed: the real bus-master bit is set" equal on "$(pci_master "$edu")"
# The driver's pool clears free memory in the background: this may be part of it.
copy_arrives()
{
	for _ in 1 2 3 4 5; do
		guest "edu_copy \$(edu_pci) $clock $dma"
		[ "$(guest_memory "$target")" = $clock_id ] && return
		sleep 1
	done
	return 1
}
check "claimed: the same copy arrives" copy_arrives
guest 'edu_pci >/sys/bus/pci/drivers/uio_pci_generic/unbind'
check "unbound: the real bus-master bit is not set" equal off "$(pci_master "$edu")"
guest 'uio_bind $(edu_pci); pci_set_master $(edu_pci)'
check "bound again: refused, as this device has no reset" status_is /clients/0/state present
check "bound again: the real bus-master bit is not set" equal off "$(pci_master "$edu")"
check "QEMU ends well" vm_quit
check "after QEMU: the real bus-master bit is not set" equal off "$(pci_master "$edu")"
tap_end
