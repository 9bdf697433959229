#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# make install and uninstall, install-guest and uninstall-guest, in a copy of the sources: what is
# put where, that no product of a build comes along, that an earlier version goes, that a machine
# without compiler is enough for guests.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset CC AR CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG MAKEFLAGS MFLAGS MAKELEVEL
export CLANG=false

# files FOLDER: in it, by their names there
files()
{
	(cd "$1" && find . ! -type d | sort)
}

src=$tmp/src root=$tmp/root
mkdir "$src"
(cd "$HVCMA_SRC" && tar -cf - --exclude=./build --exclude=./.git --exclude=config.mak .) | tar -xf - -C "$src"

# A machine with make and the usual tools, but none that compiles or configures.
mkdir "$tmp/bin"
for tool in sh make find sed install rm rmdir cp cat mkdir ps nproc printf; do
	ln -s "$(command -v $tool)" "$tmp/bin/$tool"
done
without_compiler()
{
	PATH=$tmp/bin make -C "$src" "$@" >"$tmp/out" 2>&1 && return
	note "$(tail -n 5 "$tmp/out")"
	return 1
}

check "guest: without compiler or configure" without_compiler install-guest DESTDIR="$root"
check "guest: configure was not run" [ ! -e "$src/config.mak" ]
files "$root" >"$tmp/first"
check "guest: the driver's sources, for dkms" \
	grep -qx './usr/src/virtio-cma-[0-9.]*/guest-driver/main.c' "$tmp/first"
check "guest: what they include" \
	grep -qx './usr/src/virtio-cma-[0-9.]*/hv/abi/virtio_cma.h' "$tmp/first"

# As kbuild leaves it, run where the sources are.
touch "$src/guest-driver/main.o" "$src/guest-driver/virtio_cma.ko" "$src/guest-driver/virtio_cma.mod.c" \
	"$src/guest-driver/.main.o.cmd" "$src/guest-driver/Module.symvers" "$src/hv/abi/x.o"
# As an earlier version, and an earlier install of this one, leave it.
version=$(sed -n 's,^./usr/src/virtio-cma-\([0-9.]*\)/dkms.conf,\1,p' "$tmp/first")
mkdir -p "$root/usr/src/virtio-cma-0.0.9/guest-driver" "$root/usr/src/virtio-cma-tools"
touch "$root/usr/src/virtio-cma-0.0.9/guest-driver/old.c" "$root/usr/src/virtio-cma-$version/guest-driver/gone.c" \
	"$root/usr/src/virtio-cma-tools/other"
check "guest: installed again, over an earlier version, from a folder where kbuild ran" \
	without_compiler install-guest DESTDIR="$root"
check "guest: what an earlier version had is gone, and nothing built came along" \
	equal "$(cat "$tmp/first"; echo ./usr/src/virtio-cma-tools/other)" "$(files "$root")"
check "guest: uninstall" without_compiler uninstall-guest DESTDIR="$root"
check "guest: leaves what it has not installed, and the owner's own file" \
	equal "$(printf './etc/modprobe.d/virtio-cma-local.conf\n./usr/src/virtio-cma-tools/other')" "$(files "$root")"

mkdir "$tmp/my" && touch "$tmp/my/file"
for goal in uninstall-guest install-guest; do
	check "guest: $goal, a blank in DESTDIR: refused" eval '! without_compiler $goal DESTDIR="$tmp/my folder" &&
		grep -q "DESTDIR: folder names with blanks are not supported" "$tmp/out"'
	check "guest: $goal, a blank in GUEST_PREFIX: refused" eval '! without_compiler $goal DESTDIR="$tmp" GUEST_PREFIX="/my folder"'
done
for place in . .. / ''; do
	check "make clean, O='$place': refused" eval '! make -C "$src" -n clean O="$place" >"$tmp/out" 2>&1 && grep -q "is to be a folder of its own" "$tmp/out"'
done
check "nothing was removed" equal ./file "$(files "$tmp/my")"

# Nothing is compiled for this: what make would build is there already, and newer.
cd "$src" || exit 1
./configure --prefix=/usr >/dev/null
arch=$(sed -n 's/^NATIVE = //p' config.mak)
echo 'STEPS_MADE = qemu-headers-'"$arch" >"$tmp/environment.mak"
echo 'PACKAGES_CHECKED = plugin' >>config.mak
mkdir -p "build/$arch" "build/env/qemu-headers-$arch"
touch "build/env/qemu-headers-$arch/cflags"
mv "$tmp/environment.mak" build/
for file in hvcma hvcma-pin-keeper hvcmad hvcmad-keeper hvcma-preload.so hvcma-qemu-10.0.so; do
	touch "build/$arch/$file"
done
rm -rf "$root"
check "install" eval 'make -o "build/$arch/hvcma" -o "build/$arch/hvcma-pin-keeper" -o "build/$arch/hvcma-preload.so" \
	-o "build/$arch/hvcmad" -o "build/$arch/hvcmad-keeper" -o "build/$arch/hvcma-qemu-10.0.so" install DESTDIR="$root" >"$tmp/out" 2>&1 || { note "$(cat "$tmp/out")"; false; }'
for file in bin/hvcma lib/hvcma/hvcma-preload.so lib/hvcma/hvcma-qemu-10.0.so lib/hvcma/hvcma-pin-keeper \
	share/man/man1/hvcma.1 share/man/man7/virtio-cma.7 sbin/hvcmad sbin/hvcmad-keeper share/man/man8/hvcmad.8 \
	lib/systemd/system/hvcmad.service lib/systemd/system/hvcmad.socket lib/systemd/system/hvcmad-keeper.service lib/systemd/system/hvcmad-keeper.socket lib/sysusers.d/hvcmad.conf \
	lib/tmpfiles.d/hvcmad.conf share/doc/hvcma/hvcmad.conf bin/hvcma-qemu-system-x86_64 \
	bin/hvcma-qemu-system-aarch64 share/hvcma/domain.rng share/man/man1/hvcma-domain.1; do
	check "installed: /usr/$file" [ -e "$root/usr/$file" ]
done
check "the service's unit names where it is" grep -qx 'ExecStart=/usr/sbin/hvcmad --keeper /run/hvcma/keeper.socket' "$root/usr/lib/systemd/system/hvcmad.service"
check "the emulator with the plugin names it" grep -q '^LD_PRELOAD=/usr/lib/hvcma/hvcma-preload.so' "$root/usr/bin/hvcma-qemu-system-x86_64"
check "libvirt's hook is where libvirt looks for it" [ -x "$root/etc/libvirt/hooks/qemu.d/hvcma" ]
check "and names the command" grep -q 'exec /usr/bin/hvcma domain hook' "$root/etc/libvirt/hooks/qemu.d/hvcma"
check "AppArmor's rules are where libvirt's profiles include them" [ -e "$root/etc/apparmor.d/abstractions/libvirt-qemu.d/hvcma" ]
check "and name what is installed" eval 'grep -q "^  /usr/bin/hvcma-qemu-system-" "$root/etc/apparmor.d/abstractions/libvirt-qemu.d/hvcma" &&
	grep -q "^  /usr/lib/hvcma/hvcma-pin-keeper " "$root/etc/apparmor.d/abstractions/hvcma-root" && ! grep "^ .*@[A-Z]*@" -r "$root/etc/apparmor.d"'
for goal in install uninstall; do
	check "$goal, a blank in a folder: refused" eval '! make -o "build/$arch/hvcma" -o "build/$arch/hvcma-pin-keeper" \
		-o "build/$arch/hvcma-preload.so" -o "build/$arch/hvcmad" -o "build/$arch/hvcmad-keeper" -o "build/$arch/hvcma-qemu-10.0.so" $goal DESTDIR="$root" prefix="/my folder" \
		>"$tmp/out" 2>&1 && grep -q "bindir: folder names with blanks" "$tmp/out"'
done
touch "$root/usr/bin/other"
check "uninstall" eval 'make uninstall DESTDIR="$root" >"$tmp/out" 2>&1'
check "leaves what it has not installed" equal ./usr/bin/other "$(files "$root")"

# For Xen: the program is chosen by the release that runs, of which this one says that it is none.
mkdir -p "build/xen/4.17" "build/xen/4.20"
for release in 4.17 4.20; do
	printf '#!/bin/sh\necho %s "$@"\n' $release >build/xen/$release/hvcma-xen
done
rm -rf "$root"
check "install-xen" eval 'make STEPS= PACKAGES= -o arm64-xen install-xen DESTDIR="$root" >"$tmp/out" 2>&1 || { note "$(cat "$tmp/out")"; false; }'
for file in lib/hvcma-xen/4.17/hvcma-xen lib/hvcma-xen/4.20/hvcma-xen sbin/hvcma-xen lib/systemd/system/hvcma-xen.service share/man/man8/hvcma-xen.8; do
	check "installed: /usr/$file" [ -e "$root/usr/$file" ]
done
check "its unit names where it is" grep -qx 'ExecStart=/usr/sbin/hvcma-xen daemon' "$root/usr/lib/systemd/system/hvcma-xen.service"
mkdir -p "$tmp/version"
sed "s,/sys/hypervisor/version,$tmp/version,; s,/usr/lib/hvcma-xen,$root&," "$root/usr/sbin/hvcma-xen" >"$tmp/hvcma-xen"
check "where no Xen runs it says so" eval '! sh "$tmp/hvcma-xen" list 2>"$tmp/out" && grep -q "no Xen: there is no .*/version/major" "$tmp/out"'
echo 4 >"$tmp/version/major"
echo 20 >"$tmp/version/minor"
check "the one for this release runs" equal "4.20 list --json" "$(sh "$tmp/hvcma-xen" list --json)"
echo 19 >"$tmp/version/minor"
check "of another release it says for which there are" eval '! sh "$tmp/hvcma-xen" list 2>"$tmp/out" && grep -q "this is Xen 4.19; .* has it for 4.17 4.20" "$tmp/out"'
check "uninstall-xen" eval 'make uninstall-xen DESTDIR="$root" >"$tmp/out" 2>&1'
check "leaves nothing" equal "" "$(files "$root")"
tap_end
