#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Command lines of hvcma in README, the guide and the form for reports: each command is one, and has each option, as its --help
# says; and README's ways from the sources to a guest are ten lines at most. Those that lead to a guest are run in
# nested/test_setup.

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
pages='README.md docs/guide.md docs/report.md'
# shellcheck disable=SC2086 # names
check "there are such lines" [ "$(lines $pages | wc -l)" -ge 15 ]
note "$(lines $pages)"
check "every command line in them is one" equal '' "$(faults $pages)"
printf '    sudo hvcma chekc\n    hvcma bind --yess 0000:01:00.0\n`hvcma fdt shwo`\n' >"$tmp/bad.md"
check "negative control: others are found" equal 'hvcma bind has no --yess;no command: chekc;no command: fdt shwo;' \
	"$(faults "$tmp/bad.md" | sort | tr '\n' ';')"

# ---- ways from the sources to a guest ----------------------------------------
# ways FILE: "HOST|COMMAND" for each line below "**HOST**"; those in the guest are of every host
ways()
{
	awk '/^## / { is_here = /Using it/; host = "" }
		is_here && /^\*\*/ { split($0, part, "\\*\\*"); host = part[2] }
		/^[^ *]/ && last == "" { host = "" }
		/^    / && host != "" { sub(/^ +/, ""); print host "|" $0 }
		{ last = $0 }' "$1" >"$tmp/ways"
	grep '^In the guest|' "$tmp/ways" | sed 's/^[^|]*|//' >"$tmp/guest"
	grep -v '^In the guest|' "$tmp/ways" | cut -d '|' -f 1 | uniq >"$tmp/hosts"
	while read -r wa_host; do
		grep "^$wa_host|" "$tmp/ways"
		sed "s/^/$wa_host|/" "$tmp/guest"
	done <"$tmp/hosts"
}
# way_faults FILE: more than ten commands; more that only the reader knows (in capitals) than device, guest and board;
# options of hvcma, for what is chosen there it can choose; packages that are not made
way_faults()
{
	ways "$1" >"$tmp/all"
	while read -r wf_host; do
		grep "^$wf_host|" "$tmp/all" | sed 's/^[^|]*|//' >"$tmp/way"
		wf_nr=$(wc -l <"$tmp/way")
		wf_words=$(tr ' =/:,' '\n' <"$tmp/way" | grep -xE '[A-Z]{3,}' | sort -u | tr '\n' ' ')
		echo "$wf_host: $wf_nr commands, to decide: $wf_words" >>"$tmp/counts"
		[ "$wf_nr" -le 10 ] || echo "$wf_host: $wf_nr commands"
		[ "$(echo "$wf_words" | wc -w)" -le 3 ] || echo "$wf_host: to decide: $wf_words"
		sed -n 's/ -- .*//; s/^sudo //; /^hvcma .* -/s/^/an option: /p' "$tmp/way"
		grep -oE '[a-z-]+_\*\.deb' "$tmp/way" | sed 's/_.*//' | while read -r wf_package; do
			grep -qx "Package: $wf_package" packaging/debian/control || echo "$wf_host: no package $wf_package"
		done
	done <"$tmp/hosts"
}
check "README's ways are ten commands at most, without a decision that hvcma can make" equal '' "$(way_faults README.md)"
note "$(cat "$tmp/counts")"
check "there are three, for a board, a PC and a machine of a cloud" equal \
	'A Pi-like board;An x86 PC;A nested cloud machine;' "$(tr '\n' ';' <"$tmp/hosts")"
check "each is made ready, checked and used" equal '3 3 3 3' "$(for word in 'make deb' 'hvcma check' 'hvcma setup' 'hvcma run'; do
	grep -c "|\(sudo \)\{0,1\}$word" "$tmp/all"; done | tr '\n' ' ' | sed 's/ $//')"
{
	printf '## Using it\n\n**A host**:\n\n'
	for n in 1 2 3 4 5 6 7 8; do echo "    command $n"; done
	printf '    sudo hvcma run --size 1G ONE TWO -- -drive file=THREE,x\n\n**In the guest**\n\n'
	printf '    apt install ./hvcma-none_*.deb\n    ssh FOUR\n\nThen\n\n    not counted\n'
} >"$tmp/bad.md"
check "negative control: ways that are longer, or ask for more" equal \
	"A host: 11 commands;A host: to decide: FOUR ONE THREE TWO ;an option: hvcma run --size 1G ONE TWO;A host: no package hvcma-none;" \
	"$(way_faults "$tmp/bad.md" | tr '\n' ';')"
tap_end
