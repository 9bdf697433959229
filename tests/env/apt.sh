# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A private apt root under the cache: own sources, lists, state and downloads, no root, nothing
# of the machine's apt configuration changed. What it takes from that configuration: the mirror,
# proxies and transport options. Dependencies are resolved against an empty machine, so an answer
# is the same wherever the question is asked.
#
# Words: a *plan* is the list of files a step downloads, one "file size hash uri" per line.
# What asks for a plan's parts fails, and names what can't be had, when any of it can't: a caller
# takes the answer into a variable first, for a pipeline would lose the failure.

APT_DIR=$CACHE/apt
APT_CONF=$APT_DIR/conf
HVCMA_TRUSTED=${HVCMA_TRUSTED-}	# for tests: archives that nobody signed
GUEST_SUITE=bookworm	# what runs in virtual machines, wherever the builder runs
SOURCE_SUITE=trixie	# the suite that holds the source of the QEMU that is backported
NEWEST_SUITE=unstable	# has the newest kernel and QEMU; everything else does without it
COMING_SUITE=experimental	# has kernels before the newest suite has them

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

# with_root NAME COMMAND...: the command with another apt root.
with_root()
(
	APT_DIR=$APT_DIR-$1
	APT_CONF=$APT_DIR/conf
	shift
	"$@"
)

# newest COMMAND...: with one that knows the newest suite only.
newest()
{
	with_root newest "$@"
}

# later COMMAND...: with one that knows the suite after the guests' only.
later()
{
	with_root later "$@"
}

# coming COMMAND...: with one that knows what is to become the newest, too.
coming()
{
	with_root coming "$@"
}

# armhf COMMAND...: with one for 32-bit Arm, of which there is nothing but kernels to look at.
armhf()
{
	with_root armhf "$@"
}

# of_arm64 COMMAND...: with one of an arm64 machine, whose own programs these are.
of_arm64()
(
	# shellcheck disable=SC2034 # for those that are called
	MACHINE=arm64
	with_root arm64 "$@"
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
	[ -n "$keyring$HVCMA_TRUSTED" ] ||
		die "no Debian archive keys: install debian-archive-keyring"
	main=${mirrors%% *} security=${mirrors##* }
	signed=${HVCMA_TRUSTED:+trusted=yes}
	signed=${signed:-signed-by=$keyring}
}

apt_stable_sources()
{
	apt_sources deb "arch=amd64,arm64 $signed" "$GUEST_SUITE" \
		"$main" "$security" -backports
	[ "$(host_suite)" = "$GUEST_SUITE" ] ||
		apt_sources deb "arch=$MACHINE $signed" "$(host_suite)" \
			"$main" "$security"
	apt_sources deb-src "$signed" "$SOURCE_SUITE" "$main" "$security"
}

apt_newest_sources()
{
	echo "deb [arch=amd64,arm64 $signed] $main $NEWEST_SUITE main"
	echo "deb-src [$signed] $main $NEWEST_SUITE main"
}

apt_later_sources()
{
	apt_sources deb "arch=amd64,arm64 $signed" "$SOURCE_SUITE" "$main" "$security"
}

apt_coming_sources()
{
	echo "deb [arch=$MACHINE $signed] $main $COMING_SUITE main"
	echo "deb [arch=$MACHINE $signed] $main $NEWEST_SUITE main"
}

# Nothing of it is run: releases as they were made will do.
apt_armhf_sources()
{
	echo "deb [arch=armhf $signed] $main $GUEST_SUITE main"
	echo "deb [arch=armhf $signed] $main $GUEST_SUITE-backports main"
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
		Acquire::GzipIndexes "false";
		#clear APT::Architectures;
		#clear APT::Default-Release;
		#clear APT::Update;
		#clear DPkg::Pre-Install-Pkgs;
		APT::Architecture "$MACHINE";
		APT::Architectures { "amd64"; "arm64"; "armhf"; };
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

# apt_update SOURCES PLANS [now]: fetch package lists when there are none, when they are a day old,
# or now; then PLANS (arguments of find) made from older ones go. Products whose files stay the same
# are found again. Return: 0 when lists are there; sets refreshed when they are new.
apt_update()
{
	apt_configure "$1"
	[ "${3-}" != now ] && [ -n "$(find "$APT_DIR/updated" -mtime -1 2>/dev/null)" ] && return
	say "fetching package lists"
	if apt_get update --error-on=any; then
		# shellcheck disable=SC2086 # arguments
		find "$CACHE/plans" -type f $2 -delete
		: >"$APT_DIR/updated"
		: >"$CACHE/tmp/refreshed"
	else
		[ -e "$APT_DIR/updated" ] || return 1
		say "package lists cannot be refreshed, going on with those at hand"
	fi
}

# apt_refresh WHEN [newest] [later] [coming] [armhf] [arm64]: bring the package lists up to date, "now" or daily, those of the
# other roots only where they are wanted.
apt_refresh()
{
	mkdir -p "$CACHE/plans" "$CACHE/tmp"
	rm -f "$CACHE/tmp/refreshed"
	apt_archives
	apt_update apt_stable_sources \
		'! -name *newest* ! ( -name libvirt-* ! -name libvirt-*-9.0-* ) ! -name selinux-* ! -name *xen-*4.20-* ! -name *-iommufd-* ! -name *-armhf-* ! -name *-of-arm64-*' "$1" ||
		die "package lists cannot be fetched from the archives in $APT_DIR/sources.list"
	when=$1
	shift
	for root; do
		case $root in
		newest)
			newest apt_update apt_newest_sources '-name *newest*' "$when" ||
				say "no package lists of $NEWEST_SUITE: going on without the newest kernel and QEMU" ;;
		later)
			later apt_update apt_later_sources '( -name libvirt-* ! -name libvirt-*-9.0-* ! -name *newest* -o -name selinux-* -o -name *xen-*4.20-* )' "$when" ||
				die "package lists of $SOURCE_SUITE cannot be fetched from the archives in $APT_DIR-later/sources.list" ;;
		coming)
			coming apt_update apt_coming_sources '-name *-iommufd-*' "$when" ||
				say "no package lists of $COMING_SUITE: going on without the kernel that has iommufd" ;;
		armhf)
			armhf apt_update apt_armhf_sources '-name *-armhf-*' "$when" ||
				die "package lists of armhf cannot be fetched from the archives in $APT_DIR-armhf/sources.list" ;;
		arm64)
			of_arm64 apt_update apt_stable_sources '-name *-of-arm64-*' "$when" ||
				die "package lists of arm64 cannot be fetched from the archives in $APT_DIR-arm64/sources.list" ;;
		esac
	done
}

# apt_plan COMMAND...: what apt-get would download for the command, as lines of a plan. Left alone,
# apt prints MD5 sums, and none where an archive has none.
apt_plan()
{
	if ! apt_get -o Acquire::ForceHash=SHA256 --print-uris "$@" >"$WORK/uris" 2>"$WORK/errors"; then
		# Quiet enough to be read by us, apt does not say whose dependency it is.
		apt_get -q=1 --print-uris "$@" 2>/dev/null |
			sed -n 's/^ *\([^ ]* : *Depends: .*\)/\1/p' >>"$WORK/errors"
		cannot_be_had "$*" "$(sed -n '/^W:/!s/^E: //p; / : *Depends:/p' "$WORK/errors")"
	fi
	sed -n "s/^'\([^']*\)' \([^ ]*\) \([^ ]*\) \([^ ]*\).*/\2 \3 \4 \1/p" "$WORK/uris" |
		grep . || cannot_be_had "$*" "apt names no file"
}

# cannot_be_had WHAT WHY
cannot_be_had()
{
	die "not in the archives: $1:" "$(printf '%s' "$2" | tr '\n' ';' | tr -s ' ;' | sed 's/;/; /g')"
}

# plan_closure [-t SUITE] PACKAGE...: the packages and all they depend on.
plan_closure()
{
	apt_plan install "$@"
}

# plan_packages [-t SUITE] PACKAGE...: these packages and nothing else.
plan_packages()
{
	apt_plan download "$@"
}

plan_source()
{
	apt_plan source --only-source -t "$SOURCE_SUITE" "$1"
}

# plan_source_series PACKAGE SERIES: of the newest suite, the newest version of the series.
plan_source_series()
{
	versions=$(apt-cache -c "$APT_CONF" showsrc --only-source "$1" 2>/dev/null) || versions=
	version=$(printf '%s\n' "$versions" | sed -n 's/^Version: //p' | grep -E "^([0-9]+:)?$2\." |
		sort -rVu | head -n 1)
	[ -n "$version" ] || die "no source of $1 $2 in $NEWEST_SUITE"
	apt_plan source --only-source -t "$NEWEST_SUITE" "$1=$version"
}

# offered PACKAGE[:ARCH]...: "PACKAGE[:ARCH] VERSION" of all that the archives have, newest first for
# each package; not from suites that are there to be asked for by name only. This machine's goes unsaid.
offered()
{
	apt_versions 100 "$@"
}

# apt_versions PRIORITY PACKAGE[:ARCH]...: those of at least this priority.
apt_versions()
{
	least=$1
	shift
	apt-cache -c "$APT_CONF" policy "$@" 2>/dev/null | awk -v least="$least" '
		/^[^ ]/ { package = $1; sub(/:$/, "", package) }
		/^     [^ ]/ && NF == 2 && $2 + 0 >= least { print package, $1 }'
}

# of_arch ARCH PACKAGE: the name as apt says it.
of_arch()
{
	case $1 in
	"$MACHINE") echo "$2" ;;
	*) echo "$2:$1" ;;
	esac
}

# apt_names REGEXP: names of packages.
apt_names()
{
	apt-cache -c "$APT_CONF" pkgnames | grep -xE "$1" | sort
}

# depends PACKAGE[:ARCH][=VERSION]: what it (or the version that apt would take) depends on, as
# "NAME" or "NAME (RELATION VERSION)", a line each.
depends()
{
	case $1 in
	*=*) of_version=${1#*=} ;;
	*) of_version=$(apt-cache -c "$APT_CONF" policy "$1" | sed -n 's/^  Candidate: //p') ;;
	esac
	# apt takes ten times as long to pick the version itself.
	apt-cache -c "$APT_CONF" show "${1%%=*}" 2>/dev/null | awk -v version="$of_version" '
		/^Package:/ { right = 0 }
		/^Version:/ { right = $2 == version }
		/^Depends:/ && right { sub(/^Depends: */, ""); print; exit }' |
		tr ',|' '\n' | sed 's/^ *//; s/ *$//'
}

# depends_first PACKAGE[:ARCH][=VERSION] PREFIX: name of the first that starts so, if there is any.
depends_first()
{
	depends "$1" | sed -n "s/^\($2[^ ]*\).*/\1/p" | head -n 1
}
