#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The tests' own machines: one whose QEMU ends by a mistake of TCG that is known, before a kernel has
# booted, is started once more; once, and for no other reason.

. "$HVCMA_SRC/tests/lib/testbed.sh"

real=$(vm_qemu amd64)
ends="system/physmem.c:2678: iotlb_to_section: Assertion \`section_index < d->map.sections_nb' failed."

vm_qemu()
{
	echo "$VM_TMP/it's qemu"
}

# ending TIMES MESSAGE: QEMU says that and aborts, so many times
ending()
{
	rm -f "$VM_TMP"/ended*
	cat >"$VM_TMP/it's qemu" <<-END
	#!/bin/sh
	n=\$(ls "$VM_TMP"/ended* 2>/dev/null | wc -l)
	[ \$n -lt $1 ] || exec "$real" "\$@"
	: >"$VM_TMP/ended\$n"
	echo "qemu-system-x86_64: $(echo "$2" | sed 's/`/\\`/')" >&2
	kill -ABRT \$\$
	END
	chmod 755 "$VM_TMP/it's qemu"
	vm_start amd64 "$(kernel_dir amd64 6.12)/vmlinuz" "$VM_TMP/initramfs"
}

initramfs "$VM_TMP/initramfs" amd64 6.12
ending 1 "$ends"
check "ended by TCG's mistake: started again" vm_booted 1 60
check "it is the machine that was meant" guest 'grep -q panic=-1 /proc/cmdline'
vm_kill
ending 2 "$ends"
check "but once only" eval '! vm_booted 1 60 >/dev/null'
vm_kill
ending 1 "qom/object.c:1: another: Assertion failed."
check "nor by another message" eval '! vm_booted 1 60 >/dev/null'
vm_kill
tap_end
