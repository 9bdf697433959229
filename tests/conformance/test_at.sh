#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Memory attributes against processors that we did not write: a bare-metal program runs on QEMU's
# models, with and without FEAT_S2FWB, FEAT_XS and MTE, and has them translate every combination;
# compare judges what they say by hv/core/attr. Stock QEMU, without the plugin.

: "${HVCMA_BUILD:?}"
dir=$HVCMA_BUILD/tests/conformance
qemu=$HVCMA_BUILD/env/qemu-$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')/bin/qemu-system-aarch64
[ -x "$qemu" ] || { echo "1..0 # SKIP no $qemu"; exit 77; }
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# ask NAME CPU [MACHINE-OPTION]
ask()
{
	timeout -k 5 60 "$qemu" -machine "virt,virtualization=on,gic-version=3${3:+,$3}" -cpu "$2" \
		-accel tcg -m 128M -display none -monitor none -serial none \
		-semihosting-config enable=on,target=native -kernel "$dir/el2.elf" >"$tmp/$1" 2>"$tmp/$1.err"
	status=$?
	[ $status -eq 0 ] || { echo "# $1: the program ended with status $status"; sed 's/^/# /' "$tmp/$1.err"; }
}

ask max max
ask max,mte max mte=on
ask neoverse-v1 neoverse-v1
ask neoverse-n1 neoverse-n1
ask cortex-a57 cortex-a57
"$dir/compare" max "$tmp/max" max,mte "$tmp/max,mte" neoverse-v1 "$tmp/neoverse-v1" \
	neoverse-n1 "$tmp/neoverse-n1" cortex-a57 "$tmp/cortex-a57" >"$tmp/tap"
failed=$?
grep -v '^1\.\.' "$tmp/tap"
n=$(sed -n 's/^1\.\.//p' "$tmp/tap")

# really NAME FEATURE VALUE: the model has, or lacks, what it was chosen for
really()
{
	n=$((n + 1))
	if grep -q "^# $1: .* $2 $3\(,\|\$\)" "$tmp/tap"; then
		echo "ok $n - $1: $2 is $3"
	else
		echo "not ok $n - $1: $2 is $3"
		failed=1
	fi
}

really max FEAT_XS 1
really max,mte FEAT_MTE2 1
really neoverse-v1 FEAT_S2FWB 1
really neoverse-n1 FEAT_S2FWB 0
really cortex-a57 FEAT_S2FWB 0

# control WHAT COMMAND...: compare must fail, and say so
control()
{
	what=$1
	shift
	n=$((n + 1))
	if "$dir/compare" control "$tmp/control" >"$tmp/control.tap"; then
		echo "not ok $n - negative control: $what is found"
		failed=1
	else
		echo "ok $n - negative control: $what is found"
	fi
}

# One answer of 133,120 is another: Device where Normal was, far inside the FWB half.
cp "$tmp/neoverse-v1" "$tmp/control"
printf '\004' | dd of="$tmp/control" bs=1 seek=$((56 + 133120 + 255 * 520 + 390)) conv=notrunc 2>/dev/null
control 'a single wrong answer'
head -c 200000 "$tmp/neoverse-v1" >"$tmp/control"
control 'an early end'
echo "1..$n"
exit $((failed != 0))
