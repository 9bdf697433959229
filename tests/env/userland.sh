# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: what runs in guests besides the kernel: busybox, some of Debian's programs with all
# that they need, and the root tree of a nested host with a QEMU of its own.

plan_busybox()
{
	plan_packages "busybox-static:$1"
}

make_busybox()
{
	unpack "$WORK/root"
	mv "$WORK/root/bin/busybox" "$DEST" || mv "$WORK/root/usr/bin/busybox" "$DEST"
}

# Guests have no use for these.
prune_tree()
{
	(cd "$1" && rm -rf usr/share/doc usr/share/man usr/share/info usr/share/locale \
		usr/share/lintian usr/share/bug usr/share/doc-base usr/share/applications \
		usr/share/icons usr/share/bash-completion usr/lib/*/gconv usr/lib/*/audit \
		usr/lib/systemd lib/systemd lib/udev etc/cron.d etc/apparmor.d var)
}

# What packages need to be installed and people to log in, and programs don't to run.
NOT_TO_RUN='debconf|adduser|passwd|libpam.*|libsemanage.*|perl.*|gcc-.*-base'
NOT_FOR_TREES="$NOT_TO_RUN|libsepol.*|libdb[0-9].*"

# A tree with the programs of PACKAGE and all they need to run.
plan_tree()
{
	plan_closure "$1:$2" | grep "_$2\\.deb " | plan_without "$NOT_FOR_TREES"
}

make_tree()
{
	unpack "$DEST"
	prune_tree "$DEST"
	rm -rf "${DEST:?}/usr/share" "${DEST:?}/usr/bin" "${DEST:?}/usr/sbin"
}

# A root tree in which mkinitramfs runs. Packages don't say that they depend on a shell and the
# usual tools: every system has them.
plan_initramfs_tools()
{
	plan_closure initramfs-tools-core busybox-static bash coreutils dash dpkg findutils grep \
		gzip libc-bin mawk sed util-linux |
		plan_without "$NOT_FOR_TREES|base-files|tar|util-linux-extra"
}

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

plan_rootfs_arm64()
{
	json=$(package_depends libjson-c-dev:arm64 libjson-c)
	# shellcheck disable=SC2046 # a list of words
	plan_closure -t "$GUEST_SUITE-backports" \
		$(printf '%s:arm64 ' qemu-system-arm ipxe-qemu busybox-static e2fsprogs "$json") |
		grep -E '_(arm64|all)\.deb ' |
		plan_without "$NOT_TO_RUN"
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
