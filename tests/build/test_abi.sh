#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# docs/ABI beside the guest driver's code and its manual page: sysfs, module parameters, debugfs; and
# the messages of dynamic debug that the manual page names. That a running guest has these files, and no
# others, and says these things, is for vm/test_observe.

. "$HVCMA_SRC/tests/lib/tap.sh"
. "$HVCMA_SRC/tests/lib/abi.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# as_coded ROOT: is docs/ABI there what the driver there has?
as_coded()
{
	abi_documented "$1" >"$tmp/documented"
	abi_coded "$1" >"$tmp/coded"
	[ -s "$tmp/coded" ] || note "no attribute found"
	diff "$tmp/documented" "$tmp/coded" >"$tmp/diff" && [ -s "$tmp/coded" ] && return
	note "$(cat "$tmp/diff")"
	return 1
}

# incomplete ROOT: entries without one of the fields that the kernel's have
incomplete()
{
	awk '
	function judge() { if (what != "" && nr != 4) print what }
	/^What:/ { judge(); what = $2; nr = 0 }
	/^(Date|KernelVersion|Contact):[ \t]*[^ \t]/ { nr++ }
	/^Description:/ { nr++ }
	END { judge() }' "$1"/docs/ABI/testing/*
}

# in_manual ROOT: its lists have the same names
in_manual()
{
	sed -n '/^\.I .*vcma\/$/,/^\.RE$/s/^\.B //p' "$1/docs/man/virtio_cma.4" >"$tmp/manual"
	sed -n '/^\.SH PARAMETERS/,/^\.SH FILES/s/^\.B \([a-z_]*\)$/\1/p' "$1/docs/man/virtio_cma.4" | sort -u >"$tmp/words"
	sort -o "$tmp/manual" "$tmp/manual"
	abi_documented "$1" | sed -n 's|.*/vcma/||p' | sort | diff "$tmp/manual" - >"$tmp/diff" || note "$(cat "$tmp/diff")"
	abi_documented "$1" | sed -n 's|.*/parameters/||p' | sort | comm -13 "$tmp/words" - >"$tmp/lacks"
	[ ! -s "$tmp/lacks" ] || note "no parameter of the manual page: $(cat "$tmp/lacks")"
	[ ! -s "$tmp/diff" ] && [ ! -s "$tmp/lacks" ]
}

# diagnosis ROOT: words of messages that the manual page names, and the files have not that it says
diagnosis()
{
	sed -n '/^\.SH DIAGNOSIS/,/^\.SH SEE/p' "$1/docs/man/virtio_cma.4" | awk '
		/^\\\(dq/ {
			gsub(/\\\(dq/, "\""); nr = split($0, part, "\"")
			getline files; gsub(/[^a-z_.]/, " ", files); gsub(/ file /, " ", files)
			for (i = 2; i <= nr; i += 2) print part[i] "|" files
		}' >"$tmp/named"
	[ -s "$tmp/named" ] || echo "no message named"
	while IFS='|' read -r d_words d_files; do
		d_found=''
		for d_file in $d_files; do
			d_path=$(find "$1/guest-driver" -name "$d_file")
			case $d_file in *.c) [ "$d_path" ] || echo "no file $d_file" ;; *) continue ;; esac
			[ -z "$d_path" ] ||
				! grep -qE "(dev_dbg|pr_debug).*$(echo "$d_words" | sed 's/ N / [^ ]* /')" "$d_path" || d_found=1
		done
		[ "$d_found" ] || echo "no message: $d_words"
	done <"$tmp/named"
}

check "docs/ABI has what the driver has, readable and writable alike" as_coded "$HVCMA_SRC"
check "each entry is complete" equal '' "$(incomplete "$HVCMA_SRC")"
check "virtio_cma(4) has the same files and parameters" in_manual "$HVCMA_SRC"

check "what virtio_cma(4) says that dynamic debug tells is told there" equal '' "$(diagnosis "$HVCMA_SRC")"

# planted FILE SED-SCRIPT: a copy of both with a fault
planted()
{
	rm -rf "$tmp/src"
	mkdir -p "$tmp/src/docs"
	cp -r "$HVCMA_SRC/guest-driver" "$tmp/src/"
	cp -r "$HVCMA_SRC/docs/ABI" "$HVCMA_SRC/docs/man" "$tmp/src/docs/"
	planted_file=$(find "$tmp/src" -name "$1")
	cp "$planted_file" "$tmp/before"
	sed -i "$2" "$planted_file"
	! cmp -s "$tmp/before" "$planted_file" && ! (as_coded "$tmp/src" && [ -z "$(incomplete "$tmp/src")" ] && in_manual "$tmp/src" &&
		[ -z "$(diagnosis "$tmp/src")" ]) >"$tmp/out"
}

check "negative control: a new attribute" planted sysfs.c '/^VCMA_ATTR(mode,/s/$/\nVCMA_ATTR(planted, "%d", 1);/'
check "negative control: an attribute that can be written" planted sysfs.c \
	's/DEVICE_ATTR_RO(clients)/DEVICE_ATTR_RW(clients)/'
check "negative control: a parameter without an entry" planted sysfs-module-virtio_cma 's|/reprobe$|/reprobe_|'
check "negative control: a file of debugfs without an entry" planted debugfs-virtio_cma 's|/blocks$|/block|'
check "negative control: a read-only file called writable" planted sysfs-driver-virtio_cma 's/(RO) One of/(RW) One of/'
check "negative control: an entry without a date" planted sysfs-driver-virtio_cma '4,12s/^Date:.*//'
check "negative control: a manual page that lacks a file" planted virtio_cma.4 's/^\.B busy_bytes$/.B busy/'
check "negative control: a message that is not what the manual page says" planted bounce.c 's/no bounce buffer for/nothing for/'
check "negative control: a file that is none of the driver's" planted virtio_cma.4 's/file block_alloc\.c/file block_allot.c/'
tap_end
