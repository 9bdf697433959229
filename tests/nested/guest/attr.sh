# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: what its second stage of translation is found to be, by every source there is;
# and what two real devices behind it are told, one coherent as the machine's firmware says, one
# that the operator declared not to be. QEMU's cache maintenance runs on (emulated) Arm here.
#
#	attr.sh fwb|no-fwb

. ./lib.sh

kind=$1
hvcma=$HVCMA_BUILD/arm64/hvcma

# host_says: "STAGE2, SOURCE"
host_says()
{
	"$hvcma" attr --host | sed -n 's/^stage 2  *//p'
}

check "KVM says $kind" equal "$kind, says ID_AA64MMFR2_EL1 of a KVM vCPU" "$(host_says)"
check "the cache has lines of 64 bytes" test -n "$("$hvcma" attr --host | grep "lines of 64 bytes")"
mv /dev/kvm /dev/no-kvm
check "without KVM: the kernel log says $kind" equal "$kind, says the kernel log" "$(host_says)"
mv /dev/kmsg /dev/no-kmsg
check "without KVM and log: unknown" equal "unknown, says nobody" "$(host_says)"
mv /dev/no-kmsg /dev/kmsg
mv /dev/no-kvm /dev/kvm

REGION_PAGE_KIB=2048 REGION_MIB=64
nvme=$(nvme_pci)
edu=$(edu_pci)
vfio_take "$nvme"
vfio_take "$edu"
region_hugepages
# shellcheck disable=SC2046 # options are words
nested_guest $(region_options cma0 clients=nv0:edu0,unsafe-noiommu=on,coherent=edu0=off) \
	-device "vfio-pci,host=$nvme,id=nv0" -device "vfio-pci,host=$edu,id=edu0"
check "the guest boots" vm_booted 1 60
check "the device publishes $kind" status_is /attributes/stage2 "$kind"
check "it was KVM that said so" status_is /attributes/source 'ID_AA64MMFR2_EL1 of a KVM vCPU'

guest load ext4 nvme
check "the coherent client works" guest disk_ready nvme0n1
check "it is told to map cached" status_is /clients/0/attr cached
check "its memory is Write-Back" status_is /clients/0/effective 'Normal Write-Back'
check "it owes nothing" status_is /clients/0/care '[]'
check "QEMU need not keep off anything" status_is /attributes/handed-bytes 0
check "and has cleaned nothing" status_is /attributes/maintained-bytes 0

guest 'uio_bind $(edu_pci)'
check "the other one is claimed" status_is /clients/1/state claimed
case $kind in
fwb)
	check "FWB: it is told to map cached" status_is /clients/1/attr cached
	check "FWB: for its memory is Write-Back anyway" status_is /clients/1/effective 'Normal Write-Back'
	check "FWB: coherent allocations fail" status_is /clients/1/care '["handover","sync","no-coherent"]'
	;;
*)
	check "no FWB: it is told to map uncached" status_is /clients/1/attr uncached
	check "no FWB: its memory is Non-cacheable" status_is /clients/1/effective 'Normal Non-cacheable'
	check "no FWB: no cached alias" status_is /clients/1/care '["handover","no-cached-alias"]'
	;;
esac
handed=$(status /attributes/handed-bytes)
check "QEMU keeps off what both share" test "$handed" -gt 0
check "and has cleaned all of it" test "$(status /attributes/maintained-bytes)" -ge "$handed"
base=$(status /region/base-gpa)
check "the monitor refuses to read it" equal '' "$(guest_memory "$base")"
check "and says why" grep -q 'xp is refused: virtio-cma: a client is doing DMA past the caches' "$VM_DIR/monitor.out"

guest 'edu_pci >/sys/bus/pci/drivers/uio_pci_generic/unbind'
check "released: QEMU may touch everything" status_is /attributes/handed-bytes 0
check "released: it cleaned everything again" test "$(status /attributes/maintained-bytes)" -ge $((2 * handed))
check "released: the monitor reads" test -n "$(guest_memory "$base")"
check "QEMU ends well" vm_quit

# Without KVM the guest's accesses are QEMU's own, through the caches: nothing can be right then.
# shellcheck disable=SC2046 # options are words
VM_ACCEL=tcg VM_CPU=cortex-a57 nested_guest $(region_options cma0 clients=nv0:edu0,unsafe-noiommu=on,coherent=edu0=off) \
	-device "vfio-pci,host=$nvme,id=nv0" -device "vfio-pci,host=$edu,id=edu0" -S
check "without KVM: the device that ignores caches is refused" wait_until 20 status_is /clients/1/refused true
check "without KVM: and the report says why" status_is /clients/1/reason \
	"the host can't keep its own cacheable mapping out of the client's way"
check "without KVM: the other one is not" status_is /clients/0/refused false
vm_kill
tap_end
