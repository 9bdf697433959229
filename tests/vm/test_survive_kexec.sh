#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Kernels that follow one another without a reset of the machine: kexec shuts devices down first,
# so nothing may be left pinned; a crash kernel finds the region as the dead kernel left it, and
# its driver takes over, and so does the dump of it. (Resets and reboots are in test_reset.)

. "$HVCMA_SRC/tests/lib/testbed.sh"

MODE=${HVCMA_MODE:-reusable}

# guest_gone COMMAND: one that does not come back
guest_gone()
{
	GUEST_LIMIT_S=1 guest "$@" 2>/dev/null
	:
}

# in_use KERNEL: the client is served, blocks are allocated, and it is in the middle of it
in_use()
{
	check "$what: $1: the client is served" guest 'load vcma_bench && bench 08 latency 2097152 3 0 | grep -q "ok=3 "'
	guest '(while :; do bench 08 latency 8388608 100 0; done) >/dev/null 2>&1 &'
	check "$what: $1: memory is pinned" wait_until 5 eval '[ "$(pinned_by_kernel)" -gt 0 ]'
}

# kexec_boot ARCH SERIES [QEMU-OPTION...]: with the kernel that follows in /next, as in /next
# there: and with a program that loads it. Only amd64 kernels have kexec_file_load, for our own;
# elsewhere Debian's puts the kernel together itself.
kexec_boot()
{
	what="$1 $2 $MODE"
	kb_modules="$(guest_module "$1" "$2" virtio_cma) $(guest_module "$1" "$2" vcma_bench)"
	kb_programs=$(guest_programs "$1" kexec vmcore)
	kb_kexec=
	[ "$1" = amd64 ] || kb_kexec="-t $HVCMA_BUILD/env/kexec-$1"
	# shellcheck disable=SC2086 # names and options are words
	initramfs "$VM_TMP/next" "$1" "$2" virtio_pci $kb_modules -- $kb_programs
	# shellcheck disable=SC2086
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci $kb_modules -- $kb_programs $kb_kexec \
		-f "$VM_TMP/next:/next/initramfs" -f "$(kernel_dir "$1" "$2")/vmlinuz:/next/vmlinuz"
	# shellcheck disable=SC2046 # options are words
	VM_MEMORY=768M,maxmem=8G VM_LIMIT_S=400 \
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=$MODE,clients=edu0,unsafe-noiommu=on,x-fabric=on") -device edu,id=edu0,addr=8
	vm_booted 1 90 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# kexec_case LOAD-COMMAND BOOT-COMMAND
kexec_case()
{
	in_use 'first kernel'
	check "$what: kexec: loaded" guest "$1"
	guest_gone "$2"
	check "$what: kexec: the next kernel boots" vm_booted 2 60
	check "$what: kexec: nothing is pinned, no bus master" quiet_again 5
	in_use 'next kernel'
	check "$what: no warning or oops in it" equal 0 "$(guest complaints)"
}

# marked WORD: how often the dead kernel's part of the region has it
marked()
{
	guest "vmcore $(status /region/base-gpa) $((REGION_MIB << 20)) $1"
}

# crash_case: programs have files in online memory, which the dump has too
crash_case()
{
	monitor system_reset
	check "$what: reset: boots" vm_booted 3 60
	check "$what: reset: nothing is pinned, no bus master" quiet_again 5
	in_use 'kernel that will crash'
	guest 'yes marked-by-a-file | head -c 16777216 >/tmp/file'
	check "$what: crash: crash kernel loaded" guest 'kexec crash /next/vmlinuz /next/initramfs "console=ttyS0 panic=-1"'
	guest_gone 'echo c >/proc/sysrq-trigger'
	check "$what: crash: the crash kernel boots" vm_booted 4 60
	check "$what: crash: the dump has the file that was in online memory" test "$(marked marked-by-a-file)" -gt 100000
	check "$what: crash: and nothing that was not there" equal 0 "$(marked marked-by-nobody)"
	check "$what: crash: its driver finds the region usable" guest 'load vcma_bench && bench 08 latency 1048576 3 0 | grep -q "ok=3 "'
	check "$what: crash: no more is pinned than is allocated" equal "$(guest 'cat $(cma_dir)/allocated_bytes')" "$(pinned_by_kernel)"
	check "$what: crash: no warning or oops in it" equal 0 "$(guest complaints)"
	check "$what: crash: then it ends" guest 'rmmod vcma_bench && rmmod virtio_cma'
	check "$what: crash: and nothing is pinned" quiet_again 5
}

kexec_end()
{
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: QEMU ends well" vm_quit
}

REGION_MIB=128
region_hugepages
if VM_APPEND=crashkernel=256M kexec_boot amd64 6.12; then
	kexec_case 'kexec load /next/vmlinuz /next/initramfs "$(cat /proc/cmdline)"' 'kexec boot'
	crash_case
	kexec_end
fi
if kexec_boot arm64 6.12; then
	kexec_case '/sbin/kexec --load --reuse-cmdline --initrd=/next/initramfs /next/vmlinuz' '/sbin/kexec --exec'
	kexec_end
fi
tap_end
