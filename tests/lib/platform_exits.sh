# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A nested host in which a register and an interrupt of a platform device can be counted (tests/nested/guest/platform_exits.sh).
# VFIO maps whole pages only, and of QEMU's transports there are eight on one: the disk is on the first of a page, behind
# seven others, and the host's tree, which is QEMU's, changed, has that one alone, with all of the page. Sourced after
# nested.sh, on the outer machine.

command -v fdtput >/dev/null || skip_all "no fdtput"

# platform_exits_tree FILE
platform_exits_tree()
{
	for pe_at in 200 400 600 800 a00 c00 e00; do
		fdtput -r "$1" /virtio_mmio@a003$pe_at || return
	done
	fdtput -t x "$1" /virtio_mmio@a003000 reg 0 a003000 0 1000
}

platform_exits_start()
{
	truncate -s 64M "$VM_TMP/disk"
	set -- -global virtio-mmio.force-legacy=false
	for _ in 1 2 3 4 5 6 7; do
		set -- "$@" -device virtio-rng-device
	done
	set -- "$@" -blockdev "driver=raw,node-name=disk,file.driver=file,file.filename=$VM_TMP/disk" \
		-device virtio-blk-device,drive=disk,iommu_platform=on
	initramfs "$VM_TMP/initramfs" arm64 6.12-cloud virtio_pci
	VM_MEMORY=2G VM_MACHINE=virtualization=on VM_CPU=neoverse-n1 \
		vm_tree "$VM_TMP/host.dtb" "$(kernel_dir arm64 6.12-cloud)/vmlinuz" "$VM_TMP/initramfs"
	check "the host's tree is changed" platform_exits_tree "$VM_TMP/host.dtb"
	NESTED_PLATFORM=1 NESTED_DRIVER_ONLY=1 NESTED_CPU=neoverse-n1 \
		nested_start 6.12-cloud 6.12 "$@" -dtb "$VM_TMP/host.dtb"
	check "the nested host boots" vm_alive
}
