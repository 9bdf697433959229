# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: a Python with gRPC, which Kubernetes and KubeVirt speak to their plugins by. Run as ./python, from anywhere;
# beside it ./protoc, which compiles their definitions.

make_kubernetes()
{
	unpack "$DEST"
	rm -rf "$DEST/usr/share/doc" "$DEST/usr/share/man" "$DEST/usr/share/locale" "$DEST/usr/share/info"
	# As packages of this suite still go to both.
	for dir in lib lib64; do
		[ ! -d "$DEST/$dir" ] || [ -L "$DEST/$dir" ] || {
			mkdir -p "$DEST/usr/$dir"
			cp -a "$DEST/$dir/." "$DEST/usr/$dir/"
			rm -r "${DEST:?}/$dir"
		}
		[ -L "$DEST/$dir" ] || ln -s "usr/$dir" "$DEST/$dir"
	done
	script "$DEST/python" <<-'SCRIPT'
		#!/bin/sh
		tree=$(dirname "$(readlink -f "$0")")
		exec "$tree/lib64/ld-linux-x86-64.so.2" --argv0 "$tree/usr/bin/python3" \
			--library-path "$tree/usr/lib/x86_64-linux-gnu:$tree/usr/lib" "$tree/usr/bin/python3" "$@"
	SCRIPT
	sed 's,/usr/bin/python3",/usr/bin/protoc",' "$DEST/python" | script "$DEST/protoc"
}
