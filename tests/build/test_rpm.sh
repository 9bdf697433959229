#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Packages by packaging/hvcma.spec, from the tarball: they are built here, where rpmbuild is Debian's, so what they depend on
# in other distributions is not looked at, nor are they installed.
#
# check: long, limit 1800

. "$HVCMA_SRC/tests/lib/tap.sh"

for tool in rpmspec rpmbuild rpm; do
	command -v $tool >/dev/null || skip_all "no $tool: tests/env/deps rpm"
done
git -C "$HVCMA_SRC" rev-parse -q --verify HEAD >/dev/null || skip_all "no clone of the repository"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
spec=$HVCMA_SRC/packaging/hvcma.spec
headers=$(readlink -f "$HVCMA_BUILD/env/qemu-headers-$(dpkg --print-architecture)")
version=$(sed -n 's/^#define HVCMA_VERSION[[:blank:]]*"\(.*\)"$/\1/p' "$HVCMA_SRC/hv/abi/version.h")
mkdir "$tmp/SOURCES"
git -C "$HVCMA_SRC" archive --prefix="hvcma-$version/" HEAD | xz -T1 -6 >"$tmp/SOURCES/hvcma-$version.tar.xz"
unset MAKEFLAGS MFLAGS MAKELEVEL

# build OPTION...: without what of it is a package elsewhere
build()
{
	rpmbuild -bb --nodeps --define "_topdir $tmp" "$@" "$spec" >"$tmp/log" 2>&1 && return
	note "$(tail -n 20 "$tmp/log")"
	return 1
}
# has PACKAGE FILE...
has()
{
	rpm -qlp "$tmp"/RPMS/*/"$1-$version"-*.rpm >"$tmp/files" 2>/dev/null
	ha_package=$1
	shift
	for ha_file; do
		grep -qx "$ha_file" "$tmp/files" || { note "not in $ha_package: $ha_file"; return 1; }
	done
}

check "five packages, of the version of all parts" equal \
	"hvcma-$version;hvcma-qemu-$version;hvcma-selinux-$version;vdsm-hook-hvcma-$version;virtio-cma-dkms-$version;" \
	"$(rpmspec -q --define 'qemu_headers /none' --qf '%{name}-%{version}\n' "$spec" | sort | tr '\n' ';')"
check "without headers of QEMU: refused, and said which" eval \
	'! rpmbuild -bb --nodeps --define "_topdir $tmp" "$spec" >"$tmp/log" 2>&1 && grep -q "qemu_headers is not defined" "$tmp/log"'
check "the guest's driver alone" build --without host
check "it is all that there is" equal virtio-cma-dkms "$(rpm -qp --qf '%{name}\n' "$tmp"/RPMS/*/*.rpm 2>/dev/null)"
guest="/usr/src/virtio-cma-$version/dkms.conf /usr/src/virtio-cma-$version/guest-driver/main.c /usr/lib/modprobe.d/virtio-cma.conf
	/usr/lib/dracut/modules.d/90virtio_cma/module-setup.sh /usr/lib/udev/rules.d/70-virtio-cma.rules /etc/modprobe.d/virtio-cma-local.conf"
# shellcheck disable=SC2086 # words
check "sources, and what loads the module" has virtio-cma-dkms $guest
check "the owner's own file stays" equal /etc/modprobe.d/virtio-cma-local.conf \
	"$(rpm -qcp "$tmp"/RPMS/noarch/*.rpm 2>/dev/null)"
rm -r "$tmp/RPMS"
# The policy is built in another root (libvirt/test_selinux), and here if this machine has what it is built with.
without_policy=
[ -e /usr/share/selinux/devel/Makefile ] || without_policy="--without selinux"
if [ -e "$headers/cflags" ]; then
	# shellcheck disable=SC2086 # words
	check "all packages" build --define "qemu_headers $headers" $without_policy
	check "hvcma: command, service, units, completion, manual" has hvcma /usr/bin/hvcma /usr/sbin/hvcmad /usr/sbin/hvcmad-keeper \
		/usr/lib/systemd/system/hvcmad.service /usr/lib/sysusers.d/hvcmad.conf /usr/share/zsh/site-functions/_hvcma \
		'/usr/share/man/man8/hvcmad.8.*'
	check "hvcma-qemu: plugin, keeper, emulators, hook" has hvcma-qemu /usr/lib/hvcma/hvcma-qemu-10.0.so /usr/lib/hvcma/hvcma-preload.so \
		/usr/lib/hvcma/hvcma-pin-keeper /usr/bin/hvcma-qemu-system-x86_64 /etc/libvirt/hooks/qemu.d/hvcma \
		/etc/apparmor.d/abstractions/libvirt-qemu.d/hvcma /etc/apparmor.d/abstractions/hvcma-root
	check "vdsm-hook-hvcma: the hook, and where it looks for its module" eval 'has vdsm-hook-hvcma /usr/libexec/vdsm/hooks/before_vm_start/50_hvcma \
		/usr/share/hvcma/hvcma_regions.py && rpm2archive - <"$(ls "$tmp"/RPMS/noarch/vdsm-hook-hvcma-*.rpm)" | tar -xzO ./usr/libexec/vdsm/hooks/before_vm_start/50_hvcma |
		grep -q "\"/usr/share/hvcma\""'
	if [ -z "$without_policy" ]; then
		check "hvcma-selinux: the module, and its interface" has hvcma-selinux /usr/share/selinux/packages/hvcma.pp \
			/usr/share/selinux/devel/include/contrib/hvcma.if
	else
		tap_skip "hvcma-selinux" "there is no selinux-policy-dev here"
	fi
	check "the guest's is as before" eval 'has virtio-cma-dkms $guest'
	check "no file is in two packages" equal '' "$(for rpm in "$tmp"/RPMS/*/*.rpm; do rpm -qlp "$rpm"; done 2>/dev/null |
		grep -v '/licenses\|/\.build-id' | sort | uniq -d)"
else
	tap_skip "all packages" "no headers of QEMU in $HVCMA_BUILD/env"
fi
tap_end
