#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A guest that swaps to its client: memory comes free only by what the client writes, and the client's
# mappings need memory. Nothing stands still, and no page comes back as another: while all of the guest is
# short of memory, and while one program is whose swap's controller is reset 50 times.
#
# Both at once the kernel itself does not survive, with a disk that is nobody's client either: the stock
# driver's nvme_reset_work() allocates memory (pci_disable_device() has ACPI look up the interrupt), reclaims
# pages for it, and waits for them to be written to the disk that it is just resetting. So the program is in a
# memory cgroup of its own then, which is held back rather than killed, and others have what they need.
#
# check: long

. "$HVCMA_SRC/tests/lib/testbed.sh"

export REGION_MIB=128	# whole memory blocks of the guest, as being online needs
RESETS=50

# swap_program MIB [CGROUP]: a program that looks at so many MiB of memory, for ever
swap_program()
{
	guest "rm -f /tmp/swapped /tmp/ended; (sh -c 'echo 1000 >/proc/self/oom_score_adj; ${2:+echo 0 >/cgroup/$2/cgroup.procs;} exec swapped $1 >/tmp/swapped'; echo >/tmp/ended) >/dev/null 2>&1 &"
}

swaps()
{
	guest "wait_for 50 eval '[ \$(meminfo_mib SwapFree) -lt 480 ]'"
}

rounds()
{
	guest 'grep -c ^round /tmp/swapped'
}

# goes_on: two more rounds, and no page that is not as it was left
goes_on()
{
	go_seen=$(rounds)
	GUEST_LIMIT_S=300 guest "wait_for 250 eval '[ \$(grep -c ^round /tmp/swapped) -gt $((go_seen + 1)) ]' && ! grep -v ^round /tmp/swapped"
}

swap_ends()
{
	note "$what: $(rounds) rounds of $1"
	guest 'killall swapped; wait_for 30 test -e /tmp/ended'
}

# swap_case ARCH SERIES MODE MIB: a program of so many MiB, more than the guest has
swap_case()
{
	what="$1 $2, $3"
	image=$VM_TMP/disk
	rm -f "$image"
	truncate -s 512M "$image"
	# shellcheck disable=SC2046 # options are words
	initramfs "$VM_TMP/initramfs" "$1" "$2" virtio_pci "$(guest_module "$1" "$2" virtio_cma)" nvme \
		-- $(guest_programs "$1" swapped)
	# shellcheck disable=SC2046 # options are words
	VM_MEMORY=256M,maxmem=8G VM_LIMIT_S=900 vm_start "$1" "$(kernel_dir "$1" "$2")/vmlinuz" "$VM_TMP/initramfs" \
		$(region_options cma0 "clients=nv0,unsafe-noiommu=on,x-fabric=on,mode=$3") \
		$(disk_options nv0 "$image")
	if ! vm_booted 1 120 || ! guest 'load nvme && disk_ready nvme0n1 && mkswap /dev/nvme0n1 >/dev/null && swapon /dev/nvme0n1'; then
		tap_result 1 "$what: the guest boots, and has its swap"
		return
	fi
	check "$what: negative control: a page that was changed is found" \
		guest '! swapped 1 damage >/tmp/swapped; grep -q "not as it was left" /tmp/swapped'
	swap_program "$4"
	check "$what: it swaps" swaps
	check "$what: it goes on, every page as it was left" goes_on
	swap_ends "$4 MiB"

	check "$what: a program with 32 MiB of its own" \
		guest 'mkdir -p /cgroup && mount -t cgroup2 none /cgroup && echo +memory >/cgroup/cgroup.subtree_control && mkdir /cgroup/short && echo 32M >/cgroup/short/memory.high'
	swap_program 96 short
	check "$what: it swaps" swaps
	GUEST_LIMIT_S=300 guest "n=0; while [ \$n -lt $RESETS ] && ! [ -e /tmp/ended ]; do echo 1 >/sys/class/nvme/nvme0/reset_controller || break; n=\$((n + 1)); sleep 0.5; done; echo \$n" >"$VM_TMP/resets"
	check "$what: $RESETS resets of the controller" equal $RESETS "$(cat "$VM_TMP/resets")"
	check "$what: it goes on after that, every page as it was left" goes_on
	swap_ends "96 MiB, in its cgroup"
	note "$what: mappings: $(guest 'cat $(cma_dir)/nr_map_bounced') copied, $(guest 'cat $(cma_dir)/nr_map_failed') failed and were tried again"
	check "$what: not one DMA outside of pinned granules" equal 0 "$(fabric_faults)"
	check "$what: no warning, no task that hangs" equal 0 \
		"$(guest 'dmesg | grep -cE "WARNING:|BUG:|Oops|Call [Tt]race|blocked for more"')"
	check "$what: QEMU ends well" vm_quit
}

region_hugepages
swap_case amd64 6.12 private 220
tap_end
