#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What hvcma domain takes: check and apply of a domain of 2,000 lines, each a run of the program; and
# of a thousand ordinary ones, all in one run of each. Without the host, whose emulator would be run.
# Milliseconds of processor time, so that what else runs does not count as much.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/lib/bench.sh"

case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
hvcma=$HVCMA_BUILD/$arch/hvcma
tmp=$(mktemp -d) || exit 1
# shellcheck disable=SC2034 # where bench.sh has its samples
VM_TMP=$tmp ROUNDS=7
trap 'rm -rf "$tmp"' EXIT
example=$HVCMA_SRC/examples/libvirt/reusable.xml
"$hvcma" domain check --help >/dev/null 2>&1 || skip_all "this hvcma was built without libxml2"

# Disks, five lines each, up to 2,000 lines.
awk '/<\/devices>/ {
	for (i = 0; NR + 5 * i < 1990; i++)
		printf "    <disk type=\"block\" device=\"disk\">\n      <source dev=\"/dev/d%d\"/>\n" \
			"      <target dev=\"vd%d\" bus=\"virtio\"/>\n      <alias name=\"ua-disk%d\"/>\n    </disk>\n", i, i, i
} { print }' "$example" >"$tmp/long.xml"
mkdir "$tmp/fleet"
seq 1000 | while read -r i; do
	sed "s,<name>[^<]*,&-$i," "$example" >"$tmp/fleet/$i.xml"
done

# spend: sets spent_ms, of programs that were waited for
spend()
{
	times >"$tmp/times"
	spent_ms=$(sed -n 2p "$tmp/times" | awk '{
		for (i = 1; i <= 2; i++) {
			split($i, t, "m")
			ms += t[1] * 60000 + t[2] * 1000
		}
		printf "%d", ms }')
}

# round NAME RUNS COMMAND...: milliseconds of one, by that many, for clocks tick slowly
round()
{
	ro_name=$1 ro_runs=$2
	shift 2
	spend
	ro_start=$spent_ms
	for _ in $(seq "$ro_runs"); do
		"$@" || exit 1
	done
	spend
	figure_sample "$ro_name" "$(awk -v ms=$((spent_ms - ro_start)) -v runs="$ro_runs" 'BEGIN { print ms / runs }')" 1
}

long_domain()
{
	"$hvcma" domain check --no-host "$tmp/long.xml" >/dev/null && "$hvcma" domain apply "$tmp/long.xml" >/dev/null
}

fleet()
{
	rm -rf "$tmp/applied"
	cp -r "$tmp/fleet" "$tmp/applied"
	"$hvcma" domain check --no-host "$tmp"/applied/*.xml >"$tmp/checked" && "$hvcma" domain apply -i "$tmp"/applied/*.xml
}

echo "# $(wc -l <"$tmp/long.xml") lines"
for _ in $(seq $ROUNDS); do
	round domain_2000_lines 10 long_domain
	round domain_thousand 1 fleet
done
figure_rounds domain_2000_lines ms 50
figure_rounds domain_thousand ms 10000
figure_count domain_thousand_checked "$(grep -c 'no faults' "$tmp/checked")" 1000
figure_count domain_thousand_applied "$(grep -l 'ua-hvcma-banka' "$tmp"/applied/*.xml | wc -l)" 1000
bench_end
