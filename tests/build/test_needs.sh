#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What each goal brings from outside (tests/needs.mk), and when: the table as make reads it, and
# make in a copy of the sources where tests/env/build and tests/env/deps write down what they are
# asked for.

. "$HVCMA_SRC/tests/lib/tap.sh"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
unset CC AR CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG MAKEFLAGS MFLAGS MAKELEVEL
export CLANG=false

src=$tmp/src
mkdir "$src"
(cd "$HVCMA_SRC" && tar -cf - --exclude=./build --exclude=./.git --exclude=config.mak .) | tar -xf - -C "$src"
cd "$src" || exit 1
arch=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')

# steps GOAL: of the environment
steps()
{
	make -s steps GOAL="$1"
}

# none STEPS PATTERN: among them is none such
none()
{
	! echo "$1" | tr ' ' '\n' | grep -E "$2" | sed 's/^/# /' | grep .
}

# Whole trees of other projects, which tests build there: nothing in them is a dependency of ours.
for tree in generic compat in-tree; do
	mkdir -p "build/$tree/src/hook.d"
	echo 'no rule' >"build/$tree/src/rules.d"
	check "a tree in build/$tree: make goes on" eval 'make -s steps GOAL=all >"$tmp/out" 2>&1' || note "$(cat "$tmp/out")"
	rm -rf "build/$tree"
done
for goal in all check-layers check-unit check-fdt check-loopback check-asan install-guest; do
	check "$goal: nothing of the environment" equal '' "$(steps $goal)"
done
for goal in plugin install check-build; do
	check "$goal: QEMU's headers for this machine" equal "qemu-headers-$arch" "$(steps $goal)"
done
check "plugin-others: those of QEMU's other series, too" equal "qemu-headers-$arch qemu-headers-$arch-10.2" "$(steps plugin-others)"
check "a file for one guest kernel: that kernel" equal kernel-amd64-6.12 "$(steps build/guest/amd64/6.12/virtio_cma.ko)"
check "... for Arm: the cross compiler, too" equal "cross kernel-arm64-6.12" \
	"$(steps build/guest/arm64/6.12/debug/virtio_cma.ko)"
check "... that only has headers: these" equal headers-amd64-6.12-cloud "$(steps build/guest/amd64/6.12-cloud/virtio_cma.ko)"
check "demo: kernels of its two machines only" none "$(steps demo)" '^kernel-amd64|6\.1$|6\.1-|newest'
check "demo: nothing for tests" none "$(steps demo)" '^(udev|kexec|initramfs|headers|e2fs-amd64)'
check "demo with another kernel: that too" \
	eval 'echo "$(make -s steps GOAL=demo DEMO_ARGS="--kernel 6.1")" | grep -qw kernel-arm64-6.1'
check "check-quick: no kernel" none "$(steps check-quick)" '^(kernel|headers|rootfs)'
check "check: no kernel that is only built for" none "$(steps check)" '^headers'
steps check | tr ' ' '\n' >"$tmp/check"
steps check-long | tr ' ' '\n' >"$tmp/long"
check "check-long: all that check has" equal '' "$(comm -23 "$tmp/check" "$tmp/long")"
check "check-long: and those kernels" grep -q '^headers-' "$tmp/long"
"$HVCMA_SRC/tests/env/build" --list | sort >"$tmp/known"
check "the environment has all these steps" equal '' \
	"$(sort -u "$tmp/long" "$tmp/check" | comm -23 - "$tmp/known")"

# fake NAME COMMANDS: writes down what it is called with
fake()
{
	printf '#!/bin/sh\necho %s "$@" >>%s/asked\n%s\n' "$1" "$tmp" "$2" >"tests/env/$1"
	chmod 755 "tests/env/$1"
}

# asked: since the last time; without folders
asked()
{
	cat "$tmp/asked" 2>/dev/null | sed 's/--out [^ ]* --cache [^ ]* //' | tr '\n' ';'
	rm -f "$tmp/asked"
}

product=$tmp/product
fake deps :
fake build "mkdir -p $product build/env; : >>$product/cflags; ln -sfn $product build/env/qemu-headers-$arch"
make -n plugin >"$tmp/out" 2>&1 || note "$(tail -n 5 "$tmp/out")"
check "make plugin asks for packages, then for the headers, once" \
	equal "deps plugin;build qemu-headers-$arch;" "$(asked)"
make -n plugin >"$tmp/out" 2>&1
check "made again: whether they are as they were" equal "build qemu-headers-$arch;" "$(asked)"
make -n check-unit >"$tmp/out" 2>&1
check "another goal: for the packages that it needs, too" equal "deps test;" "$(asked)"
make -n plugin >"$tmp/out" 2>&1
check "and back: for no packages" equal "build qemu-headers-$arch;" "$(asked)"

# A failed build must not take anything away that the environment has made.
fake build "echo no such package >&2; exit 1"
check "the environment can't be built: make fails, saying why" \
	eval '! make plugin >"$tmp/out" 2>&1 && grep -q "no such package" "$tmp/out"'
check "what was there stays" [ -e "$product/cflags" ]
fake build :
make -n plugin >"$tmp/out" 2>&1
printf '#!/bin/sh\nexit 1\n' >"$tmp/cc"
chmod 755 "$tmp/cc"
check "the compiler fails: make fails" eval '! make plugin CC="$tmp/cc" >"$tmp/out" 2>&1'
check "what the environment made stays" [ -e "$product/cflags" ]
tap_end
