# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: its NVMe controller, whose disk has a filesystem, and its edu device, which has no
# driver, are given to VFIO and taken back by the command; what sysfs shows is the same before and after.
# What is refused changes nothing.

. ./lib.sh

hvcma=$HVCMA_BUILD/arm64/hvcma
mode=/sys/module/vfio/parameters/enable_unsafe_noiommu_mode
nvme=$(nvme_pci)
edu=$(edu_pci)

# runs STATUS TEXT ARGUMENT...: hvcma ends so, and says TEXT
runs()
{
	runs_status=$1 runs_text=$2
	shift 2
	"$hvcma" "$@" >"$VM_TMP/out" 2>&1 </dev/null
	runs_got=$?
	[ "$runs_got" -eq "$runs_status" ] && grep -q -e "$runs_text" "$VM_TMP/out" && return
	note "hvcma $*: exit status $runs_got: $(cat "$VM_TMP/out")"
	return 1
}

# What of the host is to be the same
snapshot()
{
	for device in $nvme $edu; do
		ls -a "/sys/bus/pci/devices/$device/"
		readlink "/sys/bus/pci/devices/$device/driver"
		cat "/sys/bus/pci/devices/$device/driver_override"
	done
	cat $mode
	ls /sys/module /sys/kernel/iommu_groups /sys/bus/pci/drivers/vfio-pci /dev/vfio /sys/class/vfio 2>/dev/null
	ls /run/hvcma/bound /run/hvcma/vfio 2>/dev/null
	find /etc -name '*hvcma*'
}

is_same()
{
	snapshot >"$VM_TMP/now"
	cmp -s "$VM_TMP/before" "$VM_TMP/now" && return
	note "$(diff "$VM_TMP/before" "$VM_TMP/now")"
	return 1
}

driver_of()
{
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")"
}

vfio_file()
{
	echo "/dev/vfio/noiommu-$(basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")")"
}

has_disk()
{
	[ -b /dev/nvme0n1 ]
}

writable_etc
echo N >$mode
mkdir -p /run/hvcma/bound "$VM_TMP/mnt"
wait_until 10 has_disk
snapshot >"$VM_TMP/before"

check "check: the controller needs hvcma, and its driver is known" runs 0 'PASS  device-iommu' check "$nvme"
note "$(cat "$VM_TMP/out")"
for finding in 'NOTE  device-driver .*nvme' 'PASS  device-use' 'PASS  device-reset' 'PASS  device-addresses .*64' 'PASS  device-msi' \
	'PASS  device-windows' 'PASS  kernel' 'PASS  kvm' 'NOTE  stage2' 'PASS  caches' 'PASS  hugepages ' 'PASS  hugepages-at-boot' 'PASS  io-uring' \
	'PASS  pagemap' 'PASS  iommu' 'PASS  vfio-noiommu ' 'NOTE  vfio-noiommu-mode .*off'; do
	check "check: $finding" grep -q "^$finding" "$VM_TMP/out"
done

check "bind asks, and nobody answers" runs 1 'nobody is there to be asked: --yes' bind "$nvme"
check "--dry-run shows what would be done" runs 0 'would: echo vfio-pci' bind -n "$nvme"
mount /dev/nvme0n1 "$VM_TMP/mnt"
check "a disk that is mounted is refused" runs 1 'is in use: disk nvme0n1 is mounted' bind --yes "$nvme"
umount "$VM_TMP/mnt"
check "so far nothing has changed" is_same

check "bind" runs 0 'is VFIO.s: /dev/vfio/noiommu-' bind --yes "$nvme"
check "VFIO has it" equal vfio-pci "$(driver_of "$nvme")"
check "its file is there" [ -c "$(vfio_file "$nvme")" ]
check "the mode is on" equal Y "$(cat $mode)"
check "once more: it is there already" runs 0 'is VFIO.s already' bind "$nvme"
check "check says so" runs 0 "PASS  device-driver .*$(vfio_file "$nvme")" check "$nvme"
check "a device without driver, for each boot" runs 0 'is VFIO.s' bind --yes --persist "$edu"
check "the rule is there" grep -q "KERNEL==\"$edu\"" "/etc/udev/rules.d/70-hvcma-$edu.rules"
exec 9<>"$(vfio_file "$nvme")"
check "unbind: what a process has open is refused" runs 1 'has it open' unbind "$nvme"
exec 9>&-
check "unbind" runs 0 'is the host.s: driver nvme' unbind "$nvme"
check "its own driver has it" equal nvme "$(driver_of "$nvme")"
check "the other one is still VFIO's" equal vfio-pci "$(driver_of "$edu")"
check "and so is the mode" equal Y "$(cat $mode)"
check "unbind the other, as JSON" runs 0 '"driver":""' unbind --json "$edu"
wait_until 10 has_disk
check "all is as it was" is_same
mount -r /dev/nvme0n1 "$VM_TMP/mnt"
check "the disk, too" [ -d "$VM_TMP/mnt/lost+found" ]
umount "$VM_TMP/mnt"
check "unbind of what is not bound does nothing" runs 0 'driver nvme' unbind "$nvme"
check "and nothing has changed" is_same
tap_end
