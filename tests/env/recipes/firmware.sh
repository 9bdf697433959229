# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: UEFI for virtual machines of both architectures. (SeaBIOS comes with QEMU.)

make_firmware()
{
	unpack "$WORK/root"
	mkdir "$DEST"
	cp "$WORK/root/usr/share/ovmf/OVMF.fd" "$DEST/amd64.fd"
	cp "$WORK/root/usr/share/qemu-efi-aarch64/QEMU_EFI.fd" "$DEST/arm64.fd"
}
