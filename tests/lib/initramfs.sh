# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Initramfs of a test guest: busybox, the agent, its helpers and modules. Sourced.

# kernel_dir ARCH SERIES: vmlinuz, modules/, release, ...
kernel_dir()
{
	echo "$HVCMA_BUILD/env/kernel/$1/$2"
}

# vm_kernels DEFAULT... [rarely DEFAULT...]: which a test runs on, as ARCH/SERIES; HVCMA_KERNELS says others
vm_kernels()
{
	[ -z "${HVCMA_KERNELS-}" ] || set -- "$HVCMA_KERNELS"
	for vk_kernel; do
		case $vk_kernel in
		rarely) [ "${HVCMA_RARELY-}" ] || break ;;
		*) echo "$vk_kernel" ;;
		esac
	done
}

# kernels_need KERNEL...: or the test is skipped
kernels_need()
{
	for kn_kernel; do
		if [ ! -e "$HVCMA_BUILD/env/kernel/$kn_kernel/vmlinuz" ] ||
			[ ! -e "$HVCMA_BUILD/guest/$kn_kernel/vcma_selftest.ko" ]; then
			skip_all "no kernel $kn_kernel with modules for it: make check-long builds them"
		fi
	done
}

# guest_module ARCH SERIES NAME: a module of this project; of SERIES/debug, too, there is virtio_cma
guest_module()
{
	echo "$HVCMA_BUILD/guest/$1/${2%-cloud}/$3.ko"
}

# initramfs FILE ARCH SERIES MODULE... [-- INITRAMFS-OPTION...]
# Modules are loaded by the guest's load helper in this order.
initramfs()
{
	ir_out=$1 ir_arch=$2 ir_modules=$(kernel_dir "$2" "$3")/modules
	shift 3
	ir_names=
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		ir_names="$ir_names $1"
		shift
	done
	[ $# -eq 0 ] || shift
	# shellcheck disable=SC2086 # module names are words
	"$HVCMA_SRC/tests/env/initramfs" -o "$ir_out" -b "$HVCMA_BUILD/env/busybox-$ir_arch" \
		-i "$HVCMA_SRC/tests/lib/guest/init" \
		-f "$HVCMA_SRC/tests/lib/guest/helpers.sh:/helpers.sh" \
		-f "$HVCMA_SRC/tests/lib/guest/agent:/agent" \
		-m "$ir_modules" $ir_names "$@"
}

# guest_programs ARCH NAME...: options that put programs of tests/lib/guest into /bin
guest_programs()
{
	gp_arch=$1
	shift
	for gp_name; do
		echo "-f $HVCMA_BUILD/guest/$gp_arch/bin/$gp_name:/bin/$gp_name"
	done
}
