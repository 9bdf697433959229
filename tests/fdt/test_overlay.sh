#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# hvcma fdt overlay: what it writes, applied by fdtoverlay, gives EDITED, whatever differs; what an
# overlay can't say is refused.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/fdt/cli.sh"

blob()
{
	printf '/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; %s };' "$2" | dtc -q -@ -f -O dtb -o "$1"
}

# gives BASE EDITED: two trees (what is in their root), and the overlay between them
gives()
{
	blob base.dtb "$1"
	blob edited.dtb "$2"
	rm -f out.dtbo
	"$hvcma" fdt overlay base.dtb edited.dtb -o out.dtbo >out 2>&1 &&
		fdtoverlay -i base.dtb -o applied.dtb out.dtbo >>out 2>&1 || {
		note "$(cat out)"
		return 1
	}
	dtc -q -s -I dtb -O dts applied.dtb >a.dts && dtc -q -s -I dtb -O dts edited.dtb >b.dts && cmp -s a.dts b.dts || {
		note "$(diff a.dts b.dts)"
		return 1
	}
}

# refused WORDS BASE EDITED
refused()
{
	blob base.dtb "$2"
	blob edited.dtb "$3"
	rm -f out.dtbo
	"$hvcma" fdt overlay base.dtb edited.dtb -o out.dtbo >out 2>&1
	have=$?
	if [ $have -ne 1 ] || [ -e out.dtbo ] || ! grep -q -e "$1" out || grep -q FDT_ERR_ out; then
		note "status $have: $(cat out)"
		return 1
	fi
}

tree='a { v = <1>; b { v = <1>; c { v = <1>; }; }; }; d { phandle = <7>; };'
check "a property" gives "$tree" 'a { v = <1>; b { v = <2>; c { v = <1>; }; }; }; d { phandle = <7>; };'
check "of every level" gives "$tree" 'x; a { v = <3>; b { v = <2>; c { v = <4>; w; }; }; }; d { phandle = <7>; };'
check "of some levels" gives "$tree" 'a { v = <3>; b { v = <1>; c { v = "longer"; }; }; }; d { y; phandle = <7>; };'
check "new nodes in new nodes" gives "$tree" 'a { v = <1>; b { v = <1>; c { v = <1>; n@1 { reg = <1 1>; m { }; }; }; }; }; d { phandle = <7>; };'
check "a new phandle and who refers to it" gives "$tree" \
	'a { v = <1>; b { memory-region = <8 7 9>; v = <1>; c { v = <1>; interrupt-parent = <9>; }; }; }; d { phandle = <7>; }; e { phandle = <8>; }; f { phandle = <9>; memory-region = <8>; };'
check "which is no fault of an overlay" "$hvcma" fdt check out.dtbo
"$hvcma" fdt show out.dtbo >out
check "nor malformed, and each client is shown once" [ "$(grep -c '^client' out) $(grep -c malformed out)" = "2 0" ]
check "a phandle for a node that was there" gives "$tree" \
	'a { v = <1>; b { v = <1>; c { v = <1>; phandle = <8>; }; }; }; d { phandle = <7>; memory-region = <8>; };'
check "labels" gives 'a { };' 'a { l: b { }; };'
name=$(printf 'n%.0s' $(seq 31))
check "a path longer than a screen" gives "$(for i in $(seq 40); do printf '%s { ' "$name"; done; printf '}; %.0s' $(seq 40))" \
	"$(for i in $(seq 40); do printf '%s { ' "$name"; done; printf 'v; '; printf '}; %.0s' $(seq 40))"
nested=$(for i in $(seq 100); do printf 'n%d { v = <1>; ' "$i"; done; printf '}; %.0s' $(seq 100))
check "a hundred levels" gives "$nested" "$(echo "$nested" | sed 's/<1>/<2>/g')"

check "compiled anew: a node has another phandle" refused '/d has phandle 0x7 in BASE and 0x8 in EDITED' "$tree" \
	'a { v = <1>; b { v = <1>; c { v = <1>; }; }; }; d { phandle = <8>; };'
check "compiled anew: a new phandle among the old" refused '/e has a new phandle, 0x3, and BASE has phandles up to 0x7' "$tree" \
	"$tree e { phandle = <3>; };"
check "the last phandle there is" refused 'new phandle, 0xffffffff' "$tree" "$tree e { phandle = <0xffffffff>; };"
check "a node is gone" refused '^hvcma fdt overlay: /d is gone' "$tree" 'a { v = <1>; b { v = <1>; c { v = <1>; }; }; };'
check "a property is gone" refused 'v of /a/b is gone' "$tree" 'a { v = <1>; b { c { v = <1>; }; }; }; d { phandle = <7>; };'
check "nothing differs" refused 'do not differ' "$tree" "$tree"
check "a name that fits two" refused "/timer can't be told from 'timer@1'" 'timer@1 { }; timer { };' 'timer@1 { }; timer { v; };'
check "a new name that fits another" refused "/timer can't be told from 'timer@1'" 'timer@1 { };' 'timer@1 { }; timer { };'
check "which does no harm elsewhere" gives 'timer@1 { }; timer { }; a { };' 'timer@1 { v; }; timer { }; a { v; };'
tap_end
