#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The program hvcmad from the command line: options, its configuration told and checked, exit
# statuses; its units and the example of a configuration, as systemd and the program read them; its
# manual page beside the code. What it does as a service is for test_daemon.c.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
program=$HVCMA_BUILD/$arch/hvcmad
packaging=$HVCMA_SRC/packaging
[ -x "$program" ] || skip_all "there is no hvcmad: configure says what it lacks"

# ends STATUS TEXT ARGUMENT...: with this status, having said so
ends()
{
	en_status=$1 en_text=$2
	shift 2
	"$program" "$@" >"$tmp/out" 2>&1
	equal "$en_status" $? && grep -qF -e "$en_text" "$tmp/out" && return
	note "$(cat "$tmp/out")"
	return 1
}

check "--help" ends 0 "usage: hvcmad" --help
check "--version" ends 0 "hvcmad 0." --version
program=$program-keeper
check "the keeper: --help" ends 0 "usage: hvcmad-keeper" --help
check "--version" ends 0 "hvcmad-keeper 0." --version
check "an unknown option: refused" ends 2 "see hvcmad-keeper --help" --foo
check "an argument: refused" ends 2 "unexpected argument 'foo'" foo
check "a descriptor that is no number: refused" ends 2 "'x' is no number" --fd x
check "one that is no socket: refused" ends 1 "no Unix socket of type SEQPACKET" --fd 0
check "none at all: refused" ends 1 "no Unix socket of type SEQPACKET"
program=${program%-keeper}
check "an unknown option: refused" ends 2 "see hvcmad --help" --foo
check "an argument: refused" ends 2 "unexpected argument 'foo'" foo
check "an option without its argument: refused" ends 2 "see hvcmad --help" --config
check "a configuration that is not there: refused" ends 1 "$tmp/none: No such file" --config "$tmp/none"
check "a folder for it: refused" ends 1 "$tmp: not a text file" --config "$tmp"
printf 'vms = (\n  { name = "a";\n    user = "root"; pined = "1G"; }\n);\ntotals = { pinned = "1G"; regions = 1; };\n' >"$tmp/bad"
check "a setting that there is not: file, line, name" \
	ends 1 "hvcmad: $tmp/bad:3: a VM has no setting 'pined'" --check-config --config "$tmp/bad"
check "it does not start with that" ends 1 "$tmp/bad:3: " --config "$tmp/bad" --socket "$tmp/socket"
check "and makes no socket" [ ! -e "$tmp/socket" ]
check "the example of packaging is right" \
	ends 0 "VM banka: 4 regions, 2147483648 bytes, of which 1073741824 pinned, 1 devices, sees host-physical addresses, may open 0000:03:00.0" \
	--check-config --config "$packaging/hvcmad.conf"
check "that of the manual page, too" eval '
	sed -n "/^totals = /,/^\.EE/p" "$HVCMA_SRC/docs/man/hvcmad.8" | grep -v "^\." | sed "s/libvirt-qemu/root/" >"$tmp/example" &&
	ends 0 "VM banka" --check-config --config "$tmp/example"'

# Message ids: the manual page has those of the code, and each is one of its own.
ids()
{
	grep -oE '[0-9a-f]{32}' "$1" | sort
}
check "the manual page has the MESSAGE_IDs of the code" \
	same_as "$(ids "$HVCMA_SRC/hv/service/log.h")" "$(ids "$HVCMA_SRC/docs/man/hvcmad.8")"
check "all are different" equal '' "$(ids "$HVCMA_SRC/hv/service/log.h" | uniq -d)"

# The units, as systemd reads them.
if command -v systemd-analyze >/dev/null; then
	mkdir -p "$tmp/units"
	for unit in hvcmad.service hvcmad.socket hvcmad-keeper.service hvcmad-keeper.socket; do
		sed "s|@SBINDIR@|${program%/*}|" "$packaging/$unit" >"$tmp/units/$unit"
	done
	check "systemd finds no fault in the units" eval '
		SYSTEMD_UNIT_PATH=$tmp/units: systemd-analyze verify --man=no "$tmp/units/"* >"$tmp/out" 2>&1
		said=$(grep -i hvcmad "$tmp/out" | grep -v FileDescriptorStorePreserve); equal "" "$said"'
	sed -i 's/^ProtectSystem=.*/ProtectSystem=sometimes/' "$tmp/units/hvcmad.service"
	check "negative control: a setting that is no good is found" eval '
		SYSTEMD_UNIT_PATH=$tmp/units: systemd-analyze verify --man=no "$tmp/units/hvcmad.service" >"$tmp/out" 2>&1
		grep -q "hvcmad.service.*sometimes" "$tmp/out"'
else
	tap_skip "systemd finds no fault in the units" "no systemd-analyze"
fi
tap_end
