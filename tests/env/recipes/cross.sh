# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: the compilers that Debian's guest kernels were built with, run from where they are
# unpacked, and a root tree of headers and libraries for arm64 user space.

# compiler_wrappers TRIPLET FLAGS: one for every program of that prefix; gcc gets the flags and
# finds its own parts relative to itself.
compiler_wrappers()
{
	mkdir -p "$DEST/bin"
	root=$FINAL/root
	lib=$root/usr/lib/x86_64-linux-gnu:$root/lib/x86_64-linux-gnu
	for program in "$DEST/root/usr/bin/$1"-*; do
		name=$(basename "$program")
		flags=
		case $name in
		*-gcc | *-gcc-[0-9]* | *-cpp | *-cpp-[0-9]*) flags="$2" ;;
		esac
		script "$DEST/bin/$name" <<-END
			#!/bin/sh
			LD_LIBRARY_PATH=$lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
			export LD_LIBRARY_PATH
			exec $root/usr/bin/$name $flags "\$@"
		END
	done
}

make_cross()
{
	sysroot=$(need sysroot-arm64)
	unpack "$DEST/root"
	compiler_wrappers aarch64-linux-gnu "--sysroot=$sysroot"
	script "$DEST/bin/aarch64-linux-gnu-pkg-config" <<-END
		#!/bin/sh
		PKG_CONFIG_SYSROOT_DIR=$sysroot
		PKG_CONFIG_LIBDIR=$sysroot/usr/lib/aarch64-linux-gnu/pkgconfig:$sysroot/usr/share/pkgconfig
		export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
		exec pkg-config "\$@"
	END
}

make_cross_amd64()
{
	unpack "$DEST/root"
	compiler_wrappers x86_64-linux-gnu "-B$FINAL/root/usr/bin/x86_64-linux-gnu-"
}

make_sysroot_arm64_service()
{
	make_sysroot_arm64
}

make_sysroot_arm64()
{
	unpack "$DEST"
	rm -rf "$DEST/usr/share/doc" "$DEST/usr/share/man" "$DEST/usr/share/locale"
	# An absolute link would lead out of the tree.
	find "$DEST" -type l -lname '/*' | while read -r link; do
		ln -sfnr "$DEST$(readlink "$link")" "$link"
	done
}
