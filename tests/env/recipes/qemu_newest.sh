# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Recipe: the source of a newer QEMU, to build virtio-cma into; as qemu.sh makes the other one. A
# file of its own, so that a change here makes nothing of that one anew.

make_qemu_src_newest()
{
	make_qemu_src
}
