# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For tests of hvcmad with the nested host's virtio-mmio disk. Sourced, after lib.sh, platform_lib.sh and
# service_lib.sh: the disk is VFIO's then, and VM banka may have it.

disk=$(virtio_mmio_disk)
device=$disk
platform_take "$disk"
service_prepare
PLATFORM_REGION=service=$SOCKET PLATFORM_QEMU=$SANDBOX

# write_config [RULES]: the file of rules that the service has
write_config()
{
	cat >"$VM_TMP/hvcmad.conf" <<END
socket-group = "nogroup";
${1:+platform-rules = \"$1\";}
totals = { memory = "192M"; pinned = "192M"; regions = 3; devices = 1; };
vms = (
	{ name = "banka"; user = $VM_USER; memory = "128M"; pinned = "128M"; regions = 2;
	  unsafe-noiommu = true; unsafe-no-reset = true; devices = ( "$disk" ); },
	{ name = "other"; user = 12346; memory = "64M"; pinned = "64M"; regions = 1;
	  unsafe-noiommu = true; devices = ( "a000000.virtio_mmio" ); } );
END
}

# start_guest WHAT [DEVICE-PROPERTY]
start_guest()
{
	start_platform_guest "$@"
	guest load ext4 virtio_blk virtio_mmio
	check "$1: the stock driver finds its disk" guest disk_ready vda
	check "$1: the device runs" runs
}

runs()
{
	[ "$(real "$STATUS")" = 0x0000000F ]
}

is_quiet()
{
	[ "$(real "$STATUS")" = 0x00000000 ]
}

# quiet_before_freed: looks until no hugepage is in use; from the first that is free on the device is quiet
quiet_before_freed()
{
	qb_end=$(($(date +%s) + 20)) qb_first=$(hugepages_used)
	while [ "$(date +%s)" -lt "$qb_end" ]; do
		qb_used=$(hugepages_used)
		[ "$qb_used" -eq "$qb_first" ] && [ "$qb_used" -ne 0 ] || is_quiet || return 1
		[ "$qb_used" -ne 0 ] || return 0
	done
	return 1
}

memory_stays()
{
	[ "$(hugepages_used)" -gt 0 ]
}

# is_stopped WHAT: device first, then memory
is_stopped()
{
	check "$1: the device is reset before any memory is free" quiet_before_freed
	check "$1: the service has no device any more" wait_until 15 has_no_device
}
