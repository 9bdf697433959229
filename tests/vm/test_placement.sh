#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Several regions: one client with two banks, by kind; a default region for who finds nothing
# else; reservations of the host and of the module; kinds that a driver asks for by name; regions
# that go and come while the guest runs.
#
#	banka	|  shared  | nv0 "coherent" |		32 MiB; edu0, any kind
#	bankb	|  shared, nv0 "streaming"  |  edu0 "firmware" |	32 MiB
#	dflt	|  whoever has nothing left |		32 MiB

. "$HVCMA_SRC/tests/lib/testbed.sh"

REGION_MIB=32
unsafe='unsafe-noiommu=on,x-fabric=on'

nvme_unbind='basename $(readlink /sys/bus/pci/drivers/nvme/0000:*) >/tmp/nvme; cat /tmp/nvme >/sys/bus/pci/drivers/nvme/unbind'
nvme_bind='cat /tmp/nvme >/sys/bus/pci/drivers/nvme/bind'

# In the guest: region NAME FILE: a region's file in sysfs
region_helper='region() { for r in /sys/bus/virtio/devices/*/vcma; do [ "$(cat $r/region_name)" != "$1" ] || cat "$r/$2"; done; };'

region()
{
	guest "$region_helper region $1 $2"
}

is_positive()
{
	[ "${1:-0}" -gt 0 ] && return
	note "not positive: '$1'"
	return 1
}

disk_works()
{
	guest 'disk=$(disk_live) && dd if=/dev/urandom of=/tmp/a bs=64k count=32 2>/dev/null && dd if=/tmp/a of=/dev/$disk bs=64k oflag=direct 2>/dev/null && dd if=/dev/$disk of=/tmp/b bs=64k count=32 iflag=direct 2>/dev/null && cmp /tmp/a /tmp/b'
}

# fills [BYTES]: the edu device's driver takes all it can get, so much at a time, 1 MiB if not
# said; prints how many
fills()
{
	guest "load vcma_bench; edu=/sys/bus/pci/devices/\$(edu_pci)/bench; echo singles ${1:-1048576} 96 20000 >\$edu;"' cut -d " " -f 1 $edu | cut -d = -f 2; rmmod vcma_bench'
}

# blocks_of KIND: the edu device's driver asks for blocks of it (twice), and uses them
blocks_of()
{
	guest "old=\$(dmesg | wc -l); insmod /modules/vcma_bulk.ko kind=$1; dmesg | tail -n +\$((old + 1)) | sed -n 's/.*vcma_bulk: //p'; rmmod vcma_bulk" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: kind $1"
	note "blocks in banka, bankb, dflt: $(nr_blocks)"
}

# Calls that got blocks, in each region
nr_blocks()
{
	guest "$region_helper"' echo $(for r in banka bankb dflt; do region $r nr_bulk_ok; done)'
}

kinds_case()
{
	blocks_of firmware
	check "$what: a kind by its name: of the region whose table has it" \
		equal "0 2 0" "$(nr_blocks)"
	blocks_of codec
	check "$what: a kind in no table: of the region that serves any" equal "2 2 0" "$(nr_blocks)"
}

# placement_case ARCH SERIES
placement_case()
{
	what="$1 $2"
	truncate -s 32M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci \
		"$(guest_module "$1" "$2" virtio_cma)" "$(guest_module "$1" "$2" vcma_bench)" nvme \
		"$(guest_module "$1" "$2" vcma_bulk)"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=rp0,chassis=1 -device pcie-root-port,id=rp1,chassis=2 \
		$(region_options cma0 "name=banka,clients=edu0,regions=banka/nv0(coherent)=16M,$unsafe") \
		$(region_options cma1 "name=bankb,regions=bankb/nv0(streaming)=0;bankb/edu0(firmware)=8M,bus=rp0,$unsafe") \
		$(region_options cma2 "name=dflt,default=on,$unsafe") \
		$(disk_options nv0 "$VM_TMP/disk") -device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 120 || ! guest 'load nvme && disk_live >/dev/null'; then
		tap_result 1 "$what: the guest boots and finds its disk"
		return
	fi
	check "$what: two banks: the disk works" disk_works
	check "$what: two banks: coherent memory is of the one" \
		is_positive "$(region banka coherent_bytes)"
	check "$what: two banks: and not of the other" equal 0 "$(region bankb nr_coherent_ok)"
	check "$what: two banks: mappings are of the other" \
		is_positive "$(region bankb nr_map_bounced)"
	check "$what: two banks: and not of the one" equal 0 "$(region banka nr_map_bounced)"
	check "$what: two banks: the default region is not needed" equal 0 \
		"$(region dflt nr_coherent_ok)"

	# 16 MiB of banka are reserved for nv0, the pool of the default region serves the rest.
	pc_got=$(fills)
	note "1 MiB allocations of another client: $pc_got"
	check "$what: reservations are not for others, what is missing is of the default region" \
		[ "${pc_got:-0}" -le 48 ]
	check "$what: the shared part and the default region were used" [ "${pc_got:-0}" -ge 36 ]
	check "$what: by way of the default region" is_positive "$(region dflt nr_coherent_ok)"
	check "$what: the disk has not noticed" disk_works
	kinds_case

	guest "$nvme_unbind"
	monitor device_del cma1
	check "$what: a region goes" guest "$region_helper"' gone() { [ -z "$(region bankb state)" ]; }; wait_for 30 gone'
	check "$what: QEMU lets go of it" wait_until 20 unplugged cma1
	guest "$nvme_bind"
	check "$what: without its second bank the disk works" disk_works
	check "$what: mapped through the region that is left" \
		is_positive "$(region banka nr_map_bounced)"
	monitor "device_add virtio-cma-pci,id=cma1,memdev=cma1-mem,name=bankb,regions=bankb/nv0(streaming)=0,bus=rp1,$unsafe"
	check "$what: a region comes" guest "$region_helper"' here() { [ "$(region bankb state)" = ready ]; }; wait_for 30 here'
	check "$what: a region comes: the log says from when on it serves a device in use" \
		guest 'wait_for 10 eval "dmesg | grep -q \"nvme .*: region bankb serves it from its next bind on\""'
	check "$what: a region comes: not yet" equal 0 "$(region bankb nr_map_bounced)"
	guest "$nvme_unbind; $nvme_bind"
	check "$what: with its second bank again the disk works" disk_works
	check "$what: mapped through the second bank again" \
		is_positive "$(region bankb nr_map_bounced)"

	guest "$nvme_unbind; rmmod virtio_cma"
	guest 'insmod /modules/virtio_cma.ko "regions=banka/edu0=min(50%,8M);dflt=8M"'
	guest "$nvme_bind"
	check "$what: with limits of its own the disk works" disk_works
	pc_got=$(fills)
	note "1 MiB allocations with the module's limits: $pc_got"
	check "$what: no more than the module's parameter says" [ "${pc_got:-0}" -le 24 ]
	check "$what: but as much" [ "${pc_got:-0}" -ge 12 ]

	# 516 KiB take 1 MiB each if they are aligned by their size; else three fit a granule.
	pc_got=$(fills 528384)
	check "$what: aligned by size: no more of 516 KiB (${pc_got:-0}) than of 1 MiB" \
		[ "${pc_got:-0}" -le 24 ]
	guest 'for order in /sys/bus/virtio/devices/*/vcma/max_align_order; do echo 0 >$order; done'
	pc_packed=$(fills 528384)
	check "$what: max_align_order 0: as many as fit ($pc_packed)" \
		[ "${pc_packed:-0}" -ge $((${pc_got:-100} * 4 / 3)) ]
	guest "$nvme_unbind; rmmod virtio_cma"
	check "$what: a text that is wrong is refused, with the place" \
		guest '! insmod /modules/virtio_cma.ko "regions=banka/edu0=8Q" 2>/dev/null && dmesg | tail -n 3 | grep -q "regions=.*at "'
	for pc_device in cma0 cma1 cma2; do
		check "$what: $pc_device: not one DMA outside of pinned granules" equal 0 \
			"$(status /counters/fabric-faults $pc_device)"
	done
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

hugepages_need "$REGION_PAGE_KIB" $((3 * REGION_MIB * 1024 / REGION_PAGE_KIB))
region_hugepages
placement_case amd64 6.12
rarely placement_case arm64 6.1
tap_end
