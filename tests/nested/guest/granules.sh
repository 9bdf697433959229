# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# In the nested host: a region of two hugepages, of each size that there is, side by side in memory or not at all.
#
#	pool	| free | taken ... | free | taken ... |	the longest run is of one
#	pool	| free | free ...  | free | free ...  |
#
#	granules.sh root|service SIZE...	in KiB
#
# By a QEMU that is root, or one without privileges and the service. No guest runs: the region is pinned from the
# start. Which pages are neighbours nobody tells: of three pairs one is apart.

. ./lib.sh

mode=$1
shift
SOCKET=$VM_TMP/hvcmad.socket
LOG=$VM_TMP/hvcmad.log
export VM_AS_USER=$HVCMA_BUILD/guest/arm64/bin/as_user VM_SMP=1 VM_MEMORY=64M,maxmem=8G
[ -e /dev/kvm ] || { VM_ACCEL=tcg VM_CPU=cortex-a57; }
[ ! -e /dev/kvm ] || chmod 666 /dev/kvm
service=
if [ "$mode" = service ]; then
	VM_USER=12345
	chmod 711 "$VM_TMP"
	writable_etc
	echo nogroup:x:65534: >>/etc/group
	cat >"$VM_TMP/hvcmad.conf" <<-END
		socket-group = "nogroup";
		totals = { memory = "4G"; pinned = "4G"; regions = 1; };
		vms = ( { name = "banka"; user = $VM_USER; memory = "4G"; pinned = "4G"; regions = 1; unsafe-noiommu = true; } );
	END
	LD_LIBRARY_PATH=$HVCMA_BUILD/lib "$HVCMA_BUILD/arm64/hvcmad" --config "$VM_TMP/hvcmad.conf" \
		--socket "$SOCKET" >"$LOG" 2>&1 &
	service=$!
	check "the service runs" wait_until 20 grep -q 'ready, 1 VMs' "$LOG"
fi

# pages_take KIB: all of the pool, as files 0, 1, 2...
pages_take()
{
	pt_bytes=$(($1 * 1024)) pt_nr=0
	mkdir -p "$VM_TMP/huge"
	mount -t hugetlbfs -o "pagesize=$1k" huge "$VM_TMP/huge"
	while fallocate -l "$pt_bytes" "$VM_TMP/huge/$pt_nr" 2>/dev/null; do
		pt_nr=$((pt_nr + 1))
	done
	rm -f "$VM_TMP/huge/$pt_nr"	# the first that could not be had
}

# start: a machine with a region of two pages
start()
{
	vm_start arm64 "" "" -S -device edu,id=edu0 \
		-object "memory-backend-memfd,id=m0,size=$bytes,hugetlb=on,hugetlbsize=${REGION_PAGE_KIB}k,share=on" \
		-device "virtio-cma-pci,id=cma0,memdev=m0,${service:+service=$SOCKET,}mode=reusable,pin=all,contiguous=required,run=$bytes,clients=edu0,unsafe-noiommu=on,x-fabric=on"
}

# is_one_run: all of it is pinned, in one extent
is_one_run()
{
	base_dma=$(status /extents/0/base-dma) &&
		equal "$bytes 1 $bytes 0" "$(status /counters/pinned-bytes) $(status /counters/extents) \
$(status /extents/0/bytes) $((base_dma % (REGION_PAGE_KIB * 1024)))"
}

answers()
{
	status /region/name >/dev/null 2>&1 || vm_dead
}

# size WHAT
size()
{
	pages_take "$REGION_PAGE_KIB"
	check "$1: there are three pages at least" [ "$pt_nr" -ge 3 ]
	for other in $((pt_nr - 1)) $((pt_nr / 2)) $((pt_nr / 3)); do
		rm "$VM_TMP/huge/0" "$VM_TMP/huge/$other"
		start
		wait_until 60 answers
		! vm_dead || break
		vm_quit
		fallocate -l "$pt_bytes" "$VM_TMP/huge/0"
		fallocate -l "$pt_bytes" "$VM_TMP/huge/$other"
	done
	check "$1: two pages apart are refused" vm_dead
	check "$1: the message has the longest run" grep -q \
		"is wanted, but the longest that can be had is of $((REGION_PAGE_KIB * 1024)):" "$VM_DIR/qemu.log" ||
		vm_logs
	vm_kill
	rm "$VM_TMP/huge/"*
	start
	wait_until 60 answers
	check "$1: two pages side by side are one extent, and pinned" is_one_run || vm_logs
	vm_quit
	umount "$VM_TMP/huge"
	check "$1: nothing stays in use" wait_until 10 no_hugepage_used
}

for REGION_PAGE_KIB; do
	bytes=$((2 * REGION_PAGE_KIB * 1024))
	size "$mode, $REGION_PAGE_KIB KiB"
done
if [ "$service" ]; then
	kill "$service"
	wait "$service"
	check "the service ends" [ $? -eq 0 ]
fi
tap_end
