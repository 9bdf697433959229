#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Regions of a running domain of Debian's Xen, on an emulated machine: how long its driver takes until it knows where
# a granule of 2 MiB is in the machine, and how long 256 MiB take from the command to the driver that serves them.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/xen.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

ROUNDS=11
REGION_MIB=256 REGION_GRANULES=128
export XEN_LIMIT_S=900

# attach_ms: the region is there, after so long
attach_ms()
{
	dom0 "read -r from _ </proc/uptime; hvcma-xen attach domu big=${REGION_MIB}M --wait 60 >/dev/null &&" \
		"read -r to _ </proc/uptime && echo \$from \$to" | awk '{ printf "%d", ($2 - $1) * 1000 }'
}

check "Xen 4.17, and a domain whose driver waits for a region" xen_pair 4.17 6.12 6.12
for round in $(seq $ROUNDS); do
	took_ms=$(attach_ms)
	found_us=$(xen_field discovery-us)
	note "round $round: in use after $took_ms ms; $(xen_field machine-extents) extents found in $found_us us"
	figure_sample xen_attach_256mib "$took_ms" 1
	figure_sample xen_discovery_granule "$(awk -v us="$found_us" -v nr=$REGION_GRANULES 'BEGIN { print us / nr }')" 1
	dom0 "hvcma-xen detach domu 0 --wait 60"
done
vm_quit
figure_rounds xen_discovery_granule us 60
figure_rounds xen_attach_256mib ms 1000
bench_end
