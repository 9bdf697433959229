#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Debian's packages, as "make dist" and "make deb" make them: what is in each, what it depends on, what its scripts do,
# that lintian has nothing to say, and that two builds are the same bytes. What needs no build is in test_dist.
#
# check: long, limit 1800

. "$HVCMA_SRC/tests/lib/tap.sh"

for tool in dpkg-buildpackage dh dh_dkms lintian fakeroot; do
	command -v $tool >/dev/null || skip_all "no $tool: tests/env/deps deb"
done
git -C "$HVCMA_SRC" rev-parse -q --verify HEAD >/dev/null || skip_all "no clone of the repository"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
arch=$(dpkg --print-architecture)
version=$(sed -n 's/^#define HVCMA_VERSION[[:blank:]]*"\(.*\)"$/\1/p' "$HVCMA_SRC/hv/abi/version.h")

git -C "$HVCMA_SRC" archive --prefix="hvcma-$version/" HEAD | xz -T1 -6 >"$tmp/hvcma-$version.tar.xz"
# build ARCH FOLDER
build()
{
	"$HVCMA_SRC/packaging/deb" "$tmp/hvcma-$version.tar.xz" "$1" "$HVCMA_BUILD/env" "$tmp/$2" >"$tmp/log" 2>&1 && return
	note "$(tail -n 20 "$tmp/log")"
	return 1
}
check "packages for $arch" build "$arch" out
out=$tmp/out

# of PACKAGE: its file
of()
{
	ls "$out/$1"_*.deb
}
# has PACKAGE FILE...
has()
{
	dpkg-deb -c "$(of "$1")" | awk '{ print $6 }' >"$tmp/files"
	ha_package=$1
	shift
	for ha_file; do
		grep -qx "\./$ha_file" "$tmp/files" || { note "not in $ha_package: $ha_file"; return 1; }
	done
}
# depends PACKAGE WORD...
depends()
{
	de_all=$(dpkg-deb -f "$(of "$1")" Depends)
	shift
	for de_word; do
		case ", $de_all" in
		*", $de_word"*) ;;
		*) note "no '$de_word' in: $de_all"; return 1 ;;
		esac
	done
}
check "hvcma: command, service, units, completion, manual" has hvcma usr/bin/hvcma usr/sbin/hvcmad usr/sbin/hvcmad-keeper \
	'.*/systemd/system/hvcmad.service' '.*/systemd/system/hvcmad-keeper.socket' usr/lib/sysusers.d/hvcma.conf \
	usr/lib/tmpfiles.d/hvcma.conf usr/share/bash-completion/completions/hvcma usr/share/zsh/vendor-completions/_hvcma \
	usr/share/fish/vendor_completions.d/hvcma.fish usr/share/man/man1/hvcma.1.gz usr/share/man/man8/hvcmad.8.gz
check "hvcma: the libraries that it is linked with" depends hvcma libjson-c5 liburing2 libfdt1 zlib1g libsystemd0 libxml2
check "hvcma: none that is called otherwise in the next release" eval '! dpkg-deb -f "$(of hvcma)" Depends | grep -q libconfig'
check "hvcma-qemu: plugin, keeper, emulators, hook" has hvcma-qemu usr/lib/hvcma/hvcma-qemu-10.0.so usr/lib/hvcma/hvcma-preload.so \
	usr/lib/hvcma/hvcma-pin-keeper usr/bin/hvcma-qemu-system-x86_64 usr/bin/hvcma-qemu-system-aarch64 \
	etc/libvirt/hooks/qemu.d/hvcma usr/share/man/man7/virtio-cma.7.gz
check "hvcma-qemu: rules for AppArmor" has hvcma-qemu etc/apparmor.d/abstractions/libvirt-qemu.d/hvcma \
	etc/apparmor.d/abstractions/hvcma-root etc/apparmor.d/abstractions/hvcma-files
check "hvcma-qemu: they are the owner's to change, and go when it is purged" [ "$(dpkg-deb -I "$(of hvcma-qemu)" conffiles | grep -c apparmor.d)" = 3 ]
check "hvcma-qemu: looks again when libvirt's own profile comes" eval 'dpkg-deb -I "$(of hvcma-qemu)" triggers |
	grep -qx "interest-noawait /etc/apparmor.d/abstractions/libvirt-qemu"'
check "hvcma-qemu: for QEMU of the series that it was built for" depends hvcma-qemu 'qemu-system-x86 (>= 1:10.0~) | qemu-system-arm (>= 1:10.0~)'
check "virtio-cma-dkms: sources, what loads the module, the owner's own file" has virtio-cma-dkms \
	"usr/src/virtio-cma-$version/dkms.conf" "usr/src/virtio-cma-$version/guest-driver/main.c" \
	"usr/src/virtio-cma-$version/hv/abi/version.h" usr/lib/modprobe.d/virtio-cma.conf \
	usr/lib/udev/rules.d/70-virtio-cma.rules etc/modprobe.d/virtio-cma-local.conf usr/share/initramfs-tools/hooks/virtio_cma
check "its dkms.conf has the version" eval 'dpkg-deb --fsys-tarfile "$(of virtio-cma-dkms)" |
	tar -xO "./usr/src/virtio-cma-$version/dkms.conf" | grep -qx "PACKAGE_VERSION=\"$version\""'
check "virtio-cma-dkms needs dkms" depends virtio-cma-dkms dkms
check "hvcma-vfio-dkms: what builds vfio.ko" has hvcma-vfio-dkms "usr/src/hvcma-vfio-$version/dkms.conf" \
	"usr/src/hvcma-vfio-$version/build-vfio"
check "hvcma-vfio-dkms needs dkms and the kernel's source" depends hvcma-vfio-dkms dkms linux-source
check "hvcma-vfio-dkms: builds again when a source comes" eval '[ "$(dpkg-deb -I "$(of hvcma-vfio-dkms)" triggers | grep -c "^interest-noawait /usr/src$")" = 1 ]'
dpkg-deb -I "$(of hvcma)" postinst >"$tmp/postinst"
dpkg-deb -I "$(of hvcma)" prerm >"$tmp/prerm"
check "hvcma: installed, the group is made and the socket enabled" eval 'grep -q "systemd-sysusers" "$tmp/postinst" &&
	grep -q "deb-systemd-helper enable .hvcmad.socket." "$tmp/postinst"'
check "the keeper is neither started nor stopped" equal '' "$(grep -h 'deb-systemd-invoke.*keeper' "$tmp/postinst" "$tmp/prerm")"
check "no package names where it was built" equal '' "$(for deb in "$out"/*.deb; do
	dpkg-deb -x "$deb" "$tmp/x"; done; grep -rlF -e "$HVCMA_SRC" -e "$tmp" -e "$(dirname "$(readlink -f "$HVCMA_BUILD/env/qemu-headers-$arch")")" "$tmp/x")"
check "lintian has nothing to say" equal '' "$(cd "$out" && lintian --allow-root -- *.changes 2>&1 | grep -E '^[EW]:')"

mv "$out" "$tmp/first"
check "built again" build "$arch" out
check "the same bytes" eval '(cd "$tmp/first" && sha256sum ./*.deb ./*.orig.tar.xz ./*.debian.tar.xz) >"$tmp/sums" &&
	(cd "$out" && sha256sum --quiet -c "$tmp/sums")'

if [ "$arch" != arm64 ] && [ -d "$HVCMA_BUILD/env/package-arm64" ]; then
	check "packages for arm64" build arm64 out
	check "hvcma for arm64: of that architecture" eval 'dpkg-deb -x "$(of hvcma)" "$tmp/arm64" && readelf -h "$tmp/arm64/usr/bin/hvcma" | grep -q AArch64'
	check "and the libraries that it is linked with" depends hvcma libc6 libjson-c5 liburing2 libfdt1 zlib1g libsystemd0 libxml2
	check "hvcma-qemu for arm64: the QEMU of such hosts first" depends hvcma-qemu libglib2.0-0 liburing2 \
		'qemu-system-arm (>= 1:10.0~) | qemu-system-x86 (>= 1:10.0~)'
	check "what is for all architectures is there, too, and the same" eval '(cd "$tmp/first" && sha256sum ./*_all.deb) >"$tmp/sums" &&
		[ "$(wc -l <"$tmp/sums")" = 2 ] && (cd "$out" && sha256sum --quiet -c "$tmp/sums")'
fi
tap_end
