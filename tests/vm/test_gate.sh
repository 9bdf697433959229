#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A client can't do DMA before it is claimed, whatever a program in the guest writes to it; and
# once claimed, addresses the region did not give it lead nowhere.
#
#	edu device: copies 4 bytes   source granule ---> its buffer ---> target granule
#
# Negative controls: a guest that gives the device guest-physical addresses (no translation, the
# plainest wrong DMA window), and the same copy with right addresses, which must be seen to work.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# gate_case ARCH SERIES
gate_case()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci \
		"$(guest_module "$1" "$2" virtio_cma)" uio_pci_generic
	truncate -s 16M "$VM_TMP/disk"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=edu0:nv0,unsafe-noiommu=on,x-fabric=on) \
		-device edu,id=edu0,dma_mask=0xffffffffffffffff $(disk_options nv0 "$VM_TMP/disk")
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	# Nobody has claimed anything: the guest can write to the region as to any memory.
	base=$(status /region/base-gpa)
	granule=$(status /region/granule-bytes)
	second_pages=$(seq $((base + 4096)) "$granule" $((base + $(status /region/bytes) - 1)))
	guest "devmem $base 32 0x12345678; for page in $(echo $second_pages); do devmem \$page 32 0xa5a5a5a5; done"
	check "$what: the region is memory" equal 0x12345678 "$(guest_memory "$base")"
	dma=$(dma_of "$base")
	guest "pci_set_master \$(edu_pci); edu_copy \$(edu_pci) $dma $((dma + 4096))"
	check "$what: unclaimed: the bus-master bit can't be set" equal off "$(guest 'pci_master $(edu_pci)')"
	check "$what: unclaimed: DMA does not arrive" equal 0xa5a5a5a5 "$(guest_memory $((base + 4096)))"
	guest 'pci_set_master $(nvme_pci)'
	check "$what: unclaimed: the NVMe controller is no bus master either" equal off "$(guest 'pci_master $(nvme_pci)')"

	check "$what: a driver binds, the device is claimed" \
		guest 'load virtio_cma && uio_bind $(edu_pci)'
	check "$what: claimed: state" status_is /clients/0/state claimed
	guest 'pci_set_master $(edu_pci)'
	check "$what: claimed: bus master" status_is /clients/0/bus-master true
	pool=$((base + $(status /blocks/0/first) * granule))
	# The driver clears what it takes in the background. It has not taken all granules.
	guest 'sleep 1'
	for target in $second_pages; do
		[ "$(guest_memory "$target")" != 0xa5a5a5a5 ] || break
	done
	faults=$(fabric_faults)
	guest "edu_copy \$(edu_pci) $base $target"
	check "$what: claimed: guest-physical addresses are caught" [ "$(fabric_faults)" -gt "$faults" ]
	check "$what: claimed: what is caught changes nothing" equal 0xa5a5a5a5 "$(guest_memory "$target")"
	faults=$(fabric_faults)
	guest "edu_copy \$(edu_pci) $(dma_of $pool) $(($(dma_of $pool) + 4096))"
	check "$what: claimed: addresses of pinned granules are not caught" same_as "$faults" "$(fabric_faults)"
	check "$what: claimed: the copy arrives" equal "$(guest_memory $pool)" "$(guest_memory $((pool + 4096)))"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
gate_case amd64 6.12
rarely gate_case arm64 6.1
tap_end
