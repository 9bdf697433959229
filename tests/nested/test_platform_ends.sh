#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# What ends the use of a platform device in mid-I/O, with Stage-2 Force Write-Back and without; a device whose
# interrupt is a level; and hosts whose tree says what can't be passed through: each refused by name. See
# guest/platform_ends.sh. The host's tree is QEMU's, changed:
#
#	a003e00		the disk: its interrupt is a level
#	a003a00		its registers reach into a003c00's
#	a003800		another device is in its node
#	a003600		it has a reset line that its driver would drive
#	a003400		its interrupt is each CPU's own
#	a003200		its interrupt is a falling edge

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

command -v fdtput >/dev/null || skip_all "no fdtput"

# change_tree FILE
change_tree()
{
	fdtput "$1" /virtio_mmio@a003e00 interrupts 0 47 4
	fdtput -t x "$1" /virtio_mmio@a003a00 reg 0 a003a00 0 400
	fdtput -c "$1" /virtio_mmio@a003800/core
	fdtput -t s "$1" /virtio_mmio@a003800/core compatible test,core
	fdtput "$1" /virtio_mmio@a003600 resets 1
	fdtput "$1" /virtio_mmio@a003400 interrupts 1 10 4
	fdtput "$1" /virtio_mmio@a003200 interrupts 0 41 2
}

# ends_case CPU HOST-SERIES GUEST-SERIES
ends_case()
{
	what="$1, host $2, guest $3"
	rm -f "$VM_TMP/disk" "$VM_TMP/host.dtb"
	truncate -s 64M "$VM_TMP/disk"
	set -- "$@" -global virtio-mmio.force-legacy=false \
		-blockdev "driver=raw,node-name=disk,file.driver=file,file.filename=$VM_TMP/disk" \
		-device virtio-blk-device,drive=disk,iommu_platform=on
	initramfs "$VM_TMP/initramfs" arm64 "$2" virtio_pci
	VM_MEMORY=2G VM_MACHINE=virtualization=on VM_CPU=$1 \
		vm_tree "$VM_TMP/host.dtb" "$(kernel_dir arm64 "$2")/vmlinuz" "$VM_TMP/initramfs"
	check "$what: the host's tree is changed" change_tree "$VM_TMP/host.dtb"
	ec_cpu=$1
	shift
	NESTED_LIMIT_S=900 NESTED_PLATFORM=1 NESTED_DRIVER_ONLY=1 NESTED_CPU=$ec_cpu nested_start "$@" -dtb "$VM_TMP/host.dtb"
	check "$what: the nested host boots" vm_alive
	NESTED_LIMIT_S=900 nested_test platform_ends.sh
	vm_quit
}

for case in ${HVCMA_PLATFORM_CASES:-neoverse-n1/6.12-cloud/6.12 neoverse-v1/6.12-cloud/6.1}; do
	# shellcheck disable=SC2046 # three words
	ends_case $(echo "$case" | tr / ' ')
done
tap_end
