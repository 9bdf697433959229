#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# The other keeper of pins that the host's service could have had: what a udmabuf is on each kernel, see
# tests/lib/guest/udmabuf.c and docs/architecture.md. The kernels are hosts' here; no plugin, no region.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# udmabuf_case SERIES
udmabuf_case()
{
	what=$(cat "$(kernel_dir amd64 "$1")/release")
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" amd64 "$1" virtio_pci -- $(guest_programs amd64 udmabuf)
	VM_NO_PRELOAD=1 VM_MEMORY=768M vm_start amd64 "$(kernel_dir amd64 "$1")/vmlinuz" "$VM_TMP/initramfs" \
		-object memory-backend-ram,id=node0,size=384M -object memory-backend-ram,id=node1,size=384M \
		-numa node,memdev=node0 -numa node,memdev=node1
	if ! vm_booted 1 90; then
		tap_result 1 "$what: the guest boots"
		return
	fi
	if [ "$1" = 6.1 ]; then
		check "$what: it has none: Debian builds it without" guest '[ ! -e /dev/udmabuf ]'
	else
		guest 'for node in /sys/devices/system/node/node*; do echo 48 >$node/hugepages/hugepages-2048kB/nr_hugepages; done'
		guest 'mkdir /huge && mount -t hugetlbfs huge /huge && udmabuf' >"$VM_TMP/results"
		tap_import "$VM_TMP/results" "$what"
	fi
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	check "$what: QEMU ends well" vm_quit
}

export VM_LIMIT_S=480
udmabuf_case 6.1
udmabuf_case 6.12
if [ -e "$(kernel_dir amd64 newest)" ]; then
	udmabuf_case newest
else
	tap_skip "the newest kernel" "not in the environment (tests/env/build says why)"
fi
tap_end
