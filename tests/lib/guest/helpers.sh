# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Helpers inside test guests (busybox): modules, PCI devices, files on a disk.

# load NAME...: insert the modules of the initramfs in its order, up to each NAME.
load()
{
	for wanted; do
		grep -q "/$wanted\.ko$" /modules.order-to-load || {
			echo "no module $wanted in this initramfs"
			return 1
		}
		while read -r ko; do
			name=$(basename "$ko" .ko)
			grep -q "^$(echo "$name" | tr - _) " /proc/modules || insmod "$ko" || return 1
			[ "$name" != "$wanted" ] || break
		done </modules.order-to-load
	done
}

# load_with NAME PARAMETER...: insert a module with parameters, and before it those before it
load_with()
{
	lw_name=$1
	shift
	while read -r ko; do
		[ "$(basename "$ko" .ko)" != "$lw_name" ] || {
			insmod "$ko" "$@"
			return
		}
		load "$(basename "$ko" .ko)" || return 1
	done </modules.order-to-load
	return 1
}

# pci_find VENDOR DEVICE (as in sysfs, 0x1b36 0x0010): first address, such as 0000:00:03.0
pci_find()
{
	for dev in /sys/bus/pci/devices/*; do
		[ "$(cat "$dev/vendor") $(cat "$dev/device")" != "$1 $2" ] || {
			basename "$dev"
			return 0
		}
	done
	return 1
}

nvme_pci()
{
	pci_find 0x1b36 0x0010
}

edu_pci()
{
	pci_find 0x1234 0x11e8
}

# QEMU's sound controller
hda_pci()
{
	pci_find 0x8086 0x293e
}

# pci_command ADDRESS: the command register in hexadecimal, from the device itself
pci_command()
{
	xxd -p -s 4 -l 2 "/sys/bus/pci/devices/$1/config" | sed 's/\(..\)\(..\)/\2\1/'
}

# pci_master ADDRESS: may it master the bus? prints on or off
pci_master()
{
	pm_command=$(pci_command "$1")
	case $pm_command in
	????) [ $((0x$pm_command & 4)) -ne 0 ] && echo on || echo off ;;
	*) echo "unknown: command register '$pm_command'" ;;
	esac
}

# pci_set_master ADDRESS: what any program with root in the guest can try
pci_set_master()
{
	printf '\006\001' | dd of="/sys/bus/pci/devices/$1/config" bs=2 seek=2 conv=notrunc 2>/dev/null
}

# edu_dma ADDRESS SOURCE TARGET BYTES DIRECTION: DMA of the edu device, 0 from memory, 2 to it;
# its own buffer is at 0x40000. Registers are reached through /dev/mem: no driver has a say.
edu_dma()
{
	bar=$(sed -n '1s/ .*//p' "/sys/bus/pci/devices/$1/resource")
	devmem $((bar + 0x80)) 64 "$2"
	devmem $((bar + 0x88)) 64 "$3"
	devmem $((bar + 0x90)) 64 "$4"
	devmem $((bar + 0x98)) 64 $(($5 | 1))
	wait_for 5 eval '[ $(($(devmem $((bar + 0x98)) 64) & 1)) -eq 0 ]'
}

# edu_copy ADDRESS SOURCE TARGET: 4 bytes of memory by way of the edu device
edu_copy()
{
	edu_dma "$1" "$2" 0x40000 4 0 && edu_dma "$1" 0x40000 "$3" 4 2
}

# uio_bind ADDRESS: a driver for any device with an interrupt, which programs nothing
uio_bind()
{
	load uio_pci_generic
	echo uio_pci_generic >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	[ -e "/sys/bus/pci/devices/$1/driver" ]
}

# Kernels with instruments take several times as long.
slow=$(tr ' ' '\n' 2>/dev/null </proc/cmdline | sed -n 's/^slow=//p')
slow=${slow:-1}

# wait_for SECONDS COMMAND...
wait_for()
{
	left=$(($1 * 10 * slow))
	shift
	until "$@"; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.1
	done
}

# meminfo_mib NAME: such as MemAvailable, what programs could still get
meminfo_mib()
{
	awk -v name="$1:" '$1 == name { print int($2 / 1024) }' /proc/meminfo
}

# started FILE SECONDS: a program in the background has written its first line there; prints it
started()
{
	wait_for "$2" test -s "$1" && cat "$1"
}

# disk_ready DISK: the block device appears, within 20 s
disk_ready()
{
	wait_for 20 test -b "/dev/$1"
}

# disk_live: name of an NVMe disk that can be read, within 20 s; after a driver was rebound its
# disk can have another name than before
disk_live()
{
	wait_for 20 disk_find_live && echo "$live"
}

disk_find_live()
{
	for live in /sys/block/nvme[0-9]n1; do
		live=${live##*/}
		dd if="/dev/$live" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null && return
	done
	return 1
}

# disks_found: names of all disks that can be written
disks_found()
{
	for disk in /sys/block/sd* /sys/block/vd* /sys/block/nvme[0-9]n1; do
		[ "$(cat "$disk/ro" 2>/dev/null)" != 0 ] || echo "${disk##*/}"
	done
}

# disk_format DISK: ext4 where there is a tool for it, else ext2
disk_format()
{
	if [ -x /usr/sbin/mkfs.ext4 ]; then
		/usr/sbin/mkfs.ext4 -q -F "/dev/$1"
	else
		busybox mke2fs -F "/dev/$1" >/dev/null
	fi
}

# disk_fill DISK MIB: filesystem and a file of random bytes; prints the md5 of its source
disk_fill()
{
	disk_format "$1" && mount -t ext4 "/dev/$1" /mnt &&
		dd if=/dev/urandom of=/tmp/source bs=1M count="$2" 2>/dev/null &&
		md5sum </tmp/source | cut -c 1-32 &&
		cp /tmp/source /mnt/file && sync && rm /tmp/source
}

# disk_check: the file's md5, read from the disk. Of the caches only that of pages is dropped: the
# others are asked together with the pools of regions, which are filled again seconds later.
disk_check()
{
	echo 1 >/proc/sys/vm/drop_caches
	md5sum </mnt/file | cut -c 1-32
}

# disk_reads DISK: how many the kernel has seen the end of
disk_reads()
{
	awk '{ print $1 }' "/sys/block/$1/stat"
}

# io_forever FILE: reads and writes without end, in the background
io_forever()
{
	(while dd if=/dev/urandom of="$1" bs=64k count=64 conv=fsync 2>/dev/null &&
		dd if="$1" of=/dev/null bs=64k iflag=direct 2>/dev/null; do :; done) >/dev/null 2>&1 &
}

# selftest PARAMETER...: results of the selftest module, which drives the edu device
selftest()
{
	load virtio_cma && dmesg -c >/dev/null && insmod /modules/vcma_selftest.ko "$@"
	dmesg | sed -n 's/.*vcma_selftest: //p'
	rmmod vcma_selftest
}

# complaints [FILE...]: how often the kernel has warned of something wrong in itself, by its log and
# what of it is in files, and of what at first; with instruments it is vm_quit that looks, which knows what of it is known
complaints()
{
	[ "$slow" -eq 1 ] || {
		echo 0
		return
	}
	{
		dmesg
		cat "$@" /dev/null
	} | awk '/WARNING:|BUG:|Oops|Call [Tt]race|DMA-API: .*: device driver/ && !nr++ { first = before " | " $0 }
		{ before = $0 }
		END { print nr + 0 (nr ? ": " first : "") }'
}

# cma_dir: sysfs group of the first virtio-cma device
cma_dir()
{
	for group in /sys/bus/virtio/devices/*/vcma; do
		[ -d "$group" ] && echo "$group" && return
	done
	return 1
}

# data_mount: the read-only disk of data_disk
data_mount()
{
	load virtio_blk ext4 && wait_for 20 test -b /dev/vda && mkdir -p /data &&
		mount -t ext4 -o ro,noload /dev/vda /data
}

# bench SLOT COMMAND...: a command to vcma_bench (tests/guest/bench.c) for the device at 0000:00:SLOT
bench()
{
	bench_file=/sys/bus/pci/devices/0000:00:$1.0/bench
	shift
	echo "$*" >"$bench_file" && cat "$bench_file"
}

# background LOG COMMAND...: in the background, its first line within 5 minutes; then $last is its id
background()
{
	background_log=$1
	shift
	rm -f "$background_log"		# what an earlier one has said there
	"$@" >"$background_log" 2>&1 &
	last=$!
	started "$background_log" 300
}
