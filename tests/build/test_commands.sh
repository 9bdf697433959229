#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Command lines of hvcma in README and the guide: each command is one, and has each option, as its --help
# says. Those that lead to a guest are run in nested/test_setup.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
hvcma=$HVCMA_BUILD/$arch/hvcma

# lines FILE...: command lines, indented or in backticks, as "hvcma COMMAND ..."; what is behind " -- " is QEMU's
lines()
{
	{
		sed -n 's/^    \(sudo \)\{0,1\}\(hvcma [a-z].*\)/\2/p' "$@"
		grep -ohE '`(sudo )?hvcma [a-z][^`]*`' "$@" | tr -d '`' | sed 's/^sudo //'
	} | sed 's/ -- .*//; s/ \{2,\}#.*//' | sort -u
}

# faults FILE...: words of them that the program does not know
faults()
{
	lines "$@" | while read -r _ f_command f_words; do
		if ! "$hvcma" "$f_command" --help >"$tmp/help" 2>/dev/null; then
			echo "no command: $f_command"
			continue
		fi
		if [ "$f_command" = fdt ]; then
			f_sub=${f_words%% *}
			[ -z "$f_sub" ] || "$hvcma" fdt "$f_sub" --help >"$tmp/help" 2>/dev/null || echo "no command: fdt $f_sub"
		fi
		for f_word in $f_words; do
			case $f_word in
			--*) grep -qE -e "(^|[^a-z-])${f_word%%=*}([^a-z-]|$)" "$tmp/help" || echo "hvcma $f_command has no ${f_word%%=*}" ;;
			esac
		done
	done
}

cd "$HVCMA_SRC" || exit 1
check "there are such lines" [ "$(lines README.md docs/guide.md | wc -l)" -ge 15 ]
note "$(lines README.md docs/guide.md)"
check "every command line in README and the guide is one" equal '' "$(faults README.md docs/guide.md)"
printf '    sudo hvcma chekc\n    hvcma bind --yess 0000:01:00.0\n`hvcma fdt shwo`\n' >"$tmp/bad.md"
check "negative control: others are found" equal 'hvcma bind has no --yess;no command: chekc;no command: fdt shwo;' \
	"$(faults "$tmp/bad.md" | sort | tr '\n' ';')"
tap_end
