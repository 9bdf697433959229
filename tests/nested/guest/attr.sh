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

# all_lines_maintained: an instruction for each line of what was cleaned
all_lines_maintained()
{
	equal "$(status /attributes/maintained-bytes)" \
		$(($(status /attributes/maintained-lines) * $(status /attributes/line-bytes)))
}

# gdb_asks PACKET: the answer. The guest stops for it, by a character before it, and goes on.
gdb_asks()
{
	ga_from=$(($(wc -c <"$VM_TMP/gdb.out") + 1))
	ga_rest=$1 ga_sum=0
	while [ -n "$ga_rest" ]; do
		ga_sum=$((ga_sum + $(printf %d "'${ga_rest%"${ga_rest#?}"}")))
		ga_rest=${ga_rest#?}
	done
	printf '+\003$%s#%02x' "$1" $((ga_sum & 255)) >&6
	wait_until 10 gdb_answered
	gdb_answer
	monitor cont
}

# gdb_answer: the packet since then that does not just say that the guest stopped
gdb_answer()
{
	tail -c "+$ga_from" "$VM_TMP/gdb.out" | tr '+$' '\n\n' | sed -n '/^T02/d; s/^\(..*\)#..$/\1/p'
}

gdb_answered()
{
	[ -n "$(gdb_answer)" ]
}

# kernel_address GPA BYTES: where the guest's kernel has mapped a part of that
kernel_address()
{
	guest "grep phys= /proc/vmallocinfo" | while read -r ka_range ka_bytes ka_rest; do
		ka_gpa=${ka_rest##*phys=} ka_gpa=$((${ka_gpa%% *}))
		[ $ka_gpa -lt $(($1)) ] || [ $ka_gpa -ge $(($1 + $2)) ] || echo "${ka_range%%-*} $ka_bytes"
	done | sed -n '1s/^0x\([0-9a-f]*\) .*/\1/p'
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
mkfifo "$VM_TMP/gdb.in"
: >"$VM_TMP/gdb.out"
exec 6<>"$VM_TMP/gdb.in"
# shellcheck disable=SC2046 # options are words
VM_APPEND="$VM_APPEND no_hash_pointers kpti=0" \
nested_guest $(region_options cma0 clients=nv0:edu0,unsafe-noiommu=on,coherent=edu0=off) \
	-device "vfio-pci,host=$nvme,id=nv0" -device "vfio-pci,host=$edu,id=edu0" \
	-chardev "pipe,id=gdb0,path=$VM_TMP/gdb" -gdb chardev:gdb0
check "the guest boots" vm_booted 1 60
check "the device publishes $kind" status_is /attributes/stage2 "$kind"
check "it was KVM that said so" status_is /attributes/source 'ID_AA64MMFR2_EL1 of a KVM vCPU'

guest load ext4 nvme
check "the coherent client works" guest disk_ready nvme0n1
check "it is told to map cached" status_is /clients/0/attr cached
check "its memory is Write-Back" status_is /clients/0/effective 'Normal Write-Back'
check "it owes nothing" status_is /clients/0/maintenance '[]'
check "QEMU need not keep off anything" status_is /attributes/noncoherent-bytes 0
check "and has cleaned nothing" status_is /attributes/maintained-bytes 0

guest 'uio_bind $(edu_pci)'
check "the other one is claimed" status_is /clients/1/state claimed
case $kind in
fwb)
	check "FWB: it is told to map cached" status_is /clients/1/attr cached
	check "FWB: for its memory is Write-Back anyway" status_is /clients/1/effective 'Normal Write-Back'
	check "FWB: coherent allocations fail" status_is /clients/1/maintenance '["block","sync","no-coherent"]'
	;;
*)
	check "no FWB: it is told to map uncached" status_is /clients/1/attr uncached
	check "no FWB: its memory is Non-cacheable" status_is /clients/1/effective 'Normal Non-cacheable'
	check "no FWB: no cached alias" status_is /clients/1/maintenance '["block","no-cached-alias"]'
	;;
esac
noncoherent=$(status /attributes/noncoherent-bytes)
check "QEMU keeps off what both share" test "$noncoherent" -gt 0
check "and has cleaned all of it" test "$(status /attributes/maintained-bytes)" -ge "$noncoherent"
check "line by line" all_lines_maintained
base=$(status /region/base-gpa)
check "the monitor refuses to read it" equal '' "$(guest_memory "$base")"
check "and says why" grep -q 'xp is refused: virtio-cma: a client is doing DMA past the caches' "$VM_DIR/monitor.out"
# Breakpoints are KVM's: instructions that it writes. No register has been asked for before.
address=$(kernel_address "$base" "$noncoherent")
check "the guest's kernel has a mapping" test -n "$address"
check "no breakpoint can be written there" equal E22 "$(gdb_asks "Z0,$address,4")"
check "none can be removed" equal E22 "$(gdb_asks "z0,$address,4")"
check "nor can the debugger read" equal E14 "$(gdb_asks "m$address,8")"
check "nor write" equal E14 "$(gdb_asks "M$address,1:00")"

guest 'edu_pci >/sys/bus/pci/drivers/uio_pci_generic/unbind'
check "released: QEMU may touch everything" status_is /attributes/noncoherent-bytes 0
check "released: it cleaned everything again" test "$(status /attributes/maintained-bytes)" -ge $((2 * noncoherent))
check "released: line by line" all_lines_maintained
check "released: the monitor reads" test -n "$(guest_memory "$base")"
check "released: the debugger reads" equal 16 "$(gdb_asks "m$address,8" | tr -d '\n' | wc -c)"
check "released: a breakpoint is written" equal OK "$(gdb_asks "Z0,$address,4")"
check "released: and removed" equal OK "$(gdb_asks "z0,$address,4")"
check "the guest goes on" guest true
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
