#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two clients in one region whose buses have other addresses than memory, and not the same: the
# DMA API from end to end by the test module's edu device (coherent, streaming by copies, without
# copies, lists), blocks in bulk, a program's buffers imported, and a stock nvme driver, whose bus
# leads to two parts of the region and not to what is between. The fabric lets through what is
# pinned, by each one's windows, and counts the rest. The same with all of the region pinned from the
# start, and a disk whose region is the guest's RAM. Then the control: a bus that does something else than the guest is told.
#
#	memory       | base ........ +48M |...| +64M ....... +112M |...|
#	edu0's bus   | 0x1000000000           | 0x2000000000           |
#	nv0's bus    | 0x40000000         |   | 0x300000000        |

. "$HVCMA_SRC/tests/lib/testbed.sh"

hvcma=$HVCMA_BUILD/$VM_NATIVE/hvcma
REGION_MIB=128
BASE=0x7f00000000
EDU_WINDOWS="edu0=0x1000000000:$BASE:64M+0x2000000000:0x7f04000000:64M"
NV_WINDOWS="nv0=0x40000000:$BASE:48M+0x300000000:0x7f04000000:48M"

# windows_boot ARCH SERIES PROPERTIES
windows_boot()
{
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci crc32c_generic ext4 \
		"$(guest_module "$1" "$2" virtio_cma)" nvme "$(guest_module "$1" "$2" vcma_selftest)" \
		"$(guest_module "$1" "$2" vcma_bulk)" "$(guest_module "$1" "$2" vcma_import)" -- \
		$(guest_programs "$1" vcma_user)
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-object "memory-backend-memfd,id=cma0-mem,size=${REGION_MIB}M,share=on" \
		-device "virtio-cma-pci,id=cma0,memdev=cma0-mem,granule=2M,x-provider=fake,clients=edu0:nv0,unsafe-noiommu=on,x-fabric=on,x-fake-base=$BASE,x-fake-shuffle=on,x-fake-extent=4,$3" \
		-device edu,id=edu0,dma_mask=0xffffffffff $(disk_options nv0 "$VM_TMP/disk")
	vm_booted 1 120 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# no_faults WHAT
no_faults()
{
	check "$what: $1: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
}

# windows_seen: by the guest's sysfs, and from outside, while edu0 has a driver
windows_seen()
{
	check "$what: sysfs has the windows of both" equal \
		"0 edu0 option 0x1000000000 0x7f00000000 0x4000000;0 edu0 option 0x2000000000 0x7f04000000 0x4000000;1 nv0 option 0x40000000 0x7f00000000 0x3000000;1 nv0 option 0x300000000 0x7f04000000 0x3000000;" \
		"$(guest 'cat $(cma_dir)/client_windows' | tr '\n' ';')"
	check "$what: the report has them" equal 0x300000000 \
		"$(printf '0x%x' "$(status /clients/1/windows/1/bus-base)")"
}

# windows_case ARCH SERIES MODE [SELFTEST-PARAMETER...]
windows_case()
{
	what="$1 $2 $3"
	windows_boot "$1" "$2" "mode=$3,dma-windows=$EDU_WINDOWS;$NV_WINDOWS" || return
	shift 3
	guest load nvme
	check "$what: the stock nvme driver finds its disk" guest disk_ready nvme0n1
	check "$what: the log has each window, and who says so" \
		guest "dmesg | grep -q \"client 'nv0': window 0: bus 0x40000000 is memory 0x7f00000000, 0x3000000 bytes, offset -0x7ec0000000 (source: option)\""
	GUEST_LIMIT_S=200 guest selftest fragmented=1 quick=1 "$@" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	no_faults "the DMA API"
	guest 'insmod /modules/vcma_bulk.ko count=200 fits=200; dmesg | sed -n "s/.*vcma_bulk: //p"; rmmod vcma_bulk' >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: bulk"
	no_faults "bulk"
	guest 'insmod /modules/vcma_import.ko; vcma_user import /dev/vcma/cma0 0 0' >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	no_faults "a buffer imported"
	windows_seen
	guest rmmod vcma_import
	wc_source=$(guest disk_fill nvme0n1 24)
	check "$what: nvme: 24 MiB read back are what was written" equal "$wc_source" "$(guest disk_check)"
	guest umount /mnt
	check "$what: nvme: the image outside holds the file" \
		equal "$wc_source" "$(disk_outside "$VM_TMP/disk")"
	no_faults "nvme"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# ram_case NAME WINDOWS COPIED: the guest's own RAM is the region, and all of it pinned; COPIED is a test of
# how many mappings are, by a bus that leads to all of it or not
ram_case()
{
	what="amd64 6.12 ram, $1"
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" amd64 6.12 virtio_pci crc32c_generic ext4 \
		"$(guest_module amd64 6.12 virtio_cma)" nvme
	# shellcheck disable=SC2046 # options are words
	VM_MEMORY=512M VM_MACHINE=memory-backend=ram vm_start amd64 "$(kernel_dir amd64 6.12)/vmlinuz" \
		"$VM_TMP/initramfs" -object memory-backend-memfd,id=ram,size=512M,share=on \
		-device "virtio-cma-pci,id=cma0,granule=2M,x-provider=fake,mode=ram,clients=nv0,unsafe-noiommu=on,x-fabric=on,x-fake-base=$BASE,x-fake-extent=64,dma-windows=nv0=$2" \
		$(disk_options nv0 "$VM_TMP/disk")
	if ! vm_booted 1 120; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest load ext4 nvme
	check "$what: the stock driver finds its disk" guest disk_ready nvme0n1
	rc_source=$(guest disk_fill nvme0n1 24)
	check "$what: 24 MiB read back are what was written" equal "$rc_source" "$(guest disk_check)"
	guest umount /mnt
	check "$what: the image outside holds the file" equal "$rc_source" "$(disk_outside "$VM_TMP/disk")"
	no_faults "nvme"
	rc_direct=$(guest 'cat $(cma_dir)/nr_map_direct')
	rc_copied=$(guest 'cat $(cma_dir)/nr_map_bounced')
	note "$what: $rc_direct mappings as they are, $rc_copied copied"
	check "$what: mapped as it is" [ "$rc_direct" -gt 0 ]
	check "$what: copied is what it can't reach" [ "$rc_copied" "$3" 0 ]
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# control_case ARCH SERIES: an offset that the guest is not told, and one that is not there
control_case()
{
	what="$1 $2, control"
	windows_boot "$1" "$2" "dma-windows=$EDU_WINDOWS,x-bus-window=edu0=identity;nv0=0x1000000000:0:0x10000000000" || return
	guest load virtio_cma
	guest selftest fragmented=1 quick=1 >"$VM_TMP/results"
	check "$what: no offset where one is told: the module's DMA fails" grep -q '^not ok' "$VM_TMP/results"
	cc_faults=$(fabric_faults)
	note "$cc_faults faults"
	check "$what: and shows as faults" [ "$cc_faults" -gt 0 ]
	guest 'load nvme; sleep 3'
	check "$what: an offset that is not told: nvme faults" [ "$(fabric_faults)" -gt "$cc_faults" ]
	check "$what: and has no disk" guest '! test -b /dev/nvme0n1'
}

# tree_windows FILE: where memory is on the bus, a line for each window
tree_windows()
{
	"$hvcma" fdt show --json "$1" | sed -n 's/.*"dma": *\([0-9]*\).*/\1/p'
}

# static_case SERIES: no driver of ours; a stock kernel has the windows from its device tree
static_case()
{
	what="arm64 $1, static"
	rm -f "$VM_TMP/disk"
	truncate -s 64M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" arm64 "$1" virtio_pci crc32c_generic ext4 nvme
	# shellcheck disable=SC2046 # options are words
	VM_MEMORY=512M VM_MACHINE=memory-backend=ram vm_start arm64 "$(kernel_dir arm64 "$1")/vmlinuz" \
		"$VM_TMP/initramfs" -object memory-backend-ram,id=ram,size=512M \
		-device "virtio-cma-pci,id=cma0,memdev=ram,granule=2M,x-provider=fake,mode=static,clients=nv0,unsafe-noiommu=on,x-fabric=on,x-fake-base=$BASE,x-fake-extent=64,default=on,dma-windows=nv0=0x1000000000:$BASE:256M+0x2000000000:0x7f10000000:256M" \
		$(disk_options nv0 "$VM_TMP/disk")
	if ! vm_booted 1 120; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest load nvme
	check "$what: the stock driver finds its disk" guest disk_ready nvme0n1
	sc_source=$(guest disk_fill nvme0n1 16)
	check "$what: 16 MiB read back are what was written" equal "$sc_source" "$(guest disk_check)"
	guest umount /mnt
	check "$what: the image outside holds the file" \
		equal "$sc_source" "$(disk_outside "$VM_TMP/disk")"
	no_faults "nvme"
	rm -f "$VM_TMP/vm.dtb"
	monitor "dumpdtb $VM_TMP/vm.dtb"
	wait_until 5 [ -s "$VM_TMP/vm.dtb" ]
	sleep 0.2
	# The fake host's extents have 128 MiB, and 2 MiB between them; the second lies in both windows.
	check "$what: dma-ranges have each extent, at its bus address, cut where a window ends" \
		equal "0x1000000000 0x1008200000 0x2000000000 0x2000400000 0x2008600000 " \
		"$(tree_windows "$VM_TMP/vm.dtb" | xargs printf '0x%x ')"
	cp "$VM_TMP/vm.dtb" "$VM_TMP/again.dtb"
	"$hvcma" fdt drop-windows "$VM_TMP/again.dtb" 2>/dev/null
	check "$what: hvcma fdt makes the same of the running machine" eval \
		'"$hvcma" fdt dma-ranges --guards --granule 2M --qmp "$VM_DIR/qmp" "$VM_TMP/again.dtb" 2>"$VM_TMP/notes"'
	check "$what: which are the client's" grep -q "addresses are those that client 'nv0' has on its bus (source: option)" "$VM_TMP/notes"
	check "$what: window by window" equal "$(tree_windows "$VM_TMP/vm.dtb")" "$(tree_windows "$VM_TMP/again.dtb")"
	check "$what: QEMU ends well" vm_quit
}

for kernel in $(vm_kernels amd64/6.12 rarely arm64/6.12); do
	windows_case "${kernel%/*}" "${kernel#*/}" reusable has_pages=1
done
rarely windows_case amd64 6.12 reusable,pin=all has_pages=1 all_pinned=1
rarely windows_case amd64 6.12 private
rarely ram_case "all of it reached" "0x1000000000:$BASE:256M+0x2000000000:0x7f10000000:512M" -eq
ram_case "half of it reached" "0x80000000:$BASE:256M" -gt
control_case amd64 6.12
static_case 6.12
tap_end
