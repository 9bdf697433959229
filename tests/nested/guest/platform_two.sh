# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: its virtio-mmio disk and its source of random numbers are clients of one region, and work at
# once. One is given up while the other goes on; QEMU is killed while both write to memory.
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh
. ./platform_lib.sh

export REGION_PAGE_KIB=2048 REGION_MIB=64
disk=$(virtio_mmio_disk)
rng=$(virtio_mmio_with 4)
check "the host has a disk on virtio-mmio" [ -n "$disk" ]
check "and a source of random numbers" [ -n "$rng" ]
region_hugepages
platform_take "$disk"
platform_take "$rng"

start_both()
{
	# shellcheck disable=SC2046 # options are words
	nested_guest $(region_options cma0 clients=disk0:rng0,unsafe-noiommu=on) \
		-device "vfio-platform-noiommu,host=$disk,id=disk0" -device "vfio-platform-noiommu,host=$rng,id=rng0"
	check "$1: the guest boots" vm_booted 1 60
	guest load ext4 virtio_blk virtio_mmio virtio-rng
	check "$1: the stock driver finds its disk" guest disk_ready vda
	check "$1: and the other its numbers" guest 'wait_for 10 grep -q virtio /sys/class/misc/hw_random/rng_current'
	check "$1: both are claimed" eval 'status_is /clients/0/state claimed && status_is /clients/1/state claimed'
}

# numbers: md5 of 4 KiB of them
numbers()
{
	guest 'dd if=/dev/hwrng bs=64 count=64 2>/dev/null | md5sum' | cut -c 1-32
}

# is_quiet_device NAME: it is reset
is_quiet_device()
{
	equal 0x00000000 "$(devmem $((0x${1%%.*} + STATUS)) 32)"
}

zeros=$(dd if=/dev/zero bs=64 count=64 2>/dev/null | md5sum | cut -c 1-32)
start_both together
first=$(numbers)
second=$(numbers)
note "numbers $first, $second; of nothing but zeros $zeros"
check "numbers arrive by DMA" [ "$first" != "$zeros" ]
check "and are others the next time" [ "$first" != "$second" ]
guest 'dd if=/dev/hwrng of=/dev/null bs=64 2>/dev/null &'
source=$(guest disk_fill vda 8)
check "8 MiB read back are what was written, meanwhile" same_as "$source" "$(guest disk_check)"
check "kernel and device agree on what is pinned" pins_agree
guest 'kill $(pidof dd)'
rng_in_guest=$(guest 'cd /sys/bus/virtio/drivers/virtio_rng; d=$(readlink -f virtio*); basename "${d%/*}"')
guest "echo $rng_in_guest >/sys/bus/platform/drivers/virtio-mmio/unbind"
check "given up: it is a client no more" wait_until 5 status_is /clients/1/state present
check "given up: it is reset" is_quiet_device "$rng"
check "given up: the other is claimed still" status_is /clients/0/state claimed
guest 'umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 /dev/vda /mnt'
check "given up: the disk has the file" same_as "$source" "$(guest disk_check)"
echo "file $source"
guest umount /mnt
check "QEMU ends well" vm_quit

start_both killed
guest 'dd if=/dev/hwrng of=/dev/null bs=64 2>/dev/null & dd if=/dev/vda of=/dev/null bs=64k iflag=direct 2>/dev/null &'
sleep 1
vm_kill
check "killed: the disk is reset" wait_until 10 is_quiet_device "$disk"
check "killed: so is the other" wait_until 10 is_quiet_device "$rng"
check "killed: no hugepage stays in use" wait_until 10 no_hugepage_used
check "killed: no pin keeper is left" wait_until 5 no_keeper
tap_end
