#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A reusable region beside virtio-mem and the balloon, which have plans of their own for the guest's
# memory; and the unplug of a reusable region.

. "$HVCMA_SRC/tests/lib/testbed.sh"

REGION_MIB=256

mem_total()
{
	guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo"
}

mem_total_is()
{
	[ "$(mem_total)" -eq "$1" ]
}

mem_total_below()
{
	[ "$(mem_total)" -lt "$1" ]
}

# reuse MODULE-PARAMETER...: results of the test module
reuse()
{
	guest "dmesg -c >>/tmp/dmesg; insmod /modules/vcma_reuse.ko $*; dmesg | sed -n 's/.*vcma_reuse: //p'; rmmod vcma_reuse" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: $reuse_when: $*"
}

# changes_by KIB MIB: MemTotal becomes so much more than it was
changes_by()
{
	wait_until 20 mem_total_is $(($1 + $2 * 1024)) && return
	note "MemTotal $(mem_total), expected $1 + $2 MiB"
	return 1
}

memory_case()
{
	online_total=$(mem_total)
	monitor qom-set vm0 requested-size 128M
	check "$what: virtio-mem plugs 128 MiB" changes_by "$online_total" 128
	reuse_when="virtio-mem plugged"
	reuse test=alloc mib=64 block_mib=2
	# The balloon takes memory of either kind, also pages of the region.
	monitor balloon 300
	check "$what: the balloon is inflated" wait_until 30 mem_total_below $((online_total - 32768))
	reuse_when="balloon inflated"
	reuse test=alloc mib=64 block_mib=2
	reuse test=parallel
	monitor balloon 512
	check "$what: the balloon is deflated" changes_by "$online_total" 128
	monitor qom-set vm0 requested-size 0
	check "$what: virtio-mem unplugs 128 MiB" changes_by "$online_total" 0
	reuse_when="both gone back"
	reuse test=alloc mib=128 block_mib=2
	reuse test=give block_mib=64
}

# Unplugged while it is being brought online. Who unplugs it, ACPI, has the lock that this needs.
hasty_case()
{
	monitor device_del cma0
	wait_until 30 unplugged
	guest 'echo offline >/sys/devices/system/memory/auto_online_blocks'
	for hc_delay in 0.2 0.5 0.8; do
		monitor device_add virtio-cma-pci,id=cma0,memdev=cma0-mem,mode=reusable,bus=port0
		sleep $hc_delay
		monitor device_del cma0
		check "$what: unplugged $hc_delay s after it was plugged" wait_until 30 unplugged
	done
	check "$what: the lock of device hotplug is free" guest \
		'(echo online >/sys/devices/system/memory/memory0/state; echo >/tmp/free) 2>/dev/null & wait_for 10 test -e /tmp/free'
	check "$what: unplugged at once: MemTotal" changes_by "$offline_total" 0
	monitor device_add virtio-cma-pci,id=cma0,memdev=cma0-mem,mode=reusable,bus=port0
	check "$what: plugged to stay: online" wait_until 30 mem_total_is "$online_total"
}

unplug_case()
{
	guest 'insmod /modules/vcma_reuse.ko test=keep mib=4 block_mib=2'
	monitor device_del cma0
	check "$what: unplug with a block allocated: refused, naming for whom" \
		wait_until 5 grep -q "'cma0': the guest has a block of 2097152 bytes for purpose 'user'" "$VM_DIR/monitor.out"
	guest 'rmmod vcma_reuse'
	base=$(($(guest 'cat $(cma_dir)/region_base_gpa')))
	guest "(pin spread 64 50 4 512 $base:$REGION_MIB >/tmp/pinned) & wait_for 20 grep -q clean /tmp/pinned; cat /tmp/pinned" >"$VM_TMP/pinned"
	check "$what: pages of the region are pinned" grep -q 'pinned=[1-9]' "$VM_TMP/pinned"
	monitor device_del cma0
	check "$what: unplug with pinned pages: the guest says what stays, and why" \
		guest 'wait_for 40 eval "dmesg | grep -q \"memory in use at .* stays RAM of this guest\""'
	check "$what: unplug with pinned pages: the device stays" \
		wait_until 20 grep -q "has ejected the device, but keeps $((REGION_MIB << 20)) bytes of it" "$VM_DIR/qemu.log"
	check "$what: unplug with pinned pages: the memory stays" mem_total_is "$online_total"
	check "$what: unplug with pinned pages: the host knows what is orphaned" \
		status_is /counters/orphaned-bytes $((REGION_MIB << 20))
	check "$what: unplug with pinned pages: nobody waits with a lock" guest \
		'(echo 1 >/sys/bus/pci/rescan; echo online >/sys/devices/system/memory/memory0/state; echo >/tmp/found) 2>/dev/null & wait_for 20 test -e /tmp/found'
	check "$what: unplug with pinned pages: it is plugged in again, and the driver uses its orphaned memory" \
		guest 'wait_for 40 eval "dmesg | grep -q \"uses its orphaned memory\""'
	check "$what: used again: nothing is orphaned" wait_until 20 status_is /counters/orphaned-bytes 0
	guest 'kill $(pidof pin)'
	monitor device_del cma0
	check "$what: unpinned: unplugged" wait_until 30 unplugged
	check "$what: unplugged: MemTotal" changes_by "$offline_total" 0
	check "$what: unplugged: nothing is left" \
		guest 'wait_for 5 eval "! grep -q virtio_cma /proc/iomem"'
	monitor device_add virtio-cma-pci,id=cma0,memdev=cma0-mem,mode=reusable,bus=port0
	check "$what: plugged again: online again" wait_until 30 mem_total_is "$online_total"
	reuse_when="plugged again"
	reuse test=alloc mib=64 block_mib=2
	[ "${what#amd64}" = "$what" ] || hasty_case
	guest rmmod virtio_cma
	check "$what: unloaded: MemTotal" changes_by "$offline_total" 0
}

# beside_case ARCH SERIES
beside_case()
{
	what="$1 $2"
	[ "$2" = 6.12 ] && build=$2/debug || build=$2	# with its invariants checked, where it is built
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci virtio_mem virtio_balloon \
		"$(guest_module "$1" "$build" virtio_cma)" "$(guest_module "$1" "$2" vcma_reuse)" \
		-- -f "$HVCMA_BUILD/guest/$1/bin/pin:/bin/pin"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=port0,chassis=1 \
		$(region_options cma0 mode=reusable,bus=port0) \
		-device virtio-balloon-pci,id=balloon0 \
		-object memory-backend-ram,id=vm0-mem,size=256M \
		-device virtio-mem-pci,id=vm0,memdev=vm0-mem,block-size=2M,requested-size=0
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'echo online_movable >/sys/devices/system/memory/auto_online_blocks'
	guest load virtio_mem virtio_balloon
	offline_total=$(mem_total)
	guest load virtio_cma
	memory_case
	unplug_case
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: none before either" guest '! grep -E "WARNING:|BUG:|Call [Tt]race|page allocation failure" /tmp/dmesg'
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
for kernel in $(vm_kernels amd64/6.12 rarely arm64/6.1); do
	beside_case "${kernel%/*}" "${kernel#*/}"
done
tap_end
