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

# note TEXT: what people should know of a plan; told once all are made.
note()
{
	say "$*" >>"$CACHE/tmp/notes"
}

# Checksum of standard input, short enough for a file name.
digest()
{
	sha256sum | cut -c 1-12
}

# Run a command while no other run uses the cache. What it starts holds the lock, too: when a run
# is killed, the next waits for what is left of it.
with_lock()
{
	exec 9>"$CACHE/lock"
	if ! flock -n 9; then
		say "waiting for another run that uses $CACHE"
		flock 9
	fi
	"$@"
}
