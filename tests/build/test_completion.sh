#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Completion, in the shells themselves, on a terminal: what is typed, with tabs, is what runs. One source for all: "hvcma
# --complete", whose words are those of the commands' own tables.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
hvcma=$HVCMA_BUILD/$arch/hvcma
mkdir "$tmp/bin"
ln -s "$hvcma" "$tmp/bin/hvcma"
PATH=$tmp/bin:$PATH
completion=$HVCMA_SRC/packaging/completion

# ---- the source --------------------------------------------------------------
check "every command that the help names, and no other" equal \
	"$(hvcma help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' | sort)" \
	"$(hvcma --complete | cut -f 1 | grep -v '^-' | sort)"
for command in $(hvcma --complete | cut -f 1 | grep -vE '^(-.*|help|domain|fdt)$') 'fdt check' 'fdt bind'; do
	# shellcheck disable=SC2086 # words
	hvcma $command --help | grep -oE '(^|[ ,[|])--[a-z][a-z0-9-]*' | grep -oE -e '--.*' | sort -u >"$tmp/help"
	# shellcheck disable=SC2086
	hvcma --complete $command | sed -n 's/^\(--[^=]*\)=\{0,1\}$/\1/p' | sort >"$tmp/offered"
	check "$command: each option that its help names" equal '' "$(comm -23 "$tmp/help" "$tmp/offered" | grep -vx -e '--' )"
done
check "subcommands" eval 'hvcma --complete fdt | grep -qx overlay'
check "devices, where a command takes one" equal "$(ls /sys/bus/pci/devices 2>/dev/null)" "$(hvcma --complete bind | grep -v '^-' | sort)"
check "behind options, too" equal "$(hvcma --complete status)" "$(hvcma --complete status --qmp x)"
check "nothing is done, whatever is said" equal '' "$(hvcma --complete setup --yes --undo 2>&1 | grep -v '^--\|^[0-9a-f:.]*$')"

# ---- the shells --------------------------------------------------------------
# typed SHELL... : standard input is typed at its terminal, each line once the one before was taken
typed()
{
	# What is typed before the shell edits lines is none of its keys.
	{ sleep 2; while IFS= read -r line; do printf '%b' "$line"; sleep 0.7; printf '\n'; sleep 0.7; done; } |
		HOME=$tmp TERM=dumb timeout 60 script -qec "$*" /dev/null >"$tmp/typed" 2>&1
}
# runs TEXT SHELL...
runs()
{
	ru_text=$1
	shift
	typed "$@"
	tr -d '\r' <"$tmp/typed" | grep -qF "$ru_text" && return
	note "$(cat -v "$tmp/typed" | tail -n 30)"
	return 1
}
check "bash: a command and an option" runs 'usage: hvcma hugepages' bash --norc -i <<END
. $completion/hvcma.bash
hvcma hugep\\t--hel\\t
exit
END
device=$(hvcma --complete bind | grep -v '^-' | sort | tail -n 1)
if [ -n "$device" ]; then
	check "bash: a device, whose address has colons" runs "[$device]" bash --norc -i <<END
. $completion/hvcma.bash
hvcma() { [ "\$1" != --complete ] && printf '[%s]\\\\n' "\$2" || command hvcma "\$@"; }
hvcma bind ${device%?}\\t
exit
END
else
	tap_skip "bash: a device" "no PCI device here"
fi
if command -v zsh >/dev/null; then
	check "zsh: a command and an option" runs 'usage: hvcma hugepages' zsh -f -i <<END
fpath=($completion \$fpath); autoload -U compinit; compinit -u -d $tmp/zcompdump
hvcma hugep\\t--hel\\t
exit
END
else
	tap_skip "zsh" "no zsh: tests/env/deps completion"
fi
if command -v fish >/dev/null; then
	check "fish: commands" equal "$(hvcma --complete | grep '^h' | sort)" \
		"$(HOME=$tmp fish -N -c ". $completion/hvcma.fish; complete -C 'hvcma h'" | sort)"
	check "fish: options" eval 'HOME=$tmp fish -N -c ". $completion/hvcma.fish; complete -C \"hvcma hugepages --a\"" | grep -q "^--add="'
else
	tap_skip "fish" "no fish: tests/env/deps completion"
fi
tap_end
