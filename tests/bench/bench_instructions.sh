#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the DMA API costs in instructions, counted by the guest's own PMU: under -icount the count
# does not depend on the machine's load, and two kernels that run the same code come to the same
# number. One arm64 guest with the driver; one of the same kernel without it, with swiotlb=force.
#
#	edu at 08: our client	nvme at 0c, e1000e at 0d: our clients, or everything bounced by swiotlb
#	edu at 09: the kernel's own	virtio-net at 0e: the other end of the wire, no DMA API
#
# Per phase five rounds, the least counts: completions come in real time, and each that comes alone
# costs an interrupt more.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

SERIES=6.12
MODE=${HVCMA_MODE:-reusable}
# shellcheck disable=SC2034 # for region_options
REGION_MIB=128
OURS=08 KERNEL=09

# icount_boot MODULE COMMAND-LINE QEMU-OPTION...: one CPU, counted
icount_boot()
{
	# shellcheck disable=SC2046,SC2086 # a module or none, options
	initramfs "$VM_TMP/initramfs" arm64 "$SERIES" virtio_pci virtio_net $1 e1000e nvme \
		"$(guest_module arm64 "$SERIES" vcma_bench)" \
		-- $(guest_programs arm64 frames)
	ib_append=$2
	shift 2
	VM_SMP=1 VM_ACCEL=tcg,thread=single VM_LIMIT_S=300 VM_APPEND=$ib_append \
	vm_start arm64 "$(kernel_dir arm64 "$SERIES")/vmlinuz" "$VM_TMP/initramfs" -icount shift=0 "$@" \
		-device edu,id=ours0,addr=0x8 -device edu,id=edu1,addr=0x9 \
		-blockdev driver=null-co,node-name=nv0-disk,size=67108864,read-zeroes=on \
		-device nvme,id=nv0,drive=nv0-disk,serial=nv0,addr=0xc \
		-netdev hubport,id=wire0,hubid=0 -netdev hubport,id=wire1,hubid=0 \
		-device e1000e,id=nic0,netdev=wire0,addr=0xd \
		-device virtio-net-pci,netdev=wire1,addr=0xe
	vm_booted 1 120 && guest 'load vcma_bench && disk_ready nvme0n1' &&
		guest 'nic=$(ls /sys/bus/pci/devices/0000:00:0d.0/net); peer=$(ls /sys/bus/pci/devices/0000:00:0e.0/virtio*/net); echo "nic=$nic peer=$peer" >/tmp/names; busybox ip link set $nic up; busybox ip link set $peer up; wait_for 30 grep -q 1 /sys/class/net/$nic/carrier; frames $nic $peer 64 1500 && frames $peer $nic 64 1500' >&2
}

# phase COMMAND: instructions of all the guest while it runs it, the least of five
phase()
{
	ph_counts=$(guest ". /tmp/names; b=/sys/bus/pci/devices/0000:00:$KERNEL.0/bench; for round in 1 2 3 4 5; do echo start >\$b; $1 >/tmp/out 2>&1 || cat /tmp/out; echo stop >\$b; cat \$b; done")
	echo "# $1: $(echo "$ph_counts" | tr '\n' ' ')" >&2
	echo "$ph_counts" | sed -n 's/^instructions=//p' | sort -n | head -n 1
}

streams()
{
	phase 'dd if=/dev/nvme0n1 of=/dev/null bs=64k count=512 iflag=direct'
	phase 'dd if=/dev/zero of=/dev/nvme0n1 bs=64k count=512 oflag=direct'
	phase 'dd if=/dev/nvme0n1 of=/dev/null bs=4k count=2048 iflag=direct'
	phase 'frames $nic $peer 3200 1500'
	phase 'frames $peer $nic 3200 1500'
}

# per_call SLOT COMMAND...: instructions of one
per_call()
{
	pc_result=$(bench_run "$@")
	echo "# $*: $pc_result" >&2
	[ "$(bench_value failed "$pc_result")" != 0 ] || bench_value instructions "$pc_result"
}

# requests: how many the guest has sent, as the guest counts them, and as the host does
requests()
{
	guest 'cat $(cma_dir)/nr_alloc_requests'
	status /counters/alloc-ok
	status /counters/freed
}

map4='' map64='' direct64=''
touch "$VM_TMP/ours" "$VM_TMP/swiotlb"
hugepages_need 2048 64
# shellcheck disable=SC2034 # for guest
GUEST_LIMIT_S=100
# shellcheck disable=SC2046 # options are words
if icount_boot "$(guest_module arm64 "$SERIES" virtio_cma)" cma=128M \
	$(region_options cma0 "mode=$MODE,clients=ours0:nv0:nic0"); then
	before=$(requests)
	figure pair_coherent_4KiB_instructions "$(per_call $OURS pairs 4096 2000)" dma_direct \
		"$(per_call $KERNEL pairs 4096 2000)" 1.00
	figure pair_coherent_64KiB_instructions "$(per_call $OURS pairs 65536 1000)" cma \
		"$(per_call $KERNEL pairs 65536 1000)" 1.00
	figure pair_dmapool_256B_instructions "$(per_call $OURS dmapool 256 2000)" dma_direct \
		"$(per_call $KERNEL dmapool 256 2000)" 1.00
	figure_count requests_in_steady_state "$(requests | tr '\n' ' ')" "$(echo "$before" | tr '\n' ' ')"
	map4=$(per_call $OURS map 4096 1000) map64=$(per_call $OURS map 65536 500)
	direct64=$(per_call $OURS direct 65536 500)
	streams >"$VM_TMP/ours"
	guest 'grep . $(cma_dir)/nr_map_*' | sed 's/^/# /'
	check "with the driver: no warning or oops" equal 0 "$(guest complaints)"
	check "with the driver: QEMU ends well" vm_quit
fi
if icount_boot '' swiotlb=65536,force; then
	figure map_bounce_4KiB_instructions "$map4" swiotlb "$(per_call $KERNEL map 4096 1000)" 1.00
	figure map_bounce_64KiB_instructions "$map64" swiotlb "$(per_call $KERNEL map 65536 500)" 1.00
	figure map_in_region_64KiB_instructions "$direct64" our_bounce "$map64" 0.10
	streams >"$VM_TMP/swiotlb"
	check "swiotlb: QEMU ends well" vm_quit
fi
for stream in nvme_read_64KiB nvme_write_64KiB nvme_read_4KiB nic_send nic_receive; do
	read -r ours <&3 || ours=
	read -r swiotlb <&4 || swiotlb=
	figure "stream_${stream}_instructions" "$ours" swiotlb "$swiotlb" 1.00
done 3<"$VM_TMP/ours" 4<"$VM_TMP/swiotlb"
bench_end
