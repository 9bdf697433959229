#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# QEMU as libvirt runs it by default, without privileges: what a region has pinned hvcmad pins for it, more than
# QEMU's own RLIMIT_MEMLOCK; what its configuration does not let the domain have is refused with words that virsh
# shows; the service ends and starts again beside the domain; and gets all back. The region is pinned as a whole before
# the guest starts, and no guest is needed.

. "$HVCMA_SRC/tests/lib/testbed.sh"
# shellcheck disable=SC2034 # for libvirt.sh
LIBVIRT_UNPRIVILEGED=1
. "$HVCMA_SRC/tests/lib/libvirt.sh"

BYTES=$((16 << 20))

libvirt_need
[ -x "$HVCMA_BUILD/$VM_NATIVE/hvcmad" ] || skip_all "there is no hvcmad: configure says what it lacks"
hugepages_need 2048 24
trap 'libvirt_stop; vm_cleanup' EXIT
libvirt_start || {
	tap_result 1 "libvirtd starts"
	tap_end
}

# domain NAME MIB SERVICE
domain()
{
	cat >"$VIRT/$1.xml" <<-END
		<domain type='qemu'>
		<name>$1</name>
		<metadata>
		<hvcma:regions xmlns:hvcma='https://hvcma.example/schemas/domain/1.0'>
		<hvcma:region name='banka' mode='reusable' service='$3'>
		<hvcma:size unit='MiB'>$2</hvcma:size>
		<hvcma:pin mode='all'/>
		<hvcma:client device='ua-net'/>
		</hvcma:region>
		</hvcma:regions>
		</metadata>
		<memory unit='MiB'>256</memory>
		<os><type arch='x86_64' machine='q35'>hvm</type></os>
		<features><acpi/></features>
		<devices>
		<emulator>/usr/bin/qemu-system-x86_64</emulator>
		<interface type='user'><model type='e1000e'/><alias name='ua-net'/></interface>
		</devices>
		</domain>
	END
	inside hvcma domain define --no-host "/vm/$1.xml"
}

starts()
{
	inside virsh -q start --paused "$1" 2>"$VM_TMP/err" && return
	note "$(cat "$VM_TMP/err")"
	return 1
}

# process NAME FILE WORD: what /proc says of its QEMU, behind that word
process()
{
	# shellcheck disable=SC2016 # for the shell in there
	inside sh -c 'cat "/proc/$(cat "/run/libvirt/qemu/$1.pid")/$2"' sh "$1" "$2" | sed -n "s/^$3[[:space:]]*//p"
}

pins()
{
	[ "$(libvirt_service_has /pinned-bytes)" = "$1" ]
}

check "a domain that wants the service" domain one 16 yes
check "checked, on this host: there is none" eval '! inside hvcma domain check /vm/one.xml >"$VM_TMP/said" &&
	grep -q "the service.s socket /run/hvcma/hvcmad.socket: No such file" "$VM_TMP/said"'
check "it does not start without" eval '! starts one >/dev/null && grep -q hvcmad "$VM_TMP/err"'
check "the service starts" libvirt_service "
	totals = { memory = \"64M\"; pinned = \"64M\"; regions = 4; };
	vms = ( { name = \"banka\"; user = 64055; memory = \"16M\"; pinned = \"16M\"; regions = 2; } );"
check "checked once more" inside hvcma domain check /vm/one.xml
check "started" starts one
check "QEMU is libvirt's user" equal 64055 "$(process one status Uid: | cut -f 1)"
check "without capabilities" equal 0000000000000000 "$(process one status CapEff:)"
check "effective or permitted" equal 0000000000000000 "$(process one status CapPrm:)"
check "its system calls are filtered" equal 2 "$(process one status Seccomp:)"
check "it may not lock as much itself" [ "$(process one limits 'Max locked memory' | awk '{ print $1 }')" -lt $BYTES ]
check "the service has pinned all of the region" pins $BYTES
check "which QEMU says, too" domain_field_is one banka /counters/pinned-bytes $BYTES

check "negative control: the same without the service" domain alone 16 no
check "does not start" eval '! starts alone >/dev/null'
note "$(cat "$VM_TMP/err")"
check "beyond what the service lets it have" domain much 16 yes
check "does not start either, and virsh says why" eval '! starts much >/dev/null && grep -qi quota "$VM_TMP/err"'
note "$(cat "$VM_TMP/err")"
check "the first one's is as it was" pins $BYTES

kill "$libvirt_hvcmad"
wait "$libvirt_hvcmad"
check "the service starts again" libvirt_service "$(cat "$VM_TMP/hvcmad.conf")"
check "and has what it had" domain_wait 30 pins $BYTES
check "the domain is there" equal paused "$(inside virsh domstate one | head -n 1)"
check "libvirtd starts again" eval 'libvirt_daemon_stop && libvirt_daemon'
check "the domain is there" equal paused "$(inside virsh domstate one | head -n 1)"
check "and its region" domain_field_is one banka /counters/pinned-bytes $BYTES
check "destroyed" inside virsh -q destroy one
check "the service has all back" domain_wait 30 pins 0
check "no file is left" equal 0 "$(region_files)"
# shellcheck disable=SC2034 # in an eval
keeper=$libvirt_keeper
libvirt_stop
check "the keeper ends with the service, for it has nothing" eval '[ -n "$keeper" ] && ! kill -0 "$keeper" 2>/dev/null'
tap_end
