# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# What recipes are written with. A recipe fills DEST, which becomes FINAL; it has WORK for
# scratch, ARCHIVE with the downloaded files, PLAN that lists them. It fails with the first of its
# commands that does. Part of every product's key: a change here makes all of them anew.

# need STEP: the product of another step.
need()
{
	step_product "$1"
}

# archives NAME-PATTERN: downloaded files whose names begin so.
archives()
{
	sed -nE "s,^(($1)[^ ]*) .*,$ARCHIVE/\1,p" "$PLAN"
}

# unpack DIR [NAME-PATTERN]: packages of the plan, all or those whose names begin so.
unpack()
{
	mkdir -p "$1"
	archives "${2-}" | grep '\.deb$' >"$WORK/packages"	# fails where there is none
	while read -r deb; do
		dpkg-deb -x "$deb" "$1"
	done <"$WORK/packages"
}

# script FILE: standard input becomes an executable script.
script()
{
	cat >"$1" && chmod 755 "$1"
}
