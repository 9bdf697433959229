#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the kernel refuses to take back as it was: pages of a reusable region that were uncached, and can't be
# made cacheable again, are no longer anybody's. And who may not have memory gets no records of it.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as a reusable region needs
FILE=/dev/vcma/cma0
INJECT=/sys/module/vcma_inject/parameters

mem_total()
{
	guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo"
}

mem_total_is()
{
	[ "$(mem_total)" -eq "$1" ]
}

# leak_boot ARCH SERIES
leak_boot()
{
	what="$1 $2"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_inject)" -- $(guest_programs "$1" vcma_user dma_heap)
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 mode=reusable)
	vm_booted 1 90 && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# records_case FUNCTION: that gets them
records_case()
{
	guest "load virtio_pci >/dev/null; insmod /modules/vcma_inject.ko functions=p:$1 && load virtio_cma && wait_for 20 test -c $FILE"
	guest 'echo 0 >$(cma_dir)/user_limit_bytes'
	before=$(guest "cat $INJECT/nr_places")
	guest "vcma_user bulk $FILE" >/dev/null
	check "$what: over the limit: nothing was got for its records" same_as "$before" "$(guest "cat $INJECT/nr_places")"
	guest 'cat $(cma_dir)/region_bytes >$(cma_dir)/user_limit_bytes'
	guest "vcma_user each $FILE" >/dev/null
	check "$what: below it: that would have been seen" [ "$(guest "cat $INJECT/nr_places")" -gt "$before" ]
	guest 'rmmod virtio_cma; rmmod vcma_inject'
}

lost_case()
{
	guest "insmod /modules/vcma_inject.ko functions=i:set_memory_wb && load virtio_cma && wait_for 20 test -c $FILE"
	online_total=$(mem_total)
	guest "vcma_user each $FILE"
	check "$what: uncached, and back: all is online again" wait_until 20 mem_total_is "$online_total"
	guest "echo 1 >$INJECT/fail; vcma_user each $FILE"
	check "$what: once the kernel refuses" equal set_memory_wb "$(guest "cat $INJECT/failed")"
	guest 'dmesg | grep "made cacheable again, and is leaked"' | sed -n 's/.*: memory 0x[0-9a-f]*+\(0x[0-9a-f]*\) of .*/\1/p' >"$VM_TMP/lost"
	lost=$(($(head -n 1 "$VM_TMP/lost")))
	check "$what: it is said how much is leaked" [ $lost -gt 0 ]
	check "$what: so much is not the guest's any more" wait_until 20 mem_total_is $((online_total - lost / 1024))
	guest "vcma_user each $FILE"
	check "$what: all else comes and goes as before" wait_until 20 mem_total_is $((online_total - lost / 1024))
	guest "rmmod virtio_cma"
	check "$what: unloaded: the memory stays, and why" \
		guest 'dmesg | grep -q "memory in use at .* (not movable): all of .* stays RAM"'
	check "$what: loaded again: its memory is used again" guest "load virtio_cma && wait_for 20 test -c $FILE"
	guest "vcma_user each $FILE"
	check "$what: loaded again: all but what is leaked" wait_until 20 mem_total_is $((online_total - lost / 1024))
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
leak_boot amd64 6.12 || tap_end
records_case __kvmalloc_node_noprof
lost_case
tap_end
