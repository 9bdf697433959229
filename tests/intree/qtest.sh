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
		if [ $status -eq 77 ]; then
			tap_skip "${program##*/}" "$(sed -n 's/^1\.\.0 # SKIP //p' "$out")"
			continue
		fi
		check "${program##*/}: passes" [ $status -eq 0 ] || note "$(grep -v '^ok' "$out" | tail -n 30)"
		note "${program##*/}: $(grep -c '^ok' "$out") passed, $(grep -c '# *SKIP' "$out") skipped"
	done
	check "the device is in QEMU's own lists" in_lists
	build=$HVCMA_BUILD/in-tree/$1/build
	keeper=hw/virtio/cma/hvcma-pin-keeper
	check "nothing is imported in vain" equal '' "$(unused qemu-system-x86_64 qemu-system-aarch64 $keeper)"
	check "negative control: what the pin keeper alone does not use is found" \
		eval 'unused $keeper | grep -q core_alloc'
	tap_end
}

# unused PROGRAM...: objects of the library that none of these has anything of
unused()
{
	(cd "$build" && nm "$@") | sed 's/.* //' | sort -u >"$out"
	for object in "$build"/hw/virtio/cma/libvirtio-cma-host.a.p/*.o; do
		nm "$object" | sed -n 's/.* [TDBR] //p' | sort | comm -12 - "$out" | grep -q . ||
			echo "${object##*/}"
	done
}

# What a plugin can't have: events among QEMU's own, in place of a property. (Its names for the id, the
# features and the kind of memory device: test_options.)
in_lists()
{
	"$HVCMA_QEMU/qemu-system-x86_64" -trace help | grep -q '^virtio_cma_gate$' &&
		"$HVCMA_QEMU/qemu-system-x86_64" -device virtio-cma-pci,help | grep -q '^ *memdev=' &&
		! "$HVCMA_QEMU/qemu-system-x86_64" -device virtio-cma-pci,help | grep -q '^ *trace='
}
