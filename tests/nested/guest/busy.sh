# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For tests of what ends a guest in mid-I/O: the real NVMe controller is given to a guest that
# never stops using it. Sourced, in the nested host.

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=128
nvme=$(nvme_pci)
vfio_take "$nvme"
region_hugepages

# busy_guest WHAT: drivers are loaded, a filesystem is made, I/O goes on without end
busy_guest()
{
	guest 'load ext4 nvme; [ -e /sys/bus/pci/drivers/nvme/0000:* ] || nvme_pci >/sys/bus/pci/drivers_probe'
	guest 'disk_fill $(disk_live) 4 >/dev/null && io_forever /mnt/busy; sleep 1'
	check "$1: the controller is bus master before" equal on "$(pci_master "$nvme")"
	check "$1: memory is pinned before" pins_agree
}

controller_is_quiet()
{
	is_quiet && [ "$(pci_master "$nvme")" = off ]
}

# No more than one region's worth is in use.
hugepages_of_one()
{
	[ "$(hugepages_used)" -le $((REGION_MIB * 1024 / REGION_PAGE_KIB)) ]
}

# start_guest WHAT
start_guest()
{
	# shellcheck disable=SC2046 # options are words
	nested_guest $(region_options cma0 clients=nv0,unsafe-noiommu=on) \
		-device "vfio-pci,host=$nvme,id=nv0"
	check "$1: the guest boots" vm_booted 1 60
}
