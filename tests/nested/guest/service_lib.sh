# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For tests of hvcmad in the nested host: it runs as root, QEMU as a user without any capability and with its
# sandbox on. Sourced, after lib.sh; $device is then the name of the host's device that it is about.

export REGION_PAGE_KIB=2048 REGION_MIB=64
export VM_USER=12345 VM_AS_USER=$HVCMA_BUILD/guest/arm64/bin/as_user
SOCKET=$VM_TMP/hvcmad.socket
LOG=$VM_TMP/hvcmad.log
SANDBOX='-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'
hvcma=$HVCMA_BUILD/arm64/hvcma

# service_prepare: hugepages, and what users may open
service_prepare()
{
	region_hugepages
	chmod 666 /dev/kvm
	chmod 711 "$VM_TMP"
	writable_etc
	echo nogroup:x:65534: >>/etc/group
}

# start_service WHAT
start_service()
{
	: >"$LOG"
	LD_LIBRARY_PATH=$HVCMA_BUILD/lib "$HVCMA_BUILD/arm64/hvcmad" --config "$VM_TMP/hvcmad.conf" \
		--socket "$SOCKET" >>"$LOG" 2>&1 &
	service=$!
	check "$1: the service runs" wait_until 20 said "ready, 2 VMs"
}

kill_service()
{
	kill -KILL "$service"
	wait "$service"
	sed 's/^/# /' "$LOG"
}

# end_service: as systemd does it
end_service()
{
	kill "$service"
	wait "$service"
	check "the service ends well" equal 0 $?
	sed 's/^/# /' "$LOG"
}

# said TEXT: the service has, since it was started
said()
{
	grep -q -e "$1" "$LOG"
}

# shows TEXT: hvcma status does, in a line of the device or below
shows()
{
	"$hvcma" status --service="$SOCKET" >"$VM_TMP/status" && grep -q -e "$1" "$VM_TMP/status"
}

has_no_device()
{
	"$hvcma" status --service="$SOCKET" >"$VM_TMP/status" && ! grep -q "$device" "$VM_TMP/status"
}

all_of_region_used()
{
	[ "$(hugepages_used)" -eq $((REGION_MIB * 1024 / REGION_PAGE_KIB)) ]
}

# release [OPTION]: the first device
release()
{
	"$hvcma" release --service="$SOCKET" "$@" "$("$hvcma" status --service="$SOCKET" --field /devices/0/number)"
}
