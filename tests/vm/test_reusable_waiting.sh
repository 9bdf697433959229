#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Pages of a reusable region that are under I/O which never ends: a FUSE server does not answer, and the
# programs that read its files wait. Who wants the memory is told in time, gets what else there is, and
# all of it once the server is dead.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as reusable ones need
HEAP=/dev/dma_heap/cma0
GRANULE=$((2 << 20))
FILL_BYTES=$((24 << 20))
LARGE=$((8 << 20))	# than blocks of the page allocator: without the kernel's call it can't be had
LIMIT_MS=12000		# alloc_timeout_ms and some

# waiting_boot ARCH SERIES
waiting_boot()
{
	what="$1 $2"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" fuse \
		"$(guest_module "$1" "$2" vcma_hang)" "$(guest_module "$1" "$2" vcma_reuse)" \
		-- $(guest_programs "$1" dma_heap mute)
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=port0,chassis=1 \
		$(region_options cma0 mode=reusable,bus=port0)
	vm_booted 1 90 && guest "load virtio_cma; test -e /dev/fuse || load fuse" && guest wait_for 20 test -c $HEAP && return
	tap_result 1 "$what: the guest boots"
	return 1
}

limit_all()
{
	guest 'cat $(cma_dir)/region_bytes >$(cma_dir)/user_limit_bytes'
}

# fills NAME [BYTES]: of 24 MiB as many granules, or pieces of that size, as can be had; sets $got and $slowest_ms.
# Of one that is late the guest keeps where in the kernel it waits.
fills()
{
	bytes=${2-$GRANULE}
	late='sleep 100; for pid in $(pidof dma_heap); do echo "pid $pid"; cat /proc/$pid/stack; done; dmesg | tail -n 20'
	GUEST_LIMIT_S=200 guest "($late) >/tmp/late 2>/dev/null & dma_heap fill $HEAP $bytes $((FILL_BYTES / bytes)); kill \$!" >"$VM_TMP/fill"
	read -r got slowest_ms <"$VM_TMP/fill" || {
		got=0 slowest_ms=-1
		note "$(guest cat /tmp/late)"
	}
	note "$what: $1: $got of $bytes bytes, the slowest took $slowest_ms ms"
}

ended_in_time()
{
	[ "$slowest_ms" -ge 0 ] && [ "$slowest_ms" -lt $LIMIT_MS ]
}

# is_pinned_down: the log says that memory stays
memory_stays()
{
	guest 'dmesg | grep -q "memory in use at .* stays RAM of this guest"'
}

seconds()
{
	se_begin=$(date +%s)
	"$@"
	se_status=$?
	note "$what: $(($(date +%s) - se_begin)) s for: $*"
	return $se_status
}

# The driver looks at what is online while an allocation has not got its pages yet; it gets none, and nothing
# else changes after that.
failed_case()
{
	limit_all
	all=$((REGION_MIB << 20))
	check "$what: nothing is allocated: all is online" wait_until 20 status_is /counters/online-bytes $all
	guest 'insmod /modules/vcma_hang.ko function=vcma_isolate_pages'
	guest "(insmod /modules/vcma_reuse.ko test=alloc mib=2 block_mib=2; echo >/tmp/taken) >/dev/null 2>&1 &"
	check "$what: an allocation is under way" guest 'wait_for 10 grep -q Y /sys/module/vcma_hang/parameters/hangs'
	check "$what: others come and go" guest "dma_heap fill $HEAP $GRANULE 12"
	check "$what: the host takes the first one's memory for not online" \
		wait_until 30 status_is /counters/online-bytes $((all - GRANULE))
	guest rmmod vcma_hang
	check "$what: it has failed" guest 'wait_for 10 test -e /tmp/taken && dmesg | grep -q "vcma_reuse: not ok"'
	check "$what: it has failed: the host knows that all is online" \
		wait_until 20 status_is /counters/online-bytes $all
	guest 'rmmod vcma_reuse 2>/dev/null'
}

mute_case()
{
	limit_all
	fills "before"
	check "$what: before: all of them" equal 12 "$got"
	guest 'background /tmp/mute mute 40 1' >"$VM_TMP/mute"
	check "$what: a server is asked, and does not answer" grep -q '^mute [0-9]' "$VM_TMP/mute"
	server=$(sed -n 's/^mute //p' "$VM_TMP/mute")

	guest "(dma_heap fill $HEAP $GRANULE 12 >/tmp/other) >/dev/null 2>&1 &"
	fills "pages under I/O, beside another"
	check "$what: pages under I/O: each allocation ends in time" ended_in_time
	check "$what: pages under I/O: some is had" [ "$got" -gt 0 ]
	check "$what: pages under I/O: the other one ends, too" guest "wait_for 150 test -s /tmp/other"
	slowest_ms=$(guest 'cut -d" " -f2 /tmp/other')
	check "$what: pages under I/O: in time" ended_in_time

	cma=$(guest 'basename $(readlink -f /sys/bus/virtio/drivers/virtio_cma/virtio*)')
	check "$what: pages under I/O: unbinding ends" \
		seconds guest "echo $cma >/tmp/cma; timeout 40 sh -c 'echo \$(cat /tmp/cma) >/sys/bus/virtio/drivers/virtio_cma/unbind'"
	check "$what: pages under I/O: the memory stays the guest's, and it says so" memory_stays
	guest "dmesg -c >>/tmp/dmesg; echo $cma >/sys/bus/virtio/drivers/virtio_cma/bind; wait_for 20 test -c $HEAP"
	wait_until 20 status_is /counters/orphaned-bytes 0
	monitor device_del cma0
	check "$what: pages under I/O: unplugging ends" \
		guest 'wait_for 20 eval "dmesg | grep -q \"memory in use at .* stays RAM\""'
	check "$what: pages under I/O: it is plugged in again" \
		guest 'wait_for 40 eval "dmesg | grep -c \"uses its orphaned memory\" | grep -q 2"'
	guest "wait_for 20 test -c $HEAP"

	guest "kill -9 $server"
	limit_all
	fills "the server is dead"
	check "$what: the server is dead: all of them again" equal 12 "$got"
	check "$what: the server is dead: none took long" [ "$slowest_ms" -lt 3000 ]
}

# The page comes under I/O between the look and the kernel's own: its call does not come back.
call_case()
{
	guest 'insmod /modules/vcma_hang.ko function=alloc_contig_range_noprof 2>/dev/null || insmod /modules/vcma_hang.ko function=alloc_contig_range'
	fills "one call hangs" $LARGE
	check "$what: a call hangs" guest 'grep -q Y /sys/module/vcma_hang/parameters/hangs'
	check "$what: a call hangs: each allocation is had" equal 3 "$got"
	check "$what: a call hangs: in time" ended_in_time
	fills "one call hangs, the next ones" $LARGE
	check "$what: a call hangs: the next ones are had" equal 3 "$got"
	check "$what: a call hangs: none took long" [ "$slowest_ms" -lt 2500 ]
	check "$what: a call hangs: the module can't go" guest '! rmmod virtio_cma 2>/dev/null'
	check "$what: a call hangs: it still does" guest 'grep -q Y /sys/module/vcma_hang/parameters/hangs'
	guest rmmod vcma_hang
	fills "it has ended" $LARGE
	check "$what: it has ended: all of them" equal 3 "$got"
	check "$what: it has ended: unplugged" eval 'monitor device_del cma0; wait_until 40 unplugged'
	check "$what: it has ended: nothing is left" \
		guest 'wait_for 10 eval "! grep -q virtio_cma /proc/iomem"'
	check "$what: the module goes" guest rmmod virtio_cma
}

region_hugepages
if waiting_boot amd64 6.12; then
	failed_case
	mute_case
	call_case
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: none before either" guest '! grep -E "WARNING:|BUG:|Call [Tt]race" /tmp/dmesg'
	check "$what: QEMU ends well" vm_quit
fi
tap_end
