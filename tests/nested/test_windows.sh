#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# An Arm host with 6 GiB, 3 of them above 4 GiB, whose host bridge reaches what is below, as its device
# tree says: windows are read there by way of VFIO, hugepages from where memory is free are refused
# with both, those that "hvcma hugepages --low" makes are used. See guest/windows.sh.
#
#	memory		1 GiB ........ 4 GiB | 4 GiB ....... 7 GiB
#	the bus		'---- window ------' |

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"

hvcma=$HVCMA_BUILD/$VM_NATIVE/hvcma

# windows_case HOST-SERIES GUEST-SERIES
windows_case()
{
	what="host $1, guest $2"
	rm -f "$VM_TMP/disk" "$VM_TMP/host.dtb"
	truncate -s 64M "$VM_TMP/disk"
	initramfs "$VM_TMP/initramfs" arm64 "$1" virtio_pci
	VM_MEMORY=6G VM_MACHINE=virtualization=on VM_CPU=neoverse-n1 \
		vm_tree "$VM_TMP/host.dtb" "$(kernel_dir arm64 "$1")/vmlinuz" "$VM_TMP/initramfs"
	check "$what: the host's tree has a window" \
		"$hvcma" fdt dma-ranges --bus /pcie@10000000 --identity 0x40000000,3G "$VM_TMP/host.dtb"
	# shellcheck disable=SC2046 # options are words
	NESTED_CPU=neoverse-n1 NESTED_MEMORY=6G NESTED_HUGEPAGES='hugepagesz=2M hugepages=64' \
	nested_start "$1" "$2" -dtb "$VM_TMP/host.dtb" $(disk_options nv "$VM_TMP/disk")
	check "$what: the nested host boots" vm_alive
	nested_test windows.sh
	check "$what: the image outside holds the file" \
		equal "$(sed -n 's/^file //p' "$VM_TMP/results")" "$(disk_outside "$VM_TMP/disk")"
	vm_quit
}

for case in ${HVCMA_WINDOWS_CASES:-6.12-cloud/6.12}; do
	windows_case "${case%/*}" "${case#*/}"
done
tap_end
