#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# Clients and regions that come to a running domain and go, under a real libvirtd, QEMU by TCG: at once, in the definition, in both;
# what is refused, and that it leaves the domain and its definition as they were.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/libvirt.sh"

NS=https://hvcma.example/schemas/domain/1.0

libvirt_need
hugepages_need 2048 32
trap 'libvirt_stop; vm_cleanup' EXIT
libvirt_start || {
	tap_result 1 "libvirtd starts"
	tap_end
}
libvirt_guest

# card ALIAS: one more network card
card()
{
	echo "<interface type='user'><model type='e1000e'/><alias name='$1'/></interface>" >"$VIRT/card.xml"
}

# region NAME MIB
region()
{
	echo "<region xmlns='$NS' name='$1' mode='private'><size unit='MiB'>$2</size></region>" >"$VIRT/region.xml"
}

definition()
{
	inside virsh dumpxml --inactive one
}

# refused WORDS COMMAND...: by hvcma domain, with these words; neither the definition nor the domain has changed
refused()
{
	re_words=$1
	shift
	re_before=$(definition) re_live=$(inside virsh dumpxml one)
	if inside hvcma domain "$@" 2>"$VM_TMP/err"; then
		return 1
	fi
	note "$(cat "$VM_TMP/err")"
	grep -q -- "$re_words" "$VM_TMP/err" && [ "$re_before" = "$(definition)" ] && [ "$re_live" = "$(inside virsh dumpxml one)" ]
}

# clients_are STATE...: of the region
clients_are()
{
	ca_nr=0
	for ca_state; do
		domain_field_is one banka /clients/$ca_nr/state "$ca_state" || return
		ca_nr=$((ca_nr + 1))
	done
}

# The region has two clients, and there is room for what comes.
second="<interface type='user'><model type='e1000e'/><alias name='ua-second'/></interface>"
domain_xml one | sed "s,name='banka',& default='yes',; s,<hvcma:client.*,&<hvcma:client device='ua-second'/>,
	s,</interface>,&$second," >"$VIRT/one.xml"
for port in 1 2 3 4; do
	sed -i "0,/<interface/s,<interface,<controller type='pci' index='$((port + 10))' model='pcie-root-port'/>&," "$VIRT/one.xml"
done
domain_talk one
check "defined and started" eval 'inside hvcma domain define /vm/one.xml >/dev/null && inside hvcma domain start one'
check "the guest's driver, and its client" libvirt_client_up one 1

check "and its second" domain_wait 60 clients_are claimed claimed

check "the second goes, at once" inside hvcma domain detach-device one ua-second --live
check "the guest has let go of it" domain_wait 60 eval '! inside virsh dumpxml one | grep -q "alias name=.ua-second"'
check "the definition has it" eval 'definition | grep -q "alias name=.ua-second"'
check "the first goes on" clients_are claimed
check "what is not there: refused" refused ua-second detach-device one ua-second --live
card ua-second
check "and comes again" inside hvcma domain attach-device one /vm/card.xml --live
check "it is served" domain_wait 60 clients_are claimed claimed
check "twice: refused" refused . attach-device one /vm/card.xml --live
card ua-third
check "one that no region names, and QEMU emulates: refused" refused "the default one takes hostdevs alone" attach-device one /vm/card.xml --live
check "in the definition, too" refused "the default one takes hostdevs alone" attach-device one /vm/card.xml --config
check "the first goes, too" inside hvcma domain detach-device one ua-net --live
check "the guest has let go of it" domain_wait 60 eval '! inside virsh dumpxml one | grep -q "alias name=.ua-net"'
check "it is claimed no more" eval '! clients_are claimed'
card ua-net
check "and comes again" inside hvcma domain attach-device one /vm/card.xml --live
check "it is served" domain_wait 60 clients_are claimed claimed
check "from the definition it does not go: its region names it" refused "names 'ua-net' as client" detach-device one ua-net --config

region more 8
check "a region, at once and in the definition" inside hvcma domain attach-region one /vm/region.xml --live --config
check "the guest has it" domain_wait 60 domain_field_is one more /driver/state running
check "the definition, too" eval 'definition | grep -q ua-hvcma-more'
check "twice, in both: refused" refused "a region 'more' already" attach-region one /vm/region.xml --live --config
check "and away, from both" inside hvcma domain detach-region one more --live --config
check "QEMU has it no more" eval '! domain_field_is one more /region/name more'
check "nor has the definition" eval '! definition | grep -q ua-hvcma-more'

# More than the host has: the definition could have it, the domain that runs can't.
region much $(($(awk '/^HugePages_Total/ { print $2 }' /proc/meminfo) * 2 + 1024))
check "what the host has no pages for, at once: refused" refused . attach-region one /vm/region.xml --live
check "in both: refused, and out of the definition again" refused . attach-region one /vm/region.xml --live --config
check "QEMU keeps nothing of it" eval '! inside virsh qemu-monitor-command one --hmp "info memdev" | grep -q hvcma-mem-much'
region 'no name' 8
check "a region with a name that can't be: refused" refused "name" attach-region one /vm/region.xml --live --config
region odd 7
check "with a size that is no multiple: refused" refused "multiple" attach-region one /vm/region.xml --live

check "the region whose client works is not let go: refused" refused "in use by the guest" detach-region one banka --live
check "the clients go on" clients_are claimed claimed
check "no warning or oops" equal 0 "$(guest complaints)"
check "destroyed" inside virsh -q destroy one
check "all is given back" equal 0 "$(region_files)"
tap_end
