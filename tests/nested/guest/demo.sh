# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The nested host's part of the demonstration (tests/nested/demo, which shows what this prints).
#
#	demo.sh MIB PAGE-KIB right|wrong

. ./lib.sh

size=$1 REGION_PAGE_KIB=$2 window=$3 VM_LIMIT_S=$((200 + $1 * 2))
VM_MEMORY=$((320 + size))M,maxmem=8G
[ "$REGION_PAGE_KIB" -eq 2048 ] && REGION_MIB=128 || REGION_MIB=192

fail()
{
	echo "= reason $*"
	vm_logs
	vm_kill
	exit 1
}

report()
{
	echo "== the region's report $1"
	"$HVCMA_BUILD/arm64/hvcma" status --qmp "$VM_DIR/qmp" | sed -n '/^  counters/q;p'
}

# The guest's I/O has begun.
guest_writes()
{
	guest '[ -s /mnt/file ]'
}

# The guest's I/O has ended; if not, says how far it is.
guest_has_written()
{
	guest '[ -s /tmp/written ]' && return
	echo "$(guest 'stat -c %s /mnt/file' | awk '{ print int($1 / 1048576) }') of $size MiB"
	sleep 2
	return 1
}

properties=clients=nv0,unsafe-noiommu=on
VM_PLUGIN=''
# Addresses far above this machine's memory: DMA there finds nothing.
[ "$window" = right ] || VM_PLUGIN=testing/ properties=$properties,x-provider=fake,x-fake-base=0x2000000000

nvme=$(nvme_pci)
vfio_take "$nvme"
dmesg | grep -q 'Stage-2 Force Write-Back' && fwb=with || fwb=without
echo "== the nested host is up: Linux $(uname -r), KVM, $fwb Stage-2 Force Write-Back"
echo "NVMe controller $nvme handed to VFIO as $(echo /dev/vfio/noiommu-*)"
region_hugepages
echo "== booting the guest: Linux $GUEST_SERIES, region of $REGION_MIB MiB on hugepages of $((REGION_PAGE_KIB / 1024)) MiB"
# shellcheck disable=SC2046 # options are words
nested_guest $(region_options cma0 $properties) -device "vfio-pci,host=$nvme,id=nv0"
vm_booted 1 60 >/dev/null || fail "the guest did not boot"
report "before: no guest driver yet"
[ "$(pci_master "$nvme")" = off ] || fail "the controller is bus master before it is claimed"

echo "== loading virtio_cma and the stock nvme driver"
# With a wrong window the controller never answers: no need to wait for a minute.
[ "$window" = right ] || guest 'load nvme-core; echo 5 >/sys/module/nvme_core/parameters/admin_timeout'
GUEST_LIMIT_S=90 guest 'load ext4 nvme; disk_ready nvme0n1' || {
	guest 'dmesg | grep -E "nvme|virtio_cma" | tail -n 5'
	fail "the guest's nvme driver found no disk"
}
guest 'dmesg | grep -E "virtio_cma|nvme nvme" | tail -n 6'

echo "== making an ext4 filesystem, writing $size MiB"
guest "(disk_fill nvme0n1 $size >/tmp/md5; echo \$? >/tmp/written) >/dev/null 2>&1 &"
wait_until 30 guest_writes
report "during: while the guest writes"
echo "= peak $(status /counters/pinned-bytes | awk '{ print $1 / 1048576 " MiB" }')"
[ "$(status /counters/pinned-bytes)" -gt 0 ] || fail "nothing is pinned while the guest writes"
[ "$(pci_master "$nvme")" = on ] || fail "the controller is not bus master while the guest writes"
wait_until $((60 + size)) guest_has_written
[ "$(guest cat /tmp/written)" = 0 ] || fail "the guest could not write"
echo "= source $(guest cat /tmp/md5)"
echo "== dropping caches, reading back"
readback=$(GUEST_LIMIT_S=$((60 + size)) guest disk_check) || fail "the guest could not read"
echo "= readback $readback"
guest umount /mnt || fail "the guest could not unmount its filesystem"
guest 'grep -H "" $(cma_dir)/nr_* $(cma_dir)/*_bytes | sed "s,.*/,guest: ,; s,:\([0-9]\), \1," | grep -v _bytes.*region'

echo "== unbinding the nvme driver, removing virtio_cma"
guest 'rmmod nvme && rmmod virtio_cma' || fail "the guest could not unload its drivers"
report "after: drivers are gone"
quiet_again 5 || fail "after unloading, $(pinned_by_kernel) bytes are pinned, bus master $(status /clients/0/bus-master)"
[ "$(pci_master "$nvme")" = off ] || fail "the real controller is still bus master"
vm_quit || fail "QEMU did not end well"
wait_until 5 no_hugepage_used || fail "$(hugepages_used) hugepages stay in use"
wait_until 10 no_keeper || fail "the pin keeper does not end"
