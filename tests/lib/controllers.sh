# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Machines whose clients are controllers of QEMU's, each with a disk or on a wire of its own, and
# what is asked of every one: firmware gets past it, its stock driver works, lets go of it in the
# middle of what it does, and has it back. Sourced after testbed.sh.
#
#	controllers_test ARCH SERIES FIRMWARE MODULES CLIENT...
#
# A client is the name of a QEMU device. They are at the slots from FIRST_SLOT on, in this order,
# which leaves those before to what else the machine has; at the other ends of the wires are
# devices that are no clients, functions of the last slots.

FIRST_SLOT=4
BOOT_LIMIT_S=280
export GUEST_LIMIT_S=60 VM_LIMIT_S=580
MORE=		# further options of QEMU
NO_CLIENTS=	# "1": the same machine, in which they are no clients
PEER=virtio-net-pci	# what they are
NIC_ROM=	# ",rombar=1": with option ROMs, which clients have only if told to

# controller_kind NAME
controller_kind()
{
	case $1 in
	e1000* | igb | rtl8139 | pcnet | tulip | vmxnet3 | i82* | ne2k_pci | virtio-net-pci) echo nic ;;
	*) echo disk ;;
	esac
}

# controllers_disk NAME: options of a disk of that client
controllers_disk()
{
	truncate -s 16M "$VM_TMP/disk-$1"
	echo "-drive if=none,id=d-$1,format=raw,file=$VM_TMP/disk-$1"
}

# controllers_bus NAME OPTIONS DEVICE BUS: a controller with a disk behind it
controllers_bus()
{
	controllers_disk "$1"
	echo "-device $1,id=$1,addr=$(printf %x "$slot")$2 -device $3,drive=d-$1,bus=$4"
}

# controllers_options NAME: of one client in $slot
controllers_options()
{
	case $1 in
	virtio-blk-pci | virtio-scsi-pci | virtio-net-pci) co_more=,disable-legacy=on,iommu_platform=on ;;
	*) co_more= ;;
	esac
	case $1 in
	ich9-ahci | piix3-ide | piix4-ide) controllers_bus "$1" '' ide-hd "$1.0" ;;
	lsi53c* | am53c974 | dc390 | megasas* | mptsas1068 | pvscsi)
		controllers_bus "$1" '' scsi-hd "$1.0" ;;
	virtio-scsi-pci) controllers_bus "$1" $co_more scsi-hd "$1.0" ;;
	sdhci-pci) controllers_bus "$1" '' sd-card sd-bus ;;
	virtio-blk-pci)
		controllers_disk "$1"
		echo "-device $1,id=$1,addr=$(printf %x "$slot"),drive=d-$1$co_more" ;;
	nvme)
		controllers_disk "$1"
		echo "-device $1,id=$1,addr=$(printf %x "$slot"),drive=d-$1,serial=$1" ;;
	nec-usb-xhci)
		controllers_disk "$1"
		echo "-device $1,id=$1,addr=$(printf %x "$slot") -device usb-uas,id=uas,bus=$1.0" \
			"-device scsi-hd,drive=d-$1,bus=uas.0" ;;
	*-xhci | *usb-ehci* | *usb-uhci* | pci-ohci) controllers_bus "$1" '' usb-storage "$1.0" ;;
	*)
		echo "-netdev hubport,id=n-$1,hubid=$slot -netdev hubport,id=p-$1,hubid=$slot" \
			"-device $1,id=$1,addr=$(printf %x "$slot"),netdev=n-$1$co_more$NIC_ROM"
		;;
	esac
}

# controllers_peer NR: slot and function of the other end of that wire
controllers_peer()
{
	printf '%x.%x' $((0x1d + $1 / 8)) $(($1 % 8))
}

# controllers_region NAME...: options of the clients and their region, which any 32-bit adapter
# reaches
controllers_region()
{
	slot=$FIRST_SLOT
	echo "-object memory-backend-memfd,id=cma0-mem,size=128M" \
		"-device virtio-cma-pci,id=cma0,memdev=cma0-mem,name=fabric,x-provider=fake,granule=2M" \
		"-set device.cma0.unsafe-noiommu=on -set device.cma0.x-fabric=on" \
		"-set device.cma0.x-fake-base=0x40000000"
	[ -n "$NO_CLIENTS" ] || echo "-set device.cma0.clients=$(echo "$*" | tr ' ' :)"
	for client; do
		controllers_options "$client"
		slot=$((slot + 1))
	done
	wire=0
	for client; do
		[ "$(controller_kind "$client")" = nic ] || continue
		echo "-device $PEER,netdev=p-$client,addr=$(controllers_peer $wire),multifunction=on,romfile="
		wire=$((wire + 1))
	done
}

# UEFI drives adapters without these, too, but does not try for minutes to boot from each wire.
NO_IP='-fw_cfg name=opt/org.tianocore/IPv4Support,string=n -fw_cfg name=opt/org.tianocore/IPv6Support,string=n'

# controllers_esp ARCH SERIES: what UEFI boots, as files
controllers_esp()
{
	mkdir -p "$VM_TMP/esp"
	cp -L "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/esp/linux.efi"
	cp "$VM_TMP/initramfs" "$VM_TMP/esp/initrd"
	printf 'fs0:\r\nlinux.efi initrd=\\initrd console=%s panic=-1\r\n' "$(vm_console "$1")" \
		>"$VM_TMP/esp/startup.nsh"
}

# controllers_load MODULE...: some of them look for their disks first
controllers_load()
{
	GUEST_LIMIT_S=200
	guest load virtio_cma "$@"
	cl_status=$?
	GUEST_LIMIT_S=60
	return $cl_status
}

# controllers_start ARCH SERIES FIRMWARE MODULES CLIENT...
controllers_start()
{
	cb_arch=$1 cb_series=$2 cb_firmware=$3 cb_modules=$4
	shift 4
	clients=$*
	# shellcheck disable=SC2086,SC2046 # names are words
	initramfs "$VM_TMP/initramfs" "$cb_arch" "$cb_series" virtio_pci \
		"$(guest_module "$cb_arch" "$cb_series" virtio_cma)" $cb_modules \
		-- $(guest_programs "$cb_arch" frames) \
		-f "$HVCMA_SRC/tests/lib/guest/controllers.sh:/controllers.sh"
	# shellcheck disable=SC2046,SC2086 # options are words
	case $cb_firmware in
	SeaBIOS)
		vm_start "$cb_arch" "$(kernel_dir "$cb_arch" "$cb_series")/vmlinuz" "$VM_TMP/initramfs" \
			$MORE $(controllers_region "$@")
		;;
	UEFI)
		controllers_esp "$cb_arch" "$cb_series"
		vm_start "$cb_arch" '' '' -bios "$HVCMA_BUILD/env/firmware/$cb_arch.fd" \
			-drive "if=none,id=esp,format=raw,file=fat:$VM_TMP/esp,read-only=on" \
			-device virtio-blk-pci,drive=esp $NO_IP $MORE $(controllers_region "$@")
		;;
	esac
}

# controllers_boot ARCH SERIES FIRMWARE MODULES CLIENT...: false if there is no guest to go on with
controllers_boot()
{
	what="$1, $2, $3"
	begin=$(date +%s)
	controllers_start "$@"
	vm_booted 1 $BOOT_LIMIT_S
	booted=$?
	note "$what: booted after $(($(date +%s) - begin)) s"
	tap_result $booted "$what: the guest boots, with as clients: $clients"
	[ $booted -eq 0 ] || return 1
	# shellcheck disable=SC2086
	check "$what: stock drivers are loaded" controllers_load $cb_modules && return
	vm_logs
	return 1
}

# controllers_quiet INDEX: not claimed, no bus master
controllers_quiet()
{
	status_is "/clients/$1/state" present && status_is "/clients/$1/bus-master" false
}

# controllers_check: each of the machine's, by what it is
controllers_check()
{
	index=0 wire=0
	for client in $clients; do
		address=$(printf '0000:00:%02x.0' $((index + FIRST_SLOT)))
		kind=$(controller_kind "$client")
		[ "$kind" = disk ] || {
			address="$address 0000:00:$(controllers_peer $wire) $(controllers_frames "$client")"
			wire=$((wire + 1))
		}
		controller_check
		index=$((index + 1))
	done
}

# controller COMMAND...: of tests/lib/guest/controllers.sh
controller()
{
	guest ". /controllers.sh; $*"
}

controller_check()
{
	check "$what: $client: works" controller "${kind}_works $address" || return
	check "$what: $client: is claimed" status_is "/clients/$index/state" claimed
	controller "${kind}_busy $address"
	check "$what: $client: its driver goes in mid-I/O" controller "driver_take ${address%% *}"
	check "$what: $client: is quiet then" wait_until 5 controllers_quiet "$index"
	check "$what: $client: its driver comes back" controller "driver_give ${address%% *}"
	check "$what: $client: works again" controller "${kind}_works $address"
	controller "driver_take ${address%% *}"
}

# controllers_frames NAME: sizes of frames that it sends as they are. QEMU's i82558a and what came
# after it take two buffers of each frame, though the driver has given them one ("extended TCB"): the
# second is what the memory behind it says, at 0x86fa4000, and longer frames have it at their end now
# and then, client or not.
controllers_frames()
{
	case $1 in
	i82558* | i82559*) echo 60 ;;
	*) echo 60 513 1514 ;;
	esac
}

# controllers_no_faults: no DMA outside of pinned granules, but for those reads
controllers_no_faults()
{
	case $clients in
	*i82558* | *i82559*) equal '' "$(grep 'which is not pinned' "$VM_DIR/qemu.log" |
		grep -v 'i8255[89][a-z]*: DMA read from address 0x86fa4')" ;;
	*) equal 0 "$(fabric_faults)" ;;
	esac
}

controllers_end()
{
	check "$what: all drivers gone, nothing is pinned" wait_until 5 status_is /counters/pinned-bytes 0
	check "$what: not one DMA outside of pinned granules" controllers_no_faults
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

controllers_test()
{
	if controllers_boot "$@"; then
		controllers_check
		controllers_end
	fi
	vm_kill
}
