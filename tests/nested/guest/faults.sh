# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: whatever in the guest ends its use of the NVMe controller in mid-I/O,
# afterwards the real controller is no bus master and nothing is pinned.

. ./busy.sh

unbind_cma='echo $(basename /sys/bus/virtio/drivers/virtio_cma/virtio*) >/sys/bus/virtio/drivers/virtio_cma/unbind'

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

busy_guest quit
check "quit: QEMU ends in mid-I/O" vm_quit
check "quit: the controller is no bus master" equal off "$(pci_master "$nvme")"
check "quit: no hugepage stays in use" wait_until 5 no_hugepage_used
tap_end
