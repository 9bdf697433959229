#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a gate does to the machine's map of registers disturbs no vCPU that is using other registers:
#
#	vCPU 0   unbind  bind  unbind  bind ...     registers of the client: gone, there, gone, there
#	vCPU 1   read  read  read  read  read ...   registers of another device: always the same
#
# (QEMU 10.0's TCG finds other registers there, or asserts, if vCPUs run on meanwhile.)

. "$HVCMA_SRC/tests/lib/testbed.sh"

ROUNDS=12
unbind='echo $nvme >/sys/bus/pci/drivers/nvme/unbind'
bind='echo $nvme >/sys/bus/pci/drivers/nvme/bind'

truncate -s 64M "$VM_TMP/disk"
region_hugepages
# shellcheck disable=SC2046 # options are words
initramfs "$VM_TMP/initramfs" amd64 6.12 virtio_pci "$(guest_module amd64 6.12 virtio_cma)" nvme \
	$(guest_programs amd64 steady)
# shellcheck disable=SC2046 # options are words
VM_APPEND=hpet_mmap=1 vm_start amd64 "$(kernel_dir amd64 6.12)/vmlinuz" "$VM_TMP/initramfs" \
	$(region_options cma0 clients=nv0,unsafe-noiommu=on,x-fabric=on) \
	$(disk_options nv0 "$VM_TMP/disk")
if vm_booted 1 90 && guest load nvme && guest 'disk_live >/dev/null'; then
	guest 'steady /dev/hpet >/tmp/steady 2>&1 &'
	GUEST_LIMIT_S=120 guest "nvme=\$(pci_find 0x1b36 0x0010); i=0; while [ \$i -lt $ROUNDS ]; do i=\$((i + 1)); $unbind; $bind; disk_live >/dev/null || exit 1; done"
	tap_result $? "$ROUNDS times unbind, bind, read"
	check "the other device's register is still being read" guest 'pidof steady >/dev/null'
	check "and never was anything else" equal end "$(guest 'cat /tmp/steady; echo end')"
	check "no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "QEMU ends well" vm_quit
else
	tap_result 1 "the guest boots and finds its disk"
fi
tap_end
