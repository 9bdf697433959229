#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Every place of the guest driver that calls what can fail sees it fail once, from its load to its
# removal: the driver comes up or doesn't, a client is served or isn't, a program gets its buffer or
# not, and it always goes away again with nothing left in the guest or on the host. One life shows
# the places; then it is lived once more for each of them.

. "$HVCMA_SRC/tests/lib/testbed.sh"

failed=/sys/module/vcma_inject/parameters/failed

# functions SERIES MODE: what the driver calls there and can fail, as KIND:NAME (tests/guest/inject.c)
functions()
{
	echo i:alloc_chrdev_region p:alloc_workqueue p:bitmap_zalloc i:bus_register_notifier \
		i:cdev_device_add i:dev_set_name p:device_link_add e:dma_buf_export \
		i:gen_pool_add_owner p:gen_pool_create i:get_unused_fd_flags i:ida_alloc_range \
		p:kstrdup i:register_pm_notifier i:sg_alloc_table i:virtqueue_add_inbuf i:virtqueue_add_sgs \
		i:vp_modern_find_vqs i:__xa_insert x:xa_store
	case $1 in
	6.1) echo p:__kmalloc p:kmalloc_trace p:kmem_cache_alloc p:kmem_cache_create p:kmemdup \
		p:kvmalloc_node i:__class_register i:register_virtio_driver ;;
	*) echo p:__kmalloc_noprof p:__kmalloc_cache_noprof p:kmem_cache_alloc_noprof \
		p:__kmem_cache_create_args p:kmemdup_noprof p:__kvmalloc_node_noprof \
		i:class_register i:__register_virtio_driver ;;
	esac
	case $2-$1 in
	private-*) echo p:memremap p:__request_region ;;
	reusable-*) echo i:add_memory_driver_managed i:dma_map_sgtable e:filp_open i:kernel_write \
		i:memory_group_register_static b:offline_and_remove_memory \
		i:register_memory_notifier p:vmap ;;
	esac
	case $2-$1 in
	reusable-6.1) echo p:__alloc_pages b:alloc_contig_range i:register_shrinker ;;
	reusable-*) echo p:__alloc_pages_noprof b:alloc_contig_range_noprof p:shrinker_alloc ;;
	esac
}

# What the guest runs once per failure, whatever comes of it; returns 1 if a module stays.
life()
{
	cat <<-'END'
	#!/bin/sh
	# life NUMBER: with that place failing
	echo "$1" >/sys/module/vcma_inject/parameters/fail
	. /helpers.sh
	exec 2>/dev/null
	load_with virtio_cma pool_bytes=4194304
	insmod /modules/vcma_bench.ko
	client=$(ls -d /sys/bus/pci/devices/*/bench | head -n 1)
	for command in 'latency 4096 2 0' 'latency 4194304 2 0' 'map 4096 10' \
		'direct 65536 2' 'bulk 65536 40'; do
		echo "$command" >$client
	done
	vcma_user each /dev/vcma/cma0 >/dev/null
	rmmod vcma_bench
	insmod /modules/vcma_import.ko
	for device in 0 1; do	# a client, and one that is none
		vcma_user import /dev/vcma/cma0 $device 0 >/dev/null
	done
	rmmod vcma_import
	rmmod virtio_cma
	! grep -E '^(virtio_cma|vcma_bench|vcma_import) ' /proc/modules
	END
}

# is_called LIST: has each of the functions been one that failed?
is_called()
{
	tr ' ' '\n' <"$1" | sed 's/^.://' | sort -u >"$VM_TMP/wanted"
	sort -u "$VM_TMP/failed" | comm -23 "$VM_TMP/wanted" - >"$VM_TMP/missing"
	[ ! -s "$VM_TMP/missing" ] && return
	note "not called: $(tr '\n' ' ' <"$VM_TMP/missing")"
	return 1
}

# kernel_complaints: but for that of dma_buf_vmap(), which finds any failure worth a warning, and of DMA-API: vcma_bench
# maps what it has as coherent memory
kernel_complaints()
{
	guest 'dmesg; echo end' >"$VM_TMP/said"
	grep -E 'WARNING:|BUG:|Oops|^end$' "$VM_TMP/said" | grep -vE ' (dma_buf_vmap|add_dma_entry)\+'
}

# lives PLACES: each of them fails once. What is done in the background is not done in every life: twice, then.
lives()
{
	for li_nr in $(seq "$1"); do
		guest "for try in 1 2; do sh /life $li_nr || { echo 'place $li_nr: stays'; break; }; [ -z \"\$(cat $failed)\" ] || break; done; cat $failed" ||
			return
	done
}

# inject_case ARCH SERIES MODE
inject_case()
{
	what="$1 $2 $3"
	life >"$VM_TMP/life"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_bench)" "$(guest_module "$1" "$2" vcma_import)" \
		"$(guest_module "$1" "$2" vcma_inject)" -- -f "$VM_TMP/life:/life" \
		$(guest_programs "$1" vcma_user)
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=1000 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=$3,clients=edu0") -device edu,id=edu0,dma_mask=0xffffffffff \
		-device edu,id=edu1,dma_mask=0xffffffffff
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	functions "$2" "$3" | tr '\n' ' ' >"$VM_TMP/functions"
	# Some of them may be in modules.
	if ! guest "load virtio_pci >/dev/null; insmod /modules/vcma_inject.ko functions=$(sed 's/ $//; s/ /,/g' "$VM_TMP/functions")"; then
		note "$(guest 'dmesg | grep vcma_inject')"
		tap_result 1 "$what: all functions are there to be watched"
		return
	fi
	instruments_expect 'WARNING: .* (dma_buf_vmap|add_dma_entry)\+' 'DMA-API: vcma_bench .* cacheline tracking EEXIST'
	guest 'sh /life 0; cat /sys/module/vcma_inject/parameters/nr_places' >"$VM_TMP/places"
	places=$(tail -n 1 "$VM_TMP/places")
	note "$what: $places places that call $(wc -w <"$VM_TMP/functions") functions"
	lives "$places" >"$VM_TMP/failed"
	sort "$VM_TMP/failed" | uniq -c | sed 's/^ */# failed /'
	check "$what: each has failed once" same_as "$places" "$(grep -c . "$VM_TMP/failed")"
	check "$what: none of the functions is missing" is_called "$VM_TMP/functions"
	check "$what: the modules went away each time" eval '! grep -E "stays|^vcma_|^virtio_cma" "$VM_TMP/failed"'
	check "$what: no warning or oops in the guest" equal end "$(kernel_complaints)"
	check "$what: nothing is pinned, no bus master" quiet_again 5
	check "$what: without failures the client is served" guest 'dmesg -c >/dev/null; sh /life 0; dmesg | grep -q "client .edu0."'
	check "$what: QEMU ends well" vm_quit
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
region_hugepages
for case in ${HVCMA_INJECT_CASES:-amd64/6.1/private}; do
	# shellcheck disable=SC2046 # three words
	inject_case $(echo "$case" | tr / ' ')
done
tap_end
