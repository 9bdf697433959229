#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# dracut: virtio_cma and what it needs are in the image and loaded early, before udev finds
# devices. That it comes before storage drivers is the softdeps' doing, which dracut copies along.
#
# Of dracut are the variables kernel and initdir:
# shellcheck disable=SC2154

check() {
	modinfo -k "$kernel" virtio_cma >/dev/null 2>&1
}

depends() {
	echo kernel-modules
}

installkernel() {
	hostonly='' instmods virtio_pci virtio_mmio virtio_cma
}

install() {
	mkdir -p "$initdir/etc/cmdline.d"
	echo rd.driver.pre=virtio_cma >"$initdir/etc/cmdline.d/20-virtio_cma.conf"
}
