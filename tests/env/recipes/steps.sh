# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The steps of the test environment: what each makes, by which plan and recipe, from what, and
# what it costs. Non-purpose: how steps are run (../steps.sh).

# shellcheck disable=SC2034 # used by build
STEPS='qemu-amd64 qemu-arm64 qemu-src qemu-src-newest meson qemu-headers-amd64
sysroot-arm64 sysroot-arm64-service package-arm64 cross cross-amd64 kernel-amd64-6.12 kernel-arm64-6.12 busybox-amd64 busybox-arm64
kernel-amd64-6.1 kernel-arm64-6.1 qemu-headers-arm64
qemu-headers-amd64-10.2 qemu-headers-arm64-10.2 qemu-amd64-newest
kernel-arm64-6.12-cloud kernel-arm64-6.1-cloud vfio-platform-arm64-6.12 rootfs-arm64 e2fs-arm64 e2fs-amd64
udev-amd64 kexec-arm64 initramfs-tools firmware
headers-amd64-6.12-cloud headers-amd64-6.1-cloud
tools-newest kernel-amd64-newest kernel-arm64-newest
headers-amd64-newest-cloud headers-arm64-newest-cloud
dtbs-arm64-6.1 dtbs-arm64-6.12 dtbs-armhf-6.1 dtbs-armhf-6.12 dtbs-arm64-newest
linux-src-6.1 linux-src-6.12 compilers
kernel-amd64-6.12-checked kernel-arm64-6.12-checked kernel-amd64-6.12-races
kernel-amd64-6.12-rt kernel-arm64-6.12-64k kernel-amd64-7.3-iommufd
libvirt-amd64 libvirt-amd64-9.0 libvirt-amd64-newest
confinement-amd64 confinement-amd64-9.0 confinement-amd64-newest selinux-amd64 kubernetes-amd64
xen-arm64-4.17 xen-arm64-4.20 xen-tools-arm64-4.17 xen-tools-arm64-4.20
sysroot-arm64-xen-4.17 sysroot-arm64-xen-4.20
machine-of-arm64 seed-of-arm64'

# step_machine NAME: what it can be made on. Compilers of the environment are programs for amd64, as is what runs
# its kernels' own tools: on an Arm machine there is what builds and tests hvcma for that machine.
step_machine()
{
	case $1 in
	qemu-arm64) echo arm64 ;;
	qemu-amd64* | qemu-headers-amd64* | cross* | sysroot-* | package-* | kernel-* | headers-* | vfio-platform-* | \
	tools-newest | compilers | libvirt-* | confinement-* | selinux-* | kubernetes-* | *-of-arm64 | initramfs-tools | rootfs-*) echo amd64 ;;
	*) echo any ;;
	esac
}

# step_define NAME: sets step_recipe (file), step_verb and step_args (functions plan_VERB and
# make_VERB with these arguments), step_needs (other steps), step_reads (what its recipe reads, under
# tests/env), step_out (path under OUT),
# step_optional (others are made though it can't be) and step_cost: megabytes on disk and seconds
# of work, as measured on two idle cores, to tell people what to expect.
step_define()
{
	step_args=
	step_needs=
	step_reads=
	step_optional=
	step_out=$1
	step_verb=${1%%-*}
	case $1 in
	qemu-amd64 | qemu-arm64) step_recipe=qemu step_verb=qemu_programs step_args=${1#qemu-} step_cost='195 3' ;;
	qemu-src) step_recipe=qemu step_verb=qemu_src step_cost='412 12' ;;
	qemu-src-newest)
		step_recipe=qemu_newest step_verb=qemu_src_newest step_optional=1 step_cost='420 12' ;;
	qemu-amd64-newest)
		step_recipe=qemu_newest step_verb=qemu_newest step_optional=1 step_cost='165 5' ;;
	meson) step_recipe=qemu step_out='' step_cost='5 1' ;;
	qemu-headers-amd64 | qemu-headers-arm64)
		step_recipe=qemu step_verb=qemu_headers step_args=${1#qemu-headers-} step_cost='10 35'
		step_needs='qemu-src meson'
		[ "$step_args" = "$MACHINE" ] || step_needs="$step_needs cross sysroot-arm64" ;;
	qemu-headers-*-10.2)
		step_recipe=qemu_newest step_verb=qemu_headers_newest step_cost='10 35' step_optional=1
		step_args=${1#qemu-headers-}
		step_args=${step_args%-10.2}
		step_reads=recipes/qemu.sh
		step_needs='qemu-src-newest meson'
		[ "$step_args" = "$MACHINE" ] || step_needs="$step_needs cross sysroot-arm64" ;;
	cross) step_recipe=cross step_needs=sysroot-arm64 step_cost='147 4' ;;
	cross-amd64) step_recipe=cross step_verb=cross_amd64 step_cost='156 4' ;;
	sysroot-arm64) step_recipe=cross step_verb=sysroot_arm64 step_cost='77 3' ;;
	sysroot-arm64-xen-*)
		step_recipe=xen step_verb=sysroot_xen step_args=${1##*-} step_cost='4 1' ;;
	xen-arm64-*) step_recipe=xen step_verb=xen step_args=${1##*-} step_cost='1 1' ;;
	xen-tools-arm64-*)
		step_recipe=xen step_verb=xen_tools step_args=${1##*-} step_cost='17 2' ;;
	sysroot-arm64-service) step_recipe=cross step_verb=sysroot_arm64_service step_cost='40 3' ;;
	package-arm64) step_recipe=package step_verb=package_arm64 step_needs='cross sysroot-arm64' step_cost='90 5' ;;
	kernel-*-checked | kernel-*-races | kernel-*-rt | kernel-*-64k | kernel-*-iommufd)
		step_recipe=instrument step_verb=instrument step_cost='75 630'
		step_args=$(echo "${1#*-}" | tr - ' ')
		step_out=$(echo "kernel/${1#kernel-}" | sed 's,-,/,')
		step_reads="recipes/kernel.sh kernel/common kernel/${step_args%% *} kernel/${step_args##* }"
		case $1 in
		*-amd64-*) step_needs=cross-amd64 ;;
		*) step_needs=cross ;;
		esac
		case $1 in
		*-iommufd) step_optional=1 step_cost='45 240' ;;
		esac ;;
	kernel-* | headers-*)
		step_recipe=kernel step_needs=cross
		case $1 in
		*-newest*) step_needs=tools-newest step_optional=1 ;;
		*-amd64-*) step_needs=cross-amd64 ;;
		esac
		case $1 in
		headers-*) step_cost='94 5' ;;
		kernel-*-6.1) step_cost='488 15' ;;
		kernel-*-cloud) step_cost='177 25' ;;
		*) step_cost='232 12' ;;
		esac
		step_args=${1#*-}
		step_out=kernel/${step_args%%-*}/${step_args#*-}
		case $1 in
		*-cloud) step_args="${step_args%-cloud} cloud" ;;
		esac
		step_args="${step_args%%-*} ${step_args#*-}" ;;
	vfio-platform-*)
		step_recipe=vfio step_verb=vfio_platform step_cost='1 20'
		step_args=$(echo "${1#vfio-platform-}" | tr - ' ')
		step_needs=kernel-${1#vfio-platform-}-cloud step_out=kernel/${step_args%% *}/${1##*-}-vfio-platform ;;
	dtbs-*)
		step_recipe=source step_args="${1#dtbs-}"
		step_args="${step_args%%-*} ${step_args#*-}"
		step_out=dtbs/${1#dtbs-} step_cost='45 5'
		# Beside the corpus, whose faults are listed one by one.
		case $1 in
		*-newest) step_out=dtbs-newest/${step_args%% *} step_optional=1 ;;
		esac ;;
	linux-src-*)
		step_recipe=source step_verb=linux_src step_args=${1#linux-src-} step_cost='20 15' ;;
	compilers) step_recipe=newest step_optional=1 step_cost='400 15' ;;
	tools-newest) step_recipe=newest step_verb=tools_newest step_out='' step_optional=1 step_cost='375 15' ;;
	libvirt-*)
		step_recipe=libvirt step_cost='180 10'
		step_args=$(echo "${1#libvirt-}" | tr - ' ')
		case $1 in
		*-newest) step_optional=1 ;;
		esac ;;
	confinement-*)
		step_recipe=confinement step_cost='4 1'
		step_args=$(echo "${1#*-}" | tr - ' ')
		case $1 in
		*-newest) step_optional=1 ;;
		esac ;;
	selinux-*) step_recipe=selinux step_args=${1#*-} step_cost='150 5' ;;
	kubernetes-*) step_recipe=kubernetes step_args=${1#*-} step_cost='60 3' ;;
	machine-of-arm64)
		step_recipe=machine step_args='core plugin' step_reads=deps step_cost='860 60' ;;
	seed-of-arm64) step_recipe=machine step_reads='apt.sh recipes/plan.sh' step_cost='80 3' ;;
	busybox-*)
		step_recipe=userland step_args=${1#busybox-} step_cost='2 1' ;;
	e2fs-*)
		step_recipe=userland step_verb=tree step_args="e2fsprogs ${1#e2fs-}" step_cost='7 1' ;;
	kexec-*)
		step_recipe=userland step_verb=tree step_args="kexec-tools ${1#kexec-}"
		step_cost='8 1' ;;
	udev-*) step_recipe=userland step_verb=tree step_args="udev ${1#udev-}" step_cost='15 1' ;;
	initramfs-tools) step_recipe=userland step_verb=initramfs_tools step_cost='57 2' ;;
	firmware) step_recipe=firmware step_cost='6 1' ;;
	rootfs-arm64)
		step_recipe=userland step_verb=rootfs_arm64 step_needs=busybox-amd64 step_cost='129 3' ;;
	esac
}
