#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# AppArmor, enforced: Debian's kernel in a guest, and there libvirtd 11.3 under its own profile, hvcmad, and a domain with a
# region whose QEMU is under the profile that virt-aa-helper makes. It does not start without the rules of
# packaging/apparmor, and does with them; what it is not to have it is denied, by AppArmor, which says so.
#
# check: long, limit 1500

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/confinement.sh"

confinement_need
series=6.12 mib=16
programs=$HVCMA_BUILD/$VM_NATIVE
[ -x "$programs/hvcmad" ] || skip_all "there is no hvcmad: configure says what it lacks"
[ -e "$(kernel_dir amd64 $series)/vmlinuz" ] || skip_all "no kernel amd64/$series"
confined_layout 11.3 || skip_all "the environment has no AppArmor"
# shellcheck disable=SC2034 # for vm.sh
GUEST_LIMIT_S=300
PROFILE=libvirt-$CONFINED_UUID
DOMAIN_LOG=/var/log/libvirt/qemu/one.log

# What "make install" and Debian's packages would have there. ROOT has the profiles, without ours.
make_tree()
{
	tree=$VM_TMP/tree
	cp -a "$HELPER/." "$tree" && chmod u+w "$tree" && chmod -R u+w "$tree/etc" "$tree/usr" "$tree/var" || return
	cp -a "$ROOT/etc/." "$tree/etc/"
	cp -a "$ROOT/usr/sbin/apparmor_parser" "$tree/usr/sbin/"
	cp -a "$ROOT/usr/share/apparmor-features" "$tree/usr/share/"
	mkdir -p "$tree/rules"
	confined_rules
	cp -a "$PROFILES/abstractions/libvirt-qemu.d" "$PROFILES/abstractions/hvcma-root" "$PROFILES/abstractions/hvcma-files" "$tree/rules/"
	rm -rf "$tree/var/run"
	ln -s ../run "$tree/var/run"
	ln -sf bash "$tree/usr/bin/sh"
	mkdir -p "$tree/usr/lib/hvcma" "$tree/etc/libvirt/hooks/qemu.d" "$tree/srv/open"
	chmod 1777 "$tree/srv/open" "$tree/tmp"
	cp "$programs"/testing/hvcma-*.so "$HVCMA_SRC/hv/host/platform-rules" "$tree/usr/lib/hvcma/"
	cp "$programs/hvcma" "$tree/usr/bin/"
	cp "$programs/hvcmad" "$programs/hvcmad-keeper" "$tree/usr/sbin/"
	cp -L "$(ldd "$programs/hvcmad" | sed -n 's/.*=> \(.*libconfig[^ ]*\) .*/\1/p')" "$tree/usr/lib/"
	sed "s,@PLUGINDIR@,/usr/lib/hvcma," "$HVCMA_SRC/packaging/hvcma-qemu" >"$tree/usr/bin/hvcma-qemu-system-x86_64"
	sed "s,@BINDIR@,/usr/bin,g" "$HVCMA_SRC/packaging/libvirt-hook" >"$tree/etc/libvirt/hooks/qemu.d/hvcma"
	chmod 755 "$tree/usr/bin/hvcma-qemu-system-x86_64" "$tree/etc/libvirt/hooks/qemu.d/hvcma"
	cat >>"$tree/etc/libvirt/qemu.conf" <<-CONF
		security_driver = "apparmor"
		cgroup_controllers = [ ]
		stdio_handler = "file"
		namespaces = [ ]
	CONF
	printf 'auth_unix_rw = "none"\nhost_uuid = "%s"\n' "$CONFINED_UUID" >>"$tree/etc/libvirt/libvirtd.conf"
	cat >"$tree/etc/hvcmad.conf" <<-CONF
		totals = { memory = "64M"; pinned = "64M"; regions = 4; };
		vms = ( { name = "banka"; user = 64055; memory = "32M"; pinned = "32M"; regions = 2; } );
	CONF
	cp "$VM_TMP/confined.xml" "$tree/one.xml"
	# Where configure was told to have it is another name of /usr/bin.
	emulator=$(sed -n 's,.*<emulator>\(.*\)</emulator>.*,\1,p' "$tree/one.xml")
	emulator=${emulator%/*}
	[ "$emulator" = /usr/bin ] || { mkdir -p "$tree${emulator%/*}" && rm -rf "$tree$emulator" && ln -s /usr/bin "$tree$emulator"; }
	cp -L "$HVCMA_BUILD/env/busybox-amd64" "$tree/usr/bin/dmesg"
	cp "$HVCMA_SRC/tests/lib/guest/agent" "$HVCMA_SRC/tests/lib/guest/helpers.sh" "$tree/"
	kib=$(du -sk --apparent-size "$tree" | cut -f 1)
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -m 0 -d "$tree" "$VM_TMP/tree.img" "$((kib * 12 / 10 + 65536))k" >/dev/null
}

# starts: the domain, paused: there is no guest in it
starts()
{
	guest 'virsh -q start --paused one' >"$VM_TMP/said" && return
	note "$(cat "$VM_TMP/said")"
	return 1
}

# denied TEXT: AppArmor says, in its time, that it has not let the domain
denied()
{
	wait_until 10 has_denied "$1"
}

has_denied()
{
	guest "dmesg | grep 'apparmor=\"DENIED\"' | grep 'profile=\"$PROFILE\"' | grep -q '$1'"
}

service_has()
{
	[ "$(guest "hvcma status --service=/run/hvcma/hvcmad.socket --field $1")" = "$2" ]
}

answers()
{
	guest 'virsh -q list' >"$VM_TMP/said"
}

# qmp COMMAND: to the domain's QEMU
qmp()
{
	guest "virsh qemu-monitor-command one '$1'" >"$VM_TMP/said"
}

check "a tree with all of it" make_tree || tap_end
initramfs "$VM_TMP/initramfs" amd64 $series virtio_pci virtio_blk ext4 -- -f "$HVCMA_SRC/tests/libvirt/guest/start:/start"
VM_NO_PRELOAD=1 VM_MEMORY=1G VM_LIMIT_S=1200 VM_APPEND="hugepages=$((2 * mib)) apparmor=1 security=apparmor" \
	vm_start amd64 "$(kernel_dir amd64 $series)/vmlinuz" "$VM_TMP/initramfs" \
	-drive "if=none,id=tree,format=raw,snapshot=on,file=$VM_TMP/tree.img" -device virtio-blk-pci,drive=tree
check "the guest boots" vm_booted 1 120 || tap_end
guest 'mount -t securityfs securityfs /sys/kernel/security; mount -t tmpfs tmpfs /run; mkdir -p /dev/hugepages /dev/pts /run/hvcma /run/libvirt' | sed 's/^/# /'
guest 'mount -t devpts devpts /dev/pts; mount -t hugetlbfs -o pagesize=2M hugetlbfs /dev/hugepages' | sed 's/^/# /'
check "its kernel has AppArmor" guest 'grep -q apparmor /sys/kernel/security/lsm'
check "libvirtd's own profiles are loaded" guest 'cd /etc/apparmor.d && apparmor_parser -r usr.sbin.libvirtd usr.lib.libvirt.virt-aa-helper 2>&1'
guest '(hvcmad --config /etc/hvcmad.conf --socket /run/hvcma/hvcmad.socket >/run/hvcmad.log 2>&1 &)'
check "hvcmad serves" wait_until 60 service_has /pinned-bytes 0 || { note "$(guest cat /run/hvcmad.log)"; tap_end; }
guest 'chgrp 64055 /run/hvcma/hvcmad.socket; chmod 660 /run/hvcma/hvcmad.socket'
guest 'virtlogd -d; libvirtd -d' | sed 's/^/# /'
check "libvirtd answers" wait_until 120 answers || { note "$(cat "$VM_TMP/said") $(guest 'dmesg | grep DENIED')"; tap_end; }
check "libvirtd is confined" equal 'libvirtd (enforce)' "$(guest 'cat /proc/$(cat /run/libvirtd.pid)/attr/current')"
check "the domain is defined" guest 'virsh -q define /one.xml 2>&1' || note "$(guest 'virsh -q define /one.xml 2>&1')"

check "negative control: without our rules it does not start" eval '! starts'
check "for it may not run the wrapper" grep -q 'cannot execute binary .*hvcma-qemu-system-x86_64: Permission denied' "$VM_TMP/said"
check "nothing is pinned" service_has /pinned-bytes 0
guest 'cp -a /rules/* /etc/apparmor.d/abstractions/; dmesg -c >/dev/null'
check "with them it starts" starts || note "$(guest "tail -n 20 $DOMAIN_LOG")"
check "under its own profile" equal "$PROFILE (enforce)" "$(guest 'cat /proc/$(cat /run/libvirt/qemu/one.pid)/attr/current')"
check "as libvirt's user" equal 64055 "$(guest 'stat -c %u /proc/$(cat /run/libvirt/qemu/one.pid)')"
check "QEMU has the region" eval 'guest "hvcma domain status one --device banka --field /region/name" | grep -q banka'

check "it may not write where libvirt does not let it" eval 'qmp "{\"execute\":\"pmemsave\",\"arguments\":{\"val\":0,\"size\":4096,\"filename\":\"/srv/open/it\"}}"; denied "name=\"/srv/open/it\""'
check "QEMU says so" grep -q 'Permission denied' "$VM_TMP/said"
check "negative control: not for the folder's own sake" guest 'chroot --userspec=64055:64055 / sh -c ": >/srv/open/me"'
guest 'mkdir -p /dev/hugepages/hvcma/two /dev/vfio; touch /dev/hugepages/hvcma/two/banka; mknod /dev/vfio/noiommu-0 c 1 3'
guest 'chown -R 64055:64055 /dev/hugepages/hvcma/two; chmod 666 /dev/vfio/noiommu-0; chmod 755 /dev/hugepages'
check "nor have another domain's region" eval 'qmp "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"memory-backend-file\",\"id\":\"x\",\"size\":2097152,\"mem-path\":\"/dev/hugepages/hvcma/two/banka\",\"share\":true}}"
	denied "name=\"/dev/hugepages/hvcma/two/banka\""'
check "nor open a device" eval 'qmp "{\"execute\":\"object-add\",\"arguments\":{\"qom-type\":\"memory-backend-file\",\"id\":\"x\",\"size\":4096,\"mem-path\":\"/dev/vfio/noiommu-0\",\"share\":true}}"
	denied "name=\"/dev/vfio/noiommu-0\""'
printf '%s\n' "<region xmlns='https://hvcma.example/schemas/domain/1.0' name='more' mode='private' service='yes'><size unit='MiB'>4</size></region>" >"$VM_TMP/more.xml"
check "one more region comes while it runs" eval 'guest "echo \"$(cat "$VM_TMP/more.xml")\" >/more.xml; hvcma domain attach-region one /more.xml --live 2>&1" >"$VM_TMP/said"'
note "$(cat "$VM_TMP/said")"
check "QEMU has that, too" eval 'guest "hvcma domain status one --device more --field /region/name" | grep -q more'
check "nothing else was denied" equal '' "$(guest 'dmesg | grep DENIED' | grep -v -e 'name="/srv/open/it"' \
	-e 'name="/dev/hugepages/hvcma/two/banka"' -e 'name="/dev/vfio/noiommu-0"')"
check "destroyed" guest 'virsh -q destroy one'
check "the service has all back" wait_until 30 service_has /pinned-bytes 0
check "the domain's profile is not loaded any more" guest "! grep -q $PROFILE /sys/kernel/security/apparmor/profiles"
vm_quit
tap_end
