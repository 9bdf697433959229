# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A nested host: an arm64 machine without IOMMU, emulated, whose kernel is a KVM host with
# hugepages and whose root holds QEMU, the plugin and these tests. Sourced, after vm.sh and
# initramfs.sh, on the outer machine.
#
#	nested_start SERIES GUEST-SERIES [QEMU-OPTION...]	boot the nested host
#	nested_run SCRIPT [ARGUMENT...]		run tests/nested/guest/SCRIPT in it
#	nested_test SCRIPT [ARGUMENT...]	the same, its results become this test's
#
# Inside: / is the root tree (read-only), /mnt this project's part of it, laid out as outside:
# $HVCMA_BUILD is /mnt/build, $HVCMA_SRC is /mnt/src.

# NESTED_STOCK=1 leaves this project's modules out of the guest, NESTED_DRIVER_ONLY=1 the test modules.
# NESTED_BARE=NAME: its guest is a program of tests/nested/bare, and has no kernel (GUEST-SERIES "").
# NESTED_SERVICE=1 has hvcmad's library in $HVCMA_BUILD/lib, as_user, hold and taker in $HVCMA_BUILD/guest/arm64/bin.
# NESTED_PLATFORM=1: the nested host has vfio-platform, its guest drivers of virtio-mmio and disks behind it.
# NESTED_GUEST_MODULES: of the kernel, in the guest beside those.
# NESTED_NO_VFIO=1: the nested host's kernel has none, and so no devices for guests.
# NESTED_UEFI=1 has the guest's firmware at $HVCMA_BUILD/env/firmware/arm64.fd.

: "${NESTED_HUGEPAGES:=hugepagesz=32M hugepages=6 hugepagesz=2M hugepages=96}"

# nested_root: the image of the root tree, made once per version of that tree, by the first of
# the tests that run side by side.
nested_root()
{
	nr_tree=$(readlink -f "$HVCMA_BUILD/env/rootfs-arm64")
	nr_image=$HVCMA_BUILD/nested/$(basename "$nr_tree").img
	mkdir -p "$HVCMA_BUILD/nested"
	(
		flock 9
		[ -e "$nr_image" ] && exit
		rm -f "$HVCMA_BUILD"/nested/rootfs-*.img
		nested_image "$nr_tree" "$nr_image.new" >&2 && mv "$nr_image.new" "$nr_image"
	) 9>"$HVCMA_BUILD/nested/lock"
	echo "$nr_image"
}

# nested_image TREE FILE: a filesystem just large enough.
nested_image()
{
	ni_kib=$(du -sk --apparent-size "$1" | cut -f 1)
	rm -f "$2"
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$1" "$2" \
		"$((ni_kib * 11 / 10 + 8192))k" >/dev/null
}

# nested_payload FILE SERIES: what the nested host and its guest of that kernel run.
nested_payload()
{
	np_tree=$VM_TMP/payload
	np_env=$np_tree/build/env
	mkdir -p "$np_tree/src/tests" "$np_tree/build/bare" "$np_env/kernel/arm64" "$np_env/qemu-arm64/bin"
	cp -RL "$HVCMA_BUILD/arm64" "$np_tree/build/"
	[ -z "${NESTED_SERVICE-}" ] || nested_service "$np_tree/build"
	cp -R "$HVCMA_SRC/tests/lib" "$HVCMA_SRC/tests/nested" "$np_tree/src/tests/"
	cp "$HVCMA_SRC/tests/nested/guest/qemu" "$np_env/qemu-arm64/bin/qemu-system-aarch64"
	if [ -n "${NESTED_UEFI-}" ]; then
		mkdir -p "$np_env/firmware"
		cp -L "$HVCMA_BUILD/env/firmware/arm64.fd" "$np_env/firmware/"
	fi
	if [ -n "${NESTED_BARE-}" ]; then
		cp "$HVCMA_BUILD/tests/nested/$NESTED_BARE.elf" "$np_tree/build/bare/"
	else
		mkdir "$np_env/kernel/arm64/$2"
		cp -L "$(kernel_dir arm64 "$2")/vmlinuz" "$np_env/kernel/arm64/$2/"
		nested_guest_initramfs "$np_tree/build/initramfs" "$2"
	fi
	nested_image "$np_tree" "$1"
	rm -rf "$np_tree"
}

# nested_service BUILD: what the host's service needs that QEMU's root tree lacks
nested_service()
{
	mkdir -p "$1/lib" "$1/guest/arm64/bin"
	cp -L "$HVCMA_BUILD"/env/sysroot-arm64-service/usr/lib/aarch64-linux-gnu/libconfig.so.9 "$1/lib/"
	for ns_program in hold as_user taker; do
		cp "$HVCMA_BUILD/guest/arm64/bin/$ns_program" "$1/guest/arm64/bin/"
	done
}

# The innermost guest has the real mkfs.ext4, with the libraries it needs.
nested_guest_initramfs()
{
	ng_e2fs=$HVCMA_BUILD/env/e2fs-arm64
	set -- "$1" "$2" -f "$ng_e2fs/sbin/mke2fs:/usr/sbin/mkfs.ext4" \
		-f "$ng_e2fs/etc/mke2fs.conf:/etc/mke2fs.conf" \
		-f "$ng_e2fs/lib/ld-linux-aarch64.so.1:/lib/ld-linux-aarch64.so.1"
	for ng_lib in libc.so.6 libext2fs.so.2 libcom_err.so.2 libe2p.so.2 libblkid.so.1 libuuid.so.1; do
		set -- "$@" -f "$(find "$ng_e2fs/" -name $ng_lib | head -n 1):/lib/$ng_lib"
	done
	ng_file=$1 ng_series=$2
	shift 2
	if [ -n "${NESTED_STOCK-}" ]; then
		initramfs "$ng_file" arm64 "$ng_series" virtio_pci crc32c_generic ext4 nvme -- "$@"
		return
	fi
	set -- -- "$@"
	[ -n "${NESTED_DRIVER_ONLY-}" ] ||
		set -- uio_pci_generic "$(guest_module arm64 "$ng_series" vcma_selftest)" "$@"
	initramfs "$ng_file" arm64 "$ng_series" virtio_pci crc32c_generic ext4 \
		"$(guest_module arm64 "$ng_series" virtio_cma)" ${NESTED_PLATFORM:+virtio_blk virtio_mmio} ${NESTED_GUEST_MODULES-} nvme "$@"
}

nested_start()
{
	ns_series=$1 ns_guest_series=$2
	shift 2
	ns_platform=$(kernel_dir arm64 "${ns_series%-cloud}-vfio-platform")
	ns_vfio="$(kernel_dir arm64 "$ns_series")/vfio.ko vfio_iommu_type1 vfio-pci"
	[ -z "${NESTED_NO_VFIO-}" ] || ns_vfio=
	# shellcheck disable=SC2086 # module names are words
	initramfs "$VM_TMP/nested-initramfs" arm64 "$ns_series" virtio_pci virtio_blk ext4 $ns_vfio \
		${NESTED_PLATFORM:+"$ns_platform/vfio-platform-base.ko" "$ns_platform/vfio-platform.ko"} -- \
		-f "$HVCMA_SRC/tests/nested/guest/start:/start"
	nested_payload "$VM_TMP/payload.img" "$ns_guest_series"
	VM_NO_PRELOAD=1 VM_ACCEL=tcg,thread=multi,tb-size=512 VM_MEMORY=${NESTED_MEMORY:-2G} \
	VM_MACHINE=virtualization=on${NESTED_MACHINE:+,$NESTED_MACHINE} \
	VM_CPU=${NESTED_CPU:-neoverse-v1} VM_LIMIT_S=${NESTED_LIMIT_S:-500} \
	VM_APPEND="$NESTED_HUGEPAGES ${NESTED_APPEND-}" \
	vm_start arm64 "$(kernel_dir arm64 "$ns_series")/vmlinuz" "$VM_TMP/nested-initramfs" \
		-drive "if=none,id=root,format=raw,readonly=on,file=$(nested_root)" \
		-device virtio-blk-pci,drive=root \
		-drive "if=none,id=payload,format=raw,readonly=on,file=$VM_TMP/payload.img" \
		-device virtio-blk-pci,drive=payload \
		"$@"
	vm_booted 1 60
}

nested_run()
{
	GUEST_LIMIT_S=${NESTED_LIMIT_S:-500} guest "cd /mnt/src/tests/nested/guest && sh $*"
}

nested_test()
{
	nested_run "$@" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "${1%.sh}"
}
