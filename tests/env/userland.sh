# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: what runs in guests besides the kernel: busybox, filesystem tools, and the root tree
# of a nested host with a QEMU of its own.

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

# A tree with mke2fs and all it needs to run.
plan_e2fs()
{
	plan_closure "e2fsprogs:$1" | grep "_$1\\.deb "
}

make_e2fs()
{
	unpack "$DEST"
	prune_tree "$DEST"
	rm -rf "${DEST:?}/usr/share" "${DEST:?}/usr/bin" "${DEST:?}/usr/sbin"
}

plan_rootfs_arm64()
{
	json=$(package_depends libjson-c-dev:arm64 libjson-c)
	# shellcheck disable=SC2046 # a list of words
	plan_closure -t "$GUEST_SUITE-backports" \
		$(printf '%s:arm64 ' qemu-system-arm ipxe-qemu busybox-static e2fsprogs "$json") |
		grep -E '_(arm64|all)\.deb ' |
		plan_without 'debconf|adduser|passwd|libpam.*|libsemanage.*|perl.*|gcc-.*-base'
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
