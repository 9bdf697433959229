#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What closed clients cost firmware: seconds of the machine's own time from its start to its kernel,
# beside the same machine in which the devices are no clients. The machine's clock counts
# instructions, and goes on at once when there is nothing to do: load does not matter.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/controllers.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

EPOCH=1577836800	# 2020-01-01, when each machine starts
export MORE='-icount shift=3,sleep=off -rtc base=2020-01-01,clock=vm'
export VM_ACCEL=tcg,thread=single VM_SMP=1 VM_LIMIT_S=400

# firmware_seconds NO-CLIENTS CLIENT...: of the machine that $firmware boots
firmware_seconds()
{
	export NO_CLIENTS=$1
	shift
	controllers_start amd64 6.12 "$firmware" virtio_blk "$@"
	vm_booted 1 300 >&2 &&
		guest "echo \$((\$(date +%s) - $EPOCH - \$(cut -d . -f 1 /proc/uptime)))"
	vm_quit >&2
}

# firmware_figure NAME FIRMWARE CLIENT...
firmware_figure()
{
	ff_name=$1 firmware=$2
	shift 2
	ours=$(firmware_seconds '' "$@")
	none=$(firmware_seconds 1 "$@")
	figure "firmware-$ff_name-s" "$ours" no_clients "$none" 1.5
}

DISKS='ich9-ahci am53c974 megasas virtio-blk-pci virtio-scsi-pci nvme sdhci-pci qemu-xhci'
firmware_figure seabios-disks SeaBIOS $DISKS
firmware_figure uefi-disks UEFI $DISKS
export NIC_ROM=,rombar=1
firmware_figure seabios-nics-rom SeaBIOS e1000 e1000e rtl8139 pcnet vmxnet3 virtio-net-pci
bench_end
