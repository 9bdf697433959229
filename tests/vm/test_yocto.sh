#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# The recipe for Yocto, packaging/yocto, as far as that can be without BitBake, which is not here: its tasks are functions of
# the shell, and are run, on the sources as committed, for a kernel of Debian's and another architecture; what it says of the licence,
# and which files it puts where. Whether BitBake takes it nobody knows.

. "$HVCMA_SRC/tests/lib/testbed.sh"

recipe=$(ls "$HVCMA_SRC"/packaging/yocto/virtio-cma_*.bb)
kernel=$(kernel_dir arm64 6.12)
version=$(sed -n 's/^#define HVCMA_VERSION[[:blank:]]*"\(.*\)"$/\1/p' "$HVCMA_SRC/hv/abi/version.h")
[ -x "$kernel/kbuild" ] || skip_all "no kernel arm64/6.12"
git -C "$HVCMA_SRC" rev-parse -q --verify HEAD >/dev/null || skip_all "no clone of the repository"

# What BitBake would set, and its function for make.
# shellcheck disable=SC2034 # the recipe's tasks read them
{
	WORKDIR=$VM_TMP S=$VM_TMP/hvcma-$version D=$VM_TMP/image PV=$version root_prefix=/usr
	STAGING_KERNEL_BUILDDIR=$kernel/headers
	KERNEL_CC=aarch64-linux-gnu-gcc KERNEL_LD=aarch64-linux-gnu-ld KERNEL_AR=aarch64-linux-gnu-ar
	KERNEL_OBJCOPY=aarch64-linux-gnu-objcopy
}
unset MAKEFLAGS MFLAGS MAKELEVEL
oe_runmake()
{
	if [ "$2" = "$STAGING_KERNEL_BUILDDIR" ]; then
		shift 2
		"$kernel/kbuild" "$@"
	else
		make "$@"
	fi
}

# task NAME: that of the recipe
task()
{
	sed -n "/^$1() {/,/^}/p" "$recipe" >"$VM_TMP/$1"
	[ -s "$VM_TMP/$1" ] || return
	# shellcheck source=/dev/null
	(set -e; . "$VM_TMP/$1"; "$1") >"$VM_TMP/log" 2>&1 && return
	note "$(tail -n 15 "$VM_TMP/log")"
	return 1
}

# image: what is in it
image()
{
	(cd "$D" && find . -type f | sed 's,^\.,,' | sort)
}

check "the recipe is of the version of all parts" equal "virtio-cma_$version.bb" "$(basename "$recipe")"
mkdir "$S" "$D"
git -C "$HVCMA_SRC" archive HEAD | tar -x -C "$S"
sed -n 's,.*file://\(LICENSES/[^;]*\);md5=\([0-9a-f]*\).*,\2  \1,p' "$recipe" >"$VM_TMP/licences"
check "the licence is the one that it says" eval '[ -s "$VM_TMP/licences" ] && (cd "$S" && md5sum --quiet -c "$VM_TMP/licences")'
check "do_compile" task do_compile
check "do_install" task do_install
module=$(image | grep '/virtio_cma\.ko')
check "the module is for that kernel" equal "$(cat "$kernel/release")" "$(modinfo -F vermagic "$D$module" | cut -d ' ' -f 1)"
check "it is of that version" equal "$version" "$(modinfo -F version "$D$module")"
check "what is in the image is in a package" equal '' "$(image | grep -v "^/usr/lib/modules/" |
	grep -vE "^($(sed -n 's/^FILES[^"]*"\(.*\)"$/\1/p' "$recipe" | sed 's,${sysconfdir},/etc,g' | tr ' \n' '||' | sed 's/|$//'))/")"
check "the softdeps are among it" eval 'image | grep -qx /usr/lib/modprobe.d/virtio-cma.conf'
check "negative control: a task that is not there is missed" eval '! task do_nothing'
tap_end
