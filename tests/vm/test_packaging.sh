#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# check: long
#
# The guest's package, without a virtual machine: what "make install-guest" puts where, and dkms
# with it. (The module for every kernel of the environment is in test_kernels.)

. "$HVCMA_SRC/tests/lib/testbed.sh"

root=$VM_TMP/root

# made_for MODULE: the release of the kernel it is for
made_for()
{
	modinfo -F vermagic "$1" | cut -d " " -f 1
}

installed()
{
	[ -s "$root/$1" ]
}

# hook_loads: what the initramfs hook asks for, with initramfs-tools' functions replaced
hook_loads()
{
	sed 's,^\. /usr/share.*,force_load() { echo "$1"; },' \
		"$root/usr/share/initramfs-tools/hooks/virtio_cma" >"$VM_TMP/hook"
	sh "$VM_TMP/hook" | tr '\n' ' '
}

# softdep_order DRIVER: does modprobe read that virtio_cma comes first?
softdep_order()
{
	modprobe -C "$root/usr/lib/modprobe.d" -c 2>/dev/null |
		grep -q "^softdep $1 pre: virtio_cma"
}

# dracut_module: what it puts into an image, with dracut's functions replaced
dracut_module()
{
	bash -c 'instmods() { echo "$@"; }; initdir=$2; . "$1"; installkernel; install' module \
		"$root/usr/lib/dracut/modules.d/90virtio_cma/module-setup.sh" "$VM_TMP/image" &&
		cat "$VM_TMP/image/etc/cmdline.d/"*
}

install_guest()
{
	make -s -C "$HVCMA_SRC" O="$HVCMA_BUILD" DESTDIR="$root" "$1" >"$VM_TMP/log" 2>&1 && return
	note "$(cat "$VM_TMP/log")"
	return 1
}

# local_case: what the owner has written stays, whatever becomes of the package
local_case()
{
	lc_file=$root/etc/modprobe.d/virtio-cma-local.conf
	check "a file of the owner's own" installed etc/modprobe.d/virtio-cma-local.conf
	check "that says nothing yet" equal '' "$(grep -v '^#' "$lc_file")"
	echo 'softdep my_driver pre: virtio_cma' >"$lc_file"
	check "installed again" install_guest install-guest
	check "the owner's file is as it was" equal 'softdep my_driver pre: virtio_cma' "$(cat "$lc_file")"
	check "uninstalled" install_guest uninstall-guest
	check "the owner's file is still there" equal 'softdep my_driver pre: virtio_cma' "$(cat "$lc_file")"
	check "and nothing else" same_as "$lc_file" "$(find "$root" -type f)"
	check "installed again" install_guest install-guest
}

# dkms_refuses OPTION: kernels without it
dkms_refuses()
{
	mkdir -p "$VM_TMP/without/include/config"
	grep -v "^$1=" "$headers/.config" >"$VM_TMP/without/.config"
	! dkms build -m virtio-cma -v 0.1 -k "$release-without" --arch x86_64 \
		--kernelsourcedir "$VM_TMP/without" --config "$VM_TMP/without/.config" \
		--dkmstree "$VM_TMP/dkms" --sourcetree "$root/usr/src" >"$VM_TMP/dkms.log" 2>&1 &&
		grep -q BUILD_EXCLUSIVE "$VM_TMP/dkms.log" && return
	note "$(tail -n 5 "$VM_TMP/dkms.log")"
	return 1
}

# dma_ops_needed: a kernel whose devices have no DMA operations of their own, as far as the sources see
dma_ops_needed()
{
	cp -r "$root/usr/src/virtio-cma-0.1" "$VM_TMP/sources"
	printf '#undef CONFIG_DMA_OPS\n#undef CONFIG_ARCH_HAS_DMA_OPS\n' >"$VM_TMP/undef.h"
	! "$(kernel_dir amd64 6.1)/kbuild" M="$VM_TMP/sources/guest-driver" \
		KCFLAGS="-include $VM_TMP/undef.h" mm/scan.o >"$VM_TMP/log" 2>&1 &&
		grep -q 'built without dev->dma_ops' "$VM_TMP/log" && return
	note "$(tail -n 5 "$VM_TMP/log")"
	return 1
}

dkms_in_scratch()
{
	dkms "$1" -m virtio-cma -v 0.1 -k "$release" --arch x86_64 --kernelsourcedir "$headers" \
		--dkmstree "$VM_TMP/dkms" --sourcetree "$root/usr/src" \
		--installtree "$VM_TMP/install" --no-depmod >"$VM_TMP/dkms.log" 2>&1 && return
	note "$(tail -n 20 "$VM_TMP/dkms.log")" "$(find "$VM_TMP/dkms" -name make.log -exec tail -n 20 {} +)"
	return 1
}

dkms_case()
{
	headers=$(kernel_dir amd64 6.1)/headers release=$(cat "$(kernel_dir amd64 6.1)/release")
	mkdir -p "$VM_TMP/dkms" "$VM_TMP/install"
	check "dkms add" dkms_in_scratch add
	for option in CONFIG_64BIT CONFIG_VIRTIO CONFIG_CONTIG_ALLOC CONFIG_MEMORY_HOTREMOVE \
		CONFIG_DMA_SHARED_BUFFER; do
		check "dkms: not for kernels without $option" dkms_refuses $option
	done
	check "dkms build" dkms_in_scratch build
	built=$(find "$VM_TMP/dkms/virtio-cma/0.1" -name 'virtio_cma.ko*' | grep -v /build/ | head -n 1)
	check "dkms has built the module for $release" same_as "$release" "$(made_for "$built")"
}

check "installed" install_guest install-guest
for file in usr/src/virtio-cma-0.1/dkms.conf usr/src/virtio-cma-0.1/guest-driver/Kbuild \
	usr/src/virtio-cma-0.1/hv/abi/virtio_cma.h usr/lib/modprobe.d/virtio-cma.conf \
	usr/share/initramfs-tools/hooks/virtio_cma usr/lib/udev/rules.d/70-virtio-cma.rules \
	usr/lib/sysusers.d/virtio-cma.conf usr/include/hvcma/vcma.h \
	usr/lib/dracut/modules.d/90virtio_cma/module-setup.sh; do
	check "installed: /$file" installed "$file"
done
check "the header is enough for the example" \
	cc -Wall -Werror -I"$root/usr/include/hvcma" -o "$VM_TMP/example" \
	"$HVCMA_SRC/examples/vcma_buffer.c"
check "initramfs: transports, then virtio_cma" \
	equal "virtio_pci virtio_mmio virtio_cma " "$(hook_loads)"
check "dracut: transports and virtio_cma, which is loaded early" equal \
	"virtio_pci virtio_mmio virtio_cma rd.driver.pre=virtio_cma " "$(dracut_module | tr '\n' ' ')"
for driver in nvme r8169 igc i40e ice mlx5_core tg3 ixgbe bnxt_en atlantic; do
	check "modprobe: $driver waits for virtio_cma" softdep_order $driver
done
local_case
check "kernels without dev->dma_ops: the compiler says so" dma_ops_needed
if command -v dkms >/dev/null 2>&1; then
	dkms_case
else
	tap_skip "dkms" "dkms is not installed"
fi
tap_end
