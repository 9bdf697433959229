# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: a kernel for guests from Debian's source, small, with the kernel's own instruments built
# in (lockdep, KASAN, ...), which Debian's kernels leave out. What it has is said in env/kernel: one
# file of options for all, one for the machine, one for the instruments. All other options are off,
# as far as these don't need them.

# make_instrument ARCH SERIES INSTRUMENTS
make_instrument()
{
	# shellcheck disable=SC2034 # for make_kbuild
	debian=$1
	case $1 in
	amd64) compiler=cross-amd64 arch=x86 triplet=x86_64-linux-gnu image=arch/x86/boot/bzImage ;;
	arm64) compiler=cross arch=arm64 triplet=aarch64-linux-gnu image=arch/arm64/boot/Image ;;
	esac
	compiler=$(need "$compiler")
	source=$WORK/source
	objects=$WORK/objects
	mkdir "$source" "$objects" "$DEST"
	# shellcheck disable=SC2046 # options are words
	dpkg-deb --fsys-tarfile "$(archives linux-source-)" |
		tar -xOf - "./usr/src/linux-source-$2.tar.xz" |
		tar -xJf - -C "$source" --strip-components=1 $(instrument_leaves_out "linux-source-$2")
	instrument_options "$@" >"$WORK/options"
	kernel_make allnoconfig KCONFIG_ALLCONFIG="$WORK/options"
	instrument_has_options
	kernel_make -j "$(($(nproc) * 2))" "${image##*/}" modules
	kernel_make modules_install INSTALL_MOD_PATH="$WORK/installed"
	mv "$objects/$image" "$DEST/vmlinuz"
	mv "$WORK"/installed/lib/modules/* "$DEST/modules"
	rm -f "$DEST/modules/build" "$DEST/modules/source"
	cp "$objects/include/config/kernel.release" "$DEST/release"
	(
		# As for a package of headers; its programs are to run here, on whatever it is for.
		cd "$objects" || exit
		srctree=$source SRCARCH=$arch CC=gcc HOSTCC=gcc \
			sh "$source/scripts/package/install-extmod-build" "$DEST/headers"
		cp .config "$DEST/headers/"
	)
	make_kbuild "$FINAL" >"$DEST/kbuild"
	chmod 755 "$DEST/kbuild"
}

# instrument_leaves_out FOLDER: most of the source, which is in that folder, is never compiled, and would have to be written to the disk
# all the same. Of drivers/net there is what any network has.
instrument_leaves_out()
{
	for folder in drivers/gpu 'drivers/net/*' drivers/media drivers/staging drivers/infiniband drivers/scsi \
		drivers/usb drivers/iio sound net/ipv4 net/netfilter tools/perf tools/testing; do
		printf '%s\n' "--exclude=$1/$folder/*.[ch]"
	done
	echo '--exclude=*/Documentation/*.rst' '--exclude=*/Documentation/*.yaml'
}

# What is compiled must not depend on when and where.
kernel_make()
{
	env -u MAKEFLAGS -u MFLAGS PATH="$compiler/bin:$PATH" make -s -C "$source" O="$objects" \
		ARCH=$arch CROSS_COMPILE=$triplet- KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970' \
		KBUILD_BUILD_USER=hvcma KBUILD_BUILD_HOST=hvcma "$@"
}

# instrument_options ARCH SERIES INSTRUMENTS: what is said last holds.
instrument_options()
{
	(cd "$ENV_DIR/kernel" && cat common "$1" "$3") |
		awk -F = '/^CONFIG_/ { value[$1] = $2 } END { for (name in value) print name "=" value[name] }' |
		sort
	echo "CONFIG_LOCALVERSION=\"-$3\""
}

# The kernel's own rules may have switched off what was asked for: then the build would show nothing.
instrument_has_options()
{
	sed -n 's/^# \(CONFIG_[A-Z0-9_]*\) is not set/\1=n/p; /^CONFIG_/p' "$objects/.config" >"$WORK/has"
	lost=$(grep -v '=n$' "$WORK/options" | grep -vxF -f "$WORK/has" | tr '\n' ' ')
	unwanted=$(sed -n 's/=n$/=/p' "$WORK/options" | grep -F -f - "$WORK/has" | grep -v '=n$' | tr '\n' ' ')
	[ -z "$lost$unwanted" ] || die "the kernel has not: $lost; has in spite of it: $unwanted"
}
