#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# Guests in need: pages pinned the ways programs pin them, and memory filled to the last page,
# while a client allocates. An allocation succeeds or fails, soon, and says nothing in the log;
# nobody else pays for it.

. "$HVCMA_SRC/tests/lib/testbed.sh"

MODE=${HVCMA_MODE:-reusable}

# got RESULT COUNT: all allocations of a latency command came
got()
{
	case $1 in *"ok=$2 failed=0 "*) return ;; esac
	note "$1"
	return 1
}

# answered RESULT COUNT: each of them came or failed
answered()
{
	note "$1"
	[ "$(echo "$1" | awk -F '[ =]' '{ print $2 + $4 }')" = "$2" ]
}

# quiet_log: nothing was found there; or says what
quiet_log()
{
	[ ! -s "$VM_TMP/dumps" ] && return
	note "$(head -n 40 "$VM_TMP/dumps")"
	return 1
}

# late SECONDS RESULT: the one allocation failed, and that soon
# shellcheck disable=SC2154 # vm_slow: vm_start
late()
{
	note "$2"
	case $2 in "ok=0 failed=1 "*) ;; *) return 1 ;; esac
	[ "$(echo "$2" | awk -F '[ =]' '{ print $18 - $16 }')" -lt $(($1 * vm_slow * 1000000000)) ]
}

# nr_migrated: pages that the guest's kernel has moved since it started
nr_migrated()
{
	guest 'sed -n "s/^pgmigrate_success //p" /proc/vmstat'
}

# late_case: the region is full of page cache, for which there is room elsewhere, but no time
late_case()
{
	guest "mount -t tmpfs -o size=100% none /mnt && dd if=/dev/zero of=/mnt/all bs=1M count=$((REGION_MIB + 48)) 2>/dev/null"
	lc_before=$(nr_migrated)
	check "$what: nothing to be moved: 64 MiB fails within a second" late 1 "$(guest bench 08 latency_fast 67108864 1 0)"
	check "$what: nothing to be moved: and nothing was" same_as "$lc_before" "$(nr_migrated)"
	lc_before=$(guest 'cat $(cma_dir)/nr_deadline_missed')
	guest 'echo 1 >/sys/module/virtio_cma/parameters/alloc_timeout_ms'
	check "$what: no time: 64 MiB fails within a second" late 1 "$(guest bench 08 latency 67108864 1 0)"
	check "$what: no time: it is counted, once" equal $((lc_before + 1)) "$(guest 'cat $(cma_dir)/nr_deadline_missed')"
	guest 'echo 10000 >/sys/module/virtio_cma/parameters/alloc_timeout_ms'
	lc_before=$(nr_migrated)
	check "$what: with time: 64 MiB" got "$(guest bench 08 latency 67108864 1 0)" 1
	check "$what: with time: what was there has been moved" test "$(nr_migrated)" -gt "$lc_before"
	guest umount /mnt
}

# pinned_case NAME TEST ARGUMENT...: allocations while "pin ARGUMENT..." runs, and a test(1) of how many
# of the pages it pins lie in the region
pinned_case()
{
	pc_name=$1 pc_inside=$2
	shift 2
	guest "background /tmp/pin pin $* $region; echo \$last >/tmp/pin.pid" >"$VM_TMP/pin"
	note "$what: $pc_name: $(cat "$VM_TMP/pin")"
	# shellcheck disable=SC2086 # operator and number
	check "$what: $pc_name: pinned pages in the region $pc_inside" \
		test "$(sed -n 's/.*inside=//p' "$VM_TMP/pin")" $pc_inside
	check "$what: $pc_name: 2 MiB, 30 times" got "$(guest bench 08 latency 2097152 30 0)" 30
	check "$what: $pc_name: 16 MiB, 10 times" got "$(guest bench 08 latency 16777216 10 1000)" 10
	check "$what: $pc_name: it was pinning all the while" guest 'kill $(cat /tmp/pin.pid)'
}

# memory_case ARCH SERIES
memory_case()
{
	what="$1 $2 $MODE"
	data_disk "$VM_TMP/disk" 64
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci virtio_blk crc32c_generic ext4 \
		"$(guest_module "$1" "$2" virtio_cma)" "$(guest_module "$1" "$2" vcma_bench)" \
		-- $(guest_programs "$1" hog pin)
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=$MODE,clients=edu0") -device edu,id=edu0,addr=8 \
		$(data_disk_options "$VM_TMP/disk" addr=0x10)
	if ! vm_booted 1 90 || ! guest 'data_mount && load vcma_bench'; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	# shellcheck disable=SC2034 # for guest
	GUEST_LIMIT_S=60
	source=$(guest 'dd if=/dev/urandom of=/tmp/file bs=1M count=48 2>/dev/null; md5sum </tmp/file')
	region=$(guest 'cat $(cma_dir)/region_base_gpa'):$REGION_MIB
	pinned_case O_DIRECT '-gt 0' direct /data/file 8
	pinned_case vmsplice '-gt 0' splice 8
	# For good: the kernel moves them out of movable memory first.
	pinned_case io_uring '-eq 0' uring 8
	late_case

	# Not one page can be reclaimed any more but a few MiB that the kernel keeps back. KASAN keeps
	# what was freed for a while, too, up to a thirty-second of memory.
	room_mib=8
	# shellcheck disable=SC2154 # vm_instruments: vm_start
	[ "$vm_instruments" != checked ] || room_mib=56
	guest '(while :; do sleep 1; done) & echo $! >/tmp/innocent.pid'
	guest 'background /tmp/hog hog $(($(meminfo_mib MemAvailable) - '$room_mib')); echo $last >/tmp/hog.pid; echo 1000 >/proc/$last/oom_score_adj' >/dev/null
	note "$what: full: $(guest 'grep -E "MemFree|MemAvailable|AnonPages" /proc/meminfo' | tr -s ' \n' ' ')"
	check "$what: full: 4 KiB" answered "$(guest bench 08 latency 4096 100 0)" 100
	check "$what: full: 2 MiB" answered "$(guest bench 08 latency 2097152 20 1000)" 20
	check "$what: full: 64 MiB" answered "$(guest bench 08 latency 67108864 3 1000)" 3
	guest 'dmesg | grep -A 30 -E "page allocation failure|Out of memory"' >"$VM_TMP/dumps"
	check "$what: full: nothing in the log" quiet_log
	check "$what: full: what filled it still runs" guest 'kill -0 $(cat /tmp/hog.pid)'
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"

	# Beyond the last page: the kernel kills the one it is told to prefer, nobody else.
	guest '(sh -c "echo 1000 >/proc/self/oom_score_adj; exec hog 4096") >/dev/null 2>&1 & for i in 1 2 3 4 5 6; do bench 08 latency 16777216 2 1000; done' | sed 's/^/# overfull: /'
	guest 'wait_for 30 eval "! pidof hog >/dev/null" || kill -9 $(pidof hog)'
	check "$what: overfull: a hog was killed" guest 'dmesg | grep -q "Killed process .*(hog)"'
	if [ "$vm_instruments" = checked ]; then
		tap_skip "$what: overfull: none but hogs are killed" "KASAN has what they had"
	else
		check "$what: overfull: none but hogs are killed" equal '' \
			"$(guest 'dmesg | grep -E "Killed process" | grep -v "(hog)"')"
	fi
	check "$what: overfull: an innocent process lives" guest 'kill $(cat /tmp/innocent.pid)'
	check "$what: afterwards: 64 MiB" got "$(guest bench 08 latency 67108864 3 1000)" 3
	check "$what: files in memory are what they were" same_as "$source" "$(guest 'md5sum </tmp/file')"
	check "$what: the module unloads" guest 'rmmod vcma_bench && rmmod virtio_cma'
	check "$what: then nothing is pinned" quiet_again 5
	check "$what: QEMU ends well" vm_quit
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=256
region_hugepages
for kernel in $(vm_kernels amd64/6.12 arm64/6.1); do
	memory_case "${kernel%/*}" "${kernel#*/}"
done
tap_end
