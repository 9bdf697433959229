# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: Debian's Xen for arm64: the hypervisor, a root tree with its tools for the control domain,
# and headers and libraries of that release. Non-purpose: what runs beside them there (busybox, kernel).

make_xen()
{
	unpack "$WORK/root"
	mkdir "$DEST"
	cp "$WORK/root/boot/xen-$1-arm64" "$DEST/xen"
	cp "$WORK/root"/boot/xen-"$1"-arm64.config "$DEST/config" 2>/dev/null || :
}

make_sysroot_xen()
{
	make_sysroot_arm64
}

# Programs are where the packages have them, /usr/lib/xen-RELEASE/bin; wrappers and scripts are not for us.
make_xen_tools()
{
	unpack "$DEST"
	prune_tree "$DEST"
	(cd "$DEST" && rm -rf usr/share usr/lib/python3* etc/init.d etc/default etc/grub.d \
		usr/lib/xen-"$1"/lib usr/lib/xen-"$1"/boot usr/lib/debug)
}
