# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: a stock Debian kernel for guests, with all its modules and a tree that builds others
# out of tree. The cloud flavour serves as nested host: to it comes a vfio.ko that allows devices
# without an IOMMU, which Debian leaves out.

# plan_kernel ARCH SERIES [cloud]
plan_kernel()
{
	flavour=${3:+$3-}$1
	series=$(echo "$2" | sed 's/\./\\./g')
	image=
	for meta in "linux-image-$2-$flavour" "linux-image-$flavour"; do
		[ -n "$image" ] || image=$(package_depends "$meta:$1" "linux-image-$series\\.")
	done
	[ -n "$image" ] || die "no package of kernel $2, flavour $flavour"
	version=$(package_version "$image:$1")
	release=${image#linux-image-}
	# Tools that run on this machine, and the library they need.
	kbuild=$(package_depends "linux-headers-$release:$1" linux-kbuild-)
	plan_packages "$image:$1=$version" "linux-headers-$release:$1=$version" \
		"linux-headers-${release%-"$flavour"}-common=$version" \
		"$kbuild=$version" libelf1 zlib1g ${3:+"linux-source-$2=$version"}
}

make_kernel()
{
	debian=$1
	case $1 in
	amd64) compiler=$(need cross-amd64) arch=x86 triplet=x86_64-linux-gnu ;;
	arm64) compiler=$(need cross) arch=arm64 triplet=aarch64-linux-gnu ;;
	esac
	unpack "$WORK/image" linux-image-
	release=$(ls "$WORK/image/lib/modules")
	depmod -b "$WORK/image" "$release"
	mkdir "$DEST"
	echo "$release" >"$DEST/release"
	mv "$WORK/image/boot/vmlinuz-$release" "$DEST/vmlinuz"
	mv "$WORK/image/lib/modules/$release" "$DEST/modules"
	rm -f "$DEST/modules/build" "$DEST/modules/source"

	unpack "$DEST/root" 'linux-(headers|kbuild)-'
	unpack "$DEST/root" '(libelf1|zlib1g)_'
	# shellcheck disable=SC2016 # for make
	sed -i 's,/usr/src/,$(dir $(lastword $(MAKEFILE_LIST)))../,' \
		"$DEST/root/usr/src/linux-headers-$release/Makefile"
	ln -s "root/usr/src/linux-headers-$release" "$DEST/headers"
	make_kbuild "$FINAL" >"$DEST/kbuild"
	chmod 755 "$DEST/kbuild"
	[ -z "${3-}" ] || make_vfio "$2"
}

# make_kbuild PRODUCT: the script that builds modules. Type information for BTF needs tools that
# are not here, and no test needs it.
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
