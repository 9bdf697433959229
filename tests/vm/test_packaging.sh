#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
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
	check "dkms build" dkms_in_scratch build
	built=$(find "$VM_TMP/dkms/virtio-cma/0.1" -name 'virtio_cma.ko*' | grep -v /build/ | head -n 1)
	check "dkms has built the module for $release" equal "$release" "$(made_for "$built")"
}

make -s -C "$HVCMA_SRC" O="$HVCMA_BUILD" DESTDIR="$root" install-guest >"$VM_TMP/log" 2>&1 ||
	note "$(cat "$VM_TMP/log")"
for file in usr/src/virtio-cma-0.1/dkms.conf usr/src/virtio-cma-0.1/guest-driver/Kbuild \
	usr/src/virtio-cma-0.1/hv/abi/virtio_cma.h usr/lib/modprobe.d/virtio-cma.conf \
	usr/share/initramfs-tools/hooks/virtio_cma usr/lib/udev/rules.d/70-virtio-cma.rules \
	usr/lib/sysusers.d/virtio-cma.conf usr/include/hvcma/vcma.h; do
	check "installed: /$file" installed "$file"
done
check "the header is enough for the example" \
	cc -Wall -Werror -I"$root/usr/include/hvcma" -o "$VM_TMP/example" \
	"$HVCMA_SRC/examples/vcma_buffer.c"
check "initramfs: transports, then virtio_cma" \
	equal "virtio_pci virtio_mmio virtio_cma " "$(hook_loads)"
check "modprobe: nvme waits for virtio_cma" softdep_order nvme
if command -v dkms >/dev/null 2>&1; then
	dkms_case
else
	tap_skip "dkms" "dkms is not installed"
fi
tap_end
