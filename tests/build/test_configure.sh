#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# configure: what it says of what is missing, what it refuses, the options that packagers' tools
# pass, a build for another machine; and make, where configure has not been or can't have been run.
# Missing libraries are made up: a pkg-config that does not know them, a compiler that fails.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset CC AR CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG MAKEFLAGS MFLAGS MAKELEVEL
export CLANG=false	# fuzzers are not looked for: that takes longest

# fresh: an empty folder to build in
fresh()
{
	rm -rf "$tmp/b"
	mkdir "$tmp/b"
	cd "$tmp/b" || exit 1
}

# configured [OPTION...]: configure succeeds
# shellcheck disable=SC2120 # by way of check
configured()
{
	fresh
	"$HVCMA_SRC/configure" "$@" >"$tmp/out" 2>&1 && return
	note "$(tail -n 5 "$tmp/out")"
	return 1
}

# refused TEXT [OPTION...]: configure fails, saying so, and leaves nothing to build with
refused()
{
	re_text=$1
	shift
	fresh
	! "$HVCMA_SRC/configure" "$@" >"$tmp/out" 2>&1 && grep -qF -e "$re_text" "$tmp/out" && [ ! -e config.mak ] && return
	note "$(tail -n 5 "$tmp/out")"
	return 1
}

# says TEXT: the last of them
says()
{
	grep -qF -e "$1" "$tmp/out" && return
	note "$(cat "$tmp/out")"
	return 1
}

# setting NAME: value in config.mak, as make sees it
setting()
{
	printf 'include config.mak\nshow:\n\t@echo "$(%s)"\n' "$1" | make -s -f - show
}

# without MODULE...: a pkg-config that lacks these
without()
{
	{
		echo '#!/bin/sh'
		echo 'for arg; do case $arg in'
		printf '%s) exit 1 ;;\n' "$@"
		echo 'esac; done; exec '"$(command -v pkg-config)"' "$@"'
	} >"$tmp/pkg-config"
	chmod 755 "$tmp/pkg-config"
	export PKG_CONFIG="$tmp/pkg-config"
}

# A compiler that does not find a library.
cat >"$tmp/cc" <<'END'
#!/bin/sh
case " $* " in *" $WITHOUT_LIBRARY "*) exit 1 ;; esac
exec gcc "$@"
END
chmod 755 "$tmp/cc"

# lacks MODULE PACKAGE YES-PART NO-PART...: the package is named, for these parts, and those only
lacks()
{
	case $1 in
	libfdt) export CC="$tmp/cc" WITHOUT_LIBRARY=-lfdt ;;
	zlib) export CC="$tmp/cc" WITHOUT_LIBRARY=-lz ;;
	*) without "$1" ;;
	esac
	check "without $1: configured all the same" configured
	check "without $1: its package is named" says "(Debian package $2)"
	check "without $1: $3 can be built" says "$3: yes"
	shift 3
	for la_part; do
		check "without it: $la_part can't" grep -q "^$la_part: can't be built, missing: .*Debian package" "$tmp/out"
	done
	unset CC PKG_CONFIG
}
lacks json-c libjson-c-dev "the QEMU plugin" "the hvcma command" tests
lacks glib-2.0 libglib2.0-dev "the hvcma command" "the QEMU plugin"
lacks cmocka libcmocka-dev "the hvcma command" tests
lacks libfdt libfdt-dev "the pin keeper" "the hvcma command" "the QEMU plugin" tests
lacks zlib zlib1g-dev "the QEMU plugin" "the hvcma command" tests

for module in libconfig libsystemd; do
	lacks $module $module-dev "tests" "the host service"
done
check "without it: the rest can be built" eval 'says "the hvcma command: yes" && says "the QEMU plugin: yes"'

without json-c
configured
check "without json-c: make builds the rest" \
	eval 'make -n >"$tmp/out" 2>&1 && grep -q hvcma-pin-keeper "$tmp/out" && ! grep -q "/hvcma " "$tmp/out"'
check "without json-c: make install says that the command can't be built, and why" \
	eval '! make install >"$tmp/out" 2>&1 && says "\"make install\" needs the command, which can'\''t be built, missing: json-c >= 0.15 (Debian package libjson-c-dev)"'
without liburing
check "without liburing nothing is left: refused" refused "nothing is left that can be built"
check "naming its package" says "liburing >= 2.3 (Debian package liburing-dev)"
unset PKG_CONFIG
check "all there: configured" configured
check "all there: nothing is called missing" eval '! grep -q missing "$tmp/out"'

check "no compiler: refused" refused "does not compile a C11 program" CC=/no/such/cc
mkdir "$tmp/empty" "$tmp/headers"
check "a folder without cflags: refused by name" \
	refused "--qemu-headers: '$tmp/empty' has no file 'cflags'" --qemu-headers="$tmp/empty"
check "no such folder: refused by name" \
	refused "--qemu-headers: no folder '$tmp/none'" --qemu-headers="$tmp/none"
echo '-I.' >"$tmp/headers/cflags"
check "a folder without qemu-version.h: refused by name" \
	refused "--qemu-headers: '$tmp/headers' has no file 'qemu-version.h'" --qemu-headers="$tmp/headers"
for series in 9.2 10.1 11.1; do
	printf '#define QEMU_FULL_VERSION "%s.3 (Debian)"\n' $series >"$tmp/headers/qemu-version.h"
	check "headers of QEMU $series: refused, and which can be" \
		refused "--qemu-headers: they are of QEMU $series, and the plugin is for 10.0 10.2" --qemu-headers="$tmp/headers"
done
for series in 10.0 10.2; do
	printf '#define QEMU_FULL_VERSION "%s.3 (Debian)"\n' $series >"$tmp/headers/qemu-version.h"
	check "headers of QEMU $series" configured --qemu-headers="$tmp/headers"
	check "the plugin is for it" grep -qx "QEMU_SERIES = $series" config.mak
done
rm "$tmp/headers/cflags"
check "whose cflags went away: make says which" \
	eval '! make plugin >"$tmp/out" 2>&1 && says "$tmp/headers'\'' has no file"'
check "a folder that is not absolute: refused by name" \
	refused "--prefix: an absolute folder name is needed, not 'here'" --prefix=here
check "an empty one" refused "--bindir: an absolute folder name is needed, not ''" --bindir=
check "a folder with a blank" refused "--mandir: folder names with blanks, colons or # are not supported: '/a b'" '--mandir=/a b'
check "with what make takes for a comment" refused "--prefix: folder names with blanks, colons or #" '--prefix=/a#b'
check "headers in one" refused "--qemu-headers: folder names with blanks" "--qemu-headers=$tmp/a b"
check "no cache" refused "--cache: a folder name is needed" --cache=
check "an empty prefix is the root" configured --prefix= --exec-prefix=
check "an unknown option: refused by name" refused "unknown argument '--with-foo'" --with-foo
check "an unknown argument: refused by name, whatever is checked" \
	refused "unknown argument 'foo'" --disable-option-checking foo

# As dh_auto_configure has it, and as RPM's %configure.
check "Debian's options" configured --build=x86_64-linux-gnu --prefix=/usr \
	'--includedir=${prefix}/include' '--mandir=${prefix}/share/man' \
	'--infodir=${prefix}/share/info' --sysconfdir=/etc --localstatedir=/var \
	--disable-option-checking --disable-silent-rules '--libdir=${prefix}/lib/x86_64-linux-gnu' \
	--runstatedir=/run --disable-maintainer-mode --disable-dependency-tracking --without-foo
check "folders may be said by others" equal /usr/lib/x86_64-linux-gnu "$(setting libdir)"
touch -d 2000-01-01 config.mak
check "configure is newer: it runs again" make -s config.mak
check "with the same options" equal /usr/lib/x86_64-linux-gnu "$(setting libdir)"
check "RPM's options" configured --build=x86_64-redhat-linux-gnu --host=x86_64-redhat-linux-gnu \
	--program-prefix= --disable-dependency-tracking --prefix=/usr --exec-prefix=/usr \
	--bindir=/usr/bin --sbindir=/usr/sbin --sysconfdir=/etc --datadir=/usr/share \
	--includedir=/usr/include --libdir=/usr/lib64 --libexecdir=/usr/libexec --localstatedir=/var \
	--runstatedir=/run --sharedstatedir=/var/lib --mandir=/usr/share/man --infodir=/usr/share/info
check "for this machine, with its own compiler" equal gcc "$(setting CC)"
check "Yocto's and Gentoo's options" configured --build=x86_64-linux --host=x86_64-linux --target=x86_64-linux \
	--prefix=/usr --exec_prefix=/usr --oldincludedir=/usr/include --htmldir=/usr/share/doc/html \
	--dvidir=/x --pdfdir=/x --psdir=/x --cache-file=/dev/null --program-suffix= --quiet
check "options with quotes and blanks" configured CFLAGS="-O1 -DX='\"a b\"'"
before=$(cat config.mak)
touch -d 2000-01-01 config.mak
make -s config.mak >/dev/null
check "come back as they were" same_as "$before" "$(grep -v PACKAGES_CHECKED config.mak)"

# A disk that is full, somebody who ends it: nothing is left that make would take for a result.
fresh
ln -s /dev/full config.mak.new
check "no room for config.mak: says so" \
	eval '! "$HVCMA_SRC/configure" >"$tmp/out" 2>&1 && says "cannot write config.mak"'
check "and leaves none" equal '' "$(find . -name 'config.mak*')"
cat >"$tmp/killer" <<END
#!/bin/sh
case \$* in *-lfdt*) kill -TERM "\$(cat "$tmp/pid")"; exit 1 ;; esac
exec gcc "\$@"
END
chmod 755 "$tmp/killer"
check "ended on the way: fails" \
	eval '! sh -c "echo \$\$ >$tmp/pid; exec \"$HVCMA_SRC/configure\" CC=$tmp/killer" >"$tmp/out" 2>&1'
check "and takes nothing for missing" [ ! -e config.mak ]

# Another machine: the compiler and pkg-config by the prefix.
mkdir "$tmp/bin"
for tool in gcc gcc-ar pkg-config; do
	ln -s "$(command -v $tool)" "$tmp/bin/riscv64-linux-gnu-$tool"
done
check "another machine, no compiler for it: refused, with the package" \
	refused "install the package gcc-riscv64-linux-gnu" --host=riscv64-linux-gnu
PATH=$tmp/bin:$PATH
check "another machine" configured --host=riscv64-linux-gnu --build=x86_64-linux-gnu
check "its compiler" equal riscv64-linux-gnu-gcc "$(setting CC)"
check "its archiver" equal riscv64-linux-gnu-gcc-ar "$(setting AR)"
check "its name" equal riscv64 "$(setting NATIVE)"
check "tests are not for here" says "tests: can't be built, missing: a machine that can run them (riscv64)"
check "make check says so" eval '! make check-unit >"$tmp/out" 2>&1 && says "a machine that can run them"'

# In the source folder, as most do: folders that make can't work in.
mkdir "$tmp/a b" "$tmp/a:b"
for folder in "$tmp/a b" "$tmp/a:b"; do
	cp -R "$HVCMA_SRC/Makefile" "$HVCMA_SRC/configure" "$folder/"
	mkdir "$folder/tests"
	cp "$HVCMA_SRC"/tests/*.mk "$folder/tests/"
	cd "$folder" || exit 1
	check "make in '${folder#"$tmp"/}': refused" eval '! make >"$tmp/out" 2>&1 && says "folder names with blanks or colons are not supported"'
	check "in one line" equal 1 "$(grep -c . "$tmp/out")"
	check "configure in '${folder#"$tmp"/}': refused" eval '! ./configure >"$tmp/out" 2>&1 && says "folder names with blanks or colons are not supported"'
done
cd "$tmp" || exit 1

configured
mkdir build
check "out of tree: distclean" make distclean
check "leaves nothing" equal '' "$(ls -A)"
tap_end
