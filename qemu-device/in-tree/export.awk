# SPDX-License-Identifier: GPL-2.0-or-later
#
#	awk -v qemu=1002 -v plan=FILE -v stage=DIR -f renames -f export.awk	(called by lay)
#
# plan has lines "FROM TO": a source of ours, and its place in QEMU's sources, under DIR for now.
#
# A source of ours as a QEMU source tree has it: without what is for stock QEMU, includes as they are
# there, and names of that release (qemu: 100 * major + minor). Lines it decides about:
#
#	#include "stock.h"	left out, also of the folder above
#	#if(n)def HVCMA_STOCK_QEMU, #if HVCMA_QEMU < N, #if HVCMA_QEMU >= N, their #else and #endif

function fail(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why >"/dev/stderr"
	depth = 0
	exit 1
}

function known(line) {
	if (line ~ /^#ifdef HVCMA_STOCK_QEMU$/)
		return 0
	if (line ~ /^#ifndef HVCMA_STOCK_QEMU$/)
		return 1
	if (line ~ /^#if HVCMA_QEMU < [0-9]+$/)
		return qemu < $4 + 0
	if (line ~ /^#if HVCMA_QEMU >= [0-9]+$/)
		return qemu >= $4 + 0
	return -1
}

function ended() {
	if (depth)
		fail("#endif is missing in the file before this")
	if (to != "")
		close(to)
}

BEGIN {
	ARGC = 1
	while ((getline line <plan) > 0) {
		split(line, of, " ")
		place[of[1]] = of[2]
		ARGV[ARGC++] = of[1]
	}
}

FNR == 1 {
	ended()
	to = stage "/" place[FILENAME]
	elsewhere = place[FILENAME] !~ /^hw\/virtio\/cma\//
	depth = 0
	skip = 0
	blank = 0
}

/^#include "(\.\.\/)?stock\.h"$/ { next }
/^# *if/ {
	what = known($0)
	ours[++depth] = what >= 0
	if (what >= 0) {
		keep[depth] = what
		skip += !what
		next
	}
}
/^# *else/ && ours[depth] {
	skip += keep[depth] ? 1 : -1
	keep[depth] = !keep[depth]
	next
}
/^# *endif/ {
	if (!depth)
		fail("#endif of nothing")
	if (ours[depth--]) {
		skip -= !keep[depth + 1]
		next
	}
}
skip { next }

/^#include "/ {
	sub(/"hv\/abi\//, "\"standard-headers/linux/")
	sub(/"hv\//, "\"hw/virtio/cma/")
	sub(/"fdt\//, "\"hw/virtio/cma/fdt/")
	sub(/"vfio-noiommu\.h"/, "\"hw/vfio/vfio-noiommu.h\"")
	# Of a file that lies elsewhere.
	if (elsewhere)
		sub(/"[a-z_-]*\.h"/, "\"hw/virtio/cma/&")
	sub(/cma\/"/, "cma/")
}

{ renamed() }

# One empty line, where something between two was left out.
$0 == "" {
	if (blank)
		next
	blank = 1
	print >to
	next
}
{
	blank = 0
	print >to
}

END { ended() }
