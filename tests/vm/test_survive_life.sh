#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# A region's and its clients' coming and going: a thousand times bound and unbound, unloading and
# unplugging refused while someone uses the region, and done once nobody does.

. "$HVCMA_SRC/tests/lib/testbed.sh"

MODE=${HVCMA_MODE:-reusable}
# refusal_says TEXT: device_del of the region is refused, for this reason
refusal_says()
{
	rs_next=$(($(wc -l <"$VM_DIR/monitor.out") + 1))
	monitor device_del cma0
	wait_until 5 monitor_answered "$rs_next" "Error:.*$1" && return
	note "$(tail -n +"$rs_next" "$VM_DIR/monitor.out" | tr -d '\r' | sed "s/.*$(printf '\033')\[K//")"
	return 1
}

# life_case ARCH SERIES ROUNDS: with a small ready pool, which each bind fills
life_case()
{
	what="$1 $2 $MODE"
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" \
		"$(guest_module "$1" "$2" vcma_bench)"
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		-device pcie-root-port,id=port0,chassis=1,addr=0x10 \
		$(region_options cma0 "mode=$MODE,clients=edu0,bus=port0") -device edu,id=edu0,addr=8
	if ! vm_booted 1 90 || ! ram=$(guest meminfo_mib MemTotal) ||
		! guest 'load_with virtio_cma pool_bytes=2097152 && load vcma_bench'; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	guest 'cd /sys/bus/pci/drivers/vcma_bench; echo 0000:00:08.0 >unbind; echo 0000:00:08.0 >bind'
	held=$(guest 'cat $(cma_dir)/allocated_bytes')
	GUEST_LIMIT_S=240 guest "cd /sys/bus/pci/drivers/vcma_bench; nr=0; while [ \$nr -lt $3 ]; do nr=\$((nr + 1)); echo 0000:00:08.0 >unbind && echo 0000:00:08.0 >bind && [ -e 0000:00:08.0 ] || exit 1; done"
	tap_result $? "$what: $3 times unbound and bound"
	check "$what: as much allocated as after the first time" same_as "$held" "$(guest 'cat $(cma_dir)/allocated_bytes')"
	check "$what: the client is served" guest 'bench 08 latency 4194304 3 0 | grep -q "ok=3 "'

	check "$what: bound: rmmod is refused" guest '! rmmod virtio_cma 2>/dev/null'
	check "$what: bound: unplugging is refused, by the client's name" refusal_says "client 'edu0'"
	check "$what: bound: it is still served" guest 'bench 08 latency 4194304 3 0 | grep -q "ok=3 "'
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"

	note "$what: MemTotal $ram MiB without, $(guest meminfo_mib MemTotal) MiB with the region"
	guest 'echo 0000:00:08.0 >/sys/bus/pci/drivers/vcma_bench/unbind'
	monitor device_del cma0
	check "$what: unbound: the region is unplugged" guest 'wait_for 30 eval "! cma_dir >/dev/null"'
	check "$what: unplugged: QEMU has no such device any more" wait_until 20 unplugged
	check "$what: unplugged: nothing is pinned" wait_until 5 eval '[ "$(pinned_by_kernel)" -eq 0 ]'
	check "$what: unplugged: the guest has no more memory than before it was online any" guest \
		"wait_for 10 eval '[ \$(meminfo_mib MemTotal) -le $((ram + 1)) ]' || ! meminfo_mib MemTotal"

	monitor "device_add virtio-cma-pci,id=cma0,memdev=cma0-mem,bus=port0,mode=$MODE,clients=edu0"
	check "$what: plugged again: the region is there" guest 'wait_for 20 eval "cma_dir >/dev/null"'
	# Its driver, bound meanwhile, is bound again, and its file goes and comes with that.
	check "$what: plugged again: the client is served" guest \
		'echo 0000:00:08.0 >/sys/bus/pci/drivers/vcma_bench/bind 2>/dev/null; wait_for 20 eval "bench 08 latency 4194304 3 0 2>/dev/null | grep -q \"ok=3 \"" && dmesg | tail -n 5 | grep -q edu0'
	check "$what: at the end the modules go" guest 'rmmod vcma_bench && rmmod virtio_cma'
	check "$what: and nothing is pinned" quiet_again 5
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
region_hugepages
for kernel in $(vm_kernels amd64/6.12 arm64/6.1); do
	[ "$kernel" = amd64/6.12 ] && rounds=1000 || rounds=100
	life_case "${kernel%/*}" "${kernel#*/}" "$rounds"
done
tap_end
