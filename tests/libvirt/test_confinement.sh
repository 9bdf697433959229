#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# AppArmor: the profile of a domain, of libvirt 9.0, 11.3 and the newest as they are packaged, with the rules of
# packaging/apparmor, compiled by the parser of that suite: what it lets QEMU have, what it does not, and that Debian's
# package puts the rules where that libvirt looks for them, and takes them out. Where the environment has this
# libvirt, the part about the domain is written by its own virt-aa-helper. That rules are obeyed: test_enforced.
#
# A rule is in a policy when adding it leaves the compiled policy as it is.

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/confinement.sh"

confinement_need
trap vm_cleanup EXIT

# compiled PROFILE [RULE]: the policy, with one rule more
compiled()
{
	sed "\$d" "$PROFILES/$1" >"$PROFILES/tried"
	printf '%s\n}\n' "${2-}" >>"$PROFILES/tried"
	confined_inside apparmor_parser -Q -K -S /etc/apparmor.d/tried 2>"$VM_TMP/err"
}

# both RULE: the policy of $profile, and one with this rule more
both()
{
	compiled "$profile" >"$VM_TMP/policy" && [ -s "$VM_TMP/policy" ] &&
		compiled "$profile" "$1" >"$VM_TMP/more" && [ -s "$VM_TMP/more" ] && return
	note "$1: $(cat "$VM_TMP/err")"
	return 1
}

has()
{
	both "$1" && cmp -s "$VM_TMP/policy" "$VM_TMP/more"
}

has_not()
{
	both "$1" && ! cmp -s "$VM_TMP/policy" "$VM_TMP/more"
}

# script NAME ARGUMENT: of Debian's package, about this root tree
script()
{
	DPKG_ROOT=$ROOT sh "$HVCMA_SRC/packaging/debian/hvcma-qemu.$1" "$2"
}

SOCKET='/run/hvcma/hvcmad.socket rw,'
WRAPPER='/usr/bin/hvcma-qemu-system-x86_64 rmix,'

# layout_case RELEASE
layout_case()
{
	profile=libvirt/libvirt-$CONFINED_UUID
	confined_layout "$1" || { tap_skip "libvirt $1" "the environment has no profiles of it"; return; }
	owners=$PROFILES/local/abstractions/libvirt-qemu
	: >"$owners"
	check "$1: profile of a domain${HELPER:+, by its virt-aa-helper}" confined_domain || return
	check "$1: without rules of ours it does not let QEMU have the service" has_not "$SOCKET"
	check "$1: nor be started by the wrapper" has_not "$WRAPPER"
	compiled "$profile" >"$VM_TMP/without"

	confined_rules
	echo '  /srv/owner/** r,' >"$owners"
	check "$1: the package is configured" script postinst configure
	check "$1: and once more, as libvirt's files have changed" script postinst triggered
	check "$1: the owner's own rule is there" has '/srv/owner/** r,'
	check "$1: what includes ours is there at most once" [ "$(grep -c 'libvirt-qemu.d/hvcma>' "$owners")" -le 1 ]
	for rule in "$SOCKET" "$WRAPPER" '/usr/bin/hvcma-qemu-system-aarch64 rmix,' '/usr/lib/hvcma/hvcma-preload.so mr,' \
		'/usr/lib/hvcma/hvcma-qemu-10.0.so mr,' '/usr/lib/hvcma/platform-rules r,' '/ rw,' \
		'/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages r,'; do
		check "$1: has $rule" has "$rule"
	done
	if [ "$HELPER" ]; then
		check "$1: has the file of its region" has "$CONFINED_REGION rw,"
	fi
	for rule in '/etc/shadow r,' '/run/hvcma/keeper.socket rw,' '/dev/vfio/noiommu-0 rw,' 'capability sys_rawio,' \
		'capability sys_admin,' '/usr/lib/hvcma/hvcma-pin-keeper rmix,' \
		'/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages w,'; do
		check "$1: has not $rule" has_not "$rule"
	done
	case $1 in
	9.0) check "$1: has files of other domains' regions, which it can't tell apart" has '/dev/hugepages/hvcma/two/banka rw,' ;;
	*) check "$1: has not files of other domains' regions" has_not '/dev/hugepages/hvcma/two/banka rw,' ;;
	esac

	echo '  /usr/bin/hvcma rmxi oops,' >>"$PROFILES/abstractions/libvirt-qemu.d/hvcma"
	check "$1: negative control: a wrong rule is refused, by its file" eval '! compiled "$profile" >"$VM_TMP/policy" &&
		grep -q "libvirt-qemu.d/hvcma" "$VM_TMP/err"'
	confined_rules

	sed "s,^}\$,  include <abstractions/hvcma-root>\n&," "$PROFILES/$profile" >"$PROFILES/libvirt/root"
	profile=libvirt/root
	for rule in 'capability sys_rawio,' '/dev/vfio/noiommu-0 rw,' '/usr/lib/hvcma/hvcma-pin-keeper rmix,'; do
		check "$1: a domain of root's, which says so itself, has $rule" has "$rule"
	done

	profile=usr.sbin.libvirtd
	check "$1: libvirtd may ask the wrapper what it can do" has '/usr/bin/hvcma-qemu-system-x86_64 PUx,'
	check "$1: and run the hook" has '/etc/libvirt/hooks/qemu.d/hvcma rmix,'
	check "$1: negative control: no program in another place" has_not '/opt/hvcma PUx,'

	profile=libvirt/libvirt-$CONFINED_UUID
	check "$1: the package is removed" script postrm remove
	rm -r "$PROFILES/abstractions/libvirt-qemu.d" "$PROFILES/abstractions/hvcma-files" "$PROFILES/abstractions/hvcma-root"
	check "$1: nothing of it is left in the owner's file" equal '  /srv/owner/** r,' "$(cat "$owners")"
	: >"$owners"
	compiled "$profile" >"$VM_TMP/policy"
	check "$1: the policy is what it was" eval '[ -s "$VM_TMP/without" ] && cmp "$VM_TMP/without" "$VM_TMP/policy"'
}

for release in ${HVCMA_LIBVIRT:-9.0 11.3 newest}; do
	layout_case "$release"
done

# libvirt becomes newer, and its files with it: what the older one needed goes.
if [ -z "${HVCMA_LIBVIRT-}" ] && confined_layout 11.3 && newer=$PROFILES && confined_layout 9.0; then
	owners=$PROFILES/local/abstractions/libvirt-qemu
	confined_rules
	check "9.0 becomes 11.3: configured" script postinst configure
	check "the owner's file includes ours" grep -q '<abstractions/hvcma-files>' "$owners"
	cp "$newer/abstractions/libvirt-qemu" "$PROFILES/abstractions/"
	check "triggered" script postinst triggered
	check "it does so no more" equal '' "$(cat "$owners")"
fi
tap_end
