# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Profiles of AppArmor as libvirt has them, in a root tree of their own; no kernel is asked. Sourced after testbed.sh.
#
#	confinement_need		ends the test as skipped where it can't be had
#	confined_layout RELEASE		what follows is about this libvirt: ROOT, PROFILES; HELPER: where it is, if it is there;
#					anew. Fails if the environment has none of its profiles
#	confined_inside COMMAND...	run in there, with libvirt's libraries
#	confined_rules			ours, as "make install" puts them there
#	confined_domain			profile of the domain CONFINED_UUID, whose region has the file CONFINED_REGION

# shellcheck disable=SC2034 # for tests, as ROOT, PROFILES and HELPER are
CONFINED_UUID=11111111-2222-3333-4444-555555555555 CONFINED_REGION=/dev/hugepages/hvcma/one/banka

confinement_need()
{
	[ -d "$HVCMA_BUILD/env/confinement-amd64" ] && [ -d "$HVCMA_BUILD/env/libvirt-amd64" ] ||
		skip_all "the environment has no AppArmor, or no libvirt: make check-libvirt brings both"
	[ "$VM_NATIVE" = amd64 ] || skip_all "the programs are for amd64"
	[ "$(id -u)" -eq 0 ] || skip_all "a program in a root tree needs root"
	unshare -m true 2>/dev/null || skip_all "no mount namespaces here"
	confined_xml | "$HVCMA_BUILD/$VM_NATIVE/hvcma" domain apply - >"$VM_TMP/confined.xml" ||
		skip_all "this hvcma was built without libxml2"
}

confined_xml()
{
	cat <<-END
		<domain type='qemu'>
		<name>one</name>
		<uuid>$CONFINED_UUID</uuid>
		<metadata>
		<hvcma:regions xmlns:hvcma='https://hvcma.example/schemas/domain/1.0'>
		<hvcma:region name='banka' mode='reusable' service='yes'>
		<hvcma:size unit='MiB'>16</hvcma:size>
		<hvcma:pin mode='all'/>
		<hvcma:client device='ua-net'/>
		</hvcma:region>
		</hvcma:regions>
		</metadata>
		<memory unit='MiB'>64</memory>
		<os><type arch='x86_64' machine='q35'>hvm</type></os>
		<features><acpi/></features>
		<devices>
		<emulator>/usr/bin/qemu-system-x86_64</emulator>
		<interface type='user'><model type='e1000e'/><alias name='ua-net'/></interface>
		</devices>
		</domain>
	END
}

confined_layout()
{
	cl_suffix=${1#11.3}
	cl_suffix=${cl_suffix:+-$cl_suffix}
	ROOT=$VM_TMP/confined-$1 PROFILES=$VM_TMP/confined-$1/etc/apparmor.d
	HELPER=$(readlink -f "$HVCMA_BUILD/env/libvirt-amd64$cl_suffix")
	[ -d "$HELPER" ] || HELPER=
	# Its parser wants libraries as new.
	[ "$HELPER" ] || [ "$1" != newest ] || return
	confined_libraries=${HELPER:-$(readlink -f "$HVCMA_BUILD/env/libvirt-amd64")}
	[ -d "$HVCMA_BUILD/env/confinement-amd64$cl_suffix" ] || return
	rm -rf "${ROOT:?}"
	cp -a "$HVCMA_BUILD/env/confinement-amd64$cl_suffix/." "$ROOT" || return
	chmod -R u+w "$ROOT"
	mkdir -p "$ROOT/usr/lib" "$ROOT/usr/lib64" "$ROOT/dev" "$ROOT/proc" "$ROOT/tmp" "$ROOT/var/cache"
	ln -s usr/lib "$ROOT/lib"
	ln -s usr/lib64 "$ROOT/lib64"
}

confined_inside()
{
	# shellcheck disable=SC2016 # for the shell in there
	unshare -m sh -c '
		root=$1 libraries=$2
		shift 2
		mount --make-rprivate / && mount --bind "$libraries/usr/lib" "$root/usr/lib" &&
			mount --bind "$libraries/usr/lib64" "$root/usr/lib64" && mount -t proc proc "$root/proc" &&
			mount -t tmpfs tmpfs "$root/dev" && touch "$root/dev/null" && mount --bind /dev/null "$root/dev/null" &&
			exec env -i LD_LIBRARY_PATH=/usr/share/libraries PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C chroot "$root" "$@"' sh "$ROOT" "$confined_libraries" "$@"
}

confined_rules()
{
	mkdir -p "$PROFILES/abstractions/libvirt-qemu.d"
	sed 's,@BINDIR@,/usr/bin,; s,@PLUGINDIR@,/usr/lib/hvcma,' "$HVCMA_SRC/packaging/apparmor/hvcma" \
		>"$PROFILES/abstractions/libvirt-qemu.d/hvcma"
	sed 's,@PLUGINDIR@,/usr/lib/hvcma,' "$HVCMA_SRC/packaging/apparmor/hvcma-root" >"$PROFILES/abstractions/hvcma-root"
	cp "$HVCMA_SRC/packaging/apparmor/hvcma-files" "$PROFILES/abstractions/"
}

# Of libvirt's template, and what virt-aa-helper says of this domain's files and devices.
confined_domain()
{
	cd_name=libvirt-$CONFINED_UUID
	: >"$PROFILES/libvirt/$cd_name.files"
	if [ "$HELPER" ]; then
		confined_inside /usr/lib/libvirt/virt-aa-helper -d -c -u "$cd_name" <"$VM_TMP/confined.xml" >"$VM_TMP/helper" 2>&1 ||
			return
		sed -n '/^  "/p' "$VM_TMP/helper" >"$PROFILES/libvirt/$cd_name.files"
		[ -s "$PROFILES/libvirt/$cd_name.files" ] || return
	fi
	sed "s,LIBVIRT_TEMPLATE,$cd_name,; s,^}\$,  include <libvirt/$cd_name.files>\n&," \
		"$PROFILES/libvirt/TEMPLATE.qemu" >"$PROFILES/libvirt/$cd_name"
}
