# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What VM tests put into a machine (a region on hugepages, an NVMe disk), and the questions they
# ask about them from outside the guest. Sourced after tap.sh, vm.sh and hugepages.sh.

REGION_MIB=64
REGION_PAGE_KIB=2048

# region_options ID PROPERTIES [DEVICE-TYPE]: options for a region
region_options()
{
	echo "-object memory-backend-memfd,id=$1-mem,size=${REGION_MIB}M,hugetlb=on,hugetlbsize=${REGION_PAGE_KIB}k,share=on" \
		"-device ${3:-virtio-cma-pci},id=$1,memdev=$1-mem,$2"
}

# region_hugepages [MIB]: has them, or the test is skipped; also if this user can't see where they are.
region_hugepages()
{
	[ "$(id -u)" -eq 0 ] || skip_all "host-physical addresses are shown to root only"
	hugepages_need "$REGION_PAGE_KIB" $((${1:-$REGION_MIB} * 1024 / REGION_PAGE_KIB))
}

# ram_options CLIENTS PROPERTIES: a machine of RAM_MIB whose RAM is on hugepages, and is the region; with
# VM_MACHINE=memory-backend=ram0 and VM_MEMORY=${RAM_MIB}M
ram_options()
{
	echo "-object memory-backend-memfd,id=ram0,size=${RAM_MIB}M,hugetlb=on,hugetlbsize=${REGION_PAGE_KIB}k,share=on" \
		"-device virtio-cma-pci,id=cma0,mode=ram,clients=$1,$2"
}

# ram_hugepages: as region_hugepages, for the machine
ram_hugepages()
{
	region_hugepages "$RAM_MIB"
}

# ram_is_pinned: no more and no less than the machine's RAM
ram_is_pinned()
{
	equal "$((RAM_MIB << 20)) $((RAM_MIB << 20))" "$(status /counters/pinned-bytes) $(pinned_by_kernel)"
}

# disk_options ID IMAGE [NVME-PROPERTY]
disk_options()
{
	echo "-blockdev driver=raw,node-name=$1-disk,file.driver=file,file.filename=$2" \
		"-device nvme,id=$1,drive=$1-disk,serial=$1${3:+,$3}"
}

# disk_outside IMAGE: md5 of the guest's file, extracted from the image; nothing if it has none.
disk_outside()
{
	rm -f "$VM_TMP/extracted"
	PATH=$PATH:/usr/sbin:/sbin debugfs -R "dump /file $VM_TMP/extracted" "$1" >/dev/null 2>&1
	[ ! -e "$VM_TMP/extracted" ] || md5sum <"$VM_TMP/extracted" | cut -c 1-32
}

# What the kernel says QEMU has pinned, in bytes.
pinned_by_kernel()
{
	awk '/^VmPin:/ { printf "%.0f\n", $2 * 1024 }' "/proc/$(cat "$VM_DIR/pid")/status"
}

# What the device says and what the kernel says agree, and there is something.
pins_agree()
{
	pa_device=$(status /counters/pinned-bytes)
	[ "$pa_device" -gt 0 ] && equal "$pa_device" "$(pinned_by_kernel)"
}

# is_online: memory of the region is the guest's own at present
is_online()
{
	[ "$(status /counters/online-bytes)" -gt 0 ]
}

is_quiet()
{
	status_is /counters/pinned-bytes 0 && status_is /clients/0/bus-master false &&
		[ "$(pinned_by_kernel)" -eq 0 ]
}

# unplugged [DEVICE]: QEMU has let go of the region's device, some time after the guest has
unplugged()
{
	! status /region/name "${1:-cma0}" >/dev/null 2>&1
}

# quiet_again SECONDS: no bus master and nothing pinned, within that time. Linux 6.1 lets go of
# pages one second after it was told to (io_uring puts registered buffers in the background).
quiet_again()
{
	wait_until "$1" is_quiet && return
	note "pinned $(status /counters/pinned-bytes) bytes, kernel says $(pinned_by_kernel)," \
		"bus master $(status /clients/0/bus-master)"
	return 1
}

# monitor_answered LINE PATTERN: from that line of its output on
monitor_answered()
{
	tail -n +"$1" "$VM_DIR/monitor.out" | grep -q "$2"
}

# guest_memory GPA: the 32-bit word there, as the machine sees it, by way of the monitor
guest_memory()
{
	gm_next=$(($(wc -l <"$VM_DIR/monitor.out") + 1))
	gm_answer=$(printf '%016x: ' "$1")
	monitor "xp /1wx $(printf '0x%x' "$1")"
	wait_until 5 monitor_answered "$gm_next" "^$gm_answer" || return 1
	tail -n +"$gm_next" "$VM_DIR/monitor.out" | tr -d '\r' | sed -n "s/^$gm_answer//p"
}

# dma_of GPA: the DMA address of a backed granule's byte
dma_of()
{
	do_index=0
	while do_gpa=$(status "/extents/$do_index/base-gpa" 2>/dev/null); do
		if [ "$1" -ge "$do_gpa" ] &&
			[ "$1" -lt $((do_gpa + $(status "/extents/$do_index/bytes"))) ]; then
			echo $(($(status "/extents/$do_index/base-dma") + $1 - do_gpa))
			return
		fi
		do_index=$((do_index + 1))
	done
	return 1
}

# fabric_faults: DMA outside of pinned granules since start; only with x-fabric=on.
fabric_faults()
{
	status /counters/fabric-faults
}

# required_bits: address bits of the highest byte of all extents
required_bits()
{
	rb_index=0 rb_end=1
	while rb_base=$(status "/extents/$rb_index/base-dma" 2>/dev/null); do
		rb_last=$((rb_base + $(status "/extents/$rb_index/bytes") - 1))
		[ "$rb_last" -le "$rb_end" ] || rb_end=$rb_last
		rb_index=$((rb_index + 1))
	done
	rb_bits=0
	while [ "$rb_end" -gt 0 ]; do
		rb_end=$((rb_end >> 1)) rb_bits=$((rb_bits + 1))
	done
	echo "$rb_bits"
}

# page_broke: one did, and the log says where, with its DMA address
page_broke()
{
	pb_page=$(guest poison) &&
		guest "wait_for 15 eval 'dmesg | grep -q \"broken memory at $pb_page, DMA address $(printf '0x%x' "$(dma_of "$((pb_page))")"), in no block\"'"
}

# page_breaks: of a program of the guest, in a region that is pinned from the start, where most programs'
# pages are; the guest driver and the host tell, and nothing is unpinned
page_breaks()
{
	pb_pinned=$(status /counters/pinned-bytes)
	check "$what: memory failure: the log says where" eval 'page_broke || page_broke || page_broke'
	pb_broken=$(guest 'cat $(cma_dir)/broken_bytes')
	check "$what: memory failure: the guest counts it" test "$pb_broken" -ge 4096
	check "$what: memory failure: the host is told" wait_until 20 status_is /guest/broken-bytes "$pb_broken"
	check "$what: memory failure: pinned is what was" equal "$pb_pinned" "$(status /counters/pinned-bytes)"
}

# data_disk IMAGE MIB: an ext2 filesystem with one "file" of so many MiB of zeros, which takes no
# time to make, to read, or to keep.
data_disk()
{
	dd_tree=$(mktemp -d "$VM_TMP/XXXXXX")
	truncate -s "$2M" "$dd_tree/file"
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext2 -b 4096 -m 0 -d "$dd_tree" "$1" "$(($2 + 24))M" >/dev/null
	rm -r "$dd_tree"
}

# data_disk_options IMAGE [DEVICE-PROPERTIES]: read-only, virtio-blk, no client of any region
data_disk_options()
{
	echo "-blockdev driver=file,node-name=data,filename=$1,read-only=on" \
		"-device virtio-blk-pci,drive=data${2:+,$2}"
}

# mapped_begin KIB: from now on the guest keeps what is mapped, in a buffer of that size
mapped_begin()
{
	guest "mount -t tracefs none /sys/kernel/tracing; cd /sys/kernel/tracing; echo $1 >buffer_size_kb; echo 1 >events/virtio_cma/vcma_direct_map/enable; echo 1 >events/virtio_cma/vcma_bounce_map/enable"
}

# mapped BASE BYTES: bytes that were mapped since: as they are and copied, of pages in that range; the
# same of any other
mapped()
{
	guest 'cat /sys/kernel/tracing/trace' |
		awk -v base="$1" -v bytes="$2" '
		function number(hex,    i, n)
		{
			sub(/^0x/, "", hex)
			for (i = 1; i <= length(hex); i++)
				n = n * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
			return n
		}
		/vcma_(direct|bounce)_map:/ {
			kind = /vcma_direct_map/ ? "direct" : "bounce"
			for (i = 1; i <= NF; i++) {
				if ($i ~ /^phys=/)
					phys = number(substr($i, 6))
				if ($i ~ /^bytes=/)
					size = substr($i, 7) + 0
			}
			where = phys >= base && phys < base + bytes ? "in" : "out"
			sum[kind, where] += size
		}
		END {
			printf "%d %d %d %d\n", sum["direct", "in"], sum["bounce", "in"],
				sum["direct", "out"], sum["bounce", "out"]
		}'
}
