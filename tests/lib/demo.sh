# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For tests of the demonstration. Sourced, after tap.sh.
#
#	demo ARGUMENT...	runs it, and notes what it said
#	demo_said PATTERN	did it, then?
#	demo_ended STATUS	did it, with that?

demo()
{
	"$HVCMA_SRC/tests/nested/demo" "$@" >"$demo_log" 2>&1
	demo_status=$?
	sed 's/^/# /' "$demo_log"
	echo "# exit status $demo_status"
}

demo_said()
{
	grep -q "$1" "$demo_log"
}

demo_ended()
{
	[ "$demo_status" -eq "$1" ]
}

demo_log=$(mktemp)
trap 'rm -f "$demo_log"' EXIT
