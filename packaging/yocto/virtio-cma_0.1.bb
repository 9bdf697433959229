# SPDX-License-Identifier: GPL-2.0-only
#
# virtio_cma.ko for a guest that is made by Yocto, and what loads it before the drivers that need it. For a layer of your own,
# with the tarball of "make dist" in its folder files/. BitBake has never built it: tests/vm/test_yocto.sh runs what its
# tasks do, with a kernel of Debian's. Non-purpose: the host, whose plugin is for one very QEMU, and needs its headers.
SUMMARY = "Guest driver for virtio-cma: contiguous host memory for devices without an IOMMU"
LICENSE = "GPL-2.0-only"
LIC_FILES_CHKSUM = "file://LICENSES/GPL-2.0.txt;md5=b234ee4d69f5fce4486a80fdaf4a4263"
SRC_URI = "file://hvcma-${PV}.tar.xz"
S = "${WORKDIR}/hvcma-${PV}"

inherit module

# Its makefile is the kernel's.
do_compile() {
    unset CFLAGS CPPFLAGS CXXFLAGS LDFLAGS
    oe_runmake -C ${STAGING_KERNEL_BUILDDIR} M=${S}/guest-driver CC="${KERNEL_CC}" LD="${KERNEL_LD}" AR="${KERNEL_AR}" \
        OBJCOPY="${KERNEL_OBJCOPY}" modules
}
do_install() {
    oe_runmake -C ${STAGING_KERNEL_BUILDDIR} M=${S}/guest-driver INSTALL_MOD_PATH=${D}${root_prefix} DEPMOD=true modules_install
    oe_runmake -C ${S} O=${WORKDIR}/guest DESTDIR=${D} install-guest
    rm -r ${D}/usr/src ${D}/usr/share/initramfs-tools ${D}/usr/lib/dracut
}

# Softdeps, the udev rule, the group of who may use /dev/vcma; and the header for programs.
FILES:${PN} += "/usr/lib/modprobe.d /usr/lib/udev /usr/lib/sysusers.d ${sysconfdir}/modprobe.d"
FILES:${PN}-dev += "/usr/include/hvcma"
CONFFILES:${PN} += "${sysconfdir}/modprobe.d/virtio-cma-local.conf"
KERNEL_MODULE_AUTOLOAD += "virtio_cma"
RRECOMMENDS:${PN} += "kernel-module-virtio-pci kernel-module-virtio-mmio"
