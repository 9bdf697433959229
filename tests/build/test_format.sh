#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tests/format ("make format-check"): the tree obeys .editorconfig, and what does not is found.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

check "the tree obeys .editorconfig" "$HVCMA_SRC/tests/format"

mkdir -p "$tmp/tests" "$tmp/hv" "$tmp/qemu-device"
cp "$HVCMA_SRC/.editorconfig" "$tmp/"
cp "$HVCMA_SRC/tests/format" "$tmp/tests/"

# found_in FILE CONTENT EXPECTED: what is said of a file with that content (a format of printf)
found_in()
{
	# shellcheck disable=SC2059 # it is one
	printf "$2" >"$tmp/$1"
	fi_said=$("$tmp/tests/format" "$tmp/$1")
	rm "$tmp/$1"
	equal "$3" "$fi_said"
}

check "tabs, and blanks behind them that align: good" found_in hv/a.c '\tint a =\n\t       3;\n /* x */\n' ''
check "blanks of QEMU's: good" found_in qemu-device/a.c '    int a;\n' ''
check "nothing: good" found_in hv/a.c '' ''
check "blanks indent" found_in hv/a.c 'int a;\n        int b;\n' 'hv/a.c:2: blanks indent'
check "a blank before a tab" found_in hv/a.h ' \tint a;\n' 'hv/a.h:1: a blank before a tab'
check "a tab indents in QEMU's style" found_in qemu-device/a.c '\tint a;\n' 'qemu-device/a.c:1: a tab indents'
check "blanks at the end" found_in hv/a.c 'int a; \n' 'hv/a.c:1: blanks at the end'
check "no newline at the end" found_in hv/a.c 'int a;' 'hv/a.c:1: no newline at the end'
check "a carriage return" found_in hv/a.c 'int a;\r\n' 'hv/a.c:1: a carriage return'
check "not UTF-8" found_in hv/a.c 'int a;\n/* \344 */\n' 'hv/a.c:2: not UTF-8'
check "a byte order mark" found_in hv/a.c '\357\273\277int a;\n' 'hv/a.c:1: a byte order mark'
check "a tree without git: all but what is made" eval \
	'mkdir "$tmp/build" && printf "x \n" | tee "$tmp/build/a.c" "$tmp/hv/a.h" >"$tmp/config.mak"; equal "hv/a.h:1: blanks at the end" "$("$tmp/tests/format")"'
check "found: failure" eval '! (cd "$tmp" && printf "int a; \n" >hv/b.c && tests/format >/dev/null)'
check "a rule that it does not know: refused" eval \
	'echo "tab_width = 3" >>"$tmp/.editorconfig"; ! "$tmp/tests/format" 2>"$tmp/err" && grep -q "not known here: tab_width" "$tmp/err"'
tap_end
