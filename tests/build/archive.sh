# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Debian archives made up by a test: suites with the packages it names, in any state that a mirror
# can be in. Packages are only described, unless asked for as files. To be sourced; sets
# archive_dir, and makes tests/env/build use it.

# archive_new: an empty archive with every suite that the builder knows.
archive_new()
{
	rm -rf "$archive_dir"
	for ar_suite in bookworm bookworm-updates bookworm-backports bookworm-security trixie \
		trixie-updates trixie-security unstable experimental; do
		for ar_arch in amd64 arm64; do
			mkdir -p "$archive_dir/dists/$ar_suite/main/binary-$ar_arch"
			: >"$archive_dir/dists/$ar_suite/main/binary-$ar_arch/Packages"
		done
		mkdir -p "$archive_dir/dists/$ar_suite/main/source"
		: >"$archive_dir/dists/$ar_suite/main/source/Sources"
	done
	mkdir -p "$archive_dir/pool"
	HVCMA_MIRRORS="file:$archive_dir file:$archive_dir"
	HVCMA_TRUSTED=1
	export HVCMA_MIRRORS HVCMA_TRUSTED
}

# archive_lists SUITE ARCH: the lists that have packages of this architecture.
archive_lists()
{
	case $2 in
	all) echo "$archive_dir/dists/$1/main/binary-amd64/Packages" \
		"$archive_dir/dists/$1/main/binary-arm64/Packages" ;;
	*) echo "$archive_dir/dists/$1/main/binary-$2/Packages" ;;
	esac
}

# package SUITE NAME VERSION ARCH [DEPENDS]: described, but a file that nobody could download.
package()
{
	package_stanza "$@" "$(printf '%s' "$*" | sha256sum | cut -d ' ' -f 1)" 1000
}

# package_file SUITE NAME VERSION ARCH DEPENDS TREE: with the files of TREE.
package_file()
{
	ar_tree=$archive_dir/tree
	rm -rf "$ar_tree"
	cp -R "$6" "$ar_tree"
	mkdir "$ar_tree/DEBIAN"
	printf 'Package: %s\nVersion: %s\nArchitecture: %s\nMaintainer: test\nDescription: test\n' \
		"$2" "$3" "$4" >"$ar_tree/DEBIAN/control"
	ar_deb=$archive_dir/pool/${2}_${3}_$4.deb
	dpkg-deb --root-owner-group -Znone -b "$ar_tree" "$ar_deb" >/dev/null
	package_stanza "$1" "$2" "$3" "$4" "$5" "$(sha256sum <"$ar_deb" | cut -d ' ' -f 1)" \
		"$(stat -c %s "$ar_deb")"
}

package_stanza()	# SUITE NAME VERSION ARCH DEPENDS SHA256 SIZE
{
	[ $# -eq 7 ] || set -- "$1" "$2" "$3" "$4" '' "$5" "$6"
	for ar_list in $(archive_lists "$1" "$4"); do
		cat >>"$ar_list" <<-END
			Package: $2
			Version: $3
			Architecture: $4
			Maintainer: test
			Description: test
			${5:+Depends: $5
			}Filename: pool/${2}_${3}_$4.deb
			Size: $7
			SHA256: $6

		END
	done
}

# package_gone SUITE NAME VERSION: no longer in its lists, and its file is removed.
package_gone()
{
	for ar_list in "$archive_dir/dists/$1/main"/binary-*/Packages; do
		awk -v RS= -v ORS='\n\n' -v name="Package: $2" -v version="Version: $3" '
			{ split($0, line, "\n") }
			line[1] != name || line[2] != version' "$ar_list" >"$ar_list.new"
		mv "$ar_list.new" "$ar_list"
	done
	rm -f "$archive_dir/pool/${2}_${3}_"*
}

# archive_publish: what was said so far is what apt sees from now on.
archive_publish()
{
	for ar_suite in "$archive_dir"/dists/*; do
		(
			cd "$ar_suite" || exit
			printf 'Origin: test\nSuite: %s\nCodename: %s\nDate: %s\nArchitectures: amd64 arm64\nComponents: main\nSHA256:\n' \
				"${ar_suite##*/}" "${ar_suite##*/}" "$(date -Ru)"
			for file in main/*/Packages main/*/Sources; do
				printf ' %s %s %s\n' "$(sha256sum <"$file" | cut -d ' ' -f 1)" \
					"$(stat -c %s "$file")" "$file"
			done
		) >"$ar_suite/Release.new"
		mv "$ar_suite/Release.new" "$ar_suite/Release"
	done
}
