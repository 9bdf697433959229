#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Kernels that follow one another without a reset of the machine: kexec shuts devices down first,
# so nothing may be left pinned; a crash kernel finds the region as the dead kernel left it, and
# its driver takes over. (Resets and reboots are in test_reset.)

. "$HVCMA_SRC/tests/lib/testbed.sh"

MODE=${HVCMA_MODE:-reusable}

# guest_gone COMMAND: one that does not come back
guest_gone()
{
	GUEST_LIMIT_S=1 guest "$@" 2>/dev/null
	:
}

# in_use KERNEL: the client is served, blocks are held, and it is in the middle of it
in_use()
{
	check "$what: $1: the client is served" guest 'load vcma_bench && bench 08 latency 4194304 3 0 | grep -q "ok=3 "'
	guest '(while :; do bench 08 latency 8388608 100 0; done) >/dev/null 2>&1 &'
	check "$what: $1: memory is pinned" wait_until 5 eval '[ "$(pinned_by_kernel)" -gt 0 ]'
}

# kexec_case SERIES: only amd64 kernels have kexec_file_load
kexec_case()
{
	what="amd64 $1 $MODE"
	set -- "$1" "$(guest_module amd64 "$1" virtio_cma)" "$(guest_module amd64 "$1" vcma_bench)"
	initramfs "$VM_TMP/next" amd64 "$1" virtio_pci "$2" "$3"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" amd64 "$1" virtio_pci "$2" "$3" -- $(guest_programs amd64 kexec) \
		-f "$VM_TMP/next:/next/initramfs" -f "$(kernel_dir amd64 "$1")/vmlinuz:/next/vmlinuz"
	# shellcheck disable=SC2046 # options are words
	VM_MEMORY=768M,maxmem=8G VM_LIMIT_S=240 VM_APPEND=crashkernel=256M \
	vm_start amd64 "$(kernel_dir amd64 "$1")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=$MODE,clients=edu0,unsafe-noiommu=on,x-fabric=on") -device edu,id=edu0,addr=8
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	in_use 'first kernel'
	check "$what: kexec: loaded" guest 'kexec load /next/vmlinuz /next/initramfs "$(cat /proc/cmdline)"'
	guest_gone 'kexec boot'
	check "$what: kexec: the next kernel boots" vm_booted 2 60
	check "$what: kexec: nothing is pinned, no bus master" quiet_again 5
	in_use 'next kernel'
	check "$what: no warning or oops in it" equal 0 "$(guest complaints)"

	monitor system_reset
	check "$what: reset: boots" vm_booted 3 60
	check "$what: reset: nothing is pinned, no bus master" quiet_again 5
	in_use 'kernel that will crash'
	check "$what: crash: crash kernel loaded" guest 'kexec crash /next/vmlinuz /next/initramfs "console=ttyS0 panic=-1"'
	guest_gone 'echo c >/proc/sysrq-trigger'
	check "$what: crash: the crash kernel boots" vm_booted 4 60
	check "$what: crash: its driver finds the region usable" guest 'load vcma_bench && bench 08 latency 1048576 3 0 | grep -q "ok=3 "'
	check "$what: crash: no more is pinned than it holds" equal "$(guest 'cat $(cma_dir)/held_bytes')" "$(pinned_by_kernel)"
	check "$what: crash: then it ends" guest 'rmmod vcma_bench && rmmod virtio_cma'
	check "$what: crash: and nothing is pinned" quiet_again 5
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: QEMU ends well" vm_quit
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
region_hugepages
kexec_case 6.12
tap_end
