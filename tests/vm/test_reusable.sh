#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A reusable region: online as movable memory of the guest, isolated from under files and pinned
# pages, kept online while it is allocated, removed when the driver goes. (Zones and sizes are in
# test_reusable_online, other memory devices and unplug in test_reusable_beside, full guests in
# test_survive_memory, other kernels in test_reusable_kernels and test_reusable_arm64.)
#
# check: early

. "$HVCMA_SRC/tests/lib/testbed.sh"

REGION_MIB=256
export GUEST_LIMIT_S=90
REGION_KIB=$((REGION_MIB * 1024))

mem_total()
{
	guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo"
}

# reuse MODULE-PARAMETER...: results of the test module, which is gone afterwards
reuse()
{
	guest "dmesg -c >/tmp/log; cat /tmp/log >>/tmp/dmesg; insmod /modules/vcma_reuse.ko $*; dmesg | sed -n 's/.*vcma_reuse: //p'; rmmod vcma_reuse" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: $*"
}

# fake_offline BASE: pages of the region that /proc/kpageflags calls offline: bit 23 of 64, little-endian.
# Dump programs leave them out.
fake_offline()
{
	guest "dd if=/proc/kpageflags bs=4k skip=$(($1 / 4096 * 8 / 4096)) count=$((REGION_KIB / 4 * 8 / 4096)) 2>/dev/null | xxd -p -c 8 | grep -c '^....[89a-f]'"
}

# Files that fill the memory of the region, no page like another: one base, shifted.
fill='dd if=/dev/urandom of=/tmp/base bs=1M count=8 2>/dev/null; i=1; while [ $i -le 27 ]; do (tail -c +$((i * 4099)) /tmp/base; head -c $((i * 4099 - 1)) /tmp/base) >/tmp/file$i; i=$((i + 1)); done'

migrated()
{
	guest "awk '/^pgmigrate_success/ { print \$2 }' /proc/vmstat"
}

# Half of the files are gone: as long as there are empty granules nothing is moved elsewhere.
rank_case()
{
	guest 'rm /tmp/file*[13579]'
	half_sums=$(guest 'cat /tmp/file* | md5sum')
	before=$(migrated)
	reuse test=alloc mib=16 block_mib=2
	check "$what: empty granules first: nothing was moved" same_as "$before" "$(migrated)"
	reuse test=alloc mib=224 block_mib=2
	check "$what: more than are empty: something was moved" test "$(migrated)" -gt "$before"
	check "$what: moved: the files are what they were" \
		same_as "$half_sums" "$(guest 'cat /tmp/file* | md5sum')"
}

# One page can't be moved, though it looks as if it could.
busy_case()
{
	guest 'mount -t debugfs none /sys/kernel/debug; mount -t tracefs none /sys/kernel/tracing; echo 1 >/sys/kernel/tracing/events/virtio_cma/vcma_block_busy/enable'
	guest "dmesg -c >>/tmp/dmesg; insmod /modules/vcma_reuse.ko test=busy; dmesg | sed -n 's/.*vcma_reuse: //p'" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: test=busy"
	check "$what: busy: the host keeps it to itself" \
		wait_until 10 eval '[ "$(status /counters/busy-bytes)" -gt 0 ]'
	check "$what: busy: and knows no reason" \
		wait_until 10 eval '[ "$(status /counters/busy-other-bytes)" -gt 0 ]'
	check "$what: busy: sysfs" \
		guest 'wait_for 10 eval "[ \$(cat $(cma_dir)/busy_bytes) -gt 0 ]"'
	check "$what: busy: the map shows one granule" \
		guest 'wait_for 10 eval "[ \$(grep -o ! /sys/kernel/debug/virtio_cma/virtio*/granules | wc -l) -eq 1 ]"'
	check "$what: busy: trace" guest 'grep -q "vcma_block_busy: .*" /sys/kernel/tracing/trace'
	guest 'rmmod vcma_reuse'
	check "$what: free: no mark is left" guest 'wait_for 5 eval "[ \$(cat $(cma_dir)/busy_bytes) -eq 0 ]"'
	check "$what: free: the host knows" wait_until 5 status_is /counters/busy-bytes 0
	reuse test=alloc mib=256 block_mib=2
	guest 'echo 0 >/sys/kernel/tracing/events/virtio_cma/vcma_block_busy/enable'
}

# What the owner of the guest may do to memory blocks while pages of them are allocated, and after.
offline_case()
{
	check "$what: allocated: taken offline by hand: refused" \
		guest "! echo offline >$memory/state 2>/dev/null"
	check "$what: allocated: the log names the owner" \
		guest "dmesg | grep -q \"stays online: 'vcma_reuse' has\""
	check "$what: allocated: unload refused" guest '! rmmod virtio_cma 2>/dev/null'
}

offline_free_case()
{
	check "$what: free: taken offline by hand" guest "echo offline >$memory/state"
	check "$what: offline: MemTotal" equal $((online_total - block_kib)) "$(mem_total)"
	reuse test=alloc mib=64 block_mib=2
	check "$what: online again, in another zone: refused" \
		guest "! echo online_kernel >$memory/state 2>/dev/null"
	check "$what: online again, as movable" guest "echo online_movable >$memory/state"
	check "$what: online again: MemTotal" same_as "$online_total" "$(mem_total)"
}

unplug_is_refused()
{
	ur_next=$(($(wc -l <"$VM_DIR/monitor.out") + 1))
	monitor device_del cma0
	wait_until 5 monitor_answered "$ur_next" \
		"'cma0': $((REGION_KIB * 1024)) bytes are orphaned, RAM of the guest whose driver is gone"
}

# Nobody can be asked to let go of a page meanwhile: the memory stays, online. Where the host doesn't know
# of suspend it would have to go: it is orphaned, and used again.
suspend_case()
{
	guest 'echo 1 >/sys/module/suspend/parameters/pm_test_delay; echo devices >/sys/power/pm_test'
	check "$what: suspended with pinned pages: comes back" guest 'echo freeze >/sys/power/state'
	check "$what: suspended: the memory stayed online" same_as "$online_total" "$(mem_total)"
	check "$what: suspended: nobody isolated it" guest '! dmesg | grep -q "stays RAM of this guest"'
	guest 'insmod /modules/vcma_hang.ko function=vcma_request_suspend fails=1'
	check "$what: suspended beside an older host: comes back" guest 'echo freeze >/sys/power/state; rmmod vcma_hang'
	check "$what: suspended: the memory stayed, and is used again" \
		guest 'wait_for 5 eval "dmesg | grep -A9 \"stays RAM of this guest\" | grep -q \"uses its orphaned memory\""'
	check "$what: suspended: MemTotal" same_as "$online_total" "$(mem_total)"
	guest 'dmesg -c >>/tmp/dmesg'
}

# Pages of the region are in pipes: they can't be moved, whoever asks.
pinned_case()
{
	guest "(pin spread $((REGION_MIB - 32)) 10 4 512 $base:$REGION_MIB >/tmp/pinned) & wait_for 20 grep -q clean /tmp/pinned; cat /tmp/pinned" >"$VM_TMP/pinned"
	note "$(cat "$VM_TMP/pinned")"
	check "$what: pinned: there are pinned pages in the region" grep -q 'pinned=[1-9]' "$VM_TMP/pinned"
	reuse test=most mib=128 block_mib=2 least="$(sed -n 's/.*clean=//p' "$VM_TMP/pinned")"
	case $what in "amd64 6.12" | "arm64 6.1") suspend_case ;; esac
	guest 'time rmmod virtio_cma; cat /tmp/log >>/tmp/dmesg' 2>&1 | sed 's/^/# /'
	check "$what: pinned: unload orphans the memory" same_as "$online_total" "$(mem_total)"
	check "$what: pinned: unload says so" guest 'dmesg | grep -q "stays RAM of this guest"'
	check "$what: pinned: the host knows what is orphaned" \
		status_is /counters/orphaned-bytes $((REGION_KIB * 1024))
	check "$what: pinned: unplug is refused, and says why" unplug_is_refused
	check "$what: pinned: its name outlives the driver" \
		guest 'grep -q "System RAM (virtio_cma)" /proc/iomem'
	guest 'kill $(pidof pin); load virtio_cma'
	check "$what: loaded again: nothing is left" \
		wait_until 5 status_is /counters/orphaned-bytes 0
	check "$what: loaded again: the host knows what is online" \
		wait_until 5 status_is /counters/online-bytes $((REGION_KIB * 1024))
	check "$what: loaded again: uses it" guest 'dmesg | grep -q "uses its orphaned memory"'
	check "$what: used again: MemTotal" same_as "$online_total" "$(mem_total)"
	reuse test=alloc mib=64 block_mib=2
}

# reusable_case2 ARCH SERIES REGION-PROPERTY
reusable_case2()
{
	what="$1 $2"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_reuse)" "$(guest_module "$1" "$2" vcma_hang)" -- -f "$HVCMA_BUILD/guest/$1/bin/pin:/bin/pin"
	# One kernel clears nothing before it gives it out.
	lc_append=
	[ "$what" != "amd64 6.1" ] || lc_append=init_on_alloc=0
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 VM_APPEND=$lc_append vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=rp0 $(region_options cma0 "mode=reusable,bus=rp0$3")
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	offline_total=$(mem_total)
	online_total=$((offline_total + REGION_KIB))
	guest load virtio_cma
	base=$(($(guest 'cat $(cma_dir)/region_base_gpa')))
	block_kib=$(($(guest 'echo $((0x$(cat /sys/devices/system/memory/block_size_bytes)))') / 1024))
	memory=/sys/devices/system/memory/memory$((base / 1024 / block_kib))
	check "$what: online: MemTotal" same_as "$online_total" "$(mem_total)"
	check "$what: online: movable memory" equal Movable "$(guest "cat $memory/valid_zones")"
	check "$what: online: by its name" guest 'grep -q "System RAM (virtio_cma)" /proc/iomem'
	check "$what: online: the host knows" \
		wait_until 5 status_is /counters/online-bytes $((REGION_KIB * 1024))

	guest "$fill"
	sums=$(guest 'cat /tmp/file* | md5sum')
	reuse test=alloc mib=64 block_mib=2
	reuse test=pieces
	reuse test=drain
	reuse test=parallel
	reuse test=killed
	check "$what: isolated: the files are what they were" \
		same_as "$sums" "$(guest 'cat /tmp/file* | md5sum')"
	rank_case
	guest 'rm /tmp/file*'
	reuse test=alloc mib=2 block_mib=2 fast=1
	reuse test=stale mib=128 block_mib=2
	busy_case

	guest 'insmod /modules/vcma_reuse.ko test=keep mib=32 block_mib=2'
	check "$what: allocated: MemTotal" equal $((online_total - 32 * 1024)) "$(mem_total)"
	check "$what: allocated: fake-offline, not in dumps" equal 8192 "$(fake_offline "$base")"
	check "$what: allocated: the host knows" \
		wait_until 5 status_is /counters/online-bytes $(((REGION_KIB - 32 * 1024) * 1024))
	offline_case
	guest 'rmmod vcma_reuse'
	check "$what: freed: MemTotal" same_as "$online_total" "$(mem_total)"
	check "$what: freed: nothing is fake-offline" equal 0 "$(fake_offline "$base")"
	offline_free_case
	pinned_case

	check "$what: unload" guest 'rmmod virtio_cma'
	check "$what: unloaded: MemTotal" same_as "$offline_total" "$(mem_total)"
	check "$what: unloaded: nothing is left" guest '! grep virtio_cma /proc/iomem'
	check "$what: unloaded: nothing is orphaned, says the host" equal "0 0" \
		"$(status /counters/orphaned-bytes) $(status /counters/online-bytes)"
	check "$what: unloaded: nothing is pinned" equal 0 "$(status /counters/pinned-bytes)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest 'complaints; grep -cE "WARNING:|BUG:|Call [Tt]race|page allocation failure" /tmp/dmesg' | grep -v '^0$' | wc -l)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
for reusable_kernel in $(vm_kernels amd64/6.12); do
	reusable_case2 "${reusable_kernel%/*}" "${reusable_kernel#*/}" "$([ "${reusable_kernel%/*}" = arm64 ] || echo ,unsafe-noiommu=on)"
done
tap_end
