# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: an arm64 machine that builds hvcma itself. The disk of its system, packages unpacked and known to dpkg, for
# none of their scripts has run; and the cache that its builder of the test environment begins with, so that it
# downloads nothing. Non-purpose: what is built there (tests/vm/test_arm64_host.sh).

# make_machine: image
make_machine()
{
	tree=$WORK/tree
	for dir in bin lib sbin; do
		mkdir -p "$tree/usr/$dir"
		ln -s "usr/$dir" "$tree/$dir"
	done
	info=$tree/var/lib/dpkg/info
	mkdir -p "$info" "$tree/var/lib/dpkg/updates" "$DEST"
	archives '' | grep '\.deb$' >"$WORK/packages"
	while read -r deb; do
		# Links of the tree to folders stay.
		dpkg-deb --fsys-tarfile "$deb" | tar -C "$tree" --keep-directory-symlink -xf -
		machine_knows "$deb"
	done <"$WORK/packages"
	(cd "$tree" && rm -rf usr/share/doc usr/share/man usr/share/locale usr/share/info usr/lib/systemd/system)
	machine_links
	mkdir -p "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp" "$tree/run" "$tree/root" "$tree/mnt"
	chmod 1777 "$tree/tmp"
	cp "$tree/usr/share/base-passwd/passwd.master" "$tree/etc/passwd"
	cp "$tree/usr/share/base-passwd/group.master" "$tree/etc/group"
	echo builder >"$tree/etc/hostname"
	echo '127.0.0.1 localhost builder' >"$tree/etc/hosts"
	mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$tree" "$DEST/image" 8G
	tree_remove "$tree"
}

# machine_knows PACKAGE: dpkg finds it installed, with its files
machine_knows()
{
	dpkg-deb -f "$1" | sed '/^Package:/a\
Status: install ok installed' >>"$tree/var/lib/dpkg/status"
	echo >>"$tree/var/lib/dpkg/status"
	name=$(dpkg-deb -f "$1" Package)
	case $(dpkg-deb -f "$1" Multi-Arch) in
	same) name=$name:$(dpkg-deb -f "$1" Architecture) ;;
	esac
	dpkg-deb --fsys-tarfile "$1" | tar -tf - | sed 's,^\.,,; s,/$,,; s,^$,/.,' >"$info/$name.list"
}

# What scripts of packages would have made: alternatives, and names that only they give.
machine_links()
{
	ln -sf dash "$tree/usr/bin/sh"
	ln -sf mawk "$tree/usr/bin/awk"
	ln -sf gcc "$tree/usr/bin/cc"
	ln -sf g++ "$tree/usr/bin/c++"
	[ -e "$tree/usr/bin/which" ] || ln -sf which.debianutils "$tree/usr/bin/which"
	[ -e "$tree/usr/bin/fakeroot" ] || ln -sf fakeroot-sysv "$tree/usr/bin/fakeroot"
}

# make_seed: cache/, as tests/env/build --cache has it, and mirrors, which it was made with
make_seed()
(
	mkdir -p "$DEST/cache/files" "$DEST/cache/plans" "$DEST/cache/apt"
	sed 's/ .*//' "$PLAN" | while read -r file; do
		cp "$ARCHIVE/$file" "$DEST/cache/files/"
	done
	MACHINE=arm64
	code=$({ cat "$ENV_DIR/apt.sh" "$RECIPES/plan.sh" && echo "$MACHINE"; } | digest)
	grep '^qemu_' "$PLAN" >"$DEST/cache/plans/qemu-src-$code"
	grep -E '^(meson|python3-pycotap)_' "$PLAN" >"$DEST/cache/plans/meson-$code"
	grep -vE '^(qemu|meson|python3-pycotap)_' "$PLAN" >"$DEST/cache/plans/qemu-arm64-$code"
	: >"$DEST/cache/plans/qemu-headers-arm64-$code"
	apt_archives
	echo "$main $security" >"$DEST/mirrors"
	apt_stable_sources >"$DEST/cache/apt/sources.list"
	: >"$DEST/cache/apt/updated"
)
