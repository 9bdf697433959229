# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: QEMU or its pin keeper is killed while the NVMe controller does DMA. The
# controller is stopped before its memory goes, and what another QEMU opens is left to that one.

. ./busy.sh

# A keeper that is killed is replaced, and the new one knows the controller.
start_guest 'keeper killed'
busy_guest 'keeper killed'
check "keeper killed: it was the only one" [ "$(keepers)" -eq 1 ]
old_keeper=$(pidof hvcma-pin-keeper)
kill -9 "$old_keeper"
check "keeper killed: there is another" wait_until 5 eval '[ "$(keepers)" -eq 1 ] && [ "$(pidof hvcma-pin-keeper)" != $old_keeper ]'
check "keeper killed: the log says so" grep -q 'its pin keeper has died' "$VM_DIR/qemu.log"
check "keeper killed: the controller still is bus master" equal on "$(pci_master "$nvme")"

# Started again at once: the next owner opens the controller, and the pins of the dead go.
old_keeper=$(pidof hvcma-pin-keeper)
vm_kill
start_guest 'restart at once'
check "restart at once: the keeper of the dead has ended" wait_until 10 eval '! kill -0 $old_keeper 2>/dev/null'
check "restart at once: one keeper is there" [ "$(keepers)" -eq 1 ]
check "restart at once: the dead's pages are free" wait_until 5 hugepages_of_one

busy_guest SIGKILL
vm_kill
check "SIGKILL: the controller is no bus master" wait_until 5 eval '[ "$(pci_master "$nvme")" = off ]'
check "SIGKILL: the pin keeper ends" wait_until 10 no_keeper
check "SIGKILL: no hugepage stays in use" wait_until 5 no_hugepage_used
tap_end
