# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: a root tree with the reference policy of SELinux as Debian packages it, what modules for it are built and
# loaded with, and what asks a policy what it allows. Of the suite of the recipe libvirt, over which it may be laid.

make_selinux()
{
	unpack "$DEST"
	rm -rf "$DEST/usr/share/doc" "$DEST/usr/share/man" "$DEST/usr/share/locale" "$DEST/usr/share/info"
	for dir in bin sbin lib lib64; do
		ln -sfn "usr/$dir" "$DEST/$dir"
	done
	ln -sfn dash "$DEST/usr/bin/sh"
	for dir in dev proc sys tmp run var/tmp var/lib/selinux; do
		mkdir -p "$DEST/$dir"
	done
}
