#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The newest kernel of Debian unstable: what test_selftest and test_lend check on released ones,
# in one boot per architecture.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# newest_case ARCH
newest_case()
{
	what="$1 $(cat "$(kernel_dir "$1" newest)/release")"
	initramfs "$VM_TMP/initramfs" "$1" newest virtio_pci \
		"$(guest_module "$1" newest virtio_cma)" "$(guest_module "$1" newest vcma_selftest)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" newest)/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=edu0,unsafe-noiommu=on,x-fabric=on) \
		-device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest selftest fragmented=1 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: unbound: no bus master" status_is /clients/0/bus-master false
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

[ -e "$(kernel_dir amd64 newest)" ] ||
	skip_all "no newest kernel in the environment (tests/env/build says why)"
region_hugepages
newest_case amd64
newest_case arm64
tap_end
