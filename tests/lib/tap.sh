# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# TAP for shell tests. Sourced, on the outer machine and inside guests (busybox).
# Every check prints one line and is counted; a failed one does not end the test.
#
#	check "what is shown" command [argument...]
#	tap_end		prints the plan, exits 0 or 1
#	rarely command [argument...]	a case that "make check" leaves out
#	skip_all "why"	prints the plan of a skipped file, exits 77

tap_nr=0
tap_failed=0

# tap_result STATUS TEXT
tap_result()
{
	tap_nr=$((tap_nr + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_nr - $2"
	else
		tap_failed=$((tap_failed + 1))
		echo "not ok $tap_nr - $2"
	fi
	return "$1"
}

note()
{
	printf '%s\n' "$*" | sed 's/^/# /'
}

check()
{
	tap_text=$1
	shift
	"$@"
	tap_result $? "$tap_text"
}

# equal EXPECTED FOUND: for check, says what differs.
equal()
{
	[ "$1" = "$2" ] && return
	note "expected '$1', found '$2'"
	return 1
}

# same_as BEFORE FOUND: the same, of what was measured: two that are missing are no match.
same_as()
{
	[ -n "$1" ] || note "nothing was measured before"
	[ -n "$1" ] && equal "$@"
}

# rarely COMMAND [ARGUMENT...]: a case of the long tests, and of this one by its name (see tests/run)
rarely()
{
	[ -z "${HVCMA_RARELY-}" ] || "$@"
}

# tap_skip TEXT REASON: one check that could not be made.
tap_skip()
{
	tap_nr=$((tap_nr + 1))
	echo "ok $tap_nr - $1 # SKIP $2"
}

# tap_import FILE PREFIX: the results another test wrote, up to its plan.
tap_import()
{
	tap_plan=
	while read -r tap_line; do
		case $tap_line in
		"ok "*) tap_result 0 "$2: ${tap_line#ok * - }" ;;
		"not ok "*) tap_result 1 "$2: ${tap_line#not ok * - }" ;;
		1..*) tap_plan=$tap_line ;;
		*) echo "$tap_line" | sed '/^#/!s/^/# /' ;;
		esac
	done <"$1"
	[ -n "$tap_plan" ] || tap_result 1 "$2: comes to its end"
}

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 77
}

tap_end()
{
	echo "1..$tap_nr"
	[ "$tap_failed" -eq 0 ]
	exit
}
