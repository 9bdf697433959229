#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A domain that Xen starts itself, with no control domain and no xenstore on the machine: unmodified Debian Xen and Linux, a disk
# passed through without an IOMMU, and our driver, which finds out where the domain's RAM is in the machine. What its stock driver
# writes is on the disk, seen from outside. Without our driver it is not: the negative control.
#
# XEN_RELEASE (4.20) and XEN_SERIES (6.12): of Xen and of Linux in the domain.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/xen.sh"

XEN_RELEASE=${XEN_RELEASE:-4.20} XEN_SERIES=${XEN_SERIES:-6.12}
hvcma=$HVCMA_BUILD/amd64/hvcma

# dom0less_run QEMU-OPTION...: the machine, without anybody's memory in it
dom0less_run()
{
	VM_NO_PRELOAD=1 VM_MEMORY=1024M VM_MACHINE=virtualization=on${VM_MACHINE:+,$VM_MACHINE} VM_LIMIT_S=300 \
	vm_start arm64 "" "" -kernel "$HVCMA_BUILD/env/xen-arm64-$XEN_RELEASE/xen" -append "console=dtuart bootscrub=0" \
		-global virtio-mmio.force-legacy=false -drive "if=none,id=disk,format=raw,file=$VM_TMP/disk" \
		-device virtio-blk-device,drive=disk,iommu_platform=on,bus=virtio-mmio-bus.0 "$@"
}

# dom0less_start [OPTION...]: of the partial tree; the machine with the domain
dom0less_start()
{
	truncate -s 64M "$VM_TMP/disk"
	kernel=$(kernel_dir arm64 "$XEN_SERIES")/vmlinuz
	rm -f "$VM_TMP/machine.dtb" "$VM_TMP/host.dtb"
	VM_MACHINE=dumpdtb=$VM_TMP/machine.dtb dom0less_run
	wait_until 20 vm_dead
	vm_kill
	# Xen maps whole pages: the empty transports on that of the disk's go with it, and have no node.
	for at in 200 400 600 800 a00 c00 e00; do
		fdtput -r "$VM_TMP/machine.dtb" /virtio_mmio@a000$at || return
	done
	"$hvcma" fdt xen --device /virtio_mmio@a000000 "$@" "$VM_TMP/machine.dtb" -o "$VM_TMP/pt.dtb" &&
		"$hvcma" fdt xen --domain disk --memory 256M --vpl011 --enhanced no-xenstore --kernel "0x50000000,$kernel" \
			--ramdisk "0x58000000,$VM_TMP/domu.initrd" --device-tree "0x5c000000,$VM_TMP/pt.dtb" \
			--bootargs "console=ttyAMA0 loglevel=4 panic=-1 $VM_PATIENCE" --device /virtio_mmio@a000000 \
			--xen-config "$HVCMA_BUILD/env/xen-arm64-$XEN_RELEASE/xen" "$VM_TMP/machine.dtb" -o "$VM_TMP/host.dtb" || return
	dom0less_run -dtb "$VM_TMP/host.dtb" -device "loader,file=$kernel,addr=0x50000000,force-raw=on" \
		-device "loader,file=$VM_TMP/domu.initrd,addr=0x58000000,force-raw=on" \
		-device "loader,file=$VM_TMP/pt.dtb,addr=0x5c000000,force-raw=on"
}

# said FACT: what the domain has said of it
said()
{
	tr -d '\r\000' <"$VM_DIR/console.log" | sed -n "s/.*@dom0less $1 *//p" | tail -n 1
}

has_ended()
{
	vm_dead || grep -aqs '@dom0less end' "$VM_DIR/console.log"
}

xen_domu_initramfs "$VM_TMP/domu.initrd" "$XEN_SERIES" -f "$HVCMA_SRC/tests/xen/guest/dom0less.sh:/start"
check "Xen $XEN_RELEASE starts a domain with Linux $XEN_SERIES" dom0less_start --region ram
check "which goes its way to the end" wait_until 120 has_ended
note "domain $(said found)"
check "its RAM is the region" eval 'said region | grep -q "1 clients, pinned from the start"'
check "with all but a few granules of it" [ "$(said region | sed 's/ .*//')" -ge $((240 << 20)) ]
check "the disk is its client, claimed" eval 'said client | grep -q "virtio_mmio-a000000 .*claimed"'
check "whose addresses are known" equal "" "$(said refused)"
check "the disk's stock driver is there" equal there "$(said disk)"
written=$(said written)
check "it formats, and writes 4 MiB" test -n "$written"
check "and reads them again" same_as "$written" "$(said read)"
check "the driver can be taken away" equal yes "$(said removed)"
check "and comes back: the file is what it was" same_as "$written" "$(said again)"
check "the kernel complains of nothing" equal 0 "$(said complaints)"
check "the disk outside has the file" same_as "$written" "$(xen_disk_md5)"
vm_kill

rm -f "$VM_TMP/disk"
check "negative control: the same without a region in the tree" dom0less_start
wait_until 30 has_ended
check "negative control: the disk has no file" eval '[ -z "$(said written)" ] || [ "$(said written)" != "$(xen_disk_md5)" ]'
vm_kill
tap_end
