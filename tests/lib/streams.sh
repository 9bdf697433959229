# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Figures in instructions: an arm64 guest of one CPU under -icount, with devices that several benches
# compare, and what all of the guest executes while a disk or a network adapter is busy. Sourced after
# testbed.sh and bench.sh.
#
#	edu at 08: ours0	nvme at 0c, e1000e at 0d: nv0, nic0
#	edu at 09: never a client	virtio-net at 0e: the other end of the wire, no DMA API
#
# Nothing is sent that no bench sends: no IPv6. The count does not depend on the machine's load. Per phase several rounds, the least counts: completions
# come in real time, and each that comes alone costs an interrupt more.

export OURS=08 KERNEL=09
STREAMS_SERIES=6.12

# streams_boot MODULE COMMAND-LINE QEMU-OPTION...: one CPU, counted; MODULE "": without our driver
streams_boot()
{
	# shellcheck disable=SC2046,SC2086 # a module or none, options
	initramfs "$VM_TMP/initramfs" arm64 "$STREAMS_SERIES" virtio_pci virtio_net $1 e1000e nvme \
		"$(guest_module arm64 "$STREAMS_SERIES" vcma_bench)" \
		-- $(guest_programs arm64 frames blocks)
	sb_append=$2
	shift 2
	VM_SMP=1 VM_ACCEL=tcg,thread=single VM_LIMIT_S=${STREAMS_LIMIT_S:-300} VM_APPEND="ipv6.disable=1 $sb_append" \
	vm_start arm64 "$(kernel_dir arm64 "$STREAMS_SERIES")/vmlinuz" "$VM_TMP/initramfs" -icount shift=0 "$@" \
		-device edu,id=ours0,addr=0x8,dma_mask=0xffffffffffff -device edu,id=edu1,addr=0x9 \
		-blockdev driver=null-co,node-name=nv0-disk,size=67108864,read-zeroes=on \
		-device nvme,id=nv0,drive=nv0-disk,serial=nv0,addr=0xc \
		-netdev hubport,id=wire0,hubid=0 -netdev hubport,id=wire1,hubid=0 \
		-device e1000e,id=nic0,netdev=wire0,addr=0xd \
		-device virtio-net-pci,netdev=wire1,addr=0xe
	vm_booted 1 "${STREAMS_BOOT_S:-120}" && guest 'load vcma_bench && disk_ready nvme0n1' &&
		streams_names names nv0 0d 0e
}

# streams_names NAME DISK-SERIAL NIC-SLOT PEER-SLOT: /tmp/NAME in the guest says what $disk, $nic and $peer are
streams_names()
{
	guest "disk=\$(grep -l '^$2 *\$' /sys/block/nvme[0-9]n1/device/serial | cut -d / -f 4); nic=\$(ls /sys/bus/pci/devices/0000:00:$3.0/net); peer=\$(ls /sys/bus/pci/devices/0000:00:$4.0/virtio*/net)"'; echo "disk=/dev/$disk nic=$nic peer=$peer" >/tmp/'"$1"'; busybox ip link set $nic up; busybox ip link set $peer up; wait_for 30 grep -q 1 /sys/class/net/$nic/carrier; frames $nic $peer 64 1500 && frames $peer $nic 64 1500' >&2
}

# phase COMMAND [ROUNDS]: instructions of all the guest while it runs it, the least of them
phase()
{
	ph_counts=$(guest ". /tmp/names; b=/sys/bus/pci/devices/0000:00:$KERNEL.0/bench; for round in $(seq -s ' ' "${2:-5}"); do echo start >\$b; $1 >/tmp/out 2>&1 || cat /tmp/out; echo stop >\$b; cat \$b; done")
	echo "# $1: $(echo "$ph_counts" | tr '\n' ' ')" >&2
	echo "$ph_counts" | sed -n 's/^instructions=//p' | sort -n | head -n 1
}

# phase_pairs NAME OTHER-NAME COMMAND ROUNDS: of two sets of devices in turns, "ONE OTHER" for each round
phase_pairs()
{
	pp_counts=$(guest "b=/sys/bus/pci/devices/0000:00:$KERNEL.0/bench; for round in $(seq -s ' ' "$4"); do for names in $1 $2; do . /tmp/\$names; echo start >\$b; $3 >/tmp/out 2>&1 || { cat /tmp/out; exit 1; }; echo stop >\$b; cat \$b; done; done")
	echo "# $3: $(echo "$pp_counts" | tr '\n' ' ')" >&2
	echo "$pp_counts" | sed -n 's/^instructions=//p' | paste -d ' ' - -
}

# per_call SLOT COMMAND...: instructions of one
per_call()
{
	pc_result=$(bench_run "$@")
	echo "# $*: $pc_result" >&2
	[ "$(bench_value failed "$pc_result")" != 0 ] || bench_value instructions "$pc_result"
}
