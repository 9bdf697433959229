#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A region for programs that know the kernel's dma-heaps: /dev/dma_heap/NAME, whether that kernel has
# heaps or not. What the program does (tests/lib/guest/dma_heap.c) is done to the kernel's own heap, too,
# where there is one. Limits of single users; counters as CMA has them.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
HEAP=/dev/dma_heap/banka
MIB=$((1 << 20))

# program WHAT ARGUMENT...: its results become ours
program()
{
	pr_what=$1
	shift
	guest "dma_heap $*" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: $pr_what"
}

counter()
{
	guest "cat \$(cma_dir)/$1"
}

is_back()
{
	[ "$(counter user_bytes)" -eq 0 ]
}

# counted NAME BEFORE PAGES
counted()
{
	equal $(($2 + $3)) "$(counter "$1")"
}

# As those of /sys/kernel/mm/cma/NAME: pages asked for, had, and freed.
counters_case()
{
	ok=$(counter alloc_pages_success) failed=$(counter alloc_pages_fail) freed=$(counter release_pages_success)
	check "$what: total_pages" equal $((REGION_MIB * 256)) "$(counter total_pages)"
	check "$what: available_pages: all of them" equal $((REGION_MIB * 256)) "$(counter available_pages)"
	guest "exec 9<$HEAP; dma_heap take $HEAP $((3 * MIB))"
	check "$what: a buffer of 3 MiB: alloc_pages_success" counted alloc_pages_success "$ok" 768
	check "$what: it is back" wait_until 5 is_back
	check "$what: release_pages_success" counted release_pages_success "$freed" 768
	guest "echo $MIB >\$(cma_dir)/user_limit_bytes; dma_heap take $HEAP $((3 * MIB))"
	check "$what: over the limit: the program's error is EDQUOT" equal 122 $?
	check "$what: alloc_pages_fail" counted alloc_pages_fail "$failed" 768
	check "$what: nothing else is counted" counted alloc_pages_success "$ok" 768
}

limits_case()
{
	guest 'echo 8388608 >$(cma_dir)/user_limit_each_bytes; echo 12582912 >$(cma_dir)/user_limit_bytes'
	check "$what: a limit over the region is refused" guest '! echo 1000000000 2>/dev/null >$(cma_dir)/user_limit_each_bytes'
	check "$what: so is what is no number" guest '! echo many 2>/dev/null >$(cma_dir)/user_limit_each_bytes'
	program limits users $HEAP 8388608 12582912
	check "$what: all is back" wait_until 5 is_back
}

# heap_case ARCH SERIES MODE
heap_case()
{
	what="$1 $2, $3"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		-- $(guest_programs "$1" dma_heap)
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=port0,chassis=1 \
		$(region_options cma0 "name=banka,mode=$3,bus=port0")
	if ! vm_booted 1 90 || ! guest load virtio_cma || ! guest wait_for 20 test -c $HEAP; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	check "$what: the file is root's alone" equal crw------- "$(guest "ls -l $HEAP" | cut -c 1-10)"
	program "our heap" check $HEAP
	if guest test -c /dev/dma_heap/system; then
		program "the kernel's heap" check /dev/dma_heap/system
	fi
	check "$what: all is back" wait_until 5 is_back
	counters_case
	limits_case
	guest "(exec 9<$HEAP; sleep 600) >/dev/null 2>&1 &"
	check "$what: with the file open the module stays" guest '! rmmod virtio_cma 2>/dev/null'
	monitor device_del cma0
	check "$what: the region goes nevertheless" wait_until 30 unplugged
	check "$what: and its file" guest "wait_for 5 test ! -e $HEAP"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
heap_case amd64 6.12 reusable
rarely heap_case amd64 6.1 private
heap_case arm64 6.12 private
tap_end
