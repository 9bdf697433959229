# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# bash: what may come next, as "hvcma --complete" says. Values of options are left to files.

_hvcma()
{
	local line=${COMP_LINE:0:COMP_POINT} word prefix
	local -a words known

	read -ra words <<<"$line"
	[[ $line != *[[:blank:]] ]] || words+=("")
	word=${words[-1]}
	mapfile -t known < <("${words[0]}" --complete "${words[@]:1:${#words[@]}-2}" 2>/dev/null | cut -f 1)
	mapfile -t COMPREPLY < <(compgen -W "${known[*]}" -- "$word")
	# To readline a word begins behind a colon: addresses of PCI devices have some.
	prefix=${word%"${word##*[:=]}"}
	COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
	[[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
}
complete -o default -F _hvcma hvcma
