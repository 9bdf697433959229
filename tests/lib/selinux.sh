# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# The reference policy of SELinux as Debian has it, in a root tree of its own; no kernel is asked. Sourced after testbed.sh.
#
#	selinux_need		ends the test as skipped where it can't be had; else there is the tree SELINUX, with our sources in
#				its /build
#	selinux_inside COMMAND...	run in there
#	selinux_build		the module, by the makefile that distributions build theirs with
#	selinux_store MODULE...	a policy of these
#	selinux_policy		path of what came of it, for a kernel

selinux_need()
{
	[ -d "$HVCMA_BUILD/env/selinux-amd64" ] || skip_all "the environment has no SELinux: make check-libvirt brings it"
	[ "$(uname -m)" = x86_64 ] || skip_all "the programs are for amd64"
	[ "$(id -u)" -eq 0 ] || skip_all "a program in a root tree needs root"
	SELINUX=$VM_TMP/selinux
	cp -a "$(readlink -f "$HVCMA_BUILD/env/selinux-amd64")" "$SELINUX" && chmod -R u+w "$SELINUX" || skip_all "no room in $VM_TMP"
	# What a maintainer script writes.
	printf 'SELINUX=enforcing\nSELINUXTYPE=default\n' >"$SELINUX/etc/selinux/config"
	printf 'root:x:0:0:root:/root:/bin/sh\n' >"$SELINUX/etc/passwd"
	mkdir -p "$SELINUX/build"
	cp "$HVCMA_SRC"/packaging/selinux/hvcma.* "$SELINUX/build/"
}

selinux_inside()
{
	env -i PATH=/usr/sbin:/usr/bin LC_ALL=C chroot "$SELINUX" "$@"
}

selinux_build()
{
	selinux_inside sh -c 'cd /build && rm -rf tmp *.pp && make -f /usr/share/selinux/devel/Makefile hvcma.pp' >"$VM_TMP/built" 2>&1
}

selinux_store()
{
	selinux_inside semodule -N -s default -X 300 -i "$@" >"$VM_TMP/stored" 2>&1
}

selinux_policy()
{
	for selinux_file in "$SELINUX"/etc/selinux/default/policy/policy.*; do
		echo "${selinux_file#"$SELINUX"}"
	done
}
