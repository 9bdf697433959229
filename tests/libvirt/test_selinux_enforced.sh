#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# SELinux, enforced: Debian's kernel in a guest, its reference policy with the module of packaging/selinux, and there hvcmad,
# libvirtd 11.3, and a domain with a region, each in its own domain of SELinux. It starts; with another label on the service's
# socket it does not; what QEMU is not to have it is denied, by SELinux, which says so.
#
# check: long, limit 1800

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/confinement.sh"
. "$HVCMA_SRC/tests/lib/selinux.sh"

confinement_need
selinux_need
series=6.12 mib=16
programs=$HVCMA_BUILD/$VM_NATIVE
[ -x "$programs/hvcmad" ] || skip_all "there is no hvcmad: configure says what it lacks"
[ -e "$(kernel_dir amd64 $series)/vmlinuz" ] || skip_all "no kernel amd64/$series"
LIBVIRT_TREE=$(readlink -f "$HVCMA_BUILD/env/libvirt-amd64")
# shellcheck disable=SC2034 # for vm.sh
GUEST_LIMIT_S=300
DOMAIN_LOG=/var/log/libvirt/qemu/one.log

# What "make install" and packages would have there, over the tree with the policy.
make_tree()
{
	tree=$SELINUX
	cp -a "$LIBVIRT_TREE/." "$tree/" && chmod u+w "$tree" && chmod -R u+w "$tree/etc" "$tree/usr" "$tree/var" || return
	rm -rf "$tree/var/run" \
		"${tree:?}/usr/share/selinux/devel" "${tree:?}/boot"
	ln -s ../run "$tree/var/run"
	ln -sf bash "$tree/usr/bin/sh"
	mkdir -p "$tree/usr/lib/hvcma" "$tree/etc/libvirt/hooks/qemu.d" "$tree/usr/share/open"
	chmod 1777 "$tree/usr/share/open" "$tree/tmp"
	cp "$programs"/testing/hvcma-*.so "$HVCMA_SRC/hv/host/platform-rules" "$tree/usr/lib/hvcma/"
	cp "$programs/hvcma" "$tree/usr/bin/"
	cp "$programs/hvcmad" "$programs/hvcmad-keeper" "$tree/usr/sbin/"
	cp -L "$(ldd "$programs/hvcmad" | sed -n 's/.*=> \(.*libconfig[^ ]*\) .*/\1/p')" "$tree/usr/lib/"
	sed "s,@PLUGINDIR@,/usr/lib/hvcma," "$HVCMA_SRC/packaging/hvcma-qemu" >"$tree/usr/bin/hvcma-qemu-system-x86_64"
	sed "s,@BINDIR@,/usr/bin,g" "$HVCMA_SRC/packaging/libvirt-hook" >"$tree/etc/libvirt/hooks/qemu.d/hvcma"
	chmod 755 "$tree/usr/bin/hvcma-qemu-system-x86_64" "$tree/etc/libvirt/hooks/qemu.d/hvcma"
	cat >>"$tree/etc/libvirt/qemu.conf" <<-CONF
		security_driver = "selinux"
		cgroup_controllers = [ ]
		stdio_handler = "file"
		namespaces = [ ]
	CONF
	printf 'auth_unix_rw = "none"\nhost_uuid = "%s"\n' "$CONFINED_UUID" >>"$tree/etc/libvirt/libvirtd.conf"
	cat >"$tree/etc/hvcmad.conf" <<-CONF
		totals = { memory = "64M"; pinned = "64M"; regions = 4; };
		vms = ( { name = "banka"; label = "system_u:system_r:svirt_t:*"; memory = "32M"; pinned = "32M"; regions = 2; } );
	CONF
	# As a domain is confined that KVM runs: libvirt has another type for those that are emulated.
	sed "s,</domain>,<seclabel type='static' model='selinux' relabel='yes'><label>system_u:system_r:svirt_t:s0:c1\,c2</label></seclabel>&," \
		"$VM_TMP/confined.xml" >"$tree/usr/share/one.xml"
	# Where configure was told to have it is another name of /usr/bin.
	emulator=$(sed -n 's,.*<emulator>\(.*\)</emulator>.*,\1,p' "$VM_TMP/confined.xml")
	emulator=${emulator%/*}
	[ "$emulator" = /usr/bin ] || { mkdir -p "$tree${emulator%/*}" && rm -rf "$tree$emulator" && ln -s /usr/bin "$tree$emulator"; }
	cp -L "$HVCMA_BUILD/env/busybox-amd64" "$tree/usr/bin/dmesg"
	cp "$HVCMA_SRC/tests/lib/guest/agent" "$HVCMA_SRC/tests/lib/guest/helpers.sh" "$tree/"
	# What systemd is elsewhere: a program that has its label.
	rm -f "$tree/usr/sbin/init"
	cp "$tree/usr/bin/bash" "$tree/usr/sbin/init"
	cp "$HVCMA_SRC/tests/libvirt/guest/selinux" "$tree/first"
	selinux_inside setfiles -F -e /dev -e /proc -e /sys /etc/selinux/default/contexts/files/file_contexts / || return
	kib=$(du -sk --apparent-size "$tree" | cut -f 1)
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -m 0 -d "$tree" "$VM_TMP/tree.img" "$((kib * 12 / 10 + 98304))k" >/dev/null
}

# domain_of NAME: of the process of that name
domain_of()
{
	guest "for p in /proc/[0-9]*; do read -r c <\$p/comm; [ \$c = $1 ] && { tr -d '\\0' <\$p/attr/current; echo; break; }; done" 2>&1
}

# starts: the domain, paused: there is no guest in it
starts()
{
	guest 'virsh -q start --paused one 2>&1 | cat; [ -e /run/libvirt/qemu/one.pid ]' >"$VM_TMP/said" && return
	note "$(cat "$VM_TMP/said")"
	return 1
}

# qmp COMMAND: to the domain's QEMU
qmp()
{
	guest "virsh qemu-monitor-command one '$1' 2>&1 | cat" >"$VM_TMP/said"
}

# denied DOMAIN TEXT...: SELinux says, in its time, that it has not let that domain
denied()
{
	wait_until 20 has_denied "$@"
}

has_denied()
{
	guest 'dmesg | cat' | grep 'avc:  denied' | grep "scontext=system_u:system_r:$1:" >"$VM_TMP/denials"
	shift
	for hd_text; do
		grep -q -e "$hd_text" "$VM_TMP/denials" || return
		grep -e "$hd_text" "$VM_TMP/denials" >"$VM_TMP/denials.new"
		mv "$VM_TMP/denials.new" "$VM_TMP/denials"
	done
}

service_has()
{
	[ "$(guest "hvcma status --service=/run/hvcma/hvcmad.socket --field $1")" = "$2" ]
}

answers()
{
	guest 'virsh -q list 2>&1 | cat; [ -e /run/libvirtd.pid ]' >"$VM_TMP/said" && ! grep -q error "$VM_TMP/said"
}

check "the module is built" selinux_build || { note "$(cat "$VM_TMP/built")"; tap_end; }
check "Debian's policy, with it" eval 'selinux_store $(cd "$SELINUX" && ls usr/share/selinux/default/*.pp* | sed "s,^,/,") /build/hvcma.pp' ||
	{ note "$(cat "$VM_TMP/stored")"; tap_end; }
check "a tree with all of it, labelled" make_tree || tap_end
initramfs "$VM_TMP/initramfs" amd64 $series virtio_pci virtio_blk ext4 -- -f "$HVCMA_SRC/tests/libvirt/guest/start:/start"
VM_NO_PRELOAD=1 VM_MEMORY=1G VM_LIMIT_S=1200 VM_APPEND="hugepages=$((2 * mib)) security=selinux selinux=1 enforcing=0 audit_backlog_limit=4096 first=first" \
	vm_start amd64 "$(kernel_dir amd64 $series)/vmlinuz" "$VM_TMP/initramfs" \
	-drive "if=none,id=tree,format=raw,snapshot=on,file=$VM_TMP/tree.img" -device virtio-blk-pci,drive=tree
check "the guest boots" vm_booted 1 180 || tap_end
# QEMU makes code as it goes, as there is no KVM.
guest 'echo 0 >/proc/sys/kernel/printk_ratelimit; setsebool virt_use_execmem on; setenforce 1; dmesg -c >/dev/null' | sed 's/^/# /'
check "SELinux enforces" equal Enforcing "$(guest 'getenforce | cat')"
guest '(hvcmad --config /etc/hvcmad.conf --socket /run/hvcma/hvcmad.socket >/dev/null 2>&1 &)'
check "hvcmad serves" wait_until 60 service_has /pinned-bytes 0 || { note "$(guest 'dmesg | cat' | grep avc:)"; tap_end; }
check "in its domain" equal system_u:system_r:hvcmad_t:s0 "$(domain_of hvcmad)"
check "its keeper, too" equal system_u:system_r:hvcmad_t:s0 "$(domain_of hvcmad-keeper)"
guest 'chgrp 64055 /run/hvcma/hvcmad.socket; chmod 660 /run/hvcma/hvcmad.socket'
guest 'virtlogd -d; libvirtd -d' | sed 's/^/# /'
check "libvirtd answers" wait_until 120 answers || { note "$(cat "$VM_TMP/said") $(guest 'dmesg | cat' | grep avc:)"; tap_end; }
check "in its domain" eval 'domain_of libvirtd | grep -q "^system_u:system_r:virtd_t:"'
check "the domain is defined" guest 'virsh -q define /usr/share/one.xml 2>&1 | cat; virsh -q dumpxml one | grep -q "<name>one"'
guest 'dmesg -c >/dev/null; chcon -t etc_t /run/hvcma/hvcmad.socket' | sed 's/^/# /'
check "negative control: with another label on the service's socket it does not start" eval '! starts'
check "for it may not connect" denied svirt_t 'write' 'name="hvcmad.socket"' 'tcontext=system_u:object_r:etc_t:s0'
check "nothing is pinned" service_has /pinned-bytes 0
guest 'restorecon -F /run/hvcma/hvcmad.socket; dmesg -c >/dev/null' | sed 's/^/# /'
check "with its own it starts" starts || note "$(guest "tail -n 20 $DOMAIN_LOG"; guest 'dmesg | cat' | grep avc:)"
check "QEMU is in its domain" equal system_u:system_r:svirt_t:s0:c1,c2 "$(guest 'tr -d "\0" </proc/$(cat /run/libvirt/qemu/one.pid)/attr/current; echo')"
check "the region's file has the domain's label" eval 'guest "ls -Z /dev/hugepages/hvcma/one/banka" | grep -q "svirt_image_t:s0:c1,c2"'
check "the service has pinned it" service_has /pinned-bytes $((mib << 20))
check "QEMU has the region" eval 'guest "hvcma domain status one --device banka --field /region/name" | grep -q banka'
check "hvcmad was denied nothing" eval '! has_denied hvcmad_t avc || ! note "$(cat "$VM_TMP/denials")"'

check "QEMU may not write where libvirt does not let it" eval 'qmp "{\"execute\":\"pmemsave\",\"arguments\":{\"val\":0,\"size\":4096,\"filename\":\"/usr/share/open/it\"}}"; denied svirt_t "name=\"open\"\|name=\"it\""'
check "QEMU says so" grep -q 'Permission denied' "$VM_TMP/said"
guest 'mkdir -p /dev/hugepages/hvcma/two /dev/vfio; touch /dev/hugepages/hvcma/two/banka; mknod /dev/vfio/noiommu-0 c 1 3'
guest 'chcon -l s0:c3,c4 -t svirt_image_t /dev/hugepages/hvcma/two/banka; restorecon -R /dev/vfio'
guest 'chown -R 64055:64055 /dev/hugepages/hvcma/two; chmod 666 /dev/vfio/noiommu-0; chmod 755 /dev/hugepages'
check "nor have another domain's region" eval 'qmp "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"memory-backend-file\",\"id\":\"x\",\"size\":2097152,\"mem-path\":\"/dev/hugepages/hvcma/two/banka\",\"share\":true}}"
	denied svirt_t "name=\"banka\"" "svirt_image_t:s0:c3,c4"' || note "$(cat "$VM_TMP/said")"
check "nor open a device" eval 'qmp "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"memory-backend-file\",\"id\":\"x\",\"size\":4096,\"mem-path\":\"/dev/vfio/noiommu-0\",\"share\":true}}"
	denied svirt_t open "noiommu-0" vfio_device_t' || note "$(cat "$VM_TMP/said")"
check "destroyed" guest 'virsh -q destroy one 2>&1 | cat; [ ! -e /run/libvirt/qemu/one.pid ]'
check "the service has all back" wait_until 30 service_has /pinned-bytes 0
note "$(guest 'dmesg | cat' | grep 'avc:  denied' | sed 's/.*avc: //; s/ino=[0-9]*//; s/pid=[0-9]*//' | sort | uniq -c)"
vm_quit
tap_end
