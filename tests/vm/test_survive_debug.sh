#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The checks for memory corruption that stock kernels can switch on, and a client's whole life
# under them: slub_debug (red zones, poison, owners), page_poison and init_on_free (pages that
# were freed are not written to), KFENCE where there is one. They report as BUG. And the
# driver's own: built with VCMA_DEBUG it checks its invariants after every change, and warns.

. "$HVCMA_SRC/tests/lib/testbed.sh"

MODE=${HVCMA_MODE:-reusable}
DEBUG='slub_debug=FZPU page_poison=1 init_on_free=1 kfence.sample_interval=5'

# offered SERIES ARCH: what of that the kernel was built with
offered()
{
	sed -n 's/^CONFIG_\(SLUB_DEBUG\|PAGE_POISONING\|KFENCE\|DEBUG_LIST\|PAGE_OWNER\|DEBUG_PAGEALLOC\|DMA_API_DEBUG\|LOCKDEP\|PROVE_LOCKING\|KASAN\|FAULT_INJECTION\)=y/\1/p' \
		"$(kernel_dir "$2" "$1")/headers/.config" | tr '\n' ' '
}

# debug_case ARCH SERIES [BUILD]: with that build of the driver
debug_case()
{
	what="$1 $2 $MODE${3:+ ($3)}"
	note "$what: the kernel offers $(offered "$2" "$1")"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2${3:+/$3}" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_selftest)" "$(guest_module "$1" "$2" vcma_bulk)" \
		-- -f "$HVCMA_BUILD/guest/$1/bin/vcma_user:/bin/vcma_user"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 VM_APPEND=$DEBUG vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=$MODE,clients=edu0") -device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	check "$what: the checks are on" guest 'cat /proc/cmdline | grep -q page_poison && [ "$(cat /sys/kernel/slab/kmalloc-64/red_zone)" = 1 ]'
	[ "$MODE" = reusable ] && has_pages=1 || has_pages=0
	GUEST_LIMIT_S=150 guest selftest guest_physical=1 has_pages=$has_pages region_mib=$REGION_MIB >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	GUEST_LIMIT_S=60 guest "insmod /modules/vcma_bulk.ko count=500 fits=500 online=$has_pages; dmesg | sed -n 's/.*vcma_bulk: //p'; rmmod vcma_bulk" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: bulk"
	guest 'echo 33554432 >$(cma_dir)/user_limit_bytes'
	for dc_verb in buffers bulk; do
		GUEST_LIMIT_S=60 guest vcma_user $dc_verb /dev/vcma/cma0 >"$VM_TMP/results"
		tap_import "$VM_TMP/results" "$what: program: $dc_verb"
	done
	check "$what: unloaded" guest rmmod virtio_cma
	check "$what: loaded again, and unloaded" guest 'load virtio_cma && sleep 1 && rmmod virtio_cma'
	# What was written after it was freed is noticed when it is used again.
	guest 'dd if=/dev/zero of=/tmp/all bs=1M count=$(($(meminfo_mib MemAvailable) / 2)) 2>/dev/null; rm /tmp/all'
	# What drivers leave mapped, as some of these do, DMA-API debugging says: vm_quit judges that where it is on.
	check "$what: no corruption, warning or oops" equal 0 \
		"$(guest 'dmesg | grep -v "WARNING: .* at kernel/dma/debug\.c" | grep -cE "BUG|KFENCE: .*(use-after|out-of|invalid)|Poison overwritten|Redzone|pagealloc:|list_(add|del) corruption|WARNING:|Oops"')"
	check "$what: nothing is pinned" quiet_again 5
	check "$what: QEMU ends well" vm_quit
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
region_hugepages
for kernel in $(vm_kernels arm64/6.12 rarely amd64/6.1); do
	case $kernel in arm64/6.12) build=debug ;; *) build= ;; esac
	debug_case "${kernel%/*}" "${kernel#*/}" $build
done
tap_end
