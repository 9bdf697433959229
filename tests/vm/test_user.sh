#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Programs and /dev/vcma/NAME: buffers, their limits, importers (the edu device at host-physical
# addresses, the kernel, a device that is no client), unloading and unplugging while buffers are
# there, and who may open the file, as Debian's udevd reads the packaged rule. What the program
# does is in tests/lib/guest/vcma_user.c.

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=256	# whole memory blocks of the guest, as reusable ones need

# user_boot ARCH SERIES REGION-PROPERTIES: edu0 and edu2 are clients, edu1 is not
user_boot()
{
	what="$1 $2 $4"
	[ "$1" = amd64 ] && udev="-t $HVCMA_BUILD/env/udev-amd64" || udev=
	# shellcheck disable=SC2086 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_import)" "$(guest_module "$1" "$2" vcma_hang)" \
		-- -f "$HVCMA_BUILD/guest/$1/bin/vcma_user:/bin/vcma_user" \
		-f "$HVCMA_BUILD/guest/$1/bin/vcma_buffer:/bin/vcma_buffer" \
		-f "$HVCMA_BUILD/guest/$1/bin/pin:/bin/pin" \
		-f "$HVCMA_SRC/packaging/udev.rules:/rules" $udev
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=port0,chassis=1 \
		$(region_options cma0 "clients=edu0:edu2,unsafe-noiommu=on,x-fabric=on,bus=port0,$3") \
		-device edu,id=edu0,dma_mask=0xffffffffff,addr=0x10 \
		-device edu,id=edu1,dma_mask=0xffffffffff,addr=0x11 \
		-device edu,id=edu2,dma_mask=0xffffffffff,addr=0x12
	vm_booted 1 90 && guest load virtio_cma && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# program ARGUMENT...: vcma_user in the guest; its results become ours
program()
{
	guest "vcma_user $*" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what"
}

held_by_user()
{
	guest 'cat /tmp/hold' | grep -q held
}

# hold BYTES [DEVICE VERB]: a program that keeps a buffer, in the background
hold()
{
	guest "(exec vcma_user hold /dev/vcma/cma0 $*) >/tmp/hold 2>&1 </dev/null & echo \$! >/tmp/pid"
	wait_until 10 held_by_user
}

# user_case ARCH SERIES REGION-PROPERTIES NAME ERRNO: what a device that is no client gets
user_case()
{
	user_boot "$1" "$2" "$3" "$4" || return
	check "$what: /dev/vcma/cma0 is there, for root alone" \
		equal crw------- "$(guest 'ls -l /dev/vcma/cma0' | cut -c 1-10)"
	guest 'echo 33554432 >$(cma_dir)/user_limit_bytes'
	program buffers /dev/vcma/cma0
	program bulk /dev/vcma/cma0
	guest vcma_buffer /dev/vcma/cma0 100000 >"$VM_TMP/example"
	check "$what: the example runs" grep -q "hello, device" "$VM_TMP/example"
	guest load vcma_import
	program import /dev/vcma/cma0 0 0
	program import /dev/vcma/cma0 1 "$5"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	return 0
}

# reusable_case: what programs get of a region that is online and in use
reusable_case()
{
	guest 'cat $(cma_dir)/region_bytes >$(cma_dir)/user_limit_bytes'
	program fast /dev/vcma/cma0 1000 1000 1000

	# Page cache goes to the region first; what can't be dropped has to be moved.
	lc_fill="dd if=/dev/zero of=/mnt/all bs=1M count=$((REGION_MIB + 48)) 2>/dev/null"
	guest "mount -t tmpfs -o size=100% none /mnt && $lc_fill"
	lc_missed=$(guest 'cat $(cma_dir)/nr_deadline_missed')
	# A step past a deadline takes long where each page does.
	# shellcheck disable=SC2154 # vm_slow: lib/vm.sh
	[ "$vm_slow" = 1 ] && lc_late_s=1 || lc_late_s=30
	GUEST_LIMIT_S=60 program late /dev/vcma/cma0 $((8 << 20)) 1000 $lc_late_s $((20000 * vm_slow))
	check "$what: each that was late is counted" equal \
		$((lc_missed + $(grep '^ok.* late: .* blocks:' "$VM_TMP/results" | grep -vc SKIP))) \
		"$(guest 'cat $(cma_dir)/nr_deadline_missed')"
	guest "rm /mnt/all && $lc_fill"	# what was freed lies empty
	program fast /dev/vcma/cma0 1000 0 200
	guest umount /mnt

	GUEST_LIMIT_S=60 guest "background /tmp/pin pin spread \$((\$(meminfo_mib MemAvailable) * 7 / 8)) 5 4 16 \$(cat \$(cma_dir)/region_base_gpa):$REGION_MIB" >"$VM_TMP/pin"
	check "$what: pages are pinned" grep -q 'pinned=[1-9]' "$VM_TMP/pin"
	GUEST_LIMIT_S=60 program busy /dev/vcma/cma0 $((REGION_MIB * 16))
	guest 'killall pin; echo 33554432 >$(cma_dir)/user_limit_bytes'
}

# hang_case: the host does not answer a CLAIM: nobody else waits for it
hang_case()
{
	hc_driver=/sys/bus/pci/drivers/vcma_import
	guest "echo 0000:00:12.0 >$hc_driver/unbind; insmod /modules/vcma_hang.ko function=vcma_request_claim; (echo 0000:00:12.0 >$hc_driver/bind; echo >/tmp/hung) 2>/dev/null &"
	check "$what: a CLAIM hangs" guest 'wait_for 10 grep -q Y /sys/module/vcma_hang/parameters/hangs'
	guest "(echo 0000:00:11.0 >$hc_driver/unbind; echo 0000:00:11.0 >$hc_driver/bind; echo >/tmp/other) &"
	check "$what: a CLAIM hangs: a device that is no client is bound" guest 'wait_for 20 test -e /tmp/other'
	GUEST_LIMIT_S=30 program import /dev/vcma/cma0 0 0
	check "$what: a CLAIM hangs: it still does" guest '! [ -e /tmp/hung ]'
	guest rmmod vcma_hang
	check "$what: it fails in the end" guest 'wait_for 10 test -e /tmp/hung'
	guest "echo 0000:00:12.0 >$hc_driver/bind"
	check "$what: the next one does not" status_is /clients/1/state claimed
}

# unload_case: buffers against rmmod, unbind, unplug. With sendfile(), as in "cat FILE >unbind", the
# page of the file, which can be one that was online, would be pinned until unbinding has ended.
unload_case()
{
	check "$what: a program keeps a buffer" hold 1000000
	check "$what: rmmod is refused" eval '! guest "rmmod virtio_cma 2>/dev/null"'
	guest 'basename $(readlink /sys/bus/virtio/drivers/virtio_cma/virtio*) >/tmp/cma'
	guest 'echo $(cat /tmp/cma) >/sys/bus/virtio/drivers/virtio_cma/unbind'
	check "$what: unbound: the program's buffer is revoked, with its name" \
		guest 'wait_for 5 grep -q "^revoked; another: No such device" /tmp/hold && dmesg | grep -q "buffer of vcma_user.* is revoked"'
	check "$what: unbound: nothing is pinned" quiet_again 5
	check "$what: unbound: no online memory stays behind" \
		guest 'wait_for 10 eval "! grep -q \"System RAM (virtio_cma)\" /proc/iomem"'
	guest 'echo $(cat /tmp/cma) >/sys/bus/virtio/drivers/virtio_cma/bind; wait_for 10 test -e /dev/vcma/cma0'

	check "$what: the kernel keeps a buffer" hold 1000000 1 vmap
	guest '(echo $(cat /tmp/cma) >/sys/bus/virtio/drivers/virtio_cma/unbind; echo >/tmp/unbound) &'
	check "$what: mapped by the kernel: unbinding waits, and says for whom" \
		guest 'wait_for 5 eval "dmesg | grep -q \"waits for a buffer of vcma_user\"" && ! [ -e /tmp/unbound ]'
	check "$what: mapped by the kernel: its granules stay pinned" \
		eval '[ "$(pinned_by_kernel)" -gt 0 ]'
	guest 'echo 1 drop 0 >/dev/vcma_import'
	check "$what: no longer mapped: unbound" guest 'wait_for 5 test -e /tmp/unbound'
	check "$what: no longer mapped: nothing is pinned" quiet_again 5
	guest 'echo $(cat /tmp/cma) >/sys/bus/virtio/drivers/virtio_cma/bind; wait_for 10 test -e /dev/vcma/cma0'

	guest rmmod vcma_import		# no client is in use
	check "$what: a program keeps a buffer once more" hold 1000000
	monitor device_del cma0
	check "$what: unplug is refused, saying which region and what for" \
		wait_until 5 grep -q "^Error.*'cma0': the guest has a block of 2097152 bytes for purpose 'user'" "$VM_DIR/monitor.out"
	guest 'kill $(cat /tmp/pid)'
	check "$what: the program has ended: its memory is freed" \
		guest 'wait_for 5 eval "[ \$(cat \$(cma_dir)/user_bytes) -eq 0 ]"'
	check "$what: rmmod" guest rmmod virtio_cma
}

# loaded: the driver, anew, and udev has done its part; prints the file's mode and group
loaded()
{
	guest 'rmmod virtio_cma 2>/dev/null; load virtio_cma && udevadm settle -t 20 && stat -c "%A %g" /dev/vcma/cma0'
}

# rule_case: who may open the file
rule_case()
{
	if [ -n "$vm_instruments" ]; then
		tap_skip "$what: udev and the rule" "this kernel has no sockets"
		return
	fi
	guest 'mkdir -p /run /etc /usr/lib/udev/rules.d && echo vcma:x:4711: >/etc/group'
	guest 'ln -s udevadm /bin/systemd-udevd && systemd-udevd --daemon 2>/dev/null'
	check "$what: udev without the rule: root alone" equal "crw------- 0" "$(loaded)"
	guest 'cp /rules /usr/lib/udev/rules.d/70-virtio-cma.rules && udevadm control --reload'
	check "$what: udev with the rule: root and the group" equal "crw-rw---- 4711" "$(loaded)"
}

user_end()
{
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

EOPNOTSUPP=95
region_hugepages
for kernel in $(vm_kernels amd64/6.12); do
	user_case "${kernel%/*}" "${kernel#*/}" mode=private private $EOPNOTSUPP || continue
	hang_case
	unload_case
	[ "${kernel%/*}" != amd64 ] || rule_case
	user_end
done
for kernel in $(vm_kernels rarely arm64/6.12); do
	user_case "${kernel%/*}" "${kernel#*/}" mode=reusable reusable 0 || continue
	reusable_case
	unload_case
	user_end
done
tap_end
