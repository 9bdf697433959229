#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# The guest driver's module for every kernel of the environment, those that are only built for
# included, made without a warning. No virtual machine.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# module_case KERNEL-DIR: there is a module for that kernel
module_case()
{
	kernel=${1#"$HVCMA_BUILD/env/kernel/"}
	release=$(cat "$1/release")
	check "virtio_cma.ko for $kernel ($release)" equal "$release" \
		"$(modinfo -F vermagic "$HVCMA_BUILD/guest/$kernel/virtio_cma.ko" | cut -d " " -f 1)"
	check "$kernel: built without a warning, W=1" \
		eval '[ -s "$HVCMA_BUILD/guest/$kernel/src/guest-driver.log" ] &&
			! grep -q warning: "$HVCMA_BUILD/guest/$kernel/src/guest-driver.log"'
}

for kernel_path in "$HVCMA_BUILD"/env/kernel/*/*; do
	case $kernel_path in
	*-iommufd | *-vfio-platform) ;;	# of hosts
	*) module_case "$kernel_path" ;;
	esac
done
[ -e "$(kernel_dir amd64 newest)" ] ||
	tap_skip "the newest kernel" "not in the environment (tests/env/build says why)"
tap_end
