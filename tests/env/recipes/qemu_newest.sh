# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: the source of a newer QEMU, to build virtio-cma into, and its headers, for a plugin, as qemu.sh
# makes those of the other one; and the newest QEMU as it is installed. A file of its own, so that a change here makes nothing of that one anew.

make_qemu_src_newest()
{
	make_qemu_src
}

# make_qemu_headers_newest ARCH
make_qemu_headers_newest()
(
	need()
	{
		[ "$1" = qemu-src ] && step_product qemu-src-newest || step_product "$1"
	}
	make_qemu_headers "$1"
)

# Through the loader of the C library that it was built with.
make_qemu_newest()
{
	unpack "$DEST/root"
	rm -rf "$DEST/root/usr/share/doc" "$DEST/root/usr/share/man" "$DEST/root/usr/share/locale"
	mkdir "$DEST/bin"
	script "$DEST/bin/qemu-system-x86_64" <<-END
		#!/bin/sh
		# HVCMA_PRELOAD=path, LD_PRELOAD: preloaded into QEMU alone, not into this shell's children.
		exec env QEMU_MODULE_DIR=$FINAL/root/usr/lib/x86_64-linux-gnu/qemu \\
			\${HVCMA_PRELOAD:+"LD_PRELOAD=\$HVCMA_PRELOAD"} \\
			$FINAL/root/usr/lib64/ld-linux-x86-64.so.2 --library-path $FINAL/root/usr/lib/x86_64-linux-gnu \\
			--argv0 "\$0" $FINAL/root/usr/bin/qemu-system-x86_64 -L $FINAL/root/usr/share/qemu \\
			-L $FINAL/root/usr/share/seabios -L $FINAL/root/usr/lib/ipxe/qemu "\$@"
	END
}
