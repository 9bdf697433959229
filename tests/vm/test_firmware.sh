#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: early
#
# Firmware drives what it finds before any operating system runs, and clients are closed then.
# It must come to its end all the same, and leave the clients fit for their stock drivers:
#
#	firmware: its drivers see constants, find nothing --> kernel --> virtio_cma claims --> disks
#
# SeaBIOS initializes every device, whatever it boots. UEFI only where it looks for something to
# boot: so the kernel comes from a disk, which is no client. Without the gate's covers SeaBIOS
# waits for ever for lsi53c895a, pvscsi, am53c974 and virtio-blk.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# firmware_disk ID: option of a disk of that client
firmware_disk()
{
	truncate -s 16M "$VM_TMP/disk-$1"
	echo "-drive if=none,id=d-$1,format=raw,file=$VM_TMP/disk-$1"
}

# firmware_client NAME: options of one client with a disk
firmware_client()
{
	firmware_disk "$1"
	case $1 in
	lsi53c895a | pvscsi | am53c974 | mptsas1068)
		echo "-device $1,id=$1 -device scsi-hd,drive=d-$1,bus=$1.0" ;;
	virtio-blk) echo "-device virtio-blk-pci,id=$1,drive=d-$1,disable-legacy=on,iommu_platform=on" ;;
	nvme) echo "-device nvme,id=$1,drive=d-$1,serial=$1" ;;
	ahci) echo "-device ich9-ahci,id=$1 -device ide-hd,drive=d-$1,bus=$1.0" ;;
	xhci) echo "-device qemu-xhci,id=$1 -device usb-storage,drive=d-$1,bus=$1.0" ;;
	esac
}

# firmware_region ID NAME PROPERTIES
firmware_region()
{
	echo "-object memory-backend-memfd,id=$1-mem,size=${REGION_MIB}M" \
		"-device virtio-cma-pci,id=$1,memdev=$1-mem,name=$2,granule=2M,x-provider=fake,$3"
}

# firmware_clients NAME...: options of the clients and their region, which any 32-bit adapter
# reaches. QEMU's pvscsi takes its rings past the bus-master bit, at guest-physical addresses: it
# has a region that gives out those.
firmware_clients()
{
	fabric=$(echo "$*" | tr ' ' '\n' | grep -v pvscsi | tr '\n' :)
	firmware_region cma0 fabric "unsafe-noiommu=on,x-fabric=on,x-fake-base=0x40000000,clients=${fabric%:}"
	[ "$fabric" = "$(echo "$*:" | tr ' ' :)" ] || firmware_region cma1 plain clients=pvscsi
	for client; do
		firmware_client "$client"
	done
}

# with_driver NAME...: how many have a driver that can use them. lsi53c895a has not: it runs
# programs that it reads through the bus from its own BAR, an address that the fabric has not. Of
# QEMU's mptsas1068 the stock driver finds no disk, client or not.
with_driver()
{
	echo "$*" | tr ' ' '\n' | grep -cvE 'lsi53c895a|mptsas1068'
}

# firmware_esp ARCH SERIES: what UEFI boots, as files
firmware_esp()
{
	mkdir -p "$VM_TMP/esp"
	cp -L "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/esp/linux.efi"
	cp "$VM_TMP/initramfs" "$VM_TMP/esp/initrd"
	printf 'fs0:\r\nlinux.efi initrd=\\initrd console=%s panic=-1\r\n' "$(vm_console "$1")" \
		>"$VM_TMP/esp/startup.nsh"
}

# disks_work NR: so many disks, written and read back
disks_work()
{
	guest "wait_for 5 eval '[ \$(disks_found | wc -l) -eq $1 ]'; disks_found | wc -l; for disk in \$(disks_found); do dd if=/dev/urandom of=/tmp/a bs=64k count=16 2>/dev/null; dd if=/tmp/a of=/dev/\$disk bs=64k oflag=direct 2>/dev/null && dd if=/dev/\$disk of=/tmp/b bs=64k count=16 iflag=direct 2>/dev/null && cmp /tmp/a /tmp/b || echo \$disk fails; done" >"$VM_TMP/disks"
	[ "$(cat "$VM_TMP/disks")" = "$1" ] && return
	note "$1 disks, found: $(cat "$VM_TMP/disks")"
	return 1
}

# firmware_case ARCH SERIES FIRMWARE SECONDS MODULES CLIENT...: boots within the time
firmware_case()
{
	what="$1, $3" fc_arch=$1 fc_series=$2 fc_firmware=$3 fc_limit=$4 fc_modules=$5
	shift 5
	# shellcheck disable=SC2086 # names are words
	initramfs "$VM_TMP/initramfs" "$fc_arch" "$fc_series" virtio_pci \
		"$(guest_module "$fc_arch" "$fc_series" virtio_cma)" sd_mod $fc_modules
	# shellcheck disable=SC2046 # options are words
	case $fc_firmware in
	SeaBIOS)
		vm_start "$fc_arch" "$(kernel_dir "$fc_arch" "$fc_series")/vmlinuz" "$VM_TMP/initramfs" \
			$(firmware_clients "$@")
		;;
	UEFI)
		firmware_esp "$fc_arch" "$fc_series"
		vm_start "$fc_arch" '' '' -bios "$HVCMA_BUILD/env/firmware/$fc_arch.fd" \
			-drive "if=none,id=esp,format=raw,file=fat:$VM_TMP/esp,read-only=on" \
			-device virtio-blk-pci,drive=esp $(firmware_clients "$@")
		;;
	esac
	if ! vm_booted 1 "$fc_limit"; then
		tap_result 1 "$what: the guest boots, with as clients: $*"
		return
	fi
	check "$what: the guest boots, with as clients: $*" status_is /clients/0/state present
	# shellcheck disable=SC2086
	check "$what: stock drivers are loaded" guest load virtio_cma $fc_modules
	check "$what: each finds its disk, and can use it" disks_work "$(with_driver "$@")"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

export GUEST_LIMIT_S=120
firmware_case amd64 6.12 SeaBIOS 120 'vmw_pvscsi am53c974 mptsas virtio_blk nvme' \
	lsi53c895a pvscsi am53c974 mptsas1068 virtio-blk nvme
firmware_case amd64 6.12 UEFI 150 'vmw_pvscsi mptsas nvme ahci' pvscsi mptsas1068 nvme ahci
rarely firmware_case arm64 6.12 UEFI 150 'nvme ahci' nvme ahci
tap_end
