# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipes: compilers for the newest kernel, and others to build ours with. The newest kernel asks
# for the compiler it was built with; that one, and the tools that come with its headers, want a
# newer C library than this machine's: all of them run from where they are unpacked, through that
# library's own loader.

make_tools_newest()
{
	newer_compilers
}

make_compilers()
{
	newer_compilers
}

newer_compilers()
{
	unpack "$DEST/root"
	through_loader "$FINAL"
	mkdir "$DEST/bin"
	# The compiler finds its own parts relative to where it is called.
	for program in "$DEST"/root/usr/bin/*-linux-gnu-*; do
		name=$(basename "$program")
		script "$DEST/bin/$name" <<-END
			#!/bin/sh
			exec $FINAL/root/usr/bin/$name "\$@"
		END
	done
}

# through_loader TOOLS: programs of the product at hand become scripts that start them with the C
# library of TOOLS, a product of this recipe.
through_loader()
{
	find "$DEST" -type f -perm -u+x ! -name '*.so*' | while read -r program; do
		readelf -l "$program" 2>/dev/null | grep -q 'program interpreter' || continue
		real=$(dirname "$program")/.$(basename "$program")
		mv "$program" "$real"
		script "$program" <<-END
			#!/bin/sh
			exec $1/root/usr/lib64/ld-linux-x86-64.so.2 \\
				--library-path $1/root/usr/lib/x86_64-linux-gnu \\
				--argv0 "\$0" $FINAL/${real#"$DEST"/} "\$@"
		END
	done
}
