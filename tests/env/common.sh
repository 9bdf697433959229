# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Messages and small helpers of the test environment builder.

say()
{
	printf 'env: %s\n' "$*"
}

die()
{
	printf 'env: error: %s\n' "$*" >&2
	exit 1
}

# Checksum of standard input, short enough for a file name.
digest()
{
	sha256sum | cut -c 1-12
}

# Run a command while no other run uses the cache.
with_lock()
{
	exec 9>"$CACHE/lock"
	if ! flock -n 9; then
		say "waiting for another run that uses $CACHE"
		flock 9
	fi
	"$@"
}
