# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In a nested host without a hugepage: three commands make it ready and start a guest, whose stock driver
# uses the NVMe controller; one more undoes it all. Prints "file MD5" for the outer machine.

. ./lib.sh

hvcma=$HVCMA_BUILD/arm64/hvcma
plugin=$HVCMA_BUILD/arm64/hvcma-preload.so
qemu=$HVCMA_BUILD/env/qemu-arm64/bin/qemu-system-aarch64
mode=/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
nvme=$(nvme_pci)

snapshot()
{
	basename "$(readlink "/sys/bus/pci/devices/$nvme/driver")"
	cat "/sys/bus/pci/devices/$nvme/driver_override" $mode /sys/kernel/mm/hugepages/*/nr_hugepages
	ls -a "/sys/bus/pci/devices/$nvme/"
	find /etc /run/hvcma -name '*hvcma*' -type f
	ls /run/hvcma/bound /run/hvcma/hugepages
}

is_same()
{
	snapshot >"$VM_TMP/now"
	cmp -s "$VM_TMP/before" "$VM_TMP/now" && return
	note "$(diff "$VM_TMP/before" "$VM_TMP/now")"
	return 1
}

# command STATUS TEXT ARGUMENT...: hvcma ends so, and says TEXT
command_is()
{
	ci_status=$1 ci_text=$2
	shift 2
	"$hvcma" "$@" >"$VM_TMP/out" 2>&1 </dev/null
	ci_got=$?
	[ "$ci_got" -eq "$ci_status" ] && grep -q -e "$ci_text" "$VM_TMP/out" && return
	note "hvcma $*: exit status $ci_got: $(cat "$VM_TMP/out")"
	return 1
}

# VFIO with an IOMMU in mind, as distributions have it
writable_etc
echo N >$mode
mkdir -p /run/hvcma/bound /run/hvcma/hugepages
snapshot >"$VM_TMP/before"

check "check says that there are no hugepages" command_is 4 'FAIL  hugepages ' check --qemu "$qemu" --plugin "$plugin" "$nvme"
check "check: QEMU makes the device with the plugin" grep -q '^PASS  plugin' "$VM_TMP/out"
check "check: and nothing else is missing" equal 1 "$(grep -c '^FAIL' "$VM_TMP/out")"
note "$(cat "$VM_TMP/out")"
check "run refuses a device that is not VFIO's" command_is 1 "hvcma bind $nvme" run --plugin "$plugin" "$nvme"
check "setup asks, and shows what it would do" command_is 1 'nobody is there to be asked' setup --size 128M "$nvme"
check "it has shown it" grep -q "would: echo vfio-pci >/sys/bus/pci/devices/$nvme/driver_override" "$VM_TMP/out"
check "more hugepages than there can be" command_is 1 '65536 MiB of hugepages are wanted, and [0-9]* MiB of memory are available' setup --yes --size 64G "$nvme"
check "so far nothing has changed" is_same

check "setup" command_is 0 'ready: hvcma run' setup --yes --size 128M "$nvme"
note "$(cat "$VM_TMP/out")"
check "for each boot, too: devices" [ -e "/etc/udev/rules.d/70-hvcma-$nvme.rules" ]
check "for each boot, too: hugepages" grep -qE '^w /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages - - - - 64$' /etc/tmpfiles.d/hvcma-hugepages-2048kB.conf
"$hvcma" unbind "$nvme" >/dev/null
check "setup again does what is missing" command_is 0 "drivers_probe" setup --yes --size 128M "$nvme"
check "and nothing else" eval '! grep -q nr_hugepages "$VM_TMP/out"'
check "setup again has nothing to do but to write its files" command_is 0 'ready: hvcma run' setup --yes --size 128M "$nvme"
check "which it does" eval '! grep -q "echo" "$VM_TMP/out"'

# As vm_start does it, by way of hvcma run, which has the plugin loaded
export vm_preload=
VM_DIR=$(mktemp -d "$VM_TMP/XXXXXX")
mkfifo "$VM_DIR/agent.in" "$VM_DIR/monitor.in"
vm_run timeout -k 5 200 "$hvcma" run --qemu /usr/bin/qemu-system-aarch64 --plugin "$plugin" --size 128M --memory 384M \
	--qmp "$VM_DIR/qmp" "$nvme" -- -nodefaults -no-user-config -display none \
	-chardev "file,id=console,path=$VM_DIR/console.log" -serial chardev:console \
	-chardev "pipe,id=agent,path=$VM_DIR/agent" -serial chardev:agent \
	-chardev "pipe,id=monitor,path=$VM_DIR/monitor" -mon chardev=monitor \
	-kernel "$HVCMA_BUILD/env/kernel/arm64/$GUEST_SERIES/vmlinuz" -initrd "$HVCMA_BUILD/initramfs" \
	-append "console=ttyAMA0 panic=-1 $VM_APPEND"
check "the guest boots" vm_booted 1 60
guest load ext4 nvme
check "the stock driver finds its disk" guest disk_ready nvme0n1
check "the client is claimed" status_is /clients/0/state claimed
source=$(guest disk_fill nvme0n1 4)
check "4 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
guest umount /mnt
echo "file $source"
check "what a virtual machine has is not taken from it" command_is 1 'has it open: a virtual machine' setup --undo "$nvme"
check "QEMU ends well" vm_quit
check "undo" command_is 0 undone setup --undo "$nvme"
note "$(cat "$VM_TMP/out")"
wait_until 10 [ -b /dev/nvme0n1 ]
check "all is as it was" is_same
tap_end
