# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For tests that run in the nested host: devices go to VFIO, and are looked at from here, where
# they really are. Sourced.

# shellcheck source=tests/lib/testbed.sh
. "$HVCMA_SRC/tests/lib/testbed.sh"
# shellcheck source=tests/lib/guest/helpers.sh
. "$HVCMA_SRC/tests/lib/guest/helpers.sh"

export VM_ACCEL=kvm VM_CPU=host VM_MEMORY=384M,maxmem=8G VM_LIMIT_S=300
export VM_APPEND=loglevel=4	# each character on the console leaves the guest
GUEST_SERIES=$(ls "$HVCMA_BUILD/env/kernel/arm64")

# vfio_take ADDRESS: from whatever driver has it
vfio_take()
{
	[ ! -e "/sys/bus/pci/devices/$1/driver" ] || echo "$1" >"/sys/bus/pci/devices/$1/driver/unbind"
	echo vfio-pci >"/sys/bus/pci/devices/$1/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
}

# nested_guest QEMU-OPTION...
nested_guest()
{
	vm_start arm64 "$HVCMA_BUILD/env/kernel/arm64/$GUEST_SERIES/vmlinuz" "$HVCMA_BUILD/initramfs" "$@"
}

hugepages_used()
{
	hu=/sys/kernel/mm/hugepages/hugepages-${REGION_PAGE_KIB}kB
	echo $(($(cat $hu/nr_hugepages) - $(cat $hu/free_hugepages)))
}

no_hugepage_used()
{
	[ "$(hugepages_used)" -eq 0 ]
}

# keepers: how many pin keepers live
keepers()
{
	pidof hvcma-pin-keeper | wc -w
}

no_keeper()
{
	[ "$(keepers)" -eq 0 ]
}

# refused WHAT TEXT QEMU-OPTION...: QEMU ends before its guest runs, and says TEXT
refused()
{
	refused_what=$1 refused_text=$2
	shift 2
	nested_guest "$@"
	check "$refused_what: QEMU refuses to start" wait_until 20 vm_dead
	vm_kill
	check "$refused_what: the message says '$refused_text'" grep -q -e "$refused_text" "$VM_DIR/qemu.log"
	note "$(cat "$VM_DIR/qemu.log")"
	check "$refused_what: no hugepage stays in use" wait_until 5 no_hugepage_used
}

# writable_etc: the root tree is read-only; from now on /etc is a copy that is not
writable_etc()
{
	mkdir -p "$VM_TMP/etc"
	cp -a /etc/. "$VM_TMP/etc/"
	mount --bind "$VM_TMP/etc" /etc
}
