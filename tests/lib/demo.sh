# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# For tests of the demonstration. Sourced, after tap.sh.
#
#	demo ARGUMENT...	runs it; $log is a file of what it said, $demo_status how it ended

demo()
{
	"$HVCMA_SRC/tests/nested/demo" "$@" >"$log" 2>&1
	demo_status=$?
	sed 's/^/# /' "$log"
	echo "# exit status $demo_status"
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
