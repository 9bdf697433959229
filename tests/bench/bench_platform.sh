#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a guest's use of a platform device costs beside the device itself, counted by the nested host's KVM: exits to QEMU
# of a command that reads a register a thousand times, beside those of one that reads memory as often, and interrupts that
# QEMU has raised. A device of VFIO's with an IOMMU is mapped and has irqfd, too: no exit for either. That exits would
# be seen the same device without a mapping shows, and without irqfd.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/nested.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"
. "$HVCMA_SRC/tests/lib/platform_exits.sh"

# counted VARIANT: register_exits, idle_exits, came, by_qemu of it
counted()
{
	eval "$(sed -n "s/^# $1: [0-9]* registers read: \([0-9]*\) exits to QEMU, \([0-9]*\) without; \([0-9]*\) interrupts, \([0-9]*\) by QEMU$/register_exits=\1 idle_exits=\2 came=\3 by_qemu=\4/p" "$VM_TMP/results")"
}

platform_exits_start
nested_test platform_exits.sh
vm_quit
register_exits='' idle_exits='' came='' by_qemu=''
counted mapped
figure platform_register_exits "$register_exits" memory "$idle_exits" 1.05
figure_count platform_interrupts_by_qemu "$by_qemu" 0
counted 'not mapped'
check "control: not mapped, its exits are more than twice those" [ "$register_exits" -gt $((idle_exits * 2)) ]
counted 'without irqfd'
check "control: without irqfd QEMU raises each" [ "$by_qemu" -ge "$came" ]
bench_end
