# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Hugepages of the machine a test runs on. Sourced. Only ever raises their number.

hugepages_free()
{
	cat "/sys/kernel/mm/hugepages/hugepages-$1kB/free_hugepages" 2>/dev/null || echo 0
}

# hugepages_need KIB NR: has NR free pages of KIB KiB, or ends the test as skipped.
hugepages_need()
{
	hp=/sys/kernel/mm/hugepages/hugepages-$1kB
	[ -d "$hp" ] || skip_all "this kernel has no hugepages of $1 KiB"
	hp_missing=$(($2 - $(hugepages_free "$1")))
	if [ "$hp_missing" -gt 0 ]; then
		[ -w "$hp/nr_hugepages" ] ||
			skip_all "$2 free hugepages of $1 KiB are needed, $hp_missing are missing, and only root can raise $hp/nr_hugepages"
		echo $(($(cat "$hp/nr_hugepages") + hp_missing)) >"$hp/nr_hugepages"
	fi
	[ "$(hugepages_free "$1")" -ge "$2" ] ||
		skip_all "$2 free hugepages of $1 KiB are needed, the kernel found $(hugepages_free "$1")"
}
