# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What the tests of hvcma fdt as a program share: a folder of their own, in which they are, and what is said of a run. Sourced after
# tap.sh.

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
case $(uname -m) in aarch64) arch=arm64 ;; *) arch=amd64 ;; esac
hvcma=$HVCMA_BUILD/$arch/hvcma

fdt()
{
	"$hvcma" fdt "$@" >out 2>err
}

# status N ARGUMENT...: exit status N, and a reason on stderr if it is a failure
status()
{
	want=$1
	shift
	fdt "$@"
	have=$?
	[ "$have" -eq "$want" ] || {
		note "status $have, not $want: hvcma fdt $* $(cat out err)"
		return 1
	}
	[ "$want" -ne 1 ] && [ "$want" -ne 2 ] || [ -s err ]
}

says()
{
	grep -q -e "$1" out err || {
		note "$(cat out err)"
		return 1
	}
}

# clean FILE: dtc has nothing to say, by the checks it makes unless told otherwise
clean()
{
	dtc -I dtb -O dts -o /dev/null -Wno-interrupt_provider "$1" 2>warnings || return 1
	[ ! -s warnings ] || {
		note "$(cat warnings)"
		return 1
	}
}

# same A B: the same trees, whatever the order
same()
{
	dtc -q -s -I dtb -O dts "$1" >a.dts && dtc -q -s -I dtb -O dts "$2" >b.dts && cmp -s a.dts b.dts
}
