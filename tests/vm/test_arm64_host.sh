#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
# check: limit 5400
#
# An arm64 machine builds hvcma for itself, of the tarball of the sources: configure, make, and make plugin with what its
# own builder makes of Debian's packages. Emulated, with Debian 12's packages. HVCMA_ARM64_LAYERS: of check-quick, to be
# run there, too, which takes longer than all of that.

. "$HVCMA_SRC/tests/lib/testbed.sh"

[ "$VM_NATIVE" = amd64 ] || skip_all "this machine is to do it itself: make check-quick"
image=$HVCMA_BUILD/env/machine-of-arm64/image seed=$HVCMA_BUILD/env/seed-of-arm64
if [ ! -e "$image" ] || [ ! -e "$seed/mirrors" ]; then
	skip_all "no system of an arm64 machine: make check-long brings it"
fi
git -C "$HVCMA_SRC" rev-parse -q --verify HEAD >/dev/null 2>&1 || skip_all "no clone of the repository: no tarball is made of it"

# payload FILE: the tarball, and the cache
payload()
{
	mkdir "$VM_TMP/payload"
	make -s -C "$HVCMA_SRC" O="$VM_TMP/dist" dist >"$VM_TMP/log" 2>&1 || { note "$(cat "$VM_TMP/log")"; return 1; }
	mv "$VM_TMP"/dist/hvcma-*.tar.xz "$VM_TMP/payload/hvcma.tar.xz"
	cp -R "$seed/cache" "$VM_TMP/payload/"
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -O ^has_journal -m 0 -d "$VM_TMP/payload" "$1" 512M >/dev/null
}

# step WHAT SECONDS COMMAND...: in the folder of the sources there
step()
{
	st_what=$1 st_limit=$2 st_start=$(date +%s)
	shift 2
	GUEST_LIMIT_S=$st_limit guest "cd /root/hvcma && { $*; } >/root/log 2>&1"
	st_status=$?
	check "$st_what" [ $st_status -eq 0 ]
	note "$st_what: $(($(date +%s) - st_start)) s"
	[ $st_status -eq 0 ] || note "$(guest 'tail -n 40 /root/log')"
	return $st_status
}

# built FILE: for arm64
built()
{
	guest "od -An -t x1 -j 18 -N 2 /root/hvcma/build/arm64/$1" | grep -q 'b7 00'
}

check "tarball and cache" payload "$VM_TMP/payload.img"
initramfs "$VM_TMP/initramfs" arm64 6.12-cloud virtio_pci virtio_blk ext4 -- -f "$HVCMA_SRC/tests/vm/builder/start:/start"
VM_NO_PRELOAD=1 VM_CALM=1 VM_ACCEL=tcg,thread=multi,tb-size=512 VM_MEMORY=4G VM_LIMIT_S=5300 VM_CPU=cortex-a72 \
	VM_APPEND='hugepagesz=2M hugepages=128' \
	vm_start arm64 "$(kernel_dir arm64 6.12-cloud)/vmlinuz" "$VM_TMP/initramfs" \
	-drive "if=none,id=root,format=raw,snapshot=on,file=$image" -device virtio-blk-pci,drive=root \
	-drive "if=none,id=payload,format=raw,readonly=on,file=$VM_TMP/payload.img" -device virtio-blk-pci,drive=payload \
	-object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-pci,rng=rng
check "an arm64 machine with Debian's packages boots" vm_booted 1 240
check "it is one" equal "aarch64 arm64" "$(guest 'echo $(uname -m) $(dpkg --print-architecture)')"
guest "date -s @$(date +%s)" >/dev/null
check "it has the sources" guest 'mkdir /root/hvcma && tar -xJf /mnt/hvcma.tar.xz -C /root/hvcma --strip-components=1'
check "and the cache" guest 'cp -R /mnt/cache /root/ && touch /root/cache/apt/updated'
export_there="export HVCMA_MIRRORS='$(cat "$seed/mirrors")'"

# give_up: what comes after this needs it
give_up()
{
	vm_quit
	tap_end
}

check "it has the packages of the groups core and plugin" guest '/root/hvcma/tests/env/deps --check core plugin'
step "./configure" 300 ./configure --cache=/root/cache || give_up
check "nothing is called missing" eval '! guest "grep missing: /root/log"'
step "make" 1500 make || give_up
check "command and service are for arm64" eval 'built hvcma && built hvcmad'
check "the command runs" guest '/root/hvcma/build/arm64/hvcma --version'
step "make plugin" 2400 "$export_there; make plugin" || give_up
check "the plugin is for arm64" built hvcma-qemu-10.0.so
check "the builder says what it can't make there, and why" eval 'guest "$export_there; cd /root/hvcma; tests/env/build --cache /root/cache kernel-arm64-6.12 2>&1" |
	grep -q "is made on amd64 machines only, and this one is arm64"'
for layer in ${HVCMA_ARM64_LAYERS-}; do
	step "make check-$layer" 2400 "$export_there; make check-$layer"
	note "$(guest 'tail -n 1 /root/log')"
done
vm_quit
tap_end
