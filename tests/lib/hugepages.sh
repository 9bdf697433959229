# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Hugepages of the machine a test runs on. Sourced. Only ever raises their number.

hugepages_free()
{
	cat "/sys/kernel/mm/hugepages/hugepages-$1kB/free_hugepages" 2>/dev/null || echo 0
}

# hugepages_need KIB NR: the pool has NR pages of KIB KiB for this test, beside what other
# tests that run now have asked for; or ends the test as skipped.
hugepages_need()
{
	hp=/sys/kernel/mm/hugepages/hugepages-$1kB
	[ -d "$hp" ] || skip_all "this kernel has no hugepages of $1 KiB"
	hp_claims=${TMPDIR:-/tmp}/hvcma-hugepages-$1
	mkdir -p "$hp_claims"
	exec 9>"$hp_claims.lock"
	! command -v flock >/dev/null || flock 9	# a guest with busybox runs one test at a time
	echo "$2" >"$hp_claims/$$"
	hp_all=0
	for hp_claim in "$hp_claims"/*; do
		if [ -d "/proc/${hp_claim##*/}" ]; then
			hp_all=$((hp_all + $(cat "$hp_claim")))
		else
			rm -f "$hp_claim"
		fi
	done
	# Twice: a test may have two regions, and ask for each.
	hp_missing=$((2 * hp_all - $(cat "$hp/nr_hugepages")))
	[ $(($2 - $(hugepages_free "$1"))) -le "$hp_missing" ] ||
		hp_missing=$(($2 - $(hugepages_free "$1")))
	if [ "$hp_missing" -gt 0 ]; then
		[ -w "$hp/nr_hugepages" ] ||
			skip_all "$2 free hugepages of $1 KiB are needed, $hp_missing are missing, and only root can raise $hp/nr_hugepages"
		echo $(($(cat "$hp/nr_hugepages") + hp_missing)) >"$hp/nr_hugepages"
	fi
	exec 9>&-
	[ "$(hugepages_free "$1")" -ge "$2" ] ||
		skip_all "$2 free hugepages of $1 KiB are needed, the kernel found $(hugepages_free "$1")"
}
