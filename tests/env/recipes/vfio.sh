# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: what Debian's arm64 kernels lack to pass platform devices through: vfio-platform and
# what it stands on, out of the source of the very kernel that is nested host. Stock code, stock options
# but for those that switch it on. Of 6.1 there is none: that kernel takes no device without a reset module,
# whatever reset_required says (vfio_platform_init_common()).

# make_vfio_platform ARCH SERIES
make_vfio_platform()
{
	kernel=$(need "kernel-$1-$2-cloud") source=linux-source-$2
	mkdir "$DEST" "$WORK/source"
	dpkg-deb --fsys-tarfile "$(archives linux-source-)" |
		tar -xOf - "./usr/src/$source.tar.xz" |
		tar -xJf - -C "$WORK/source" --strip-components=1 "$source/drivers/vfio"
	"$kernel/kbuild" -s M="$WORK/source/drivers/vfio/platform" CONFIG_VFIO_PLATFORM_BASE=m \
		CONFIG_VFIO_PLATFORM=m modules
	for module in vfio-platform-base vfio-platform; do
		cp "$WORK/source/drivers/vfio/platform/$module.ko" "$DEST/"
	done
}
