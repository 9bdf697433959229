#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# All that the driver does at once, on a kernel with the kernel's own instruments, for
# HVCMA_STRESS_SECONDS (120): threads that allocate and map, drivers that come and go, a disk under
# I/O, bulk, programs with buffers, memory that is filled and taken back, and who looks at all of it.
# Each of them may be refused memory; none may get damaged data, nothing may be left, and the
# instruments report nothing. With HVCMA_STRESS_FAULTS=N one of N allocations that are made for these, of slabs and of
# pages, fails by the kernel's own fault injection.
#
# check: long

. "$HVCMA_SRC/tests/lib/testbed.sh"

SECONDS_LONG=${HVCMA_STRESS_SECONDS:-120}
LOOPS='threads bulk binding disk programs online observer'
FAULTS=${HVCMA_STRESS_FAULTS:-}
# Its threads take what they ask for as given.
[ -z "$FAULTS" ] || LOOPS=${LOOPS#threads }

# What the guest runs, one process for each loop.
loops()
{
	cat <<-'END'
	#!/bin/sh
	# stress LOOP: until /tmp/stop is there; a line in /tmp/LOOP.rounds for each round that was
	# done, in /tmp/LOOP.refused for each that was not
	. /helpers.sh
	# module NAME PARAMETER...: comes, works, goes
	module()
	{
		name=$1
		shift
		insmod /modules/$name.ko "$@" && rmmod $name
	}
	round()
	{
		case $1 in
		threads) module vcma_selftest stress=1 ;;
		bulk) module vcma_bulk leave=1 count=100 ;;
		binding)
			bind=/sys/bus/pci/drivers/vcma_bench
			echo 0000:00:0a.0 >$bind/bind
			for command in 'latency 65536 10 0' 'latency 8388608 2 0' 'map 4096 50' \
				'singles 262144 40 1000'; do
				bench 0a $command
			done
			echo 0000:00:0a.0 >$bind/unbind ;;
		disk)
			dd if=/tmp/pattern of=/dev/nvme0n1 bs=64k oflag=direct &&
				dd if=/dev/nvme0n1 of=/tmp/back bs=64k count=64 iflag=direct || return
			cmp /tmp/back /tmp/pattern
			[ $? -ne 1 ] || echo damaged >>/tmp/damage ;;
		programs) vcma_user each /dev/vcma/cma0 ;;
		online)
			dd if=/dev/zero of=/mnt/all bs=1M count=96
			module vcma_reuse test=most mib=32 block_mib=2
			status=$?
			rm -f /mnt/all
			echo 1 >/proc/sys/vm/compact_memory
			return $status ;;
		observer)
			cat $(cma_dir)/* /debug/virtio_cma/*/*
			sleep 0.2 ;;
		esac
	}
	# unlucky LOOP: a round in a process whose allocations may fail; what it could not do any more is done after it
	unlucky()
	{
		(echo 1 >/proc/self/make-it-fail; round "$1")
		status=$?
		case $1 in
		bulk) rmmod vcma_bulk ;;
		binding) echo 0000:00:0a.0 >/sys/bus/pci/drivers/vcma_bench/unbind ;;
		online) rmmod vcma_reuse; rm -f /mnt/all ;;
		esac
		return $status
	}
	[ -e /debug/failslab/probability ] && [ "$(cat /debug/failslab/probability)" != 0 ] && one=unlucky || one=round
	until [ -e /tmp/stop ]; do
		if $one "$1"; then
			echo >>/tmp/$1.rounds
		else
			echo >>/tmp/$1.refused
			sleep 0.2
		fi
	done >/dev/null 2>&1
	echo >/tmp/$1.ended
	END
}

# running SECONDS: the machine lives that long
running()
{
	ru_end=$(($(date +%s) + $1))
	while [ "$(date +%s)" -lt "$ru_end" ]; do
		vm_alive || return 1
		sleep 2
	done
}

# stress_case ARCH SERIES
stress_case()
{
	what="$1 $2"
	loops >"$VM_TMP/stress"
	truncate -s 64M "$VM_TMP/disk"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" "$(guest_module "$1" "$2" virtio_cma)" nvme \
		$(for module in selftest bulk reuse bench; do guest_module "$1" "$2" "vcma_$module"; done) \
		-- -f "$VM_TMP/stress:/stress" $(guest_programs "$1" vcma_user)
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=$((SECONDS_LONG + 240)) vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "mode=reusable,clients=edu0:edu1:edu2:nv0,unsafe-noiommu=on,x-fabric=on") \
		-device edu,id=edu0,dma_mask=0xffffffffff,addr=8 \
		-device edu,id=edu1,dma_mask=0xffffffffff,addr=9 \
		-device edu,id=edu2,dma_mask=0xffffffffff,addr=0xa $(disk_options nv0 "$VM_TMP/disk")
	if ! vm_booted 1 60 || ! guest 'load virtio_cma nvme && disk_ready nvme0n1'; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'cd /sys/bus/pci/devices; echo vcma_selftest >0000:00:08.0/driver_override; echo vcma_bulk >0000:00:09.0/driver_override; echo vcma_bench >0000:00:0a.0/driver_override'
	guest 'insmod /modules/vcma_bench.ko; echo 0000:00:0a.0 >/sys/bus/pci/drivers/vcma_bench/unbind'
	guest 'mkdir -p /debug; mount -t debugfs none /debug; mount -t tmpfs -o size=100% none /mnt; echo 33554432 >$(cma_dir)/user_limit_bytes; dd if=/dev/urandom of=/tmp/pattern bs=64k count=64 2>/dev/null'
	[ -z "$FAULTS" ] || check "$what: one of $FAULTS allocations fails" guest "for how in failslab fail_page_alloc; do cd /debug/\$how && echo Y >task-filter && echo N >ignore-gfp-wait && echo 0 >verbose && echo -1 >times && echo $FAULTS >interval && echo 100 >probability || exit; done; cd /debug/fail_page_alloc && echo 0 >min-order && echo N >ignore-gfp-highmem"
	for loop in $LOOPS; do
		guest "(setsid sh /stress $loop) >/dev/null 2>&1 </dev/null &"
	done
	check "$what: $SECONDS_LONG s of everything" running "$SECONDS_LONG"
	guest 'touch /tmp/stop'
	for loop in $LOOPS; do
		check "$what: $loop comes to its end" guest "wait_for 60 test -e /tmp/$loop.ended"
		note "$what: $loop: $(guest "cat /tmp/$loop.rounds | wc -l") rounds, $(guest "cat /tmp/$loop.refused 2>/dev/null | wc -l") refused"
		check "$what: $loop was done" guest "test -s /tmp/$loop.rounds"
	done
	check "$what: the disk had what was written" guest '! test -e /tmp/damage'
	check "$what: no thread found its memory damaged" guest '! dmesg | grep "vcma_selftest: not ok"'
	check "$what: the modules go" guest 'umount /mnt; umount /debug; rmmod vcma_bench nvme virtio_cma'
	check "$what: nothing is pinned" quiet_again 5
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: QEMU ends well, nothing was reported" vm_quit
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
region_hugepages
for kernel in $(vm_kernels amd64/6.12-checked); do
	stress_case "${kernel%/*}" "${kernel#*/}"
done
tap_end
