# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A private apt root under the cache: own sources, lists, state and downloads, no root, nothing
# of the machine's apt configuration changed. What it takes from that configuration: the mirror,
# proxies and transport options. Dependencies are resolved against an empty machine, so an answer
# is the same wherever the question is asked.
#
# Words: a *plan* is the list of files a step downloads, one "file size hash uri" per line.

APT_DIR=$CACHE/apt
APT_CONF=$APT_DIR/conf
GUEST_SUITE=bookworm	# what runs in virtual machines, wherever the builder runs
SOURCE_SUITE=trixie	# the suite that holds the source of the QEMU that is backported
NEWEST_SUITE=unstable	# has the newest kernel; everything else does without it

# The suite that fits this machine's own C library.
host_suite()
{
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
	case $codename in
	"$GUEST_SUITE") echo "$codename" ;;
	*) echo "$SOURCE_SUITE" ;;
	esac
}

# newest COMMAND...: the command with a second apt root, which knows the newest suite only.
newest()
(
	APT_DIR=$APT_DIR-newest
	APT_CONF=$APT_DIR/conf
	"$@"
)

# Is there a newest kernel to be had?
newest_is_known()
{
	[ -e "$APT_DIR-newest/updated" ]
}

apt_get()
{
	apt-get -c "$APT_CONF" -qq "$@"
}

# apt_mirrors: "MAIN SECURITY", the archives the machine itself uses. Third parties may use the
# names of Debian's suites; only Debian's own archive has the -updates suite beside them.
apt_mirrors()
{
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --no-release-info --format \
		'$(REPO_URI) $(RELEASE) $(COMPONENT)' 2>/dev/null | awk '
		$3 != "main" { next }
		$2 ~ /[-\/](security|updates)$/ && $1 ~ /security/ { if (!sec) sec = $1; next }
		$2 ~ /-updates$/ { updates[$1] = 1; next }
		$2 !~ /-/ { order[++n] = $1 }
		END {
			for (i = n; i > 0; i--) {
				if (order[i] ~ /\/debian\/?$/)
					named = order[i]
				if (order[i] in updates)
					own = order[i]
			}
			main = own ? own : named
			if (main && !sec) {
				sec = main
				sub(/\/?$/, "-security/", sec)
			}
			if (main)
				print main, sec
		}'
}

# apt_sources TYPE OPTIONS SUITE MAIN SECURITY [EXTRA-SUFFIX]
apt_sources()
{
	for suffix in '' -updates ${6-}; do
		echo "$1 [$2] $4 $3$suffix main"
	done
	echo "$1 [$2] $5 $3-security main"
}

apt_archives()
{
	mirrors=${HVCMA_MIRRORS:-$(apt_mirrors)}
	[ -n "$mirrors" ] || die "no Debian archive in this machine's apt configuration;" \
		"say which: HVCMA_MIRRORS='MAIN-URI SECURITY-URI'"
	keyring=
	for file in /usr/share/keyrings/debian-archive-keyring.gpg \
		/usr/share/keyrings/debian-archive-keyring.pgp; do
		[ ! -r "$file" ] || keyring=$file
	done
	[ -n "$keyring" ] || die "no Debian archive keys: install debian-archive-keyring"
	main=${mirrors%% *} security=${mirrors##* }
}

apt_stable_sources()
{
	apt_sources deb "arch=amd64,arm64 signed-by=$keyring" "$GUEST_SUITE" \
		"$main" "$security" -backports
	[ "$(host_suite)" = "$GUEST_SUITE" ] ||
		apt_sources deb "arch=amd64 signed-by=$keyring" "$(host_suite)" \
			"$main" "$security"
	apt_sources deb-src "signed-by=$keyring" "$SOURCE_SUITE" "$main" "$security"
}

apt_newest_sources()
{
	echo "deb [arch=amd64,arm64 signed-by=$keyring] $main $NEWEST_SUITE main"
}

# apt_configure SOURCES: an apt root with the sources that this function prints.
apt_configure()
{
	mkdir -p "$APT_DIR/state/lists/partial" "$APT_DIR/cache/archives/partial"
	: >"$APT_DIR/status"
	"$1" >"$APT_DIR/sources.list.new"

	# Guests come from one suite: others are there to be asked for by name only.
	cat >"$APT_DIR/preferences" <<-END
		Package: *
		Pin: release n=$SOURCE_SUITE*
		Pin-Priority: 50
	END
	cat >"$APT_CONF" <<-END
		Dir::Etc::sourcelist "$APT_DIR/sources.list";
		Dir::Etc::sourceparts "/dev/null";
		Dir::Etc::preferences "$APT_DIR/preferences";
		Dir::Etc::preferencesparts "/dev/null";
		Dir::State "$APT_DIR/state";
		Dir::State::status "$APT_DIR/status";
		Dir::Cache "$APT_DIR/cache";
		Dir::Cache::pkgcache "pkgcache.bin";
		Dir::Cache::srcpkgcache "srcpkgcache.bin";
		#clear APT::Architectures;
		#clear APT::Default-Release;
		#clear APT::Update;
		#clear DPkg::Pre-Install-Pkgs;
		APT::Architecture "amd64";
		APT::Architectures { "amd64"; "arm64"; };
		APT::Install-Recommends "false";
		APT::Get::Assume-Yes "true";
		APT::Sandbox::User "root";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
	# Other mirrors or suites make the lists at hand meaningless.
	if ! cmp -s "$APT_DIR/sources.list.new" "$APT_DIR/sources.list"; then
		rm -f "$APT_DIR/updated"
	fi
	mv "$APT_DIR/sources.list.new" "$APT_DIR/sources.list"
}

# apt_update SOURCES [now]: fetch package lists when there are none, when they are a day old, or
# now. Return: 0 when they are there; refreshed tells of new ones.
apt_update()
{
	apt_configure "$1"
	[ "${2-}" != now ] && [ -n "$(find "$APT_DIR/updated" -mtime -1 2>/dev/null)" ] && return
	say "fetching package lists"
	if apt_get update --error-on=any; then
		: >"$APT_DIR/updated"
		: >"$CACHE/refreshed"
	else
		[ -e "$APT_DIR/updated" ] || return 1
		say "package lists cannot be refreshed, going on with those at hand"
	fi
}

# Bring the package lists up to date, "now" or daily. Plans made from older lists go; products
# whose files stay the same are found again.
apt_refresh()
{
	rm -f "$CACHE/refreshed"
	apt_archives
	apt_update apt_stable_sources "$1" ||
		die "package lists cannot be fetched from the archives in $APT_DIR/sources.list"
	newest apt_update apt_newest_sources "$1" ||
		say "no package lists of $NEWEST_SUITE: going on without the newest kernel"
	refreshed=
	[ -e "$CACHE/refreshed" ] || return 0
	# shellcheck disable=SC2034 # for steps_build
	refreshed=1
	rm -rf "$CACHE/plans"
	mkdir -p "$CACHE/plans"
}

# Left alone, apt prints MD5 sums, and none where an archive has none.
apt_uris()
{
	apt_get -o Acquire::ForceHash=SHA256 --print-uris "$@"
}

# apt prints "'uri' file size hash"; an empty plan is an error.
plan_lines()
{
	sed -n "s/^'\([^']*\)' \([^ ]*\) \([^ ]*\) \([^ ]*\).*/\2 \3 \4 \1/p" | grep .
}

# plan_closure [-t SUITE] PACKAGE...: the packages and all they depend on.
plan_closure()
{
	apt_uris install "$@" | plan_lines
}

# plan_packages [-t SUITE] PACKAGE...: these packages and nothing else.
plan_packages()
{
	apt_uris download "$@" | plan_lines
}

plan_source()
{
	apt_uris source --only-source -t "$SOURCE_SUITE" "$1" | plan_lines
}

# plan_without PATTERN: drop packages by the name of their file.
plan_without()
{
	grep -vE "^($1)_"
}

# package_version NAME: of the candidate.
package_version()
{
	apt-cache -c "$APT_CONF" policy "$1" | sed -n 's/^  Candidate: //p'
}

# package_depends NAME[=VERSION] PREFIX: the first dependency that starts with PREFIX.
package_depends()
{
	apt-cache -c "$APT_CONF" show --no-all-versions "$1" 2>/dev/null |
		sed -n 's/^Depends: //p' | tr ',|' '\n' |
		sed -n "s/^ *\($2[^ ]*\).*/\1/p" | head -n 1
}

# fetch PLAN DIR: has every file of the plan in the cache, downloading by way of DIR what is not
# there yet. apt verifies the hashes.
fetch()
{
	mkdir -p "$CACHE/files" "$2"
	while read -r file size hash uri; do
		[ "$(stat -c %s "$CACHE/files/$file" 2>/dev/null)" = "$size" ] ||
			echo "$uri $2/$file $hash"
	done <"$1" >"$2/.get"
	[ -s "$2/.get" ] || return 0
	xargs /usr/lib/apt/apt-helper -c "$APT_CONF" -qq download-file <"$2/.get" || return 1
	mv "$2"/* "$CACHE/files/"
}
