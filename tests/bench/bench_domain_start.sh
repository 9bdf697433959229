#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What four regions cost at the start of a domain under a real libvirtd: processor time of libvirtd, of the hook that
# it runs, and of QEMU, until the guest could execute its first instruction; beside the same domain with four
# plain memory devices on hugepages, of the same size. In pairs, taken in turns. All pages are taken, and zeroed, by
# both. What ends a domain is not counted.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/libvirt.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

PAIRS=${HVCMA_PAIRS:-11}
REGION_MIB=256
TICK_MS=$((1000 / $(getconf CLK_TCK)))

# domain NAME METADATA DEVICES MEMORY: without a guest, which would never run
domain()
{
	cat <<-END
		<domain type='qemu'>
		  <name>$1</name>
		  $2
		  $4
		  <vcpu>2</vcpu>
		  <os><type arch='x86_64' machine='q35'>hvm</type></os>
		  <features><acpi/></features>
		  <devices>
		    <emulator>/usr/bin/qemu-system-x86_64</emulator>
		    <interface type='user'><model type='e1000e'/><alias name='ua-net'/></interface>
		    $3
		  </devices>
		</domain>
	END
}

regions()
{
	echo "<metadata><hvcma:regions xmlns:hvcma='https://hvcma.example/schemas/domain/1.0'>"
	for i in 1 2 3 4; do
		echo "<hvcma:region name='bank$i'><hvcma:size unit='MiB'>$REGION_MIB</hvcma:size>"
		echo "<hvcma:client device='ua-net' kind='kind$i'/></hvcma:region>"
	done
	echo "</hvcma:regions></metadata>"
}

plain_memory()
{
	for i in 1 2 3 4; do
		echo "<memory model='dimm' access='shared'><source><pagesize unit='MiB'>2</pagesize></source>"
		echo "<target><size unit='MiB'>$REGION_MIB</size><node>0</node></target></memory>"
	done
}

# milliseconds STAT-FILE FIELD...: sum of these, of a process in there
milliseconds()
{
	mi_file=$1
	shift
	# shellcheck disable=SC2016 # for the shell in there
	inside sh -c 'cat /proc/$(cat '"$mi_file"')/stat' | awk -v tick="$TICK_MS" -v fields="$*" '{
		n = split(fields, f, " ")
		for (i = 1; i <= n; i++)
			ms += $f[i] * tick
		print ms }'
}

# start NAME: $spent_ms, or nothing if it does not start
start()
{
	spent_ms=
	st_before=$(milliseconds /run/libvirtd.pid 14 15 16 17)
	inside virsh -q start --paused "$1" || return
	spent_ms=$(($(milliseconds /run/libvirtd.pid 14 15 16 17) - st_before + $(milliseconds "/run/libvirt/qemu/$1.pid" 14 15)))
	free_pages=$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)
	inside virsh -q destroy "$1"
}

libvirt_need
hugepages_need 2048 $((4 * REGION_MIB / 2 + 8))
trap 'libvirt_stop; vm_cleanup' EXIT
libvirt_start || {
	tap_result 1 "libvirtd starts"
	tap_end
}
total=$((512 + 4 * REGION_MIB))
domain ours "$(regions)" '' "<memory unit='MiB'>512</memory>" >"$VIRT/ours.xml"
domain plain '' "$(plain_memory)" "<maxMemory slots='4' unit='MiB'>$((total + 4 * REGION_MIB + 1024))</maxMemory>
	<memory unit='MiB'>$total</memory>
	<cpu><numa><cell id='0' cpus='0-1' memory='512' unit='MiB'/></numa></cpu>" >"$VIRT/plain.xml"
check "four regions" inside hvcma domain define --no-host /vm/ours.xml
check "four plain devices" inside virsh -q define /vm/plain.xml
had_pages=$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages)
# Once each, to have all of it in the page cache.
for name in ours plain; do
	start $name
	check "$name: starts, and has all of its pages" [ $((had_pages - free_pages)) -ge $((4 * REGION_MIB / 2)) ]
done
for pair in $(seq $PAIRS); do
	start ours
	ours_ms=$spent_ms
	start plain
	note "pair $pair: $ours_ms ms, $spent_ms ms"
	figure_sample domain_start_4_regions "$ours_ms" "$spent_ms"
done
figure_pairs domain_start_4_regions ms plain 1.10
bench_end
