#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A domain with a region under a real libvirtd, QEMU by TCG: defined, started, the guest's driver and
# a client up, a region plugged and unplugged, libvirtd started again, reset, destroyed, undefined.
# QEMU is root here. Saving, crashes and several domains: test_several.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/libvirt.sh"

libvirt_need
hugepages_need 2048 24
trap 'libvirt_stop; vm_cleanup' EXIT
libvirt_start || {
	tap_result 1 "libvirtd starts"
	tap_end
}
libvirt_guest

domain_xml one >"$VIRT/one.xml"
check "checked, on this host" eval 'inside hvcma domain check /vm/one.xml | grep -q "1 region: no faults"'
check "defined" inside hvcma domain define /vm/one.xml
inside virsh dumpxml --inactive one >"$VIRT/defined.xml"
check "what libvirt has made of it has nothing left to apply" inside hvcma domain diff /vm/defined.xml
domain_talk one
if ! check "started" inside hvcma domain start one; then
	note "$(inside cat /var/log/libvirt/qemu/one.log | tail -n 20)"
	tap_end
fi
check "the region's file is there" equal 1 "$(region_files)"
check "QEMU has the region" domain_field_is one banka /region/name banka
check "the guest's driver has it, and its client" libvirt_client_up one 1

cat >"$VIRT/region.xml" <<'END'
<region xmlns='https://hvcma.example/schemas/domain/1.0' name='more' mode='private'>
  <size unit='MiB'>8</size>
</region>
END
check "one more region, at once" inside hvcma domain attach-region one /vm/region.xml --live
check "the guest has it" domain_wait 60 domain_field_is one more /driver/state running
check "twice: refused" eval '! inside hvcma domain attach-region one /vm/region.xml --live 2>/dev/null'
check "and away again" inside hvcma domain detach-region one more --live
check "QEMU has it no more" eval '! domain_field_is one more /region/name more'
check "one more from the next start on" inside hvcma domain attach-region one /vm/region.xml --config
check "it is in the definition" eval 'inside virsh dumpxml --inactive one | grep -q "ua-hvcma-more"'
check "and out of it again" inside hvcma domain detach-region one more --config
check "gone from the definition" eval '! inside virsh dumpxml --inactive one | grep -q "ua-hvcma-more"'

check "libvirtd ends" libvirt_daemon_stop
check "and starts again" libvirt_daemon
check "the domain still runs" equal running "$(inside virsh domstate one | head -n 1)"
check "its region still serves" domain_field_is one banka /clients/0/state claimed

check "reset" inside virsh -q reset one
check "the guest's driver comes again" libvirt_client_up one 2
check "destroyed" inside virsh -q destroy one
check "all is given back" equal 0 "$(region_files)"
check "undefined" inside virsh -q undefine one
tap_end
