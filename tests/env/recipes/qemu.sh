# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: stock QEMU for this machine, its source, and the headers a plugin is compiled with.

# qemu_wrapper FILE ROOT TRIPLET: runs the program of that name from the unpacked packages, with
# their libraries, modules and firmware.
qemu_wrapper()
{
	program=$(basename "$1")
	firmware=
	case $program in
	qemu-system-*)
		firmware="-L $2/usr/share/qemu -L $2/usr/share/seabios -L $2/usr/lib/ipxe/qemu" ;;
	esac
	script "$1" <<-END
		#!/bin/sh
		# HVCMA_PRELOAD=path: preloaded into QEMU alone, not into this shell.
		lib=$2/usr/lib/$3:$2/lib/$3\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}
		exec env LD_LIBRARY_PATH="\$lib" QEMU_MODULE_DIR=$2/usr/lib/$3/qemu \\
			\${HVCMA_PRELOAD:+"LD_PRELOAD=\$HVCMA_PRELOAD"} \\
			$2/usr/bin/$program $firmware "\$@"
	END
}

# make_qemu_programs ARCH: that of this machine
make_qemu_programs()
{
	case $1 in
	amd64) triplet=x86_64-linux-gnu ;;
	arm64) triplet=aarch64-linux-gnu ;;
	esac
	unpack "$DEST/root"
	rm -rf "$DEST/root/usr/share/doc" "$DEST/root/usr/share/man"
	mkdir -p "$DEST/bin"
	for program in qemu-system-x86_64 qemu-system-aarch64 qemu-img; do
		qemu_wrapper "$DEST/bin/$program" "$FINAL/root" $triplet
	done
}

# Debian's patches matter: some change the layout of structures.
make_qemu_src()
{
	mkdir -p "$DEST"
	tar -xf "$(archives 'qemu_.*\.orig\.tar')" -C "$DEST" --strip-components=1
	tar -xf "$(archives 'qemu_.*\.debian\.tar')" -C "$DEST"
	sed 's/#.*//; /^ *$/d' "$DEST/debian/patches/series" | while read -r patch; do
		patch -d "$DEST" -p1 -f -s -i "debian/patches/$patch" || exit 1
	done
}

make_meson()
{
	unpack "$WORK/root"
	mv "$WORK/root/usr/lib/python3/dist-packages" "$DEST"
}

# make_qemu_headers ARCH: the headers that a build for this host architecture generates.
# Configuring makes config-host.h, building only the other generated headers makes the rest;
# nothing of QEMU is compiled. What Debian enables matters where a structure depends on it.
make_qemu_headers()
{
	src=$(need qemu-src)
	build=$WORK/build
	cross=
	case $1 in
	amd64) cpu=x86_64 ;;
	arm64) cpu=aarch64 ;;
	esac
	if [ "$1" != "$MACHINE" ]; then
		cross=$(need cross)/bin/$cpu-linux-gnu-
	fi
	pkg_config=${cross}pkg-config
	mkdir "$build"
	(
		cd "$build" || exit
		PYTHONPATH=$(need meson)
		export PYTHONPATH PYTHONDONTWRITEBYTECODE=1
		"$src/configure" ${cross:+"--cross-prefix=$cross"} --python=/usr/bin/python3 \
			--target-list=aarch64-softmmu,x86_64-softmmu \
			--without-default-features --disable-download --disable-install-blobs \
			--enable-modules --enable-plugins --enable-kvm --enable-tcg \
			--enable-fdt=system --enable-pixman --enable-linux-aio \
			--enable-linux-io-uring --enable-vhost-kernel --enable-vhost-user \
			--enable-vhost-vdpa --enable-tpm
		# shellcheck disable=SC2046 # a list of words
		ninja $(ninja -t targets all | sed -n 's/^\([^:]*\.h\): .*/\1/p')
	)
	mkdir "$DEST"
	cp -R -P "$build/linux-headers" "$DEST/"
	rm -rf "$build/pyvenv" "$build/meson-private"
	(cd "$build" && find . -name '*.h' ! -path './linux-headers/*' -print | tar -cf - -T -) |
		tar -xf - -C "$DEST"
	echo "-std=gnu11 -fPIC -fno-strict-aliasing -fno-common -fwrapv" \
		"-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_LARGEFILE_SOURCE" \
		"-I$FINAL -I$FINAL/qapi -I$src/include" \
		"-I$src/host/include/$cpu -I$src/host/include/generic" \
		"-iquote $src -iquote $FINAL" \
		"-isystem $src/linux-headers -isystem $FINAL/linux-headers" \
		"$($pkg_config --cflags glib-2.0 pixman-1)" >"$DEST/cflags"
}
