# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: what Debian's kernels have for reading: the device trees of all their boards, and those
# parts of the source that read device trees.

# make_dtbs ARCH SERIES
make_dtbs()
{
	mkdir "$DEST"
	dpkg-deb --fsys-tarfile "$(archives 'linux-(image|base)-')" |
		tar -xf - -C "$DEST" --wildcards --transform 's,^.*/\(linux-image-[^/]*\|dtb\)/,,' '*.dtb'
}

# make_linux_src SERIES
make_linux_src()
{
	source=linux-source-$1
	mkdir "$DEST"
	dpkg-deb --fsys-tarfile "$(archives linux-source-)" |
		tar -xOf - "./usr/src/$source.tar.xz" |
		tar -xJf - -C "$DEST" --strip-components=1 --wildcards "$source/drivers/of/*.[ch]" \
			"$source/kernel/dma/*.[ch]" "$source/mm/memblock.c" "$source/mm/cma.[ch]" \
			"$source/include/linux/*.h" "$source/scripts/dtc/libfdt/*" \
			"$source/tools/testing/memblock/*" "$source/tools/include/*" \
			"$source/tools/arch/x86/include/*" "$source/tools/lib/*.c" \
			"$source/arch/x86/include/asm/*.h"
}
