#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# tests/env/build on archives in states that mirrors are in on some days: what belongs together is
# taken together or not at all, and what can't be had is named before anything is downloaded.
# Non-purpose: what is built of it.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/build/archive.sh"

dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
archive_dir=$dir/archive
build=$HVCMA_SRC/tests/env/build
[ "$(dpkg --print-architecture)" = amd64 ] || skip_all "its archives are those of an amd64 machine"
unset HVCMA_CACHE HVCMA_JOBS HVCMA_ENV_RECIPES

# plan TARGET...: what the archive as it is now leads to: status, out, err.
plan()
{
	archive_publish
	"$build" --cache "$dir/cache" --out "$dir/out" --refresh --plan "$@" >"$dir/out.txt" 2>"$dir/err.txt"
	status=$?
}

# says PATTERN / says_not PATTERN, of both outputs
says()
{
	grep -q -e "$1" "$dir/out.txt" "$dir/err.txt" || {
		note "status $status" "$(cat "$dir/out.txt" "$dir/err.txt")"
		return 1
	}
}

says_not()
{
	! says "$1" >/dev/null
}

# takes TARGET FILE...: the plan succeeded, and has these files for the target.
takes()
{
	for file in "$@"; do
		[ "$file" = "$1" ] || says "^$1 $file " || return
	done
	equal 0 "$status"
}

# fails_naming PATTERN: and nothing was downloaded.
fails_naming()
{
	says "$1" && equal 1 "$status" && equal '' "$(ls "$dir/cache/files" 2>/dev/null)"
}

# kernel SUITE REVISION RELEASE VERSION ARCH [PART...]: the packages of one upload, or parts of it
kernel()
{
	suite=$1 series=6.1 release=$2 version=$3 arch=$4
	shift 4
	[ $# -gt 0 ] || set -- image headers common kbuild source
	for part; do
		case $part in
		image) package "$suite" "linux-image-$release-$arch" "$version" "$arch" ;;
		headers)
			package "$suite" "linux-headers-$release-$arch" "$version" "$arch" \
				"linux-headers-$release-common (= $version), linux-kbuild-$series (>= $version)" ;;
		common) package "$suite" "linux-headers-$release-common" "$version" all ;;
		kbuild) package "$suite" "linux-kbuild-$series" "$version" amd64 ;;
		source) package "$suite" "linux-source-$series" "$version" all ;;
		esac
	done
}

# What kernels need besides; and what is in the archive when nothing is wrong.
archive_base()
{
	archive_new
	package bookworm gcc 12 amd64 gcc-12
	package bookworm gcc-12 12 amd64
	package bookworm binutils 2.40 amd64
	package bookworm libelf1 0.188 amd64
	package bookworm zlib1g 1 amd64
	package bookworm gcc-aarch64-linux-gnu 12 amd64
	for name in libc6-dev linux-libc-dev libglib2.0-dev libpixman-1-dev libfdt-dev libaio-dev \
		liburing-dev libjson-c-dev libcmocka-dev zlib1g-dev; do
		package bookworm "$name" 1 arm64
	done
	kernel bookworm 6.1.0-50 6.1.176-1 amd64
	kernel bookworm 6.1.0-50 6.1.176-1 arm64 image headers
}

archive_base
plan kernel-amd64-6.1
check "nothing wrong: all of one version" takes kernel-amd64-6.1 \
	linux-image-6.1.0-50-amd64_6.1.176-1_amd64.deb linux-headers-6.1.0-50-amd64_6.1.176-1_amd64.deb \
	linux-headers-6.1.0-50-common_6.1.176-1_all.deb linux-kbuild-6.1_6.1.176-1_amd64.deb
check "nothing to say of it" says_not 'not whole'

# As it was on 2026-11-29.
kernel bookworm-security 6.1.0-56 6.1.192-2 amd64 image headers common source
kernel bookworm-security 6.1.0-56 6.1.192-3 amd64 kbuild
plan kernel-amd64-6.1
check "kbuild is a revision ahead: taken as it is, with the others of one version" takes \
	kernel-amd64-6.1 linux-kbuild-6.1_6.1.192-3_amd64.deb \
	linux-image-6.1.0-56-amd64_6.1.192-2_amd64.deb linux-headers-6.1.0-56-common_6.1.192-2_all.deb
check "and nothing to say of it" says_not 'not whole'

kernel bookworm-security 6.1.0-57 6.1.192-3 amd64 image headers
plan kernel-amd64-6.1
check "an update without its common headers: the one before" takes kernel-amd64-6.1 \
	linux-image-6.1.0-56-amd64_6.1.192-2_amd64.deb
check "it says what is missing, with the version" \
	says '6.1.192-3 .*not whole.* linux-headers-6.1.0-57-common=6.1.192-3$'
check "it says what it takes" says 'taking 6.1.192-2'

archive_base
kernel bookworm-security 6.1.0-57 6.1.192-3 amd64 image headers common
plan kernel-amd64-6.1
check "programs older than the headers ask for: the version before" takes kernel-amd64-6.1 \
	linux-image-6.1.0-50-amd64_6.1.176-1_amd64.deb
check "they are named with the version asked for" says 'linux-kbuild-6.1 (>= 6.1.192-3)'

# The common headers of the version before left when the new ones came.
kernel bookworm-security 6.1.0-57 6.1.192-3 amd64 kbuild source
kernel bookworm-security 6.1.0-56 6.1.192-2 arm64 image headers
plan kernel-amd64-6.1 kernel-arm64-6.1
check "an architecture that lags: the other has the new kernel" takes kernel-amd64-6.1 \
	linux-image-6.1.0-57-amd64_6.1.192-3_amd64.deb
check "it has one that is whole" takes kernel-arm64-6.1 \
	linux-image-6.1.0-50-arm64_6.1.176-1_arm64.deb linux-headers-6.1.0-50-common_6.1.176-1_all.deb
check "and it is said for which" says 'kernel 6.1 for arm64: 6.1.192-2 .*not whole'

archive_base
kernel bookworm-security 6.1.0-57-cloud 6.1.192-3 arm64 image headers common kbuild
package bookworm-security linux-headers-6.1.0-57-common 6.1.192-3 all
kernel bookworm 6.1.0-50-cloud 6.1.176-1 arm64 image headers
plan kernel-arm64-6.1-cloud
check "source of another version than the kernel: the version before" takes \
	kernel-arm64-6.1-cloud linux-source-6.1_6.1.176-1_all.deb \
	linux-image-6.1.0-50-cloud-arm64_6.1.176-1_arm64.deb

archive_base
package_gone bookworm linux-headers-6.1.0-50-common 6.1.176-1
plan kernel-amd64-6.1
check "no kernel that is whole: refused by the name of what is missing" \
	fails_naming 'linux-headers-6.1.0-50-common=6.1.176-1'
check "and of the kernel" says 'no kernel 6.1 of flavour amd64 is whole'

archive_base
package_gone bookworm binutils 2.40
plan kernel-amd64-6.1
check "a package that is not there" fails_naming 'plan of cross-amd64: .*binutils'
archive_base
package_gone bookworm gcc-12 12
package bookworm gcc-12 12 amd64 'libisl23 (>= 0.25)'
plan kernel-amd64-6.1
check "a dependency that is not there" fails_naming 'gcc-12 : Depends: libisl23 (>= 0.25)'
archive_base
package_gone bookworm zlib1g 1
plan kernel-amd64-6.1
check "one of several packages that are taken by themselves" fails_naming 'zlib1g'
check "the right archive is still taken after all that" eval \
	'archive_base; plan kernel-amd64-6.1; takes kernel-amd64-6.1 zlib1g_1_amd64.deb'

# qemu VERSION PROGRAM...: of one upload
qemu()
{
	version=$1
	shift
	for suite in bookworm-backports trixie; do
		for name; do
			case $name in
			qemu-system-common | qemu-utils) package $suite "$name" "$version" "${QEMU_ARCH:-amd64}" ;;
			*) package $suite "$name" "$version" "${QEMU_ARCH:-amd64}" "qemu-system-common (= $version)" ;;
			esac
		done
	done
}

archive_new
package bookworm qemu-system-x86 7.2 amd64
qemu 10.0.2 qemu-system-x86 qemu-system-arm qemu-system-common qemu-utils
qemu 10.0.3 qemu-system-x86 qemu-system-common qemu-utils
qemu 11.0.1 qemu-system-x86 qemu-system-arm qemu-system-common qemu-utils
plan qemu-amd64
check "QEMU in parts: the newest that is whole, of the series that the plugin is for" takes \
	qemu-amd64 qemu-system-x86_10.0.2_amd64.deb qemu-system-arm_10.0.2_amd64.deb \
	qemu-utils_10.0.2_amd64.deb qemu-system-common_10.0.2_amd64.deb
check "it says so" says "10.0.3 is not whole: .*qemu-system-arm"
package_gone bookworm-backports qemu-system-common 10.0.2
package_gone trixie qemu-system-common 10.0.2
plan qemu-amd64
check "no QEMU that is whole is refused" fails_naming 'no QEMU 10.0 for amd64 is whole'

# On a machine of the other architecture, as dpkg says.
archive_new
mkdir "$dir/bin"
printf '#!/bin/sh\n[ "$1" = --print-architecture ] && echo arm64 || exec /usr/bin/dpkg "$@"\n' >"$dir/bin/dpkg"
chmod 755 "$dir/bin/dpkg"
plan_there()
{
	(PATH=$dir/bin:$PATH; plan "$@"; echo "$status" >"$dir/status")
	status=$(cat "$dir/status")
}
qemu 10.0.2 qemu-system-x86 qemu-system-arm qemu-system-common qemu-utils
QEMU_ARCH=arm64 qemu 10.0.2 qemu-system-x86 qemu-system-arm qemu-system-common qemu-utils
plan_there qemu-arm64
check "arm64: QEMU for that machine" takes qemu-arm64 qemu-system-x86_10.0.2_arm64.deb qemu-system-arm_10.0.2_arm64.deb \
	qemu-utils_10.0.2_arm64.deb qemu-system-common_10.0.2_arm64.deb
check "arm64: and none for this one" says_not '_amd64\.deb'
for step in qemu-amd64 kernel-arm64-6.12 cross tools-newest; do
	plan_there $step
	check "arm64: $step is made elsewhere only, which is said" fails_naming "'$step' is made on amd64 machines only, and this one is arm64"
done
check "arm64: what there is of it" equal 'meson qemu-arm64 qemu-headers-arm64 qemu-src ' \
	"$(PATH=$dir/bin:$PATH "$build" --list | grep -E '^(meson|qemu-src|qemu-(headers-)?a..64|cross|kernel-.*)$' | sort | tr '\n' ' ')"
plan qemu-arm64
check "here that one is not made" fails_naming "'qemu-arm64' is made on arm64 machines only, and this one is amd64"

# newest [PART...]: the newest kernel, for both architectures
newest()
{
	for arch in amd64 arm64; do
		for flavour in $arch cloud-$arch; do
			package unstable "linux-image-7.2.13+deb14-$flavour" 7.2.13-1 $arch \
				"linux-base-7.2.13+deb14-$flavour, linux-binary-7.2.13+deb14-$flavour, linux-modules-7.2.13+deb14-$flavour"
			for part in base binary modules; do
				package unstable "linux-$part-7.2.13+deb14-$flavour" 7.2.13-1 $arch
			done
			package unstable "linux-headers-7.2.13+deb14-$flavour" 7.2.13-1 $arch \
				'gcc-16-for-host, linux-kbuild-7.2.13+deb14'
		done
	done
	package unstable linux-headers-7.2.13+deb14-common 7.2.13-1 all
	package unstable linux-kbuild-7.2.13+deb14 7.2.13-1 amd64
	for name in gcc-16-aarch64-linux-gnu gcc-16-x86-64-linux-gnu libelf1t64 libssl3t64 zlib1g; do
		package unstable $name 1 amd64
	done
}

archive_base
newest
plan kernel-amd64-6.1 kernel-amd64-newest
check "the newest kernel, in the parts that it has" takes kernel-amd64-newest \
	'linux-binary-7.2.13+deb14-amd64_7.2.13-1_amd64.deb' 'linux-kbuild-7.2.13+deb14_7.2.13-1_amd64.deb'
package_gone unstable linux-modules-7.2.13+deb14-amd64 7.2.13-1
plan kernel-amd64-6.1 kernel-amd64-newest kernel-arm64-newest
check "a newest kernel that is not whole: the others are made" takes kernel-amd64-6.1 \
	linux-image-6.1.0-50-amd64_6.1.176-1_amd64.deb
check "also that of the other architecture" takes kernel-arm64-newest \
	'linux-binary-7.2.13+deb14-arm64_7.2.13-1_arm64.deb'
check "it is not among them" says_not '^kernel-amd64-newest '
check "it says why" says 'linux-modules-7.2.13+deb14-amd64=7.2.13-1'
rm -r "$archive_dir/dists/unstable"
rm -rf "$dir/cache/apt-newest"
plan kernel-amd64-6.1 kernel-amd64-newest
check "no newest suite at all: the others are made" takes kernel-amd64-6.1 \
	linux-image-6.1.0-50-amd64_6.1.176-1_amd64.deb
check "and it says so" says 'going on without the newest kernel'
check "who does not ask for it is not told" eval 'plan kernel-amd64-6.1; says_not newest'

archive_base
package experimental linux-source-7.3 7.3~rc7-1 all
plan kernel-amd64-6.1 kernel-amd64-7.3-iommufd
check "a kernel that is to come: its source, from where it is" takes kernel-amd64-7.3-iommufd \
	linux-source-7.3_7.3~rc7-1_all.deb
check "the newest suite has no say in that" says_not 'newest'
package_gone experimental linux-source-7.3 7.3~rc7-1
package unstable linux-source-7.3 7.3.1-1 all
plan kernel-amd64-7.3-iommufd
check "when it has come: from there" takes kernel-amd64-7.3-iommufd linux-source-7.3_7.3.1-1_all.deb
package_gone unstable linux-source-7.3 7.3.1-1
plan kernel-amd64-6.1 kernel-amd64-7.3-iommufd
check "when it has gone: the others are made" takes kernel-amd64-6.1 \
	linux-image-6.1.0-50-amd64_6.1.176-1_amd64.deb
check "and it says so" says 'plan of kernel-amd64-7.3-iommufd: .*linux-source-7.3'
rm -r "$archive_dir/dists/experimental"
rm -rf "$dir/cache/apt-coming"
plan kernel-amd64-6.1 kernel-amd64-7.3-iommufd
check "no such suite at all: the others are made" takes kernel-amd64-6.1 \
	linux-image-6.1.0-50-amd64_6.1.176-1_amd64.deb
check "and it says so" says 'going on without the kernel that has iommufd'

tap_end
