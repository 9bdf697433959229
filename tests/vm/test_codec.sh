#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Codecs of the media framework whose frames are contiguous (videobuf2-dma-contig): tests/guest/codec.c on
# edu devices, which move parts of frames by DMA, at host addresses, which are invented here. Frames of 64 MiB
# of one client are imported by another and by a stock driver (vivid). What the program does is in
# tests/lib/guest/codec.c. Private regions are not here: without struct pages they have nothing to export.
#
#	edu0, edu1	clients: two codecs
#	edu2		no client: has no frame of that size, where the kernel has no CMA to speak of

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=256	# three frames and what is left; whole memory blocks of the guest
MIB=$((1 << 20))
FRAME=$((64 * MIB))
FIRST=0000:00:10.0
SECOND=0000:00:11.0
OTHER=0000:00:12.0
REGION=clients=edu0:edu1,mode=reusable,unsafe-noiommu=on,x-fabric=on,x-provider=fake,x-fake-base=0x2000000000

# codec_boot ARCH SERIES
codec_boot()
{
	what="$1 $2"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci videobuf2-v4l2 vivid videobuf2-dma-contig \
		"$(guest_module "$1" "$2" virtio_cma)" "$(guest_module "$1" "$2" vcma_codec)" \
		-- $(guest_programs "$1" codec)
	# The kernel's own area, where it makes one: too small for a frame.
	# shellcheck disable=SC2046 # options are words
	VM_LIMIT_S=400 VM_APPEND=cma=16M vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "$REGION") \
		-device edu,id=edu0,dma_mask=0xffffffffff,addr=0x10 \
		-device edu,id=edu1,dma_mask=0xffffffffff,addr=0x11 \
		-device edu,id=edu2,dma_mask=0xffffffffff,addr=0x12
	vm_booted 1 90 && guest load virtio_cma && guest load vcma_codec && return
	tap_result 1 "$what: the guest boots"
	return 1
}

# program NAME ARGUMENT...: its results become ours
program()
{
	pr_name=$1
	shift
	GUEST_LIMIT_S=200 guest "codec $*" >"$VM_TMP/results"
	tap_import "$VM_TMP/results" "$what: $pr_name"
}

# hold_frame: a program of the guest has one of the first codec; where it is, as its host says
hold_frame()
{
	guest "background /tmp/held codec hold $FIRST $FRAME >/dev/null; echo \$last >/tmp/holder"
	frames ", pieces: 1," | tail -n 1
}

# frames PATTERN: device addresses in the guest's log, of frames of which it says this
frames()
{
	guest dmesg | tr -d '\r' | sed -n "s/.*vcma_codec .*frame of $FRAME bytes$1 at \(0x[0-9a-f]*\).*/\1/p"
}

# lies_in_extent ADDRESS: all of the frame there, in one of the region's, as its host says
lies_in_extent()
{
	le_index=0
	[ -n "$1" ] || return
	while le_base=$(status "/extents/$le_index/base-dma" 2>/dev/null); do
		if [ $(($1)) -ge "$le_base" ] &&
			[ $(($1 + FRAME)) -le $((le_base + $(status "/extents/$le_index/bytes"))) ]; then
			return
		fi
		le_index=$((le_index + 1))
	done
	note "$1 is in none of $le_index extents"
	return 1
}

# imported_where_exported: each imported frame is where a codec has one of its own
imported_where_exported()
{
	frames ", pieces: 1," >"$VM_TMP/exported"
	frames " imported" >"$VM_TMP/imported"
	[ -s "$VM_TMP/imported" ] && ! grep -vxF -f "$VM_TMP/exported" "$VM_TMP/imported"
}

# program_fails ERRNO ARGUMENT...
program_fails()
{
	pf_errno=$1
	shift
	guest "codec $*"
	equal "$pf_errno" $?
}

codec_end()
{
	check "$what: unbound: nothing is pinned" eval 'guest rmmod vcma_codec && quiet_again 5'
	check "$what: QEMU ends well" vm_quit
}

ENOMEM=12

# codec_case ARCH SERIES
codec_case()
{
	codec_boot "$1" "$2" || return
	program "frames" pipeline $FIRST $SECOND $FRAME vivid-000-vid-cap
	check "$what: the three frames of codecs are one piece each" equal 3 "$(frames ", pieces: 1," | wc -l)"
	check "$what: an imported one is where its exporter has it" imported_where_exported
	held=$(hold_frame)
	check "$what: a frame that is held is in the region, whole, by the host's addresses" lies_in_extent "$held"
	check "$what: negative control: one of nobody's is seen" eval '! lies_in_extent 0x1000000000000000 >/dev/null'
	check "$what: that is a frame at least" test "$(status /counters/pinned-bytes)" -ge $FRAME
	guest 'kill -KILL $(cat /tmp/holder)'
	program "frames that programs have cached" cached $FIRST $FRAME
	check "$what: devices used nothing but pinned memory of the region" equal 0 "$(fabric_faults)"
	check "$what: no warning or oops in the guest" equal 0 "$(guest complaints)"
	# Of which kernels warn themselves.
	check "$what: no client: no frame of that size is to be had" program_fails $ENOMEM frame $OTHER $FRAME
	check "$what: a small one is" program_fails 0 frame $OTHER $MIB
	codec_end
}

region_hugepages
codec_case amd64 6.12
rarely codec_case amd64 6.1
rarely codec_case arm64 6.12
rarely codec_case arm64 6.1
tap_end
