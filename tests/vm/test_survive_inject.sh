#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every call of the guest driver that can fail for want of memory does fail once, from its load to
# its removal: the driver comes up or doesn't, a client is served or isn't, and it always goes
# away again with nothing left in the guest or on the host. Calls are counted first; then the
# same life is lived once for each of them.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# KIND:NAME as of tests/guest/inject.c; names of both kernels, each takes those it has.
FUNCTIONS=p:kmalloc_trace,p:__kmalloc_cache_noprof,p:__kmalloc,p:__kmalloc_noprof,p:kvmalloc_node,p:__kvmalloc_node_noprof
FUNCTIONS=$FUNCTIONS,p:kmemdup,p:kmemdup_noprof,p:kstrdup,p:kasprintf,p:vmalloc,p:vmalloc_noprof,p:vmap,p:memremap
FUNCTIONS=$FUNCTIONS,p:__alloc_pages,p:__alloc_pages_noprof,p:alloc_pages_noprof,p:alloc_workqueue,p:alloc_workqueue_noprof
FUNCTIONS=$FUNCTIONS,p:gen_pool_create,i:gen_pool_add_owner,p:device_link_add,i:__xa_insert,x:xa_store,p:__request_region
FUNCTIONS=$FUNCTIONS,i:virtqueue_add_sgs,i:virtqueue_add_inbuf,i:add_memory_driver_managed,i:alloc_contig_range,b:alloc_contig_range_noprof

# What the guest runs once per failure; prints what matters, returns 1 if the module stays.
life()
{
	cat <<-'END'
	#!/bin/sh
	# life NUMBER: with that call failing
	echo "$1" >/sys/module/vcma_inject/parameters/fail
	. /helpers.sh
	load_with virtio_cma pool_bytes=4194304
	insmod /modules/vcma_bench.ko
	for b in /sys/bus/pci/devices/*/bench; do
		for command in 'latency 4096 2 0' 'latency 4194304 2 0' 'map 4096 10'; do
			echo "$command" >$b
		done
	done 2>/dev/null
	rmmod vcma_bench && rmmod virtio_cma
	END
}

# inject_case ARCH SERIES MODE
inject_case()
{
	what="$1 $2 $3"
	life >"$VM_TMP/life"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_bench)" "$(guest_module "$1" "$2" vcma_inject)" -- \
		-f "$VM_TMP/life:/life"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=280 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=$3,clients=edu0") -device edu,id=edu0
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest "insmod /modules/vcma_inject.ko functions=$FUNCTIONS"
	guest 'sh /life 0; cat /sys/module/vcma_inject/parameters/calls' >"$VM_TMP/calls"
	calls=$(tail -n 1 "$VM_TMP/calls")
	note "$what: $calls calls of $(guest 'cat /sys/module/vcma_inject/parameters/nr_probes') functions"
	check "$what: the driver makes calls that can fail" test "${calls:-0}" -gt 20
	GUEST_LIMIT_S=200 guest "nr=0; while [ \$nr -lt $calls ]; do nr=\$((nr + 1)); sh /life \$nr 2>/dev/null || { echo \"call \$nr: stays loaded\"; break; }; cat /sys/module/vcma_inject/parameters/failed; done" >"$VM_TMP/failed"
	sort "$VM_TMP/failed" | uniq -c | sed 's/^ */# failed /'
	check "$what: each has failed, and the modules went away each time" equal "$calls" "$(grep -cv loaded "$VM_TMP/failed")"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: nothing is pinned, no bus master" quiet_again 5
	check "$what: without failures the client is served" guest 'sh /life 0; dmesg | tail -n 30 | grep -q "client .edu0."'
	check "$what: QEMU ends well" vm_quit
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
region_hugepages
inject_case arm64 6.12 reusable
inject_case amd64 6.1 private
tap_end
