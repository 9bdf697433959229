#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvcma bind on a stock Debian kernel, whose VFIO can't do without an IOMMU: it loads modules, finds
# that out, and leaves the host as it was. hvcma check tells it beforehand. Where VFIO can:
# nested/test_bind.

. "$HVCMA_SRC/tests/lib/testbed.sh"

# modprobe of the guest, whose modules are listed in their order.
cat >"$VM_TMP/modprobe" <<'END'
#!/bin/sh
. /helpers.sh
if [ "$1" = -r ]; then
	rmmod "$2"
else
	load vfio_iommu_type1 "$1"
fi
END
chmod 755 "$VM_TMP/modprobe"
hvcma=$HVCMA_BUILD/$VM_NATIVE/hvcma
set -- -f "$hvcma:/bin/hvcma" -f "$VM_TMP/modprobe:/tools/modprobe"
for lib in $(ldd "$hvcma" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^[[:space:]]*\(\/[^ ]*\) (.*/\1/p' | sort -u); do
	set -- "$@" -f "$(readlink -f "$lib"):$lib"
done
truncate -s 16M "$VM_TMP/disk"
initramfs "$VM_TMP/initramfs" "$VM_NATIVE" 6.12 nvme vfio_iommu_type1 vfio-pci -- "$@"
# shellcheck disable=SC2046 # options are words
VM_NO_PRELOAD=1 vm_start "$VM_NATIVE" "$(kernel_dir "$VM_NATIVE" 6.12)/vmlinuz" "$VM_TMP/initramfs" \
	$(disk_options nv0 "$VM_TMP/disk")
if ! vm_booted 1 60; then
	tap_result 1 "the guest boots"
	tap_end
	exit
fi
guest 'load nvme; mkdir -p /run; ls /sys/module >/tmp/modules; nvme_pci'  >"$VM_TMP/nvme"
nvme=$(cat "$VM_TMP/nvme")
state="cat /sys/bus/pci/devices/$nvme/driver_override; basename \$(readlink /sys/bus/pci/devices/$nvme/driver); ls /sys/module /run/hvcma/bound 2>/dev/null"
before=$(guest "PATH=/tools:\$PATH hvcma bind --dry-run $nvme >/dev/null; mkdir -p /run/hvcma/bound; $state")
guest "PATH=/tools:\$PATH hvcma bind --yes $nvme 2>&1" >"$VM_TMP/out"
check "it fails" equal 1 $?
note "$(cat "$VM_TMP/out")"
check "it says why" grep -q 'VFIO was built without CONFIG_VFIO_NOIOMMU' "$VM_TMP/out"
check "it had loaded vfio-pci" grep -q 'modprobe vfio-pci' "$VM_TMP/out"
check "and unloads what it had loaded: the host is as it was" equal "$before" "$(guest "$state")"
check "negative control: that list has modules" guest 'grep -qx nvme /tmp/modules'
guest "load vfio-pci; hvcma check $nvme" >"$VM_TMP/out"
check "check finds faults" equal 4 $?
check "check says it beforehand" grep -q '^FAIL  vfio-noiommu .*(/sys/module/vfio)' "$VM_TMP/out"
vm_quit
tap_end
