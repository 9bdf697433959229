# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: what runs in guests besides the kernel: busybox, some of Debian's programs with all
# that they need, and the root tree of a nested host with a QEMU of its own.

make_busybox()
{
	unpack "$WORK/root"
	for program in "$WORK/root/bin/busybox" "$WORK/root/usr/bin/busybox"; do
		[ ! -e "$program" ] || mv "$program" "$DEST"
	done
}

# Guests have no use for these.
prune_tree()
{
	(cd "$1" && rm -rf usr/share/doc usr/share/man usr/share/info usr/share/locale \
		usr/share/lintian usr/share/bug usr/share/doc-base usr/share/applications \
		usr/share/icons usr/share/bash-completion usr/lib/*/gconv usr/lib/*/audit \
		usr/lib/systemd lib/systemd lib/udev etc/cron.d etc/apparmor.d var)
}

# Programs of one package with all they need.
make_tree()
{
	unpack "$DEST"
	prune_tree "$DEST"
	rm -rf "${DEST:?}/usr/share" "${DEST:?}/usr/bin" "${DEST:?}/usr/sbin"
}

# A root tree in which mkinitramfs runs.
make_initramfs_tools()
{
	unpack "$DEST"
	rm -rf "$DEST/usr/share/doc" "$DEST/usr/share/man" "$DEST/usr/share/locale" \
		"$DEST/lib/systemd/system"
	# Debian's systems have all in /usr, packages of this suite don't yet.
	for dir in bin lib lib64 sbin; do
		mkdir -p "$DEST/usr/$dir"
		cp -RP "$DEST/$dir/." "$DEST/usr/$dir/"
		rm -r "${DEST:?}/$dir"
		ln -s "usr/$dir" "$DEST/$dir"
	done
	ln -sf dash "$DEST/bin/sh"
	ln -sf mawk "$DEST/bin/awk"
	mkdir -p "$DEST/boot" "$DEST/dev" "$DEST/proc" "$DEST/tmp" "$DEST/var/tmp"
}

make_rootfs_arm64()
{
	unpack "$DEST"
	prune_tree "$DEST"
	mkdir -p "$DEST/dev" "$DEST/proc" "$DEST/sys" "$DEST/tmp" "$DEST/run" "$DEST/root" "$DEST/mnt"
	chmod 1777 "$DEST/tmp"
	busybox=$(need busybox-amd64)
	for applet in $("$busybox" --list); do
		[ -e "$DEST/bin/$applet" ] || [ -e "$DEST/sbin/$applet" ] ||
			[ -e "$DEST/usr/bin/$applet" ] || [ -e "$DEST/usr/sbin/$applet" ] ||
			ln -s busybox "$DEST/bin/$applet"
	done
}
