# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: what a guest's use of its virtio-mmio disk costs beside the disk itself. A register is reached without
# an exit to QEMU, as of any device that VFIO maps, and an interrupt comes by way of KVM alone. Each with its
# control: what is counted is there if the registers are not mapped, or irqfd is off.

. ./lib.sh
. ./platform_lib.sh

export REGION_PAGE_KIB=2048 REGION_MIB=64
KVM=/sys/kernel/debug/kvm TRACE=/sys/kernel/tracing READS=1000
disk=$(virtio_mmio_disk)
check "the disk has a page of its own" equal a003000.virtio_mmio "$disk"
platform_take "$disk"
region_hugepages
[ -d "$KVM" ] || mount -t debugfs debugfs /sys/kernel/debug
[ -d "$TRACE/events" ] || mount -t tracefs tracefs "$TRACE"
check "KVM counts exits to user space" [ -r "$KVM/mmio_exit_user" ]
check "KVM traces interrupts that user space raises" [ -d "$TRACE/events/kvm/kvm_irq_line" ]

# exits COMMAND: of all guests' registers to QEMU while the guest runs it
exits()
{
	ex_before=$(cat "$KVM/mmio_exit_user")
	guest "$1" >/dev/null
	echo $(($(cat "$KVM/mmio_exit_user") - ex_before))
}

# read_often FILE: the command
read_often()
{
	echo "i=0; while [ \$i -lt $READS ]; do read x <$1; i=\$((i + 1)); done"
}

# interrupts so_far|number: of the disk, in the guest, on all of its CPUs; the number is KVM's, too
interrupts()
{
	guest cat /proc/interrupts | awk -v what="$1" '/ virtio[0-9]+$/ && !/MSI/ {
		for (i = 2; i < NF - 3; i++)
			sum += $i
		print what == "number" ? $(NF - 2) : sum
	}'
}

# raised: how often user space has raised the disk's line since the trace was emptied
raised()
{
	grep -c "kvm_irq_line:.*num: $line, level: 1" "$TRACE/trace"
}

# measure WHAT [DEVICE-PROPERTY]: sets register_exits, idle_exits, came, by_qemu
measure()
{
	start_platform_guest "$@"
	guest load ext4 virtio_blk virtio_mmio
	check "$1: the stock driver finds its disk" guest disk_ready vda
	folder=$(guest "echo /sys/bus/platform/devices/$GUEST_NAME/virtio*")
	check "$1: the driver reads a register" equal 0x0000000f "$(guest "cat $folder/status")"
	# Each character of a command is an exit, too. The vendor is in memory.
	idle_exits=$(exits "$(read_often "$folder/vendor")")
	register_exits=$(exits "$(read_often "$folder/status")")
	line=$(interrupts number)
	check "$1: the disk has an interrupt" [ -n "$line" ]
	echo 1 >"$TRACE/events/kvm/kvm_irq_line/enable"
	: >"$TRACE/trace"
	came=$(interrupts so_far)
	guest 'dd if=/dev/vda of=/dev/null bs=4k count=200 iflag=direct 2>/dev/null'
	came=$(($(interrupts so_far) - came))
	by_qemu=$(raised)
	echo 0 >"$TRACE/events/kvm/kvm_irq_line/enable"
	check "$1: interrupts come, one for a request" [ "$came" -ge 200 ]
	note "$1: $READS registers read: $register_exits exits to QEMU, $idle_exits without; $came interrupts, $by_qemu by QEMU"
	check "$1: QEMU ends well" vm_quit
}

measure mapped
check "mapped: no register read leaves KVM" [ "$register_exits" -lt $((idle_exits + READS / 10)) ]
check "mapped: no interrupt is QEMU's" equal 0 "$by_qemu"
measure 'not mapped' x-no-mmap=on
check "negative control: not mapped, each register read is seen" [ "$register_exits" -ge "$READS" ]
check "not mapped: no interrupt is QEMU's" equal 0 "$by_qemu"
measure 'without irqfd' x-irqfd=off
check "negative control: without irqfd each interrupt is seen" [ "$by_qemu" -ge "$came" ]
check "without irqfd: no register read leaves KVM" [ "$register_exits" -lt $((idle_exits + READS / 10)) ]
tap_end
