#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the guest driver shows: sysfs and its tunables, debugfs, trace events, dynamic debug; and what it
# reports to the host. The file names are part of the driver's contract (docs/ABI, virtio_cma(4)).

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/abi.sh"

export REGION_MIB=256	# whole memory blocks of the guest, as reusable ones need

# value NAME: of a file of the region
value()
{
	guest "cat \$(cma_dir)/$1"
}

value_is()
{
	[ "$(value "$1")" = "$2" ]
}

# every file that docs/ABI names, and no other, with these modes
files_documented()
{
	guest "stat -c '%a %n' /sys/bus/virtio/drivers/virtio_cma/virtio*/vcma/* \
		/sys/module/virtio_cma/parameters/* /sys/kernel/debug/virtio_cma/virtio*/*" |
		sed 's/^4[04][04] /RO /; s/^6[04][04] /RW /; s|/virtio[0-9][0-9]*/|/virtio*/|' | sort >"$VM_TMP/files"
	abi_documented "$HVCMA_SRC" >"$VM_TMP/documented"
	cmp -s "$VM_TMP/files" "$VM_TMP/documented" && return
	note "$(diff "$VM_TMP/documented" "$VM_TMP/files")"
	return 1
}

# nr_ended: allocations of all kinds, as they are counted by kind
nr_ended()
{
	guest 'cd $(cma_dir) && cat nr_coherent_ok nr_coherent_failed nr_bulk_ok nr_bulk_failed nr_user_ok nr_user_failed' | awk '{ n += $1 } END { print n + 0 }'
}

histogram_total()
{
	value alloc_us_log2 | tr ' ' '\n' | awk '{ n += $1 } END { print n + 0, NR }'
}

gave_back()
{
	[ "$(value ready_bytes)" -le "$1" ] && [ "$(value online_bytes)" -ge "$2" ]
}

holds_at_most()
{
	[ "$(value allocated_bytes)" -le "$1" ]
}

# What a large allocation leaves to the pool goes, and what the pool had before stays.
large_case()
{
	check "$what: 64 MiB in one piece are had, and freed" equal ok=1 \
		"$(guest 'edu=/sys/bus/pci/devices/$(edu_pci)/bench; echo latency 67108864 1 0 >$edu; cut -d " " -f 1 $edu')"
	check "$what: freed: 64 MiB are not kept" wait_until 20 holds_at_most $((18 << 20))
	check "$what: freed: they are online again" test "$(value online_bytes)" -ge $((bytes - (18 << 20)))
	check "$what: freed: the run of the pool's size is there" \
		guest 'grep -q " 16777216 4096 cached pool" /sys/kernel/debug/virtio_cma/virtio*/blocks'
}

# What a client's pool has in reserve is the guest's when it is short of memory: all but a granule.
# shrink_case MODE
shrink_case()
{
	guest 'echo 0 >$(cma_dir)/pool_bytes; insmod /modules/vcma_bench.ko; edu=/sys/bus/pci/devices/$(edu_pci)/bench; echo singles 4096 1 1000 >$edu'
	sc_ready=$(value ready_bytes)
	check "$what: in reserve while a client is idle" test "$sc_ready" -ge $((16 << 20))
	[ "$1" = private ] || large_case
	guest 'echo 2 >/proc/sys/vm/drop_caches'
	if [ "$1" = private ]; then
		guest 'sleep 1'
		check "$what: memory of no use to the guest stays in reserve" \
			value_is ready_bytes "$sc_ready"
	else
		check "$what: short of memory: the reserve is back online" \
			wait_until 5 gave_back $((2 << 20)) $((bytes - (2 << 20)))
	fi
	check "$what: what is needed next is had" equal got=8 \
		"$(guest 'edu=/sys/bus/pci/devices/$(edu_pci)/bench; echo singles 1048576 8 5000 >$edu; cut -d " " -f 1 $edu')"
	check "$what: and in reserve again" test "$(value ready_bytes)" -ge $((8 << 20))
	guest 'rmmod vcma_bench'
}

# What the driver says of its decisions if it is asked to (dynamic debug), and only then.
# debug SIGN: + asks, - does so no more
debug()
{
	guest "echo 'module virtio_cma ${1}p' >/proc/dynamic_debug/control"
}

# debug_said TEXT: what is shown; the lines are those of stdin: words of the messages
debug_said()
{
	guest dmesg >"$VM_TMP/dmesg"
	while read -r ds_words; do
		check "$what: $1: says: $ds_words" grep -q "$ds_words" "$VM_TMP/dmesg"
	done
}

debug_case()
{
	check "$what: not asked: it says nothing of its decisions" equal 0 "$(guest "dmesg | grep -c 'source 0 of'")"
	check "$what: dynamic debug" debug +
	guest 'insmod /modules/vcma_bench.ko; edu=/sys/bus/pci/devices/$(edu_pci)/bench; echo map 4096 10 >$edu; echo singles 33554432 1 5000 >$edu; rmmod vcma_bench'
	debug -
	debug_said "a client is bound, maps and allocates" <<-'EOL'
		client 'edu0': CLAIM: 0
		source 0 of coherent memory: region cma0, client 'edu0'
		0x[0-9a-f]*+0x1000 is not mapped as it is: copied
		33554432 bytes: not in the ready pool
		client 'edu0' is quiesced
	EOL
}

# calls FUNCTION: of the kernel, how many a probe has seen
calls()
{
	guest "cat /sys/kernel/tracing/kprobe_profile" | awk -v name="$1" '$1 == name { print $2 }'
}

# What programs have uncached of online memory: x86 allows no second memory type for a page, so its
# linear address has to change, and to be cached again before the page allocator gets it.
uncached_case()
{
	guest 'cd /sys/kernel/tracing && echo 0 >events/virtio_cma/enable && echo p:set_memory_wc set_memory_wc >kprobe_events && echo p:set_memory_wb set_memory_wb >>kprobe_events && echo 1 >events/kprobes/enable'
	guest 'echo 33554432 >$(cma_dir)/user_limit_bytes'
	for uc_verb in buffers bulk; do
		GUEST_LIMIT_S=60 guest vcma_user $uc_verb /dev/vcma/cma0 >"$VM_TMP/results"
		tap_import "$VM_TMP/results" "$what: $uc_verb"
	done
	uc_calls=$(calls set_memory_wc)
	check "$what: uncached: linear addresses have changed" test "${uc_calls:-0}" -gt 0
	check "$what: uncached: and back, each" same_as "$uc_calls" "$(calls set_memory_wb)"
	check "$what: uncached: all is online again" wait_until 20 value_is online_bytes "$bytes"
}

# Requests with a deadline of their own, of memory that is full of files. The provider of this region
# has a run of addresses for any buffer.
late_case()
{
	guest 'cat $(cma_dir)/region_bytes >$(cma_dir)/user_limit_bytes'
	guest "mount -t tmpfs -o size=100% none /mnt && dd if=/dev/zero of=/mnt/all bs=1M count=$((REGION_MIB + 48)) 2>/dev/null"
	lc_before=$(value nr_deadline_missed)
	debug +
	guest vcma_user late /dev/vcma/cma0 $((8 << 20)) 1000 1 20000 >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
	debug -
	debug_said "there is no time" <<-'EOL'
		pages 0x[0-9a-f]*+0x[0-9a-f]*: not isolated: -[A-Z0-9]*
		no block of 8388608 bytes at or below 0xf* for 'vcma_user\[[0-9]*]': -[A-Z0-9]*, [0-9]* tries
	EOL
	check "$what: late: each is counted" value_is nr_deadline_missed $((lc_before + 2))
	guest umount /mnt
}

# observe_case ARCH SERIES MODE [REGION-PROPERTIES]
observe_case()
{
	what="$1 $2 $3"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_selftest)" "$(guest_module "$1" "$2" vcma_bench)" \
		-- -f "$HVCMA_BUILD/guest/$1/bin/vcma_user:/bin/vcma_user"
	# shellcheck disable=SC2046 # options are words
	vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "clients=edu0,unsafe-noiommu=on,x-fabric=on,mode=$3${4-}") \
		-device edu,id=edu0,dma_mask=0xffffffffff
	if ! vm_booted 1 90 || ! guest load virtio_cma; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	bytes=$((REGION_MIB * 1024 * 1024))
	guest 'mount -t debugfs none /sys/kernel/debug; mount -t tracefs none /sys/kernel/tracing'
	guest 'echo 1 >/sys/kernel/tracing/events/virtio_cma/enable; dmesg -c >/dev/null'

	check "$what: files as documented" files_documented
	check "$what: the region and its mode" equal "cma0 $3" "$(value region_name) $(value mode)"
	check "$what: total" value_is region_bytes $bytes
	[ "$3" = private ] && online=0 has_pages=0 || online=$bytes has_pages=1
	check "$what: online" wait_until 5 value_is online_bytes "$online"
	check "$what: nothing allocated" equal "0 0 0" \
		"$(value allocated_bytes) $(value pinned_bytes) $(value user_bytes)"
	check "$what: the client is idle" value_is clients "0 edu0 - idle - - -"

	guest "(exec vcma_user hold /dev/vcma/cma0 2000000) >/tmp/hold 2>&1 </dev/null & echo \$! >/tmp/pid; wait_for 10 grep -q held /tmp/hold"
	check "$what: a program's buffer: allocated and pinned, one granule" equal \
		"2097152 2097152 2097152" \
		"$(value allocated_bytes) $(value pinned_bytes) $(value user_bytes)"
	[ "$3" = private ] || check "$what: a program's buffer: that much less is online" \
		value_is online_bytes $((bytes - 2097152))
	guest 'cat /sys/kernel/debug/virtio_cma/virtio*/granules' >"$VM_TMP/granules"
	check "$what: debugfs: a map of all granules, one is a program's" \
		equal "$((REGION_MIB / 2)) 1" "$(sed 's/^0x[0-9a-f]* //' "$VM_TMP/granules" |
			tr -d '\n' | awk '{ n = length; print n, gsub(/B/, "") }')"
	check "$what: debugfs: the block has its owner's name" \
		guest 'grep -q "2097152 512 cached vcma_user" /sys/kernel/debug/virtio_cma/virtio*/blocks'
	check "$what: the host hears that memory is allocated" \
		wait_until 5 status_is /guest/allocated-bytes 2097152
	guest 'kill $(cat /tmp/pid)'
	check "$what: freed" wait_until 5 value_is allocated_bytes 0
	check "$what: and counted as such" equal "1 0 0 0" \
		"$(value nr_user_ok) $(value nr_user_failed) $(value nr_bulk_ok) $(value nr_coherent_ok)"

	before=$(histogram_total) ended=$(nr_ended)
	# Briefly: the trace has to hold it.
	guest "insmod /modules/vcma_selftest.ko fragmented=1 quick=1 has_pages=$has_pages" >/dev/null
	check "$what: the client is claimed, its memory type told" \
		eval 'value clients | grep -q "^0 edu0 - claimed cached ."'
	check "$what: ready memory" eval '[ "$(value ready_bytes)" -gt 0 ]'
	check "$what: allocations are counted" eval '[ "$(value nr_coherent_ok)" -gt 0 ]'
	after=$(histogram_total)
	check "$what: and timed, each once" equal $(($(nr_ended) - ended)) $((${after% *} - ${before% *}))
	check "$what: in 20 buckets" equal 20 "${after#* }"
	check "$what: tunable: a smaller pool" guest 'echo 4194304 >$(cma_dir)/pool_bytes'
	check "$what: tunable: it is that size" value_is pool_bytes 4194304
	check "$what: tunable: not above the region" \
		eval '! guest "echo $((bytes + 1)) >\$(cma_dir)/pool_bytes 2>/dev/null"'
	check "$what: tunable: the users' limit" guest 'echo 1048576 >$(cma_dir)/user_limit_bytes'
	check "$what: tunable: it is obeyed" eval \
		'! guest "vcma_user hold /dev/vcma/cma0 2000000 >/dev/null"'
	check "$what: tunable: what was refused is counted" value_is nr_user_failed 1
	check "$what: tunable: no nonsense" \
		eval '! guest "echo much >\$(cma_dir)/user_limit_bytes 2>/dev/null"'
	check "$what: tunable: alignment" guest 'echo 4 >$(cma_dir)/max_align_order'
	guest 'rmmod vcma_selftest'
	debug_case
	shrink_case "$3"

	guest 'cat /sys/kernel/tracing/trace' >"$VM_TMP/trace"
	# What is allocated from a region that has pages is mapped without a copy.
	[ $has_pages = 1 ] && direct='direct_map direct_unmap' || direct=''
	for event in alloc_start alloc_finish coherent_alloc coherent_free bounce_map bounce_unmap \
		block_alloc block_free client_state request $direct; do
		check "$what: trace: $event" grep -q "vcma_$event:" "$VM_TMP/trace"
	done
	if [ "$3" = reusable ]; then
		uncached_case
		late_case
	fi
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
rarely observe_case amd64 6.1 private
# Addresses in one run, whatever the memory of this machine is like.
observe_case amd64 6.12 reusable ,x-provider=fake
tap_end
