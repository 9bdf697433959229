# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: what confines a domain under AppArmor, of one suite: the profiles that libvirt and AppArmor come with, the
# parser, and aa-exec. They run with the libraries of the recipe libvirt.

make_confinement()
{
	unpack "$WORK/root"
	mkdir -p "$DEST/usr/sbin" "$DEST/usr/bin" "$DEST/usr/share"
	mv "$WORK/root/etc" "$DEST/"
	# In some suites packages still go to both.
	for dir in sbin usr/sbin; do
		[ ! -e "$WORK/root/$dir/apparmor_parser" ] || mv "$WORK/root/$dir/apparmor_parser" "$DEST/usr/sbin/"
	done
	mv "$WORK/root/usr/bin/aa-exec" "$DEST/usr/bin/"
	mv "$WORK/root/usr/share/apparmor-features" "$DEST/usr/share/"
	# Of the newest suite the parser has a library that libvirt has not.
	mkdir "$DEST/usr/share/libraries"
	for library in "$WORK"/root/usr/lib/*/libstdc++.so.6*; do
		[ ! -e "$library" ] || mv "$library" "$DEST/usr/share/libraries/"
	done
	# What maintainer scripts would have added.
	mkdir -p "$DEST/etc/apparmor.d/local/abstractions"
	for profile in "$DEST"/etc/apparmor.d/usr.*; do
		: >"$DEST/etc/apparmor.d/local/${profile##*/}"
	done
}
