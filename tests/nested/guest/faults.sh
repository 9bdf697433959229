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

start_guest unload
busy_guest unload
check "unload: rmmod is refused while the client is bound" equal refused \
	"$(guest 'rmmod virtio_cma 2>/dev/null && echo removed || echo refused')"
guest "$unbind_cma"
check "unload: nothing pinned, no bus master" wait_until 5 controller_is_quiet
check "unload: rmmod works now" guest rmmod virtio_cma

busy_guest reset
monitor system_reset
check "reset: the guest boots again" vm_booted 2 60
check "reset: nothing pinned, no bus master" wait_until 5 controller_is_quiet

busy_guest crash
GUEST_LIMIT_S=1 guest 'echo c >/proc/sysrq-trigger' 2>/dev/null
check "crash: the guest boots again" vm_booted 3 60
check "crash: nothing pinned, no bus master" wait_until 5 controller_is_quiet

# A keeper that is killed is replaced, and the new one knows the controller.
busy_guest 'keeper killed'
check "keeper killed: it was the only one" [ "$(keepers)" -eq 1 ]
old_keeper=$(pidof hvcma-pin-keeper)
kill -9 "$old_keeper"
check "keeper killed: there is another" wait_until 5 eval '[ "$(keepers)" -eq 1 ] && [ "$(pidof hvcma-pin-keeper)" != $old_keeper ]'
check "keeper killed: the log says so" grep -q 'its pin keeper has died' "$VM_DIR/qemu.log"
check "keeper killed: the controller still is bus master" equal on "$(pci_master "$nvme")"

vm_kill
check "SIGKILL: the controller is no bus master" wait_until 5 eval '[ "$(pci_master "$nvme")" = off ]'
check "SIGKILL: the pin keeper ends" wait_until 10 no_keeper
check "SIGKILL: no hugepage stays in use" wait_until 5 no_hugepage_used

# Started again at once: the next owner opens the controller, and the pins of the dead go.
start_guest 'before a restart'
busy_guest 'before a restart'
old_keeper=$(pidof hvcma-pin-keeper)
vm_kill
start_guest 'restart at once'
check "restart at once: the keeper of the dead has ended" wait_until 10 eval '! kill -0 $old_keeper 2>/dev/null'
check "restart at once: one keeper is there" [ "$(keepers)" -eq 1 ]
check "restart at once: the dead's pages are free" wait_until 5 hugepages_of_one
vm_kill
check "restart at once: no hugepage stays in use" wait_until 10 no_hugepage_used

start_guest 'after SIGKILL'
busy_guest 'after SIGKILL'
check "after SIGKILL: QEMU quits in mid-I/O" vm_quit
check "after quit: the controller is no bus master" equal off "$(pci_master "$nvme")"
check "after quit: no hugepage stays in use" wait_until 5 no_hugepage_used
tap_end
