#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that boots from a disk of a region. Its initramfs is made by Debian's initramfs-tools,
# as they are set up by default, with what "make install-guest" puts into a guest; udev loads the
# drivers, each when it finds the device:
#
#	initramfs:	virtio_pci, virtio_cma	(softdep)	nvme		mounts /dev/nvme0n1
#	its root:	the agent
#
# A disk whose driver came first could not be read: it is no bus master.

. "$HVCMA_SRC/tests/lib/testbed.sh"

PATH=$PATH:/usr/sbin:/sbin

what="amd64 6.12"
kernel=$(kernel_dir amd64 6.12)
release=$(cat "$kernel/release")
root=$VM_TMP/root
modules=$root/lib/modules/$release

# system_tree: a Debian system with our module for its kernel, as dkms has it, and those of the
# kernel's modules that matter here
system_tree()
{
	cp -RP "$HVCMA_BUILD/env/initramfs-tools/." "$root"
	chmod -R u+w "$root"	# products are read-only
	mkdir -p "$modules/kernel/drivers" "$modules/kernel/fs" "$modules/updates/dkms"
	cp "$kernel"/modules/modules.builtin* "$kernel/modules/modules.order" "$modules/"
	for part in arch block crypto lib drivers/nvme drivers/virtio fs/ext4 fs/jbd2 fs/mbcache.ko.xz; do
		cp -RP "$kernel/modules/kernel/$part" "$modules/kernel/$part"
	done
	cp "$(guest_module amd64 6.12 virtio_cma)" "$modules/updates/dkms/"
	depmod -b "$root" "$release"
	cp "$kernel/headers/.config" "$root/boot/config-$release"
}

# image_make NAME: mkinitramfs in that system; the result is unpacked in $VM_TMP/NAME
image_make()
{
	if ! unshare --mount sh -c 'mount --bind /dev "$0/dev" && exec chroot "$0" /usr/sbin/mkinitramfs -o "/boot/$1" "$2"' \
		"$root" "$1" "$release" >"$VM_TMP/log" 2>&1; then
		note "$(tail -n 20 "$VM_TMP/log")"
		return 1
	fi
	mkdir "$VM_TMP/$1"
	gzip -dc "$root/boot/$1" | (cd "$VM_TMP/$1" && cpio -idm --quiet)
}

# nvme_needs NAME: what of these two its modprobe loads for a disk, in that order
nvme_needs()
{
	chroot "$VM_TMP/$1" /sbin/modprobe -S "$release" --show-depends nvme |
		sed -n 's,^insmod .*/\(virtio_cma\|nvme\)\.ko.*,\1,p' | tr '\n' ' '
}

# root_disk FILE: a filesystem of which the agent is init
root_disk()
{
	initramfs "$VM_TMP/agent" amd64 6.12
	mkdir -p "$VM_TMP/disk/run"
	gzip -dc "$VM_TMP/agent" | (cd "$VM_TMP/disk" && cpio -idm --quiet)
	mke2fs -q -t ext4 -d "$VM_TMP/disk" "$1" 64M >/dev/null
}

# load_order: of the two modules, in that of /proc/modules: the latest first
load_order()
{
	guest "awk '\$1 ~ /^(nvme|virtio_cma)\$/ { print \$1 }' /proc/modules" | tr '\n' ' '
}

region_hugepages
unshare --mount true || skip_all "mounts of its own (unshare --mount) are not allowed here"
system_tree
module=usr/lib/modules/$release/updates/dkms/virtio_cma.ko
check "$what: mkinitramfs without the package" image_make plain
check "$what: it leaves the module out" eval '! [ -e "$VM_TMP/plain/$module" ]'
check "$what: it loads nvme alone" equal "nvme " "$(nvme_needs plain)"
make -s -C "$HVCMA_SRC" O="$HVCMA_BUILD" DESTDIR="$root" install-guest >"$VM_TMP/log" 2>&1 ||
	note "$(cat "$VM_TMP/log")"
check "$what: mkinitramfs with the package" image_make ours
for file in "$module" usr/lib/modprobe.d/virtio-cma.conf; do
	check "$what: it takes $file along" test -s "$VM_TMP/ours/$file"
done
check "$what: it loads the module in any case" \
	equal "virtio_pci virtio_mmio virtio_cma " "$(tr '\n' ' ' <"$VM_TMP/ours/conf/modules")"
check "$what: it loads virtio_cma before nvme" equal "virtio_cma nvme " "$(nvme_needs ours)"

root_disk "$VM_TMP/image"
# shellcheck disable=SC2046 # options are words
VM_APPEND="root=/dev/nvme0n1 rootfstype=ext4 rw init=/init" \
vm_start amd64 "$kernel/vmlinuz" "$root/boot/ours" \
	$(region_options cma0 clients=nv0,unsafe-noiommu=on,x-fabric=on) $(disk_options nv0 "$VM_TMP/image")
if vm_booted 1 90; then
	check "$what: the disk is its root" guest "grep -q '^/dev/nvme0n1 / ext4 rw' /proc/mounts"
	check "$what: virtio_cma was loaded, then nvme" equal "nvme virtio_cma " "$(load_order)"
	check "$what: the client is claimed" status_is /clients/0/state claimed
	source=$(guest 'dd if=/dev/urandom of=/tmp/source bs=1M count=8 2>/dev/null; md5sum </tmp/source; cp /tmp/source /file; sync')
	check "$what: 8 MiB read back are what was written" \
		same_as "$source" "$(guest 'echo 1 >/proc/sys/vm/drop_caches; md5sum </file')"
	check "$what: it can be made read-only" guest mount -o remount,ro /
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
	check "$what: the image outside holds the file" equal "${source%% *}" "$(disk_outside "$VM_TMP/image")"
else
	tap_result 1 "$what: the guest boots from its disk"
fi
tap_end
