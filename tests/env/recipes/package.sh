# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: what Debian's packages for arm64 are built with: the compiler of the step cross with a root tree of its own,
# sysroot/, and packages/NAME, a library as dpkg-deb -R unpacks it: where dpkg-shlibdeps learns which package has it.

make_package_arm64()
{
	cross=$(need cross)
	tests_sysroot=$(need sysroot-arm64)
	sysroot=$FINAL/sysroot
	unpack "$DEST/sysroot"
	# An absolute link would lead out of the tree.
	find "$DEST/sysroot" -type l -lname '/*' | while read -r link; do
		ln -sfnr "$DEST/sysroot$(readlink "$link")" "$link"
	done
	mkdir "$DEST/packages" "$DEST/bin"
	archives lib >"$WORK/libraries"
	while read -r deb; do
		name=$(dpkg-deb -f "$deb" Package)
		dpkg-deb -R "$deb" "$WORK/$name"
		[ ! -e "$WORK/$name/DEBIAN/shlibs" ] || mv "$WORK/$name" "$DEST/packages/"
	done <"$WORK/libraries"
	for program in "$cross"/bin/aarch64-linux-gnu-*; do
		ln -s "$program" "$DEST/bin/"
	done
	rm "$DEST/bin/aarch64-linux-gnu-gcc" "$DEST/bin/aarch64-linux-gnu-pkg-config"
	# QEMU's headers come with options that name the root tree which tests are built with; what only they need stays.
	script "$DEST/bin/aarch64-linux-gnu-gcc" <<-END
		#!/bin/sh
		for argument; do
			shift
			case \$argument in
			-I$tests_sysroot/*)
				here=$sysroot\${argument#-I$tests_sysroot}
				[ ! -e "\$here" ] || argument=-I\$here
				;;
			esac
			set -- "\$@" "\$argument"
		done
		exec $cross/bin/aarch64-linux-gnu-gcc "\$@" --sysroot=$sysroot
	END
	script "$DEST/bin/aarch64-linux-gnu-pkg-config" <<-END
		#!/bin/sh
		PKG_CONFIG_SYSROOT_DIR=$sysroot
		PKG_CONFIG_LIBDIR=$sysroot/usr/lib/aarch64-linux-gnu/pkgconfig:$sysroot/usr/share/pkgconfig
		export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
		exec pkg-config "\$@"
	END
}
