# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: a stock Debian kernel for guests, with all its modules and a tree that builds others
# out of tree. The cloud flavour serves as nested host: to it comes a vfio.ko that allows devices
# without an IOMMU, which Debian leaves out.

# make_kernel ARCH SERIES [cloud]
make_kernel()
{
	image=$WORK/image
	unpack "$image" 'linux-(image|binary|modules|base)-'
	[ -e "$image/lib" ] || ln -s usr/lib "$image/lib"
	release=$(ls "$image/lib/modules")
	depmod -b "$image" "$release"
	mkdir "$DEST"
	for kernel in "$image/boot/vmlinuz-$release" "$image/lib/modules/$release/vmlinuz"; do
		[ ! -e "$kernel" ] || mv "$kernel" "$DEST/vmlinuz"
	done
	mv "$image/lib/modules/$release" "$DEST/modules"
	rm -rf "$DEST/modules/build" "$DEST/modules/source" "$DEST/modules/dtb"
	make_headers "$@"
	[ -z "${3-}" ] || make_vfio "$2"
}

# make_headers ARCH SERIES [cloud]
make_headers()
{
	debian=$1
	case $1 in
	amd64) compiler=cross-amd64 arch=x86 triplet=x86_64-linux-gnu ;;
	arm64) compiler=cross arch=arm64 triplet=aarch64-linux-gnu ;;
	esac
	[ "$2" != newest ] || compiler=tools-newest
	compiler=$(need "$compiler")

	unpack "$DEST/root" 'linux-(headers|kbuild)-'
	case $2 in
	newest) through_loader "$compiler" ;;
	*) unpack "$DEST/root" '(libelf1|zlib1g)_' ;;
	esac
	headers=$(ls -d "$DEST"/root/usr/src/linux-headers-*"$1")
	release=${headers##*/linux-headers-}
	echo "$release" >"$DEST/release"
	# shellcheck disable=SC2016 # for make
	sed -i -e 's,/usr/src/,$(dir $(lastword $(MAKEFILE_LIST)))../,' -e 's,^KBUILD_OUTPUT=,KBUILD_OUTPUT:=,' \
		"$headers/Makefile"
	ln -s "root/usr/src/linux-headers-$release" "$DEST/headers"
	make_kbuild "$FINAL" >"$DEST/kbuild"
	chmod 755 "$DEST/kbuild"
}

# make_kbuild PRODUCT: the script that builds modules. Type information for BTF needs tools that
# are not here (pahole has no version), and no test needs it.
make_kbuild()
{
	lib=$1/root/usr/lib/x86_64-linux-gnu:$1/root/lib/x86_64-linux-gnu
	cat <<-END
		#!/bin/sh
		# kbuild ARGUMENT...: make with these arguments for this kernel, as in
		# kbuild M=/path modules
		PATH=$compiler/bin:\$PATH
		LD_LIBRARY_PATH=$lib\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
		export PATH LD_LIBRARY_PATH
		exec make -C $1/headers ARCH=$arch CROSS_COMPILE=$triplet- \\
			DEB_BUILD_ARCH=amd64 DEB_HOST_ARCH=$debian DEB_HOST_GNU_TYPE=$triplet \\
			PAHOLE_VERSION=0 CONFIG_PAHOLE_VERSION=0 \\
			CONFIG_DEBUG_INFO= CONFIG_DEBUG_INFO_BTF_MODULES= "\$@"
	END
}

# make_vfio SERIES: vfio.ko from the source of this very kernel, one option changed; and
# checkpatch, which the headers leave out.
make_vfio()
{
	source=linux-source-$1
	mkdir "$WORK/source" "$DEST/scripts"
	dpkg-deb --fsys-tarfile "$(archives linux-source-)" |
		tar -xOf - "./usr/src/$source.tar.xz" |
		tar -xJf - -C "$WORK/source" --strip-components=1 "$source/drivers/vfio" \
			"$source/scripts/checkpatch.pl" "$source/scripts/spelling.txt" \
			"$source/scripts/const_structs.checkpatch"
	make_kbuild "$DEST" |
		sh -s -- -s M="$WORK/source/drivers/vfio" KCFLAGS=-DCONFIG_VFIO_NOIOMMU=1 vfio.ko
	cp "$WORK/source/drivers/vfio/vfio.ko" "$DEST/"
	cp "$WORK/source/scripts/"* "$DEST/scripts/"
}
