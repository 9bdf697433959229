# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What each step downloads: plan_VERB prints the plan of the steps with this verb. A change here
# makes plans anew, products only where the files become others. An answer goes to a variable
# before it is filtered: only so a failure ends the plan.

QEMU_SERIES=10.0	# the one that tests run
QEMU_NEWEST_SERIES=10.2	# that qemu-device/in-tree/patches is made for, and another plugin

# What packages need to be installed and people to log in, and programs don't to run.
NOT_TO_RUN='debconf|adduser|passwd|libpam.*|libsemanage.*|perl.*|gcc-.*-base'
NOT_FOR_TREES="$NOT_TO_RUN|libsepol.*|libdb[0-9].*"
# The sanitizers' and other languages' run-times are not for us.
NOT_TO_COMPILE='lib[a-z]*san[0-9]+|libitm|libgomp|libatomic|libquadmath'

# only ARCH-PATTERN PLAN: files for these architectures.
only()
{
	printf '%s\n' "$2" | grep -E "_($1)\\.deb "
}

# without PATTERN PLAN: files whose package has another name.
without()
{
	printf '%s\n' "$2" | grep -vE "^($1)_"
}

# ---- QEMU --------------------------------------------------------------------

qemu_suite()
{
	if [ "$(host_suite)" = "$GUEST_SUITE" ]; then
		echo "$GUEST_SUITE-backports"
	else
		host_suite
	fi
}

# plan_qemu SUITE ARCH PACKAGE... -- OTHER...: packages of QEMU, all of one version, and others, with
# all they need: the newest version of the series that is there as a whole.
plan_qemu()
{
	suite=$1 arch=$2 ours='' tried=''
	shift 2
	while [ "$1" != -- ]; do
		ours="$ours $1:$arch"
		shift
	done
	shift
	# shellcheck disable=SC2086 # a list of words
	versions=$(apt_versions 1 ${ours%% qemu-utils*} | grep -E " ([0-9]+:)?$QEMU_SERIES\\." |
		cut -d ' ' -f 2 | sort -rVu)
	for version in $versions; do
		exact=
		for package in $ours; do
			exact="$exact $package=$version"
		done
		# shellcheck disable=SC2086
		if plan=$( (plan_closure -t "$suite" $exact "$@") 2>"$WORK/why"); then
			[ -z "$tried" ] || note "QEMU for $arch: taking $version"
			printf '%s\n' "$plan"
			return
		fi
		tried=1
		note "QEMU for $arch: $version is not whole: $(cat "$WORK/why")"
	done
	die "no QEMU $QEMU_SERIES for $arch is whole in the archives:$ours"
}

# The C library stays the machine's own; maintainer scripts and their needs are not for us.
plan_qemu_programs()
{
	suite=$(qemu_suite)
	plan=$(plan_qemu "$suite" "$1" qemu-system-x86 qemu-system-arm qemu-system-common qemu-utils --)
	without 'libc6|libgcc-s1|gcc-.*|debconf|adduser|passwd|libpam.*|libsemanage.*' "$plan"
}

plan_qemu_src()
{
	plan_source qemu
}

plan_qemu_src_newest()
{
	newest plan_source_series qemu "$QEMU_NEWEST_SERIES"
}

plan_meson()
{
	plan_packages -t "$GUEST_SUITE-backports" meson python3-pycotap
}

plan_firmware()
{
	suite=$(qemu_suite)
	plan_packages -t "$suite" ovmf qemu-efi-aarch64
}

# With the C library that it wants; maintainer scripts and their needs are not for us.
plan_qemu_newest()
{
	plan=$(newest plan_closure qemu-system-x86)
	without "$NOT_TO_RUN" "$plan"
}

# Made from other steps' products only.
plan_qemu_headers()
{
	:
}

plan_qemu_headers_newest()
{
	:
}

# ---- compilers ---------------------------------------------------------------

# The C library is the machine's.
plan_compiler()
{
	plan=$(plan_closure "$@")
	plan=$(only 'amd64|all' "$plan")
	without "libc6.*|($NOT_TO_COMPILE).*|gcc-.*-base" "$plan"
}

plan_cross()
{
	plan_compiler gcc-aarch64-linux-gnu
}

plan_cross_amd64()
{
	plan_compiler "$(depends_first gcc gcc-)" binutils
}

# Development packages also want tools of the build machine: those are not for this tree.
plan_sysroot_arm64()
{
	# shellcheck disable=SC2046 # a list of words
	plan=$(plan_closure $(printf '%s:arm64 ' libc6-dev linux-libc-dev libglib2.0-dev \
		libpixman-1-dev libfdt-dev libaio-dev liburing-dev libjson-c-dev libcmocka-dev zlib1g-dev))
	plan=$(only arm64 "$plan")
	without 'pkgconf|pkg-config' "$plan"
}

# What the service is built with, beside those of the others, which need not be made anew for it.
plan_sysroot_arm64_service()
{
	# shellcheck disable=SC2046 # a list of words
	plan=$(plan_closure $(printf '%s:arm64 ' libc6-dev linux-libc-dev liburing-dev libconfig-dev libsystemd-dev))
	plan=$(only arm64 "$plan")
	without 'pkgconf|pkg-config' "$plan"
}

# What Debian's packages for arm64 are built with, all of it.
plan_package_arm64()
{
	# shellcheck disable=SC2046 # a list of words
	plan=$(plan_closure $(printf '%s:arm64 ' libc6-dev linux-libc-dev libglib2.0-dev libfdt-dev liburing-dev \
		libjson-c-dev libconfig-dev libsystemd-dev libxml2-dev libvirt-dev))
	plan=$(only arm64 "$plan")
	without 'pkgconf|pkg-config' "$plan"
}

plan_tools_newest()
{
	newest plan_newest_compilers
}

# For the kernels that there are: an architecture that lags may have been built with an older one.
plan_newest_compilers()
{
	compilers=
	for arch in amd64 arm64; do
		for flavour in "$arch" "cloud-$arch"; do
			kernel_set headers "$arch" newest "$flavour" || continue
			name=$(depends_first "linux-headers-$release:$arch=$version" gcc- |
				sed 's/-for-host$//')
			compilers="$compilers $name-aarch64-linux-gnu $name-x86-64-linux-gnu"
		done
	done
	[ -n "$compilers" ] || die "no newest kernel is whole in the archives"
	# shellcheck disable=SC2086 # a list of words
	plan=$(plan_closure $compilers libelf1t64 libssl3t64 zlib1g)
	without "($NOT_TO_COMPILE|openssl-provider).*" "$plan"
}

# To try ours with: those of these releases that the newest suite still has.
plan_compilers()
{
	newest plan_compilers_offered
}

plan_compilers_offered()
{
	compilers=
	for release in 13 14 15; do
		name=gcc-$release-x86-64-linux-gnu
		[ -z "$(apt_versions 1 "$name:amd64")" ] || compilers="$compilers $name"
	done
	[ -n "$compilers" ] || die "no newer compiler is in the archives"
	# shellcheck disable=SC2086 # a list of words
	plan=$(plan_closure $compilers zlib1g)
	without "($NOT_TO_COMPILE).*" "$plan"
}

# ---- kernels -----------------------------------------------------------------

# plan_kernel ARCH SERIES [cloud]: to boot and to build for; SERIES may be "newest"
plan_kernel()
{
	plan_of plan_kernel_set kernel "$@"
}

# plan_headers ARCH SERIES [cloud]: to build for
plan_headers()
{
	plan_of plan_kernel_set headers "$@"
}

plan_of()
{
	case $4 in
	newest) newest "$@" ;;
	*) "$@" ;;
	esac
}

# plan_kernel_set KIND ARCH SERIES [cloud]
plan_kernel_set()
{
	kernel_set "$1" "$2" "$3" "${4:+$4-}$2" ||
		die "no kernel $3 of flavour ${4:+$4-}$2 is whole in the archives"
	# Tools that run on this machine come with the headers, most bring the library they need.
	case $3 in
	newest) libraries= ;;
	*) libraries='libelf1 zlib1g' ;;
	esac
	# shellcheck disable=SC2086 # a list of words
	plan_packages $packages $libraries
}

# plan_instrument ARCH SERIES INSTRUMENTS: from source, whatever the architecture
plan_instrument()
{
	case $3 in
	iommufd) coming plan_packages "linux-source-$2" ;;
	*) plan_packages "linux-source-$2" ;;
	esac
}

# kernel_set KIND ARCH SERIES FLAVOUR: the newest that is whole: sets release, version and packages
# (words NAME=VERSION).
kernel_set()
{
	case $3 in
	newest) pattern='[0-9]+\.[0-9]+' ;;
	*) pattern=$(echo "$3" | sed 's/\./\\./g') ;;
	esac
	# shellcheck disable=SC2046 # a list of words
	offered $(apt_names "linux-image-$pattern\.[0-9][^-]*(-[0-9]+)?-$4" | sed "s/\$/:$2/") |
		sed 's/^linux-image-//; s/:[^ ]*//' | sort -k 2,2Vr >"$WORK/kernels"
	skipped=
	while read -r release version; do
		missing=$(kernel_packages "$1" "$2" "$3" "$4" 3>"$WORK/set")
		if [ -z "$missing" ]; then
			packages=$(cat "$WORK/set")
			[ -z "$skipped" ] || note "kernel $3 for $2: taking $version of $release"
			return
		fi
		note "kernel $3 for $2: $version of $release is not whole, the archives lack$missing"
		skipped=1
	done <"$WORK/kernels"
	return 1
}

# kernel_packages KIND ARCH SERIES FLAVOUR: the packages of this release and version, to file 3,
# and those that the archives lack, to standard output. An update reaches the archives in parts:
# image, headers and source must agree; programs that come with the headers run here, and need
# only be as new as the headers ask for.
kernel_packages()
{
	exact="$(of_arch "$2" "linux-headers-$release") linux-headers-${release%-"$4"}-common"
	if [ "$1" = kernel ]; then
		# Newer images are in parts.
		parts=
		for part in binary modules base; do
			name=$(depends_first "linux-image-$release:$2=$version" "linux-$part-$release")
			parts="$parts${name:+ $(of_arch "$2" "$name")}"
		done
		exact="$exact ${parts:-$(of_arch "$2" "linux-image-$release")}"
		case $4 in
		cloud-*) exact="$exact linux-source-$3" ;;
		esac
	fi
	# shellcheck disable=SC2086 # a list of words
	offered $exact >"$WORK/offered"
	for package in $exact; do
		if grep -qxF "$package $version" "$WORK/offered"; then
			printf '%s ' "$package=$version" >&3
		else
			printf ' %s' "$package=$version"
		fi
	done
	kbuild=$(depends "linux-headers-$release:$2=$version" | grep '^linux-kbuild-')
	[ -n "$kbuild" ] || return 0	# headers that are not there, said above
	name=${kbuild%% *}
	relation=$(echo "$kbuild" | sed -n 's/.*(\([<>=]*\) *\(.*\))/\1 \2/p')
	for offer in $(offered "$name" | cut -d ' ' -f 2); do
		# shellcheck disable=SC2086 # two words or none
		if [ -z "$relation" ] || dpkg --compare-versions "$offer" $relation; then
			printf '%s' "$name=$offer" >&3
			return
		fi
	done
	printf ' %s' "$kbuild"
}

# plan_dtbs ARCH SERIES: the package with the device trees, of the kernel to boot.
plan_dtbs()
{
	case $1 in
	armhf) armhf plan_dtbs_of dtbs "$@" armmp ;;
	*) plan_of plan_dtbs_of dtbs "$@" ;;
	esac
}

# plan_dtbs_of KIND ARCH SERIES [FLAVOUR]: newer images have them in a part of their own
plan_dtbs_of()
{
	kernel_set kernel "$2" "$3" "${4:-$2}" || die "no kernel $3 for $2 is whole in the archives"
	for package in $packages; do
		case $package in
		linux-image-* | linux-base-*) plan_packages "$package" ;;
		esac
	done
}

# plan_linux_src SERIES: of the kernel that is nested host.
plan_linux_src()
{
	kernel_set kernel arm64 "$1" cloud-arm64 || die "no kernel $1 is whole in the archives"
	plan_packages "linux-source-$1=$version"
}

# plan_vfio_platform ARCH SERIES: likewise.
plan_vfio_platform()
{
	plan_linux_src "$2"
}

# ---- user space --------------------------------------------------------------

plan_busybox()
{
	plan_packages "busybox-static:$1"
}

# A tree with the programs of PACKAGE and all they need to run.
plan_tree()
{
	plan=$(plan_closure "$1:$2")
	plan=$(only "$2" "$plan")
	without "$NOT_FOR_TREES" "$plan"
}

# A root tree in which mkinitramfs runs. Packages don't say that they depend on a shell and the
# usual tools: every system has them.
plan_initramfs_tools()
{
	plan=$(plan_closure initramfs-tools-core busybox-static bash coreutils dash dpkg findutils \
		grep gzip libc-bin mawk sed util-linux)
	without "$NOT_FOR_TREES|base-files|tar|util-linux-extra" "$plan"
}

plan_rootfs_arm64()
{
	json=$(depends_first libjson-c-dev:arm64 libjson-c)
	plan=$(plan_qemu "$GUEST_SUITE-backports" arm64 qemu-system-arm qemu-system-common -- \
		ipxe-qemu:arm64 busybox-static:arm64 e2fsprogs:arm64 "$json:arm64")
	plan=$(only 'arm64|all' "$plan")
	without "$NOT_TO_RUN" "$plan"
}

# plan_libvirt ARCH [RELEASE]: a root tree in which libvirtd runs QEMU 10.0, which the plugin fits. Nothing in it is installed: no
# service, no bus. The later suite has such a pair; 9.0 is the guests' suite's, beside QEMU of its backports; the newest is unpacked
# over the later suite's pair, whose QEMU stays.
plan_libvirt()
{
	case ${2-} in
	9.0) plan_libvirt_old "$1" ;;
	newest)
		later plan_libvirt_closure "$1"
		newest plan_libvirt_newest "$1"
		;;
	*) later plan_libvirt_closure "$1" ;;
	esac
}

LIBVIRT_PROGRAMS='bash coreutils grep sed diffutils libjson-c5 liburing2 libfdt1 libxml2 ipxe-qemu'

plan_libvirt_closure()
{
	# shellcheck disable=SC2086 # a list of words
	plan_libvirt_tree "$1" "$(plan_closure $LIBVIRT_PROGRAMS qemu-system-x86 qemu-system-common \
		libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-log libvirt-clients libvirt-common)"
}

plan_libvirt_newest()
{
	plan=$(plan_closure bash libvirt-daemon libvirt-daemon-driver-qemu libvirt-daemon-log libvirt-clients libvirt-common)
	plan_libvirt_tree "$1" "$(without 'qemu-.*|ipxe-.*|seabios|ovmf' "$plan")"
}

plan_libvirt_old()
{
	suite=$(qemu_suite)
	# shellcheck disable=SC2086 # a list of words
	plan_libvirt_tree "$1" "$(plan_qemu "$suite" "$1" qemu-system-x86 qemu-system-common -- $LIBVIRT_PROGRAMS \
		"libvirt-daemon/$GUEST_SUITE" "libvirt-daemon-driver-qemu/$GUEST_SUITE" "libvirt-clients/$GUEST_SUITE")"
}

# plan_libvirt_tree ARCH PLAN
plan_libvirt_tree()
{
	plan=$(only "$1|all" "$2")
	without "$NOT_TO_RUN|systemd.*|python3.*|libsystemd-shared.*|dbus-.*|polkitd|iso-codes" "$plan"
}

# plan_confinement ARCH [RELEASE]: profiles and parser of the suite that has this libvirt
plan_confinement()
{
	case ${2-} in
	9.0) plan_packages "apparmor/$GUEST_SUITE" "libvirt-daemon-system/$GUEST_SUITE" ;;
	newest) newest plan_packages apparmor libstdc++6 libvirt-daemon libvirt-daemon-common libvirt-daemon-driver-qemu ;;
	*) later plan_packages apparmor libvirt-daemon libvirt-daemon-common libvirt-daemon-driver-qemu ;;
	esac
}

# plan_selinux ARCH: the policy, with what builds modules, loads them and asks it.
plan_selinux()
{
	later plan_selinux_tree "$1"
}

plan_selinux_tree()
{
	# Packages don't say that they depend on a shell and the usual tools.
	plan=$(plan_closure selinux-policy-default selinux-policy-dev setools checkpolicy semodule-utils policycoreutils bash dash \
		coreutils grep sed findutils)
	plan=$(only "$1|all" "$plan")
	without 'debconf|adduser|passwd|libpam.*|perl.*|gcc-.*-base|(lib)?binutils.*|libgprofng.*|libctf.*|libsframe.*|dpkg|tar|openssl.*' "$plan"
}

# plan_kubernetes ARCH: a Python of the guests' suite, with gRPC, and the compiler of its definitions.
plan_kubernetes()
{
	plan=$(plan_closure python3-minimal python3-grpcio python3-protobuf protobuf-compiler)
	plan=$(only "$1|all" "$plan")
	without "$NOT_TO_RUN|dpkg|tar|readline-common|tzdata|media-types" "$plan"
}

# ---- Xen -----------------------------------------------------------------------

# xen_suite RELEASE COMMAND...: with the archives of the suite that has this release of Xen
xen_suite()
{
	xs_release=$1
	shift
	case $xs_release in
	4.17) "$@" ;;
	*) later "$@" ;;
	esac
}

plan_xen()
{
	xen_suite "$1" plan_packages "xen-hypervisor-$1-arm64:arm64"
}

# What builds programs for it: headers, and libraries to link with.
plan_sysroot_xen()
{
	xen_suite "$1" plan_libraries "$1"
}

plan_libraries()
{
	plan=$(plan_closure libxen-dev:arm64 "libxenmisc$1:arm64")
	printf '%s\n' "$plan" | grep -E '^libxen'
}

# A root tree of the control domain: xl, xenstored, xenconsoled. No hotplug script runs, so neither
# udev nor Python is missed.
plan_xen_tools()
{
	xen_suite "$1" plan_tools "$1"
}

plan_tools()
{
	plan=$(plan_closure "xen-utils-$1:arm64" xenstore-utils:arm64)
	plan=$(only arm64 "$plan")
	without "$NOT_FOR_TREES|(lib)?python3.*|media-types|readline-common|libssl.*|libsqlite.*|libkrb5.*|libgssapi.*|libk5.*|libkeyutils.*|libreadline.*|libncursesw.*|libexpat.*|libtirpc.*|libnsl.*|libffi.*|udev|libudev.*|libaudit.*|openssl.*|sysvinit-utils|libcrypt1|libdebconf.*|libbz2.*|libsystemd.*|systemd.*|libselinux.*|libcap2|libblkid1|ucf" "$plan"
}

# ---- an arm64 machine of its own ------------------------------------------------

# plan_machine GROUP...: a system with these groups of packages (tests/env/deps), and what every system has.
plan_machine()
{
	runtime=$(of_arm64 depends_first clang clang-)
	# shellcheck disable=SC2046 # a list of words
	of_arm64 plan_closure "libclang-rt-${runtime#clang-}-dev" base-files base-passwd bash coreutils dash debianutils diffutils dpkg findutils grep gzip hostname \
		libc-bin login mawk mount ncurses-base perl sed tar util-linux procps $("$ENV_DIR/deps" --list "$@")
}

# plan_seed: what the builder downloads there for "make plugin" and for the layers that run QEMU.
plan_seed()
{
	of_arm64 plan_qemu_programs arm64
	of_arm64 plan_qemu_src
	of_arm64 plan_meson
}
