# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The files of plans: which are there, fetching the others, telling how far it is. They are kept
# in files/ by the names they have in the archive; one under way is in partial/ until it is whole
# and its checksum was compared, so a download that is broken off goes on where it was.

# files_absent: of the lines of a plan on standard input, those whose file is not there.
files_absent()
{
	while read -r file size rest; do
		[ "$(stat -c %s "$CACHE/files/$file" 2>/dev/null)" = "$size" ] ||
			echo "$file $size $rest"
	done
}

# files_verify PLAN: removes files whose contents are not what they should be.
files_verify()
{
	while read -r file _ hash _; do
		[ -e "$CACHE/files/$file" ] || continue
		echo "${hash#*:}  $CACHE/files/$file" | sha256sum --status -c || {
			say "$file is damaged"
			rm -f "$CACHE/files/$file"
		}
	done <"$1"
}

# files_fetch PLAN: downloads what is not there; apt verifies the checksums. Fails unless all is.
files_fetch()
{
	partial=$CACHE/partial
	mkdir -p "$CACHE/files" "$partial"
	files_verify "$1"
	files_absent <"$1" >"$WORK/absent"
	[ -s "$WORK/absent" ] || return 0
	# More than it should have is none of ours, and apt would never end.
	while read -r file size _; do
		[ "$(stat -c %s "$partial/$file" 2>/dev/null || echo 0)" -lt "$size" ] ||
			rm -f "$partial/$file"
	done <"$WORK/absent"
	status=0
	while read -r file _ hash uri; do
		echo "$uri $partial/$file $hash"
	done <"$WORK/absent" |
		xargs /usr/lib/apt/apt-helper -c "$APT_CONF" -qq download-file || status=1
	while read -r file _ hash _; do
		# From an archive on this machine comes a link.
		[ ! -L "$partial/$file" ] ||
			cp -L --remove-destination "$(readlink "$partial/$file")" "$partial/$file" || continue
		echo "${hash#*:}  $partial/$file" | sha256sum --status -c 2>/dev/null || continue
		mv "$partial/$file" "$CACHE/files/$file"
	done <"$WORK/absent"
	[ -z "$(files_absent <"$1")" ] && return
	[ $status -ne 0 ] || die "not what the package lists promise:" \
		"$(files_absent <"$1" | cut -d ' ' -f 1 | tr '\n' ' ')"
	return 1
}

# megabytes BYTES
megabytes()
{
	echo $((($1 + 500000) / 1000000))
}

# files_tell LIST: how much of the files in this list of a plan's lines is there.
files_tell()
{
	now=$(while read -r file _; do
		printf '%s\n%s\n' "$CACHE/files/$file" "$CACHE/partial/$file"
	done <"$1" | xargs stat -c %s 2>/dev/null | bytes_sum)
	say "downloaded $(megabytes "$now") of $(megabytes "$(cut -d ' ' -f 2 "$1" | bytes_sum)") MB"
}

# Sum of the numbers on standard input.
bytes_sum()
{
	awk '{ sum += $1 } END { printf "%.0f\n", sum }'
}

# files_watch LIST: tell it every few seconds while this process lasts.
files_watch()
{
	while sleep 5 && kill -0 $$ 2>/dev/null; do
		files_tell "$1"
	done
}
