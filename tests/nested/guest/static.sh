# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: a guest without any module of this project drives the NVMe controller. Its
# RAM is a static region, in several extents of host memory:
#
#	guest RAM   | kernel ... initrd, dtb |   |        |    |
#	host page     8 9 10 11 12            3 4  13 14 15  5 6 7 ...
#
#	static.sh up|down	in which order of addresses this host hands out hugepages after boot
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh

direction=$1 REGION_PAGE_KIB=32768
page_bytes=$((REGION_PAGE_KIB * 1024))
nvme=$(nvme_pci)
vfio_take "$nvme"

# pages_in_order NR...: hugepages are handed out in this order from now on. The kernel hands out
# first what it got back last.
pages_in_order()
{
	mkdir -p /tmp/huge
	mount -t hugetlbfs -o pagesize=${REGION_PAGE_KIB}k huge /tmp/huge
	po_nr=0
	while fallocate -l $page_bytes "/tmp/huge/$po_nr" 2>/dev/null; do
		po_nr=$((po_nr + 1))
	done
	[ "$po_nr" -ge $# ] || {
		note "$po_nr hugepages, $# are needed"
		return 1
	}
	rm -f "/tmp/huge/$po_nr"	# the first that could not be had
	po_order=
	for po_page; do
		[ "$direction" = up ] || po_page=$((po_nr - 1 - po_page))
		po_order="$po_page $po_order"
	done
	for po_page in $po_order; do
		rm "/tmp/huge/$po_page"
	done
	umount /tmp/huge
}

# windows: of the bus, as the guest's kernel was told
windows()
{
	guest "xxd -p /sys/firmware/devicetree/base/pcie@10000000/dma-ranges" | tr -d ' \n'
}

controller_is_free()
{
	equal off "$(pci_master "$nvme")"
}

nr_extents()
{
	status /counters/extents
}

# cma_allocs: pieces of memory that the guest's kernel has got out of its CMA
cma_allocs()
{
	guest "sed -n 's/^cma_alloc_success //p' /proc/vmstat"
}

disk_works()
{
	guest load ext4 nvme
	check "$1: the stock driver finds its disk" guest disk_ready nvme0n1
	check "$1: the controller is bus master" equal on "$(pci_master "$nvme")"
	source=$(guest disk_fill nvme0n1 16)
	check "$1: 16 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
	guest umount /mnt
}

check "hugepages can be handed out in any order" pages_in_order 8 9 10 11 12 3 4 13 14 15 5 6 7 0 1 2
export VM_MEMORY=512M VM_MACHINE=memory-backend=ram
nested_guest \
	-object "memory-backend-memfd,id=ram,size=512M,hugetlb=on,hugetlbsize=${REGION_PAGE_KIB}k,share=on" \
	-device virtio-cma-pci,id=cma0,memdev=ram,mode=static,default=on,clients=nv0,unsafe-noiommu=on \
	-device "vfio-pci,host=$nvme,id=nv0"
check "the guest boots" vm_booted 1 60
check "it has no module of ours" equal 0 "$(guest 'grep -c vcma /proc/modules; ls /modules | grep -c vcma' | sort -u | tail -n 1)"
check "all of its RAM is pinned" status_is /counters/pinned-bytes $((512 * 1024 * 1024))
check "kernel and device agree on what is pinned" pins_agree
note "$("$HVCMA_BUILD/arm64/hvcma" status --qmp "$VM_DIR/qmp" | sed -n '/^  extents/,/^  dma/p')"
check "it is in several extents" [ "$(nr_extents)" -gt 3 ]
check "the client is claimed" status_is /clients/0/state claimed
check "no driver yet: the controller is no bus master" controller_is_free
first_windows=$(windows)
check "a window for each extent" equal "$(nr_extents)" $((${#first_windows} / 56))
cma_allocs=$(cma_allocs)
pool_bytes=$((0x$(guest "xxd -p -s 8 -l 8 /sys/firmware/devicetree/base/reserved-memory/cma0@*/reg")))
check "the guest's CMA is the region's pool" equal $((pool_bytes / 1024)) "$(guest "awk '/^CmaTotal/ { print \$2 }' /proc/meminfo")"
disk_works "first start"
check "coherent memory came from that pool" [ "$(cma_allocs)" -gt "$cma_allocs" ]

monitor system_reset
check "reset: the guest boots again" vm_booted 2 60
check "reset: the controller is no bus master" controller_is_free
check "reset: all RAM is still pinned" pins_agree
check "reset: the windows are the same" same_as "$first_windows" "$(windows)"
disk_works "after reset"
echo "file $source"

guest 'mount -t ext4 /dev/nvme0n1 /mnt && io_forever /mnt/busy; sleep 1'
check "SIGKILL: a pin keeper watches" [ "$(keepers)" -eq 1 ]
vm_kill
check "SIGKILL: the controller is no bus master" wait_until 5 eval '[ "$(pci_master "$nvme")" = off ]'
check "SIGKILL: the pin keeper ends" wait_until 10 no_keeper
check "SIGKILL: no hugepage stays in use" wait_until 5 no_hugepage_used
tap_end
