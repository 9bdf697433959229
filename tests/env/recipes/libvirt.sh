# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: a root tree with libvirt and QEMU, of one suite. Whoever uses it gives it a /dev, /proc,
# /sys, /run and /tmp of its own, and a /var and /etc that can be written to.

make_libvirt()
{
	unpack "$DEST"
	# As a suite has it whose packages still go to both.
	for dir in bin sbin lib lib64; do
		[ ! -d "$DEST/$dir" ] || [ -L "$DEST/$dir" ] || {
			mkdir -p "$DEST/usr/$dir"
			cp -a "$DEST/$dir/." "$DEST/usr/$dir/"
			rm -r "${DEST:?}/$dir"
		}
		[ -L "$DEST/$dir" ] || ln -s "usr/$dir" "$DEST/$dir"
	done
	rm -rf "$DEST/usr/share/doc" "$DEST/usr/share/man" "$DEST/usr/share/locale" "$DEST/usr/share/info" \
		"$DEST/lib/systemd" "$DEST/usr/lib/systemd/system"
	for dir in dev proc sys run tmp root vm var/tmp var/log/libvirt/qemu var/lib/libvirt/qemu var/cache/libvirt \
		etc/libvirt/hooks/qemu.d; do
		mkdir -p "$DEST/$dir"
	done
	# What maintainer scripts would have added.
	cat >"$DEST/etc/passwd" <<-END
		root:x:0:0:root:/root:/bin/sh
		libvirt-qemu:x:64055:64055:Libvirt QEMU:/var/lib/libvirt:/usr/sbin/nologin
	END
	cat >"$DEST/etc/group" <<-END
		root:x:0:
		tty:x:5:
		kvm:x:106:
		libvirt:x:107:
		libvirt-qemu:x:64055:
	END
	echo "passwd: files" >"$DEST/etc/nsswitch.conf"
}
