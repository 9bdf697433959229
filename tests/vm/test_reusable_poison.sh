#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Broken memory in a reusable region: pages that the kernel has poisoned are in no allocation, and do not keep
# the region from being unplugged. Those that break while somebody has them are reported.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
HEAP=/dev/dma_heap/cma0
GRANULE=$((2 << 20))
GRANULES=64
POISONED="3 20 21 63"	# granules; one page of each

mem_total()
{
	guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo"
}

mem_total_is()
{
	[ "$(mem_total)" -eq "$1" ]
}

# fill: how many granules can be had at once
fill()
{
	GUEST_LIMIT_S=120 guest "cat \$(cma_dir)/region_bytes >\$(cma_dir)/user_limit_bytes; dma_heap fill $HEAP $GRANULE $GRANULES" | cut -d ' ' -f 1
}

# held_case: a page breaks in a block that takes up most of the region
held_case()
{
	guest "cat \$(cma_dir)/region_bytes >\$(cma_dir)/user_limit_bytes; background /tmp/held vcma_user hold /dev/vcma/cma0 $(((REGION_MIB - 8) << 20)); echo \$last >/tmp/held.pid" >/dev/null
	broken=$(($(guest 'cat $(cma_dir)/region_base_gpa') + REGION_MIB / 2 * 1048576 + 0x7000))
	# What is in use by it knows not whom, the kernel can't deal with.
	guest "(echo $broken >/sys/devices/system/memory/hard_offline_page) 2>/dev/null"
	check "$what: held: the log says where, and who has it" \
		guest "wait_for 30 eval 'dmesg | grep -q \"broken memory at $(printf '0x%x' $broken), device address 0x[0-9a-f]*, in a block of .vcma_user\"'"
	check "$what: held: the guest counts it" equal 4096 "$(guest 'cat $(cma_dir)/broken_bytes')"
	check "$what: held: the host is told" wait_until 20 status_is /guest/broken-bytes 4096
	guest 'sleep 11; kill $(cat /tmp/held.pid)'
	check "$what: held: once" equal 1 "$(guest 'dmesg | grep -c "broken memory at"')"
}

# poison_case ARCH SERIES
poison_case()
{
	what="$1 $2"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		-- $(guest_programs "$1" dma_heap vcma_user)
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=port0,chassis=1 \
		$(region_options cma0 mode=reusable,bus=port0)
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	offline_total=$(mem_total)
	guest "load virtio_cma; wait_for 20 test -c $HEAP"
	online_total=$((offline_total + REGION_MIB * 1024))
	check "$what: online" wait_until 20 mem_total_is "$online_total"
	base=$(($(guest 'cat $(cma_dir)/region_base_gpa')))
	for granule in $POISONED; do
		check "$what: a page of granule $granule is poisoned" guest \
			"echo $((base + granule * GRANULE + 0x5000)) >/sys/devices/system/memory/hard_offline_page"
	done
	check "$what: the kernel knows of them" equal 16 "$(guest "awk '/^HardwareCorrupted/ { print \$2 }' /proc/meminfo")"
	check "$what: allocations get all but these granules" equal $((GRANULES - 4)) "$(fill)"
	check "$what: again" equal $((GRANULES - 4)) "$(fill)"
	monitor device_del cma0
	check "$what: unplugged" wait_until 40 unplugged
	check "$what: unplugged: MemTotal" wait_until 20 mem_total_is "$offline_total"
	check "$what: unplugged: nothing is left" guest 'wait_for 5 eval "! grep -q virtio_cma /proc/iomem"'
	monitor device_add virtio-cma-pci,id=cma0,memdev=cma0-mem,mode=reusable,bus=port0
	check "$what: plugged again: online again" wait_until 30 mem_total_is "$online_total"
	guest "wait_for 20 test -c $HEAP"
	check "$what: plugged again, which is other memory: all of it" equal $GRANULES "$(fill)"
	held_case
	check "$what: given back: all granules but its own" equal $((GRANULES - 1)) "$(fill)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
poison_case amd64 6.12
rarely poison_case amd64 6.1
tap_end
