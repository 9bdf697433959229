# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A machine that runs Debian's Xen: an emulated arm64 one, with a disk that nothing drives and no IOMMU is
# before. Its control domain has the agent (vm.sh: "guest COMMAND"), Xen's tools, our hvcma-xen and hvcma, and what a
# further domain boots. Sourced, after vm.sh and initramfs.sh, on the outer machine.
#
#	xen_start RELEASE DOM0-SERIES DOMU-SERIES [QEMU-OPTION...]	boot it
#	dom0 COMMAND...		in the control domain, with the helpers of tests/xen/guest/dom0.sh
#	domu COMMAND...		in the other one, by its console, once it was created (dom0 domu_create)
#
# The disk is $VM_TMP/disk, XEN_DISK_MIB large (64), a virtio-mmio device at 0xa000000, with interrupt 48. XEN_SHIPPED
# are more files for the control domain (SRC:DST), XEN_DOMU_MODULES modules of domU instead of the usual.

# Three kernels on two processors: who waits leaves these to them.
VM_CALM=1

# The virtio device is a DMA master: what it is given it takes for addresses of the machine.
XEN_DISK_ADDRESS=0xa000000

# xen_domu_initramfs FILE SERIES [INITRAMFS-OPTION...]: what a guest needs for such a disk, and the driver before it
xen_domu_initramfs()
{
	xd_e2fs=$HVCMA_BUILD/env/e2fs-arm64 xd_file=$1 xd_series=$2
	shift 2
	set -- "$@" -f "$xd_e2fs/sbin/mke2fs:/usr/sbin/mkfs.ext4" \
		-f "$xd_e2fs/etc/mke2fs.conf:/etc/mke2fs.conf" \
		-f "$xd_e2fs/lib/ld-linux-aarch64.so.1:/lib/ld-linux-aarch64.so.1"
	for xd_lib in libc.so.6 libext2fs.so.2 libcom_err.so.2 libe2p.so.2 libblkid.so.1 libuuid.so.1; do
		set -- "$@" -f "$(find "$xd_e2fs/" -name $xd_lib | head -n 1):/lib/$xd_lib"
	done
	# shellcheck disable=SC2046,SC2086 # names are words
	initramfs "$xd_file" arm64 "$xd_series" crc32c_generic ext4 virtio_blk \
		$(for xd_name in ${XEN_DOMU_MODULES-virtio_cma}; do guest_module arm64 "$xd_series" "$xd_name"; done) \
		virtio_mmio -- "$@"
}

# xen_start RELEASE DOM0-SERIES DOMU-SERIES [QEMU-OPTION...]
xen_start()
{
	xen_release=$1 xs_dom0=$2 xs_domu=$3
	shift 3
	xs_tools=$HVCMA_BUILD/env/xen-tools-arm64-$xen_release
	xen_domu_initramfs "$VM_TMP/domu.initrd" "$xs_domu"
	dtc -q -I dts -O dtb -o "$VM_TMP/pt.dtb" "$HVCMA_SRC/tests/xen/guest/disk.dts"
	sed "s/@RELEASE@/$xen_release/g" "$HVCMA_SRC/tests/xen/guest/dom0.sh" >"$VM_TMP/dom0.sh"
	set -- "$@" -- -t "$(readlink -f "$xs_tools")" \
		-f "$(find "$xs_tools/" -name ld-linux-aarch64.so.1 | head -n 1):/lib/ld-linux-aarch64.so.1" \
		-f "$(kernel_dir arm64 "$xs_domu")/vmlinuz:/domu/kernel" -f "$VM_TMP/domu.initrd:/domu/initrd" \
		-f "$VM_TMP/pt.dtb:/domu/pt.dtb" -f "$HVCMA_SRC/tests/xen/guest/domu.cfg:/domu/cfg" \
		-f "$VM_TMP/dom0.sh:/dom0.sh" -f "$HVCMA_BUILD/xen/$xen_release/hvcma-xen:/bin/hvcma-xen" \
		-f "$HVCMA_BUILD/arm64/hvcma:/bin/hvcma"
	for xs_file in libjson-c.so.5 liburing.so.2 libfdt.so.1 libz.so.1; do
		set -- "$@" -f "$(find "$HVCMA_BUILD/env/sysroot-arm64/" -name "$xs_file" | head -n 1):/lib/$xs_file"
	done
	for xs_file in ${XEN_SHIPPED-}; do
		set -- "$@" -f "$xs_file"
	done
	xs_options=
	while [ "$1" != -- ]; do
		xs_options="$xs_options $1"
		shift
	done
	initramfs "$VM_TMP/dom0.initrd" arm64 "$xs_dom0" xen-evtchn xen-gntdev xen-privcmd xenfs "$@"
	truncate -s "${XEN_DISK_MIB:-64}M" "$VM_TMP/disk"
	# What a device's node says to Xen (it is not the control domain's) QEMU has no option for.
	rm -f "$VM_TMP/machine.dtb"
	VM_MACHINE=dumpdtb=$VM_TMP/machine.dtb xen_run $xs_options
	wait_until 20 vm_dead
	vm_kill
	fdtput "$VM_TMP/machine.dtb" /virtio_mmio@a000000 xen,passthrough
	xen_run -dtb "$VM_TMP/machine.dtb" $xs_options
	vm_booted 1 "${XEN_BOOT_S:-120}"
}

# xen_run QEMU-OPTION...
xen_run()
{
	VM_NO_PRELOAD=1 VM_MEMORY=${XEN_MEMORY:-2048M} VM_MACHINE=virtualization=on${VM_MACHINE:+,$VM_MACHINE} \
	VM_LIMIT_S=${XEN_LIMIT_S:-400} \
	vm_start arm64 "" "" -kernel "$HVCMA_BUILD/env/xen-arm64-$xen_release/xen" \
		-append "dom0_mem=${XEN_DOM0_MEMORY:-640M} console=dtuart bootscrub=0 ${XEN_APPEND-}" \
		-device "guest-loader,addr=0x50000000,kernel=$(kernel_dir arm64 "$xs_dom0")/vmlinuz,bootargs=console=hvc0 panic=-1 $VM_PATIENCE" \
		-device "guest-loader,addr=0x54000000,initrd=$VM_TMP/dom0.initrd" \
		-global virtio-mmio.force-legacy=false -drive "if=none,id=disk,format=raw,file=$VM_TMP/disk" \
		-device virtio-blk-device,drive=disk,iommu_platform=on,bus=virtio-mmio-bus.0 "$@"
}

dom0()
{
	guest ". /dom0.sh; $*"
}

domu()
{
	dom0 "domu $(printf '%s' "$*" | sed "s/'/'\\\\''/g; s/.*/'&'/")"
}

# xen_pair RELEASE DOM0-SERIES DOMU-SERIES [LINE...]: all of it, up to a domain whose driver waits for a region
xen_pair()
{
	xp_release=$1 xp_dom0=$2 xp_domu=$3
	shift 3
	xen_start "$xp_release" "$xp_dom0" "$xp_domu" || return 1
	GUEST_LIMIT_S=240 dom0 "xen_up && hvcma_up && DOMU_BOOT_S=200 domu_create 256 $*" >/dev/null && domu "load virtio_cma"
}

# xen_attach REGION [OPTION...]: to domU, for the disk, and waits until it is in use
xen_attach()
{
	dom0 "hvcma-xen attach domu $* --device disk=platform:$XEN_DISK_ADDRESS --wait 30"
}

# xen_disk_md5: of the file on the disk, as it is outside of all
xen_disk_md5()
{
	PATH=$PATH:/usr/sbin:/sbin debugfs -R "cat /file" "$VM_TMP/disk" 2>/dev/null | md5sum | cut -c 1-32
}

# xen_field NAME: of the first line of hvcma-xen list
xen_field()
{
	dom0 "hvcma-xen list" | tr ' ' '\n' | sed -n "s/^$1=//p" | head -n 1
}

# xen_disk_test MIB: the stock driver formats, writes and reads; what it has written is on the disk
xen_disk_test()
{
	check "the disk's stock driver is there" domu "load virtio_mmio && disk_ready vda"
	xt_md5=$(domu "disk_fill vda $1 && umount /mnt" | grep -xE '[0-9a-f]{32}')
	check "it formats, and writes $1 MiB" test -n "$xt_md5"
	check "which are what has come to the disk, seen from outside of all" same_as "$xt_md5" "$(xen_disk_md5)"
	check "and what is read from it again" same_as "$xt_md5" \
		"$(domu "mount -t ext4 /dev/vda /mnt && disk_check && umount /mnt" | grep -xE '[0-9a-f]{32}')"
	check "the kernel of domU complains of nothing" equal 0 "$(domu complaints | tail -n 1)"
}
