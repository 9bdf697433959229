# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: hvcmad opens its virtio-mmio disk, a platform device, for a QEMU without privileges, and makes it
# quiet when QEMU is killed in mid-I/O.
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh
. ./platform_lib.sh
. ./service_lib.sh
. ./service_platform_lib.sh

write_config "$HVCMA_BUILD/arm64/platform-rules"
start_service 'at first'

# Whoever is not allowed the device does not get it.
VM_USER=12346
# shellcheck disable=SC2046,SC2086 # options are words
refused "a device of another VM" "$disk is not among the 'devices' of VM other" \
	$(region_options cma0 "clients=disk0,unsafe-noiommu=on,service=$SOCKET") \
	-device "vfio-platform-noiommu,host=$disk,id=disk0" $SANDBOX
VM_USER=12345

start_guest unprivileged
pid=$(cat "$VM_DIR/pid")
check "unprivileged: QEMU has no capability" grep -q '^CapEff:[[:space:]]*0*$' "/proc/$pid/status"
check "unprivileged: QEMU is in its sandbox" grep -q '^Seccomp:[[:space:]]*2$' "/proc/$pid/status"
check "unprivileged: there is no pin keeper" no_keeper
check "unprivileged: the service shows the device" shows "$disk.*open"
check "unprivileged: the service knows how to stop it" eval '! said "has no reset"'
source=$(guest disk_fill vda 4)
check "unprivileged: 4 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
echo "file $source"
guest 'sync; io_forever /mnt/busy; sleep 1'
check "SIGKILL: the device runs before" runs
check "SIGKILL: memory is in use before" memory_stays
vm_kill
is_stopped SIGKILL
check "SIGKILL: the service has stopped it" said 'number 1, stopping -> gone'
check "SIGKILL: and then let go of the memory" said 'have stopped; 1 of its regions end'
end_service
tap_end
