#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mode=ram: the guest's own RAM is the region, all of it pinned before the guest runs, around x86's hole.
# A stock NVMe driver and a stock network driver do their DMA there, with nothing copied, and their
# controllers see pinned granules only, at host-physical addresses. Swap to the client, the balloon, memory
# that breaks, unloading, a reset: nothing is unpinned, nothing faults. RAM beside it is refused.
#
#	guest-physical	| RAM below |  hole  | RAM above 4 GiB |
#	host-physical	hugepages wherever they are, all pinned: direct

. "$HVCMA_SRC/tests/lib/testbed.sh"

RAM_MIB=512
ANYWHERE=$((1 << 48))	# bytes: all addresses there are

# not_copied WHAT LEAST: since the last look that much was mapped, and none of it copied
not_copied()
{
	nc_what=$1 nc_least=$2
	# shellcheck disable=SC2046 # four numbers
	set -- $(mapped 0 $ANYWHERE)
	guest 'echo >/sys/kernel/tracing/trace'
	note "$what: $nc_what: $1 bytes mapped as they are, $2 copied"
	check "$what: $nc_what: mapped as they are" test "$1" -ge "$nc_least"
	check "$what: $nc_what: nothing is copied" equal 0 "$2"
}

mem_total_below()
{
	[ "$(guest 'meminfo_mib MemTotal')" -lt "$1" ]
}

# The guest's programs and the kernel at once, as far as 512 MiB of RAM go.
swap_goes_on()
{
	guest 'rm -f /tmp/swapped; (swapped 420 >/tmp/swapped 2>&1 &); wait_for 100 eval '"'"'[ $(grep -c ^round /tmp/swapped) -gt 1 ] && [ $(meminfo_mib SwapFree) -lt 250 ]'"'"'; killall swapped; ! grep -v ^round /tmp/swapped'
}

# Which of the disks is which differs from boot to boot.
DISK='disk_of() { grep -l "^$1 *$" /sys/block/nvme[0-9]n1/device/serial | cut -d / -f 4 | head -n 1; }; has_disk() { disk=$(disk_of "$1") && test -b "/dev/$disk"; }; has() { wait_for 20 has_disk "$1"; }'

# disk COMMAND...: in the guest, with $disk, once it has that of the serial number
disk()
{
	disk_serial=$1
	shift
	guest "$DISK; has $disk_serial && $*"
}

# ram_case ARCH SERIES RANGES
ram_case()
{
	what="$1 $2"
	image=$VM_TMP/disk
	rm -f "$image" "$VM_TMP/swap"
	truncate -s 64M "$image"
	truncate -s 256M "$VM_TMP/swap"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci crc32c_generic ext4 virtio_balloon virtio_net \
		"$(guest_module "$1" "$2" virtio_cma)" nvme e1000e -- $(guest_programs "$1" frames swapped poison) \
		-f "$HVCMA_SRC/tests/lib/guest/controllers.sh:/controllers.sh"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=560 VM_MACHINE="memory-backend=ram0${4-}" VM_MEMORY=${RAM_MIB}M vm_start "$1" \
		"$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" $(ram_options nv0:nv1:net0 unsafe-noiommu=on,x-fabric=on) \
		$(disk_options nv0 "$image") $(disk_options nv1 "$VM_TMP/swap") \
		-device virtio-balloon-pci,id=balloon0 -netdev hubport,id=n0,hubid=0 -netdev hubport,id=p0,hubid=0 \
		-device e1000e,id=net0,netdev=n0,addr=6,romfile= -device virtio-net-pci,netdev=p0,addr=1d.0,romfile=
	if ! vm_booted 1 120; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	check "$what: the report says what it is" equal "ram all" \
		"$(status /region/mode) $(status /region/pin)"
	check "$what: before the guest driver: all of it is pinned" ram_is_pinned
	total=$(guest 'meminfo_mib MemTotal')
	check "$what: the stock drivers load" guest load ext4 virtio_balloon virtio_net nvme e1000e
	check "$what: the guest driver tells of the RAM" \
		guest 'dmesg | grep -q "region cma0: ram, 536870912 bytes .*, pinned from the start"'
	check "$what: no memory came, none went" equal "$total" "$(guest 'meminfo_mib MemTotal')"
	[ "$3" -eq 1 ] || check "$what: in $3 ranges" guest "dmesg | grep -q 'bytes at 0x0 in $3 ranges'"

	check "$what: the stock driver finds its disks" disk nv1 has nv0
	disk nv0 'disk_format $disk'
	mapped_begin 16384
	source=$(disk nv0 'mount -t ext4 /dev/$disk /mnt && dd if=/dev/urandom of=/mnt/file bs=1M count=24 2>/dev/null && md5sum </mnt/file | cut -c 1-32; sync')
	check "$what: 24 MiB read back are what was written" equal "$source" "$(guest disk_check)"
	not_copied "a file on the disk" $((40 << 20))
	check "$what: with clients: all of it is pinned" ram_is_pinned

	check "$what: the stock network driver sends and receives" \
		guest '. /controllers.sh; nic_works 0000:00:06.0 0000:00:1d.0 60 513 1514'
	not_copied "frames" $((64 * 3 * 500))

	check "$what: no failure to map" equal 0 "$(guest 'cat $(cma_dir)/nr_map_failed')"
	# Too many events for a serial line: how often is enough here.
	guest 'echo 0 >/sys/kernel/tracing/tracing_on'
	before=$(guest 'cat $(cma_dir)/nr_map_direct $(cma_dir)/nr_map_bounced' | tr '\n' ' ')
	check "$what: swap to a client" disk nv1 'mkswap /dev/$disk >/dev/null && swapon /dev/$disk'
	GUEST_LIMIT_S=200 check "$what: a program that swaps goes on, every page as it was left" swap_goes_on
	check "$what: swap goes" disk nv1 'swapoff /dev/$disk'
	# shellcheck disable=SC2046,SC2086 # four numbers
	set -- "$@" $before $(guest 'cat $(cma_dir)/nr_map_direct $(cma_dir)/nr_map_bounced' | tr '\n' ' ')
	shift $(($# - 4))
	note "$what: swap: $(($3 - $1)) mappings as they are, $(($4 - $2)) copied"
	check "$what: swap: mapped as it is" test $(($3 - $1)) -gt 1000
	check "$what: swap: nothing is copied" equal 0 $(($4 - $2))
	note "$what: $(guest 'cat $(cma_dir)/nr_map_failed') mappings failed while it swapped, and were tried again"
	guest 'echo 1 >/sys/kernel/tracing/tracing_on'

	monitor balloon $((RAM_MIB - 128))
	check "$what: the balloon is inflated" wait_until 30 mem_total_below $((total - 100))
	check "$what: the balloon inflated: all of it is pinned" ram_is_pinned
	check "$what: the file is there" equal "$source" "$(guest disk_check)"
	monitor balloon $RAM_MIB
	check "$what: the balloon is deflated" wait_until 30 eval '! mem_total_below $((total - 8))'
	check "$what: the file is there" equal "$source" "$(guest disk_check)"
	not_copied "after the balloon" $((20 << 20))

	page_breaks
	check "$what: the file is there" equal "$source" "$(guest disk_check)"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	guest umount /mnt
	check "$what: the image outside holds the file" equal "$source" "$(disk_outside "$image")"
	check "$what: the drivers go" guest 'rmmod nvme e1000e && rmmod virtio_cma'
	check "$what: none of them may master the bus" status_is /clients/0/bus-master false
	check "$what: nothing is allocated" status_is /counters/allocated-bytes 0
	check "$what: no memory came, none went" equal "$total" "$(guest 'meminfo_mib MemTotal')"
	check "$what: without drivers: all of it is pinned" ram_is_pinned
	check "$what: and come again" guest load virtio_cma nvme
	check "$what: with the disk" disk nv0 'mount -t ext4 /dev/$disk /mnt'
	check "$what: the file is there" equal "$source" "$(guest disk_check)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"

	monitor system_reset
	check "$what: the guest boots again" vm_booted 2 120
	check "$what: after a reset: all of it is pinned" ram_is_pinned
	check "$what: and loads its drivers" guest load ext4 nvme
	check "$what: and has its disk" disk nv0 'mount -t ext4 /dev/$disk /mnt'
	check "$what: the file is there" equal "$source" "$(guest disk_check)"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# api_case ARCH SERIES: the DMA API, of a device that copies from and to memory of the kernel
api_case()
{
	what="$1 $2, the DMA API"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_selftest)"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 VM_MACHINE="memory-backend=ram0${3-}" VM_MEMORY=${RAM_MIB}M vm_start "$1" \
		"$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(ram_options edu0 unsafe-noiommu=on,x-fabric=on) -device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 120; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	GUEST_LIMIT_S=300 guest selftest fragmented=1 has_pages=1 direct=1 required_bits="$(required_bits)" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: nothing was copied" equal 0 "$(guest 'cat $(cma_dir)/nr_map_bounced')"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: nothing is allocated or mapped any more" \
		guest '[ "$(cat $(cma_dir)/coherent_bytes) $(cat $(cma_dir)/bounce_bytes)" = "0 0" ]'
	check "$what: all of it is pinned" ram_is_pinned
	guest 'echo offline >/sys/devices/system/memory/auto_online_blocks; selftest beside=1' >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: beside: the log says whose it is not" \
		guest 'dmesg | grep -q "region cma0 is all the RAM that devices can be given, .*, plugged beside it, is refused"'
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# reach_case ARCH SERIES: a SCSI adapter whose window has what of RAM lies below the hole, at 0 on its bus, and
# not the rest. It writes a file before
# the RAM above is full of another one's pages, and one after.
reach_case()
{
	what="$1 $2, a device that reaches half of it"
	truncate -s 64M "$VM_TMP/wide"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci crc32c_generic ext4 sd_mod \
		"$(guest_module "$1" "$2" virtio_cma)" am53c974
	VM_LIMIT_S=400 VM_MACHINE="memory-backend=ram0${3-}" VM_MEMORY=${RAM_MIB}M vm_start "$1" \
		"$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-object memory-backend-memfd,id=ram0,size=${RAM_MIB}M \
		-device virtio-cma-pci,id=cma0,mode=ram,clients=sc0,granule=2M,unsafe-noiommu=on,x-fabric=on,x-provider=fake,x-fake-base=0x80000000 \
		-set device.cma0.dma-windows=sc0=0:0x80000000:256M \
		-device am53c974,id=sc0 -drive "if=none,id=d0,format=raw,file=$VM_TMP/wide" \
		-device scsi-hd,drive=d0,bus=sc0.0
	if ! vm_booted 1 120; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	check "$what: the stock driver loads" guest 'load virtio_cma && load ext4 sd_mod am53c974 && disk_ready sda'
	guest disk_format sda
	mapped_begin 32768
	guest 'mount -t ext4 /dev/sda /mnt && dd if=/dev/urandom of=/mnt/first bs=1M count=6 2>/dev/null && sync; dd if=/dev/zero of=/tmp/fill bs=1M count=210 2>/dev/null'
	source=$(guest 'dd if=/dev/urandom of=/mnt/file bs=1M count=6 2>/dev/null && md5sum </mnt/file | cut -c 1-32; sync')
	check "$what: what is read back is what was written" equal "$source" "$(guest disk_check)"
	# shellcheck disable=SC2046 # four numbers
	set -- $(mapped 0 $((1 << 32)))
	note "$what: below: $1 bytes mapped as they are, $2 copied; above: $3 and $4"
	check "$what: what it reaches is mapped as it is" test "$1" -gt $((1 << 20))
	check "$what: what it does not is copied" test "$4" -gt $((1 << 20))
	check "$what: and never mapped as it is" equal 0 "$3"
	check "$what: what it reaches is not copied but where a granule ends" test "$2" -lt $(($1 / 8))
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

ram_hugepages
if [ -z "${HVCMA_KERNELS-}" ]; then
	api_case amd64 6.12 ,max-ram-below-4g=256M
	rarely reach_case amd64 6.12 ,max-ram-below-4g=256M
fi
for ram_kernel in $(vm_kernels amd64/6.12); do
	case $ram_kernel in
	amd64/*) ram_case amd64 "${ram_kernel#*/}" 2 ,max-ram-below-4g=256M ;;
	arm64/*) ram_case arm64 "${ram_kernel#*/}" 1 ;;
	esac
done
tap_end
