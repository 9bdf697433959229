# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2034,SC2154 # variables are read by eval, and by vm.sh
#
# Two guests, "first" and "second", whose reusable regions are larger, together, than the pool of hugepages that they share.
# Sourced by tests that have sourced testbed.sh. Decides nothing of who gives memory to whom.
#
# REGION_MIB, POOL_MIB: sizes; the pool is a hugetlbfs of its own, at $pool.

REGION_MIB=128 POOL_MIB=192
export GUEST_LIMIT_S=90

# vm.sh knows one machine at a time.
first_pid='' first_dir='' second_pid='' second_dir=''

# two_guests_begin: the pool, or all tests are skipped
two_guests_begin()
{
	pool=$(mktemp -d "${TMPDIR:-/tmp}/hvcma-pool.XXXXXX")
	hugepages_need 2048 $((POOL_MIB / 2))
	[ "$(id -u)" -eq 0 ] || skip_all "a pool of its own is mounted by root only"
	mount -t hugetlbfs -o "pagesize=2M,size=${POOL_MIB}M" none "$pool" || skip_all "no hugetlbfs can be mounted here"
}

# two_guests_end [PID]: for the trap; a service with this number ends when they have
two_guests_end()
{
	use first
	vm_kill
	use second
	vm_kill
	if [ -n "${1:-}" ]; then
		kill "$1" 2>/dev/null
		wait "$1" 2>/dev/null
	fi
	vm_cleanup
	umount "$pool"
	rmdir "$pool"
}

# keep NAME: the machine that vm.sh knows is this one
keep()
{
	eval "$1_pid=\$vm_pid $1_dir=\$VM_DIR"
	[ "$1" = first ] && exec 5<&7 6<&8
	[ "$1" = second ] && exec 3<&7 4<&8
	return 0
}

# use NAME: what follows is about it
use()
{
	eval "vm_pid=\$$1_pid VM_DIR=\$$1_dir"
	[ -n "$vm_pid" ] || return 0
	if [ "$1" = first ]; then exec 7<&5 8<&6; else exec 7<&3 8<&4; fi
}

# start NAME [PROPERTIES [OPTIONS-OF-MEMORY]]
start()
{
	vm_pid='' vm_command=''
	VM_MEMORY=512M,maxmem=8G VM_LIMIT_S=1500 vm_start amd64 "$(kernel_dir amd64 6.12)/vmlinuz" "$VM_TMP/initramfs" \
		-object "memory-backend-file,id=m0,mem-path=$pool,size=${REGION_MIB}M,share=on${3:+,$3}" \
		-device "virtio-cma-pci,id=cma0,memdev=m0,mode=reusable,surrender=on${2:+,$2}"
	keep "$1"
}

# pool_free: MiB that nobody has or has reserved
pool_free()
{
	echo $(($(stat -f -c '%a * %S / 1048576' "$pool")))
}

surrendered_mib()
{
	echo $(($(status /counters/surrendered-bytes) >> 20))
}

# alloc MIB [PARAMETER...]: in blocks of a granule; what the test module says
alloc()
{
	al_mib=$1
	shift
	guest "dmesg -c >/dev/null; insmod /modules/vcma_reuse.ko test=alloc mib=$al_mib block_mib=2 $*; rmmod vcma_reuse; dmesg | sed -n 's/.*vcma_reuse: //p'"
}

mem_total()
{
	guest "awk '/^MemTotal/ { print \$2 }' /proc/meminfo"
}

# What a guest has in memory, and its sum.
files='i=1; dd if=/dev/urandom of=/tmp/base bs=1M count=2 2>/dev/null; while [ $i -le 30 ]; do (tail -c +$((i * 4099)) /tmp/base; head -c $((i * 4099 - 1)) /tmp/base) >/tmp/file$i; i=$((i + 1)); done; cat /tmp/file* | md5sum'
sum='cat /tmp/file* | md5sum'
