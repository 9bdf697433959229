# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
#	qtest_layer STEP
#
# The layer qtest on a QEMU that tests/intree/build made: every program of it but that of the loader,
# which only the plugin has. Sourced.

. "$HVCMA_SRC/tests/lib/tap.sh"

qtest_layer()
{
	export HVCMA_QEMU="$HVCMA_BUILD/in-tree/$1/bin"
	unset HVCMA_PRELOAD
	[ -x "$HVCMA_QEMU/qemu-system-x86_64" ] && [ -x "$HVCMA_QEMU/qemu-system-aarch64" ] ||
		skip_all "no QEMU in $HVCMA_QEMU: make check-long builds it"
	note "QEMU $(cat "$HVCMA_BUILD/in-tree/$1/src/VERSION")"
	out=$(mktemp)
	trap 'rm -f "$out"' EXIT
	for program in "$HVCMA_BUILD"/tests/qtest/test_*; do
		case ${program##*/} in
		test_loader | *.d) continue ;;
		esac
		[ -x "$program" ] || continue
		CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 300 "$program" >"$out" 2>&1
		status=$?
		check "${program##*/}: passes" [ $status -eq 0 ] || note "$(grep -v '^ok' "$out" | tail -n 30)"
		note "${program##*/}: $(grep -c '^ok' "$out") passed, $(grep -c '# *SKIP' "$out") skipped"
	done
	check "the device is in QEMU's own lists" in_lists
	check "nothing is imported in vain" equal '' "$(unused "$HVCMA_BUILD/in-tree/$1/build")"
	tap_end
}

# unused BUILD: objects of the library that nothing of QEMU has anything of
unused()
{
	nm "$1/qemu-system-x86_64" "$1/qemu-system-aarch64" "$1/hw/virtio/cma/hvcma-pin-keeper" |
		sed 's/.* //' | sort -u >"$out"
	for object in "$1"/hw/virtio/cma/libvirtio-cma-host.a.p/*.o; do
		nm "$object" | sed -n 's/.* [TDBR] //p' | sort | comm -12 - "$out" | grep -q . ||
			echo "${object##*/}"
	done
}

# What a plugin can't have: an entry among the trace events and the kinds of memory devices.
in_lists()
{
	"$HVCMA_QEMU/qemu-system-x86_64" -trace help | grep -q '^virtio_cma_gate$' &&
		"$HVCMA_QEMU/qemu-system-x86_64" -device virtio-cma-pci,help | grep -q '^ *memdev=' &&
		! "$HVCMA_QEMU/qemu-system-x86_64" -device virtio-cma-pci,help | grep -q '^ *trace='
}
