# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: its NVMe controller reaches what its host bridge's window has, which is all memory
# below 4 GiB, and the host's free hugepages are above.
#
# Prints "file MD5" for the outer machine, which compares it with the image.

. ./lib.sh

export REGION_PAGE_KIB=2048 REGION_MIB=64
LIMIT=4294967296
hvcma=$HVCMA_BUILD/$VM_NATIVE/hvcma
nvme=$(nvme_pci)
from='dma-ranges of /pcie@10000000 (/sys/firmware/fdt)'

# above: bytes of the region's extents at or above the limit
above()
{
	ab_index=0 ab_sum=0
	while ab_dma=$(status "/extents/$ab_index/base-dma" 2>/dev/null); do
		[ "$ab_dma" -lt $LIMIT ] || ab_sum=$((ab_sum + $(status "/extents/$ab_index/bytes")))
		ab_index=$((ab_index + 1))
	done
	echo $ab_sum
}

vfio_take "$nvme"
"$hvcma" windows "$nvme" >"$VM_TMP/windows"
check "hvcma windows finds the host bridge's window" grep -q '^  0x40000000:0x40000000:0xc0000000 ' "$VM_TMP/windows"
check "and says where" grep -q "read from: $from" "$VM_TMP/windows"
# shellcheck disable=SC2046 # options are words
refused "hugepages that are free lie above" \
	"client 'nv0' reaches nothing: its windows are 0x40000000:0x40000000:0xc0000000 (source: device-tree), but all 32 granules lie from 0x1" \
	$(region_options cma0 "clients=nv0,unsafe-noiommu=on,mode=reusable") -device "vfio-pci,host=$nvme,id=nv0"

"$hvcma" hugepages --low ${REGION_MIB}M --spare 512M --json >"$VM_TMP/low" 2>&1
note "$(tr -d '\n' <"$VM_TMP/low")"
check "hugepages below 4 GiB are made" grep -q '"added":32' "$VM_TMP/low"
# shellcheck disable=SC2046
nested_guest $(region_options cma0 "clients=nv0,unsafe-noiommu=on,mode=private,low=${REGION_MIB}M") \
	-device "vfio-pci,host=$nvme,id=nv0"
check "the guest boots" vm_booted 1 60
check "the region has them" status_is /region/low-bytes $((REGION_MIB << 20))
check "all of it is low" equal 0 "$(above)"
check "the client's window is that of the host's tree" status_is /clients/0/windows/0/bytes $((3 << 30))
check "which the report names" status_is /clients/0/windows-from "$from"
check "hvcma status, too" eval '"$hvcma" status --qmp "$VM_DIR/qmp" | grep -F "read from: $from"'
guest load ext4 nvme
check "the guest's log has the window and whose word it is" guest \
	"dmesg | grep \"client 'nv0': window 0: bus 0x40000000 is memory 0x40000000, 0xc0000000 bytes, .*(source: device-tree)\""
check "the stock driver finds its disk" guest disk_ready nvme0n1
source=$(guest disk_fill nvme0n1 16)
check "16 MiB read back are what was written" same_as "$source" "$(guest disk_check)"
guest umount /mnt
echo "file $source"
check "QEMU ends well" vm_quit
check "after QEMU: no pin keeper is left" wait_until 5 no_keeper
tap_end
