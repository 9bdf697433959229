# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: whatever ends the guest's use of the NVMe controller in mid-I/O, afterwards
# the real controller is no bus master and nothing is pinned.

. ./lib.sh

REGION_PAGE_KIB=2048 REGION_MIB=128
nvme=$(nvme_pci)
vfio_take "$nvme"
region_hugepages
unbind_cma='echo $(basename /sys/bus/virtio/drivers/virtio_cma/virtio*) >/sys/bus/virtio/drivers/virtio_cma/unbind'

busy_guest()
{
	guest load ext4 nvme
	guest 'disk_ready nvme0n1 && disk_fill nvme0n1 4 >/dev/null && io_forever /mnt/busy; sleep 1'
	check "$1: the controller is bus master before" pci_is_master "$nvme"
	check "$1: memory is pinned before" pins_agree
}

controller_is_quiet()
{
	is_quiet && ! pci_is_master "$nvme"
}

# shellcheck disable=SC2046 # options are words
start_guest()
{
	nested_guest $(region_options cma0 clients=nv0,unsafe-noiommu=on) \
		-device "vfio-pci,host=$nvme,id=nv0"
	check "$1: the guest boots" vm_booted 1 60
}

start_guest reset
busy_guest reset
monitor system_reset
check "reset: the guest boots again" vm_booted 2 60
check "reset: nothing pinned, no bus master" wait_until 2 controller_is_quiet

busy_guest unload
refute "unload: rmmod is refused while the client is bound" guest 'rmmod virtio_cma 2>/dev/null'
guest "$unbind_cma"
check "unload: nothing pinned, no bus master" wait_until 5 controller_is_quiet
check "unload: rmmod works now" guest rmmod virtio_cma

monitor system_reset
check "crash: the guest boots again" vm_booted 3 60
busy_guest crash
GUEST_LIMIT_S=1 guest 'echo c >/proc/sysrq-trigger' 2>/dev/null
check "crash: the guest boots again" vm_booted 4 60
check "crash: nothing pinned, no bus master" wait_until 2 controller_is_quiet

busy_guest SIGKILL
check "SIGKILL: a pin keeper watches" [ "$(keepers)" -eq 1 ]
vm_kill
check "SIGKILL: the controller is no bus master" wait_until 5 eval '! pci_is_master "$nvme"'
check "SIGKILL: the pin keeper ends" wait_until 10 no_keeper
check "SIGKILL: no hugepage stays in use" wait_until 5 no_hugepage_used

start_guest 'after SIGKILL'
guest load ext4 nvme
check "after SIGKILL: a new guest's I/O works" \
	guest 'disk_ready nvme0n1 && disk_fill nvme0n1 4 >/tmp/md5 && disk_check | cmp - /tmp/md5'
check "after SIGKILL: QEMU ends well" vm_quit
tap_end
