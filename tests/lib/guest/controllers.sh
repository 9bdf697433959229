# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Inside test guests: disks and network interfaces of one PCI controller, given by its address, and
# taking its driver away in the middle of what it does.

# within ADDRESS FILE: does that file of sysfs belong to the controller?
within()
{
	case $(readlink -f "$2") in */"$1"/*) return 0 ;; esac
	return 1
}

# found_of CLASS ADDRESS: the name of its block or net device
found_of()
{
	for found in "/sys/$1"/*; do
		within "$2" "$found" && echo "${found##*/}" && return
	done
	return 1
}

# driver_take ADDRESS, driver_give ADDRESS: its driver lets go of it, has it back
driver_take()
{
	readlink -f "/sys/bus/pci/devices/$1/driver" >"/tmp/driver-$1"
	echo "$1" >"$(cat "/tmp/driver-$1")/unbind"
}

driver_give()
{
	echo "$1" >"$(cat "/tmp/driver-$1")/bind"
}

# disk_returns DISK BLOCK COUNT AT: what is written there is read back
disk_returns()
{
	dd if=/dev/urandom of=/tmp/written bs="$2" count="$3" 2>/dev/null
	dd if=/tmp/written of="$1" bs="$2" seek="$4" conv=notrunc oflag=direct 2>/dev/null || {
		echo "cannot be written in blocks of $2"
		return 1
	}
	dd if="$1" of=/tmp/read bs="$2" count="$3" skip="$4" iflag=direct 2>/dev/null || {
		echo "cannot be read in blocks of $2"
		return 1
	}
	cmp /tmp/written /tmp/read
}

# disk_works ADDRESS: it has a disk, within 30 s, that keeps blocks large and small
disk_works()
{
	wait_for 30 eval "found_of block $1 >/tmp/disk" || {
		echo "no disk"
		return 1
	}
	disk=/dev/$(cat /tmp/disk)
	disk_returns "$disk" 64k 16 0 && disk_returns "$disk" 512 32 4096
}

# disk_busy ADDRESS: reads and writes without end, until the disk is gone. Its file is opened once:
# of a disk that is gone dd would make an ordinary file.
disk_busy()
{
	exec 9<>"/dev/$(found_of block "$1")"
	(while dd if=/proc/self/fd/9 of=/dev/null bs=64k count=16 iflag=direct; do :; done) >/dev/null 2>&1 &
	(while dd if=/tmp/written of=/proc/self/fd/9 bs=512 seek=4096 conv=notrunc oflag=direct; do :; done) >/dev/null 2>&1 &
	exec 9>&-
	sleep 1
}

# nic_sends FROM TO BYTES
nic_sends()
{
	came=$(frames "$1" "$2" 64 "$3") && return
	echo "of 64 frames of $3 bytes from $1 to $2 $came come unchanged"
	return 1
}

# nic_works ADDRESS PEER BYTES...: its interface comes up within 30 s, and frames go both ways to the one
# of the controller at the other end of the wire, of each of these sizes
nic_works()
{
	wait_for 30 eval "found_of class/net $1 >/tmp/nic" || {
		echo "no network interface"
		return 1
	}
	nic=$(cat /tmp/nic) peer=$(found_of class/net "$2")
	busybox ip link set "$nic" up && busybox ip link set "$peer" up || return 1
	wait_for 30 grep -q 1 "/sys/class/net/$nic/carrier" || {
		echo "$nic has no carrier"
		return 1
	}
	shift 2
	for bytes; do
		nic_sends "$nic" "$peer" $bytes && nic_sends "$peer" "$nic" $bytes || return 1
	done
}

# nic_busy ADDRESS PEER: traffic both ways, until the interface is gone
nic_busy()
{
	nic=$(found_of class/net "$1") peer=$(found_of class/net "$2")
	(while frames "$nic" "$peer" 1024 1514; do :; done) >/dev/null 2>&1 &
	(while frames "$peer" "$nic" 1024 1514; do :; done) >/dev/null 2>&1 &
	sleep 1
}
