#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is distributed, as far as no package has to be built for it: the tarball of "make dist", the version that all
# parts agree on, manual pages and scripts as their checkers want them, and what hvcma-vfio-dkms refuses. The packages
# themselves: test_deb.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$HVCMA_SRC" || exit 1
version=$(sed -n 's/^#define HVCMA_VERSION[[:blank:]]*"\(.*\)"$/\1/p' hv/abi/version.h)
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')

# ---- the version -------------------------------------------------------------
check "there is a version" [ -n "$version" ]
check "hvcma has it" equal "hvcma $version" "$("$HVCMA_BUILD/$arch/hvcma" --version)"
check "the plugin has it" eval 'strings "$HVCMA_BUILD/$arch/hvcma-qemu-10.0.so" | grep -qxF "hvcma-plugin-version=$version"'
# finding PLUGIN: what "hvcma check" says of it; no QEMU is needed for that
finding()
{
	"$HVCMA_BUILD/$arch/hvcma" check --qemu "$tmp/no-qemu" --plugin "$1/hvcma-preload.so" | grep '^[A-Z]* *version '
}
check "hvcma check: the same version" eval 'finding "$HVCMA_BUILD/$arch" | grep -q "PASS.*the plugin and this command are hvcma $version"'
mkdir "$tmp/plugin"
sed "s/hvcma-plugin-version=$version/hvcma-plugin-version=9.9/" "$HVCMA_BUILD/$arch/hvcma-qemu-10.0.so" >"$tmp/plugin/hvcma-qemu-10.0.so"
check "hvcma check: another version: both are named" eval 'finding "$tmp/plugin" | grep -q "WARN.*hvcma 9.9, this command is hvcma $version"'
check "hvcma check: no plugin there: said" eval 'finding "$tmp/none" | grep -q "WARN.*unknown version"'
check "manual pages have it" equal '' "$(grep -L '^\.so ' docs/man/* | xargs grep -L "^\.TH .* \"[0-9-]*\" \"hvcma $version\"")"
check "Debian's changelog has it" eval 'head -n 1 packaging/debian/changelog | grep -q "^hvcma ($version-"'
check "the RPM spec has it" grep -qx "Version:[[:blank:]]*$version" packaging/hvcma.spec
check "it is in CHANGELOG.md" grep -q "^## $version\b" CHANGELOG.md
check "nowhere else" equal '' "$(grep -rnE "(VERSION|version)[^a-z]*[=: ]\"?$version\b" Makefile configure packaging hv guest-driver qemu-device |
	grep -v '^hv/abi/version.h:\|^packaging/debian/changelog:\|^packaging/hvcma.spec:')"

# ---- the tarball -------------------------------------------------------------
if git rev-parse -q --verify HEAD >/dev/null 2>&1; then
	unset MAKEFLAGS MFLAGS MAKELEVEL
	for time in 1 2; do
		make dist O="$tmp/o" >"$tmp/out" 2>&1 && mv "$tmp/o/hvcma-$version.tar.xz" "$tmp/$time.tar.xz"
	done
	check "make dist: twice the same bytes" cmp "$tmp/1.tar.xz" "$tmp/2.tar.xz"
	check "make dist: has what is committed" equal "$(git ls-tree -r --name-only HEAD | sort)" \
		"$(tar -tJf "$tmp/1.tar.xz" | sed "s,^hvcma-$version/,,; /\/\$/d; /^\$/d" | sort)"
	mkdir "$tmp/tree"
	tar -xJf "$tmp/1.tar.xz" -C "$tmp/tree"
	check "make dist where there is no repository: refused, with its name" eval \
		'! GIT_CEILING_DIRECTORIES="$tmp" make -C "$tmp/tree/hvcma-$version" dist >"$tmp/out" 2>&1 &&
		grep -q "make dist: no clone of the repository: $tmp/tree/hvcma-$version" "$tmp/out"'
	check "make deb for an architecture that there is none for: refused" eval \
		'! packaging/deb "$tmp/1.tar.xz" riscv64 "$tmp" "$tmp/deb" 2>"$tmp/out" && grep -qF "no packages for '\''riscv64'\''" "$tmp/out"'
	check "make deb without headers of QEMU: refused, with the folder" eval \
		'! packaging/deb "$tmp/1.tar.xz" arm64 "$tmp" "$tmp/deb" 2>"$tmp/out" && grep -qF "$tmp/qemu-headers-arm64" "$tmp/out"'
	check "nothing was made" [ ! -e "$tmp/deb" ]
else
	tap_skip "make dist" "no clone of the repository"
fi

# ---- checkers ----------------------------------------------------------------
if command -v mandoc >/dev/null; then
	check "mandoc has nothing to say of the manual pages" equal '' \
		"$(cd docs/man && grep -L '^\.so ' -- * | xargs mandoc -Tlint -W warning 2>&1)"
else
	tap_skip "mandoc on the manual pages" "no mandoc: tests/env/deps deb"
fi
check "pages that are others' name one that is there" equal '' "$(sed -n 's,^\.so man[0-9]/,docs/man/,p' docs/man/* |
	while read -r page; do [ -e "$page" ] || echo "$page"; done)"
if command -v shellcheck >/dev/null; then
	check "shellcheck has nothing to say of packaging" equal '' "$(grep -rlE '^#!/bin/(ba)?sh|shellcheck shell=' packaging |
		xargs shellcheck -S warning -f gcc 2>&1)"
else
	tap_skip "shellcheck on packaging" "no shellcheck"
fi

# ---- what hvcma-vfio-dkms refuses --------------------------------------------
# A kernel's headers, as far as they are looked at before anything is compiled, and a source package of RELEASE.
headers=$tmp/headers
mkdir -p "$headers" "$tmp/sources" "$tmp/work"
printf 'kernelversion:\n\t@echo 6.12.30\n' >"$headers/Makefile"
# source_of VERSION PATCHLEVEL SUBLEVEL
source_of()
{
	rm -rf "$tmp/linux-source-6.12"
	mkdir -p "$tmp/linux-source-6.12/drivers/vfio"
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\n' "$@" >"$tmp/linux-source-6.12/Makefile"
	tar -cJf "$tmp/sources/linux-source-6.12.tar.xz" -C "$tmp" linux-source-6.12
}
# refused WORDS HEADERS
refused()
{
	(cd "$tmp/work" && HVCMA_SOURCES=$tmp/sources "$HVCMA_SRC/packaging/vfio-dkms/build-vfio" "$2") >"$tmp/out" 2>&1
	status=$?
	[ $status -eq 1 ] && grep -qF "$1" "$tmp/out" && [ -z "$(find "$tmp/work" -name '*.ko')" ] && return
	note "status $status: $(cat "$tmp/out")"
	return 1
}
check "vfio: no headers: refused, with the folder" refused "no headers of a kernel in '$tmp/none'" "$tmp/none"
check "vfio: no source: refused, with the package" refused \
	"'$tmp/sources/linux-source-6.12.tar.xz' is missing: install the package linux-source-6.12" "$headers"
source_of 6 12 29
check "vfio: a source of another version: refused, with both" refused \
	"is kernel 6.12.29, the headers in '$headers' are of 6.12.30: update linux-source-6.12, or the kernel" "$headers"
echo nothing >"$tmp/sources/linux-source-6.12.tar.xz"
check "vfio: what is no archive: refused, with its name" refused \
	"'$tmp/sources/linux-source-6.12.tar.xz' is no source of a kernel" "$headers"

# dkms installs nothing beside a kernel's own module of the same version and source: ours has another one. make is not
# run: what it would be given is looked at.
printf '#!/bin/sh\ncase "$*" in *kernelversion) echo 6.12.30 ;; esac\n' >"$tmp/kbuild"
chmod 755 "$tmp/kbuild"
: >"$headers/.config"
# version_of LINE: what build-vfio makes of a source whose last line it is
version_of()
{
	rm -rf "$tmp/linux-source-6.12"
	mkdir -p "$tmp/linux-source-6.12/drivers/vfio"
	printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 30\n' >"$tmp/linux-source-6.12/Makefile"
	printf '%s\n' 'MODULE_LICENSE("GPL v2");' "$1" >"$tmp/linux-source-6.12/drivers/vfio/vfio_main.c"
	tar -cJf "$tmp/sources/linux-source-6.12.tar.xz" -C "$tmp" linux-source-6.12
	(cd "$tmp/work" && KBUILD=$tmp/kbuild HVCMA_SOURCES=$tmp/sources "$HVCMA_SRC/packaging/vfio-dkms/build-vfio" "$headers") >"$tmp/out" 2>&1 ||
		note "$(cat "$tmp/out")"
	grep MODULE_VERSION "$tmp/work/source/drivers/vfio/vfio_main.c"
}
check "vfio: the module has a version of its own" equal 'MODULE_VERSION(DRIVER_VERSION "+noiommu");' \
	"$(version_of 'MODULE_VERSION(DRIVER_VERSION);')"
check "vfio: where the kernel's has none, too" equal 'MODULE_VERSION("+noiommu");' "$(version_of 'MODULE_AUTHOR("A");')"
tap_end
