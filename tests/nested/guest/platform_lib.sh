# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For tests of platform devices: the outer machine's virtio-mmio disk, as this host's VFIO and its guest
# have it. Sourced, in the nested host, after lib.sh.

PLATFORM=/sys/bus/platform/devices
# Registers of virtio-mmio (virtio 1.2, 4.2.2), and what the first always reads.
MAGIC=0x74726976 DEVICE_ID=8 STATUS=112
# Where machine virt has its platform bus, and so the first device on it.
GUEST_BASE=0x0C000000
GUEST_NAME=c000000.virtio_mmio

# platform_take NAME: to VFIO, from whatever driver has it
platform_take()
{
	[ ! -e "$PLATFORM/$1/driver" ] || echo "$1" >"$PLATFORM/$1/driver/unbind"
	echo vfio-platform >"$PLATFORM/$1/driver_override"
	echo "$1" >/sys/bus/platform/drivers_probe
}

# virtio_mmio_with ID: the transport with such a device behind it, as virtio numbers them
virtio_mmio_with()
{
	for vm_device in "$PLATFORM"/*.virtio_mmio; do
		vm_name=$(basename "$vm_device")
		[ "$(devmem $((0x${vm_name%%.*} + DEVICE_ID)) 32)" != "$(printf '0x%08X' "$1")" ] || echo "$vm_name"
	done
}

virtio_mmio_disk()
{
	virtio_mmio_with 2
}

# real OFFSET: of the disk's registers, as they really are
real()
{
	devmem $((0x${disk%%.*} + $1)) 32
}

# seen OFFSET: as the guest sees it
seen()
{
	guest devmem $((GUEST_BASE + $1)) 32
}

bind_in_guest()
{
	guest "echo $GUEST_NAME >/sys/bus/platform/drivers/virtio-mmio/$1"
}

# start_platform_guest WHAT [DEVICE-PROPERTY]; PLATFORM_REGION: properties of the region, PLATFORM_QEMU: options
start_platform_guest()
{
	# shellcheck disable=SC2046,SC2086 # options are words
	nested_guest $(region_options cma0 "clients=disk0,unsafe-noiommu=on${PLATFORM_REGION:+,$PLATFORM_REGION}") \
		-device "vfio-platform-noiommu,host=$disk,id=disk0${2:+,$2}" ${PLATFORM_QEMU-}
	check "$1: the guest boots" vm_booted 1 60
}
