#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# The newest kernel of Debian unstable: what test_selftest and test_reusable check on released ones,
# in one boot per architecture and, in short, per mode. On Arm it is also a KVM host that can say by
# a capability, as older kernels can't, that it forces Write-Back.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=256	# whole memory blocks of the guest, as reusable ones need

# reuse PARAMETER...: of vcma_reuse
reuse()
{
	guest "dmesg -c >>/tmp/dmesg; insmod /modules/vcma_reuse.ko $* block_mib=2; dmesg | sed -n 's/.*vcma_reuse: //p'; rmmod vcma_reuse" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: online"
}

# reusable_case: memory comes back from under files, and their contents stay
reusable_case()
{
	check "$what: online: movable memory, by its name" guest \
		'grep -q "System RAM (virtio_cma)" /proc/iomem && grep -q Movable /proc/zoneinfo'
	check "$what: online: the host knows" \
		wait_until 5 is_online
	guest 'i=0; while [ $i -lt 24 ]; do dd if=/dev/urandom of=/tmp/file$i bs=1M count=8 2>/dev/null; i=$((i + 1)); done'
	sums=$(guest 'cat /tmp/file* | md5sum')
	moved='awk "/^pgmigrate_success/ { print \$2 }" /proc/vmstat'
	before=$(guest "$moved")
	reuse test=alloc mib=160
	check "$what: isolated: something was moved" test "$(guest "$moved")" -gt "$before"
	check "$what: isolated: the files are what they were" \
		same_as "$sums" "$(guest 'cat /tmp/file* | md5sum')"
	guest 'rm /tmp/file*'
	reuse test=stale mib=128
}

# hvcma_options: options of initramfs that put hvcma into an arm64 guest
hvcma_options()
{
	ho_root=$HVCMA_BUILD/env/rootfs-arm64
	echo "-f $HVCMA_BUILD/arm64/hvcma:/bin/hvcma -f $ho_root/lib/ld-linux-aarch64.so.1:/lib/ld-linux-aarch64.so.1"
	for ho_lib in libc.so.6 libjson-c.so.5 libfdt.so.1 liburing.so.2 libz.so.1; do
		echo "-f $(find "$ho_root/" -name $ho_lib | head -n 1):/lib/$ho_lib"
	done
}

# newest_case ARCH MODE SELFTEST-PARAMETER [INITRAMFS-OPTION...]: the NVMe controller is a peer, no
# client
newest_case()
{
	what="$1 $(cat "$(kernel_dir "$1" newest)/release") $2" nc_arch=$1 nc_mode=$2 nc_parameter=$3
	shift 3
	initramfs "$VM_TMP/initramfs" "$nc_arch" newest virtio_pci \
		"$(guest_module "$nc_arch" newest virtio_cma)" nvme \
		"$(guest_module "$nc_arch" newest vcma_selftest)" \
		"$(guest_module "$nc_arch" newest vcma_reuse)" -- "$@"
	# shellcheck disable=SC2046 # options are words
	vm_start "$nc_arch" "$(kernel_dir "$nc_arch" newest)/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "clients=edu0,unsafe-noiommu=on,x-fabric=on,mode=$nc_mode") \
		-device edu,id=edu0,dma_mask=0xffffffffff -device nvme,id=peer,serial=peer,cmb_size_mb=4
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest load virtio_cma
	[ "$nc_mode" = private ] || GUEST_LIMIT_S=90 reusable_case
	check "$what: a device that is no client offers memory to its peers" \
		guest 'load nvme && wait_for 10 eval "cat /sys/bus/pci/devices/*/p2pmem/published | grep -q 1"'
	GUEST_LIMIT_S=150 guest selftest fragmented=1 peer=1 "$nc_parameter" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: unbound: no bus master" status_is /clients/0/bus-master false
	[ "$nc_arch" != arm64 ] || check "$what: KVM's capability says that it forces Write-Back" \
		equal 'fwb, says KVM_CAP_ARM_CACHEABLE_PFNMAP_SUPPORTED' \
		"$(guest hvcma attr --host | sed -n 's/^stage 2  *//p')"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

[ -e "$(kernel_dir amd64 newest)" ] ||
	skip_all "no newest kernel in the environment (tests/env/build says why)"
region_hugepages
newest_case amd64 reusable has_pages=1
# shellcheck disable=SC2046 # options are words
VM_MACHINE=virtualization=on VM_CPU=max,pauth-impdef=on \
	newest_case arm64 reusable has_pages=1 $(hvcma_options)
newest_case amd64 private quick=1
tap_end
