#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# CONTRIBUTING.md, done: the goals of make that it names are there, and its examples, put into a copy of
# the sources as they stand in it, build and run.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset CC AR CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG MAKEFLAGS MFLAGS MAKELEVEL
export CLANG=false
text=$HVCMA_SRC/CONTRIBUTING.md
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')

src=$tmp/src
mkdir "$src"
(cd "$HVCMA_SRC" && tar -cf - --exclude=./build --exclude=./.git --exclude=config.mak .) | tar -xf - -C "$src"
cd "$src" || exit 1

# goals FILE: of the make commands in its examples and in its sentences
goals()
{
	{ sed -n 's/^    make \(.*\)/\1/p' "$1"; grep -o '`make [^`]*`' "$1" | sed 's/^`make //; s/`$//'; } |
		sed 's/   .*//' | tr ' ' '\n' | grep -v '=' | grep . | sort -u
}

# by_pattern GOAL: do the rules have a pattern that it fits?
by_pattern()
{
	while read -r bp_rule; do
		# shellcheck disable=SC2254 # a pattern
		case $1 in ${bp_rule%%%*}*${bp_rule#*%}) return ;; esac
	done <"$tmp/patterns"
	return 1
}

# unknown FILE: goals there that make has no rule for
unknown()
{
	make -rqp help 2>/dev/null >"$tmp/rules"
	sed -n 's/^\([^ #:]*%[^ :]*\):.*/\1/p' "$tmp/rules" >"$tmp/patterns"
	[ -n "$(goals "$1")" ] || echo "no goals found"
	goals "$1" | while read -r u_goal; do
		grep -q "^$u_goal:" "$tmp/rules" || by_pattern "$u_goal" || echo "$u_goal"
	done
}

# example FILE: its contents as the text has them
example()
{
	awk -v file="$1" '/^```/ { in_it = !in_it && $2 == file; if (!/^```$/) next } /^```$/ { in_it = 0; next } in_it' "$text"
}

# succeeds COMMAND...: its output is kept, and shown if it fails
succeeds()
{
	"$@" >"$tmp/out" 2>&1 && return
	note "$(tail -n 15 "$tmp/out")"
	return 1
}

check "the goals of make that it names are there" equal '' "$(unknown "$text")"
printf '    make plugin nonesuch build/guest/nonesuch   text\n`make check T=a`\n' >"$tmp/planted.md"
check "negative control: a goal that is not there" equal "build/guest/nonesuch nonesuch " \
	"$(unknown "$tmp/planted.md" | tr '\n' ' ')"

for file in tests/unit/test_example.c tests/build/test_example.sh hv/cli/example.c; do
	example $file >"$file"
	check "$file is in it, as a whole" [ "$(wc -l <"$file")" -gt 8 ]
done
chmod 755 tests/build/test_example.sh
awk '/^```diff$/ { in_it = 1; next } /^```$/ { in_it = 0 } in_it' "$text" >"$tmp/diff"
check "what is changed for the subcommand fits" succeeds patch -p1 -F 0 -i "$tmp/diff"
check "the examples are formatted" succeeds tests/format tests/unit/test_example.c tests/build/test_example.sh hv/cli/example.c

check "configure" succeeds ./configure CFLAGS=-O0
# What packages there are was asked for the run that this is part of.
echo 'PACKAGES_CHECKED = native test' >>config.mak
check "the example of a test builds" succeeds make build/tests/unit/test_example
check "the subcommand builds" succeeds make "build/$arch/hvcma"
for layer in unit build; do
	check "$layer: tests/run finds the example, and it passes" \
		succeeds env HVCMA_SRC="$src" HVCMA_BUILD="$src/build" tests/run -t example $layer
done
check "... with its negative control" grep -qx '2 passed, 0 failed, 0 skipped' "$tmp/out"
check "make check T=... would build and run it" \
	eval 'make -n check-unit T=example >"$tmp/out" 2>&1; grep -q "run -t example unit" "$tmp/out"'
check "the subcommand runs" equal "hello world" "$("build/$arch/hvcma" example -n world)"
check "it is in the help" eval '"build/$arch/hvcma" --help | grep -q "^  example *greet"'
check "help of it" eval '"build/$arch/hvcma" help example | grep -q "^usage: hvcma example"'
check "wrong usage has its exit status" eval '"build/$arch/hvcma" example more 2>/dev/null; [ $? -eq 2 ]'
tap_end
