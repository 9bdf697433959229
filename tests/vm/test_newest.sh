#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The newest kernel of Debian unstable: what test_selftest and test_lend check on released ones,
# in one boot per architecture.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=256	# whole memory blocks of the guest, as lending needs

# lent_case: memory comes back from under files, and their contents stay
lent_case()
{
	check "$what: lent: movable memory, by its name" guest \
		'grep -q "System RAM (virtio_cma)" /proc/iomem && grep -q Movable /proc/zoneinfo'
	check "$what: lent: the host knows" \
		wait_until 5 eval '[ "$(status /counters/lent-bytes)" -gt 0 ]'
	guest 'i=0; while [ $i -lt 24 ]; do dd if=/dev/urandom of=/tmp/file$i bs=1M count=8 2>/dev/null; i=$((i + 1)); done'
	sums=$(guest 'cat /tmp/file* | md5sum')
	guest "dmesg -c >>/tmp/dmesg; insmod /modules/vcma_lend.ko test=hold mib=64 block_mib=2; dmesg | sed -n 's/.*vcma_lend: //p'; rmmod vcma_lend" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: lent"
	check "$what: taken back: the files are what they were" \
		equal "$sums" "$(guest 'cat /tmp/file* | md5sum')"
}

# newest_case ARCH MODE SELFTEST-PARAMETER
newest_case()
{
	what="$1 $(cat "$(kernel_dir "$1" newest)/release")"
	initramfs "$VM_TMP/initramfs" "$1" newest virtio_pci \
		"$(guest_module "$1" newest virtio_cma)" "$(guest_module "$1" newest vcma_selftest)" \
		"$(guest_module "$1" newest vcma_lend)"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" newest)/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 clients=edu0,unsafe-noiommu=on,x-fabric=on,mode=$2) \
		-device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest load virtio_cma
	[ "$2" = private ] || GUEST_LIMIT_S=90 lent_case
	guest selftest fragmented=1 "$3" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: unbound: no bus master" status_is /clients/0/bus-master false
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

[ -e "$(kernel_dir amd64 newest)" ] ||
	skip_all "no newest kernel in the environment (tests/env/build says why)"
region_hugepages
newest_case amd64 reusable has_pages=1
newest_case arm64 private has_pages=0
tap_end
