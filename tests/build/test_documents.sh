#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What documents say of the tree, beside the tree: the map in README, the index of tests by promise, files
# and links that any of them names. Each check is also run on a tree with its fault planted.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# files ROOT: what belongs to the tree
files()
{
	if [ -e "$1/.git" ] && command -v git >/dev/null; then
		git -C "$1" ls-files -co --exclude-standard
	else
		(cd "$1" && find . -path ./build -prune -o -type f -print | sed 's|^\./||')
	fi
}

# folders ROOT: those of the first two levels
folders()
{
	files "$1" | awk -F / 'NF > 1 { print $1 } NF > 2 { print $1 "/" $2 }' | sort -u
}

# map ROOT: the map's lines, "FOLDER|TEXT"
map()
{
	sed -n '/^## Where things are/,/^## [^W]/s/^| `\([^`]*\)` | \(.*\) |$/\1|\2/p' "$1/README.md"
}

# map_faults ROOT: the folders that have no line, nor are named as `NAME/` in the line of the folder that
# they are in; and what is named and not there
map_faults()
{
	map "$1" >"$tmp/map"
	[ -s "$tmp/map" ] || echo "no map"
	cut -d '|' -f 1 "$tmp/map" >"$tmp/named"
	while IFS='|' read -r mf_folder mf_text; do
		echo "$mf_text" | grep -o '`[^` ]*/`' | tr -d '`' | sed "s|^|$mf_folder/|; s|/\$||"
	done <"$tmp/map" >>"$tmp/named"
	while read -r mf_folder; do
		[ -d "$1/$mf_folder" ] || echo "no folder $mf_folder"
	done <"$tmp/named"
	# One whose folders all have lines needs none.
	folders "$1" | while read -r mf_folder; do
		grep -qx "$mf_folder" "$tmp/named" || grep -q "^$mf_folder/" "$tmp/named" || echo "not in the map: $mf_folder"
	done
}

# programs ROOT: the test programs there, LAYER/TEST
programs()
{
	(cd "$1/tests" && find . -mindepth 2 -maxdepth 2 \( -name 'test_*.[ch]' -o -name 'test_*.sh' -o \
		-path './fuzz/fuzz_*.c' -o -path './bench/bench_*.c' -o -path './bench/bench_*.sh' \)) |
		sed 's|^\./||; s|\.[a-z]*$||' | sort
	echo layers
}

# index_faults ROOT: programs without a promise, and the reverse
index_faults()
{
	programs "$1" | sort >"$tmp/programs"
	grep '^|' "$1/docs/promises.md" | grep -oE '`([a-z]+/(test|fuzz|bench)_[a-z0-9_]+|layers)`' | tr -d '`' |
		sort -u >"$tmp/index"
	comm -23 "$tmp/programs" "$tmp/index" | sed 's/^/in no promise: /'
	comm -13 "$tmp/programs" "$tmp/index" | sed 's/^/no such test: /'
}

# there FOLDER PATH: a file or folder, a name without its ending, a pattern (*) that fits something
there()
{
	th_name=${2%/}
	find "$1/${th_name%/*}" -maxdepth 1 \( -name "${th_name##*/}" -o -name "${th_name##*/}.*" \) 2>/dev/null | grep -q .
}

# named_faults ROOT: links that lead nowhere, files that are named and not there (but LIKE/THIS)
named_faults()
{
	files "$1" | grep '\.md$' | while read -r nf_file; do
		[ -f "$1/$nf_file" ] || continue
		case $nf_file in */*) nf_dir=$1/${nf_file%/*} ;; *) nf_dir=$1 ;; esac
		grep -oE '\]\([^)#: ]+' "$1/$nf_file" | sed 's/^](//' | while read -r nf_link; do
			[ -e "$nf_dir/$nf_link" ] || echo "$nf_file: a link to $nf_link"
		done
		grep -oE '`(\.ci|docs|examples|fdt|guest-driver|hv|packaging|qemu-device|tests)/[a-z0-9_./*-]*`' "$1/$nf_file" |
			tr -d '`' | sort -u | while read -r nf_path; do
			there "$1" "$nf_path" || there "$1/tests" "$nf_path" || echo "$nf_file: $nf_path"
		done
	done
}

check "the map in README has every folder, and no other" equal '' "$(map_faults "$HVCMA_SRC")"
check "every test program keeps a promise, every promise has its tests" equal '' "$(index_faults "$HVCMA_SRC")"
check "links and files that documents name are there" equal '' "$(named_faults "$HVCMA_SRC")"

mkdir -p "$tmp/src/docs" "$tmp/src/hv/core" "$tmp/src/tests/unit" "$tmp/src/lost"
touch "$tmp/src/hv/core/a.c" "$tmp/src/tests/unit/test_a.c" "$tmp/src/tests/unit/test_b.c" "$tmp/src/lost/file"
cat >"$tmp/src/README.md" <<'EOL'
## Where things are
| `hv/core` | core, [there](docs/none.md) |
| `tests` | `unit/`, `gone/` |
## Other
EOL
printf '| a promise | `unit/test_a`, `unit/test_c` |\n`tests/unit/test_*.c`, `tests/unit/test_d.c`\n' >"$tmp/src/docs/promises.md"
check "negative control: the map" equal "no folder tests/gone;not in the map: docs;not in the map: lost;" \
	"$(map_faults "$tmp/src" | tr '\n' ';')"
check "negative control: the index" equal "in no promise: layers;in no promise: unit/test_b;no such test: unit/test_c;" \
	"$(index_faults "$tmp/src" | tr '\n' ';')"
check "negative control: what is named" equal "README.md: a link to docs/none.md;docs/promises.md: tests/unit/test_d.c;" \
	"$(named_faults "$tmp/src" | sort | tr '\n' ';')"
tap_end
