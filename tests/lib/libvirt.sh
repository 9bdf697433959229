# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# A libvirtd of its own: the root tree of the environment under an overlay, in namespaces for mounts
# and processes, with what "make install" installs. Nothing of the machine is touched but its
# hugepages. Sourced after testbed.sh.
#
#	libvirt_need		ends the test as skipped where it can't be had
#	libvirt_start		libvirtd and virtlogd; QEMU is root, or with LIBVIRT_UNPRIVILEGED what libvirt makes it
#	libvirt_use NAME	of several, which may be started: what follows is about this one, whose URI in there is
#				qemu+unix:///system?socket=/run/hosts/NAME/libvirt-sock
#	libvirt_service CONFIG	hvcmad, outside; its socket is in there at its usual place
#	libvirt_stop		all of it, domains too
#	inside COMMAND...	run in there
#	domain_xml NAME		the example for emulated devices, small and with a guest
#	domain_talk NAME	"guest" and "vm_booted" are about the guest of that domain, just before it starts
#	VIRT			folder that is /vm in there
#	libvirt_all RELEASE	the layer's tests, with the environment's tree that has this release
#
# HVCMA_LIBVIRT=RELEASE chooses another tree of the environment. /dev/hugepages in there is hugetlbfs; there is no /dev/kvm.

libvirt_pid='' libvirt_hvcmad='' libvirt_keeper='' libvirt_names=''

libvirt_need()
{
	libvirt_tree=$(readlink -f "$HVCMA_BUILD/env/libvirt-$VM_NATIVE${HVCMA_LIBVIRT:+-$HVCMA_LIBVIRT}") || libvirt_tree=
	[ -d "$libvirt_tree" ] || skip_all "the environment has no libvirt${HVCMA_LIBVIRT:+ $HVCMA_LIBVIRT}"
	[ "$(id -u)" -eq 0 ] || skip_all "libvirtd in a root tree needs root"
	[ "$VM_NATIVE" = amd64 ] || skip_all "the domain is one of amd64"
	"$HVCMA_BUILD/$VM_NATIVE/hvcma" domain --help >/dev/null 2>&1 || skip_all "this hvcma was built without libxml2"
	unshare -m true 2>/dev/null || skip_all "no mount namespaces here"
	libvirt_use one
}

libvirt_use()
{
	libvirt_name=$1
	libvirt_dir=$VM_TMP/virt-$libvirt_name
	VIRT=$libvirt_dir/vm
	eval "libvirt_unshare=\${libvirt_unshare_$libvirt_name:-} libvirt_pid=\${libvirt_pid_$libvirt_name:-}"
}

# What is in there before anything runs. The plugin is that of tests.
libvirt_tree_make()
{
	# Where configure was told to have it.
	libvirt_emulator=$("$HVCMA_BUILD/$VM_NATIVE/hvcma" domain apply "$HVCMA_SRC/examples/libvirt/emulated.xml" |
		sed -n 's,.*<emulator>\(.*\)</emulator>.*,\1,p')
	mkdir -p "$libvirt_dir/vm" "$libvirt_dir/root" "$VM_TMP/service" "$VM_TMP/hosts/$libvirt_name"
	libvirt_rights='user = "root"
group = "root"
clear_emulator_capabilities = 0'
	[ -z "${LIBVIRT_UNPRIVILEGED-}" ] || libvirt_rights=
	cat >"$libvirt_dir/setup" <<-END
		set -e
		cd $libvirt_dir
		mount --make-rprivate /
		mount -t tmpfs tmpfs root
		mkdir root/upper root/scratch root/merged
		mount -t overlay overlay -o "lowerdir=$libvirt_tree,upperdir=$libvirt_dir/root/upper,workdir=$libvirt_dir/root/scratch" root/merged
		cd root/merged
		mount -t proc proc proc
		mount --rbind /sys sys
		mount -t tmpfs tmpfs run
		mount -t tmpfs -o mode=1777 tmpfs tmp
		mount -t tmpfs tmpfs dev
		for node in null zero full random urandom tty; do
			touch dev/\$node
			mount --bind /dev/\$node dev/\$node
		done
		mkdir dev/pts dev/shm dev/hugepages dev/net
		mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
		ln -s pts/ptmx dev/ptmx
		ln -s /proc/self/fd dev/fd
		mount -t hugetlbfs -o pagesize=2M hugetlbfs dev/hugepages
		mount --bind $libvirt_dir/vm vm
		mkdir run/hvcma run/libvirt run/hosts
		mount --bind $VM_TMP/service run/hvcma
		mount --bind $VM_TMP/hosts/$libvirt_name run/libvirt
		mount --bind $VM_TMP/hosts run/hosts
		rm -rf var/run
		ln -s /run var/run
		ln -s bash usr/bin/sh
		mkdir -p usr/lib/hvcma etc/libvirt/hooks/qemu.d
		cp $HVCMA_BUILD/$VM_NATIVE/testing/hvcma-*.so usr/lib/hvcma/
		cp $HVCMA_BUILD/$VM_NATIVE/hvcma usr/bin/hvcma
		mkdir -p .${libvirt_emulator%/*}
		sed "s,@PLUGINDIR@,/usr/lib/hvcma," $HVCMA_SRC/packaging/hvcma-qemu >.$libvirt_emulator
		sed "s,@BINDIR@,/usr/bin,g" $HVCMA_SRC/packaging/libvirt-hook >etc/libvirt/hooks/qemu.d/hvcma
		chmod 755 .$libvirt_emulator etc/libvirt/hooks/qemu.d/hvcma
		cat >>etc/libvirt/qemu.conf <<-CONF
			$libvirt_rights
			security_driver = "none"
			cgroup_controllers = [ ]
			stdio_handler = "file"
			namespaces = [ ]
		CONF
		cat >>etc/libvirt/libvirtd.conf <<-CONF
			auth_unix_rw = "none"
			host_uuid = "$(cat /proc/sys/kernel/random/uuid)"
		CONF
		touch $libvirt_dir/ready
		# Reaps what daemons leave to the first process: libvirt waits for a zombie to go.
		while :; do sleep 0.1; done
	END
}

libvirt_ready()
{
	[ -e "$libvirt_dir/ready" ]
}

libvirt_answers()
{
	inside virsh -q list >/dev/null 2>&1
}

# The first process in there ends all others with itself.
libvirt_start()
{
	libvirt_names="$libvirt_names $libvirt_name"
	libvirt_tree_make
	unshare -m -p -f --kill-child=KILL sh "$libvirt_dir/setup" >"$libvirt_dir/log" 2>&1 &
	libvirt_unshare=$!
	eval "libvirt_unshare_$libvirt_name=$libvirt_unshare"
	if ! domain_wait 60 libvirt_ready; then
		note "$(cat "$libvirt_dir/log")"
		return 1
	fi
	libvirt_pid=$(cat "/proc/$libvirt_unshare/task/$libvirt_unshare/children")
	libvirt_pid=${libvirt_pid%% *}
	eval "libvirt_pid_$libvirt_name=$libvirt_pid"
	inside virtlogd -d
	libvirt_daemon
}

libvirt_daemon()
{
	inside libvirtd -d
	domain_wait 60 libvirt_answers && return
	note "libvirtd does not answer: $(tail -n 5 "$libvirt_dir/log")"
	return 1
}

libvirt_daemon_stop()
{
	# shellcheck disable=SC2016 # for the shell in there
	inside sh -c 'kill $(cat /run/libvirtd.pid)'
	domain_wait 30 libvirt_gone
}

libvirt_gone()
{
	# shellcheck disable=SC2016 # for the shell in there
	! inside sh -c 'kill -0 $(cat /run/libvirtd.pid)' 2>/dev/null
}

# The domains first: the service's keeper stays for as long as it has something of theirs.
libvirt_stop()
{
	for ls_name in $libvirt_names; do
		libvirt_use "$ls_name"
		[ -n "$libvirt_pid" ] || continue
		kill -KILL "$libvirt_unshare" 2>/dev/null
		wait "$libvirt_unshare" 2>/dev/null
	done
	libvirt_names='' libvirt_pid='' vm_pid=''
	[ -n "$libvirt_hvcmad" ] || return 0
	domain_wait 10 libvirt_service_has_nothing
	kill "$libvirt_hvcmad" 2>/dev/null
	domain_wait 10 eval '! kill -0 $libvirt_hvcmad 2>/dev/null' || kill -KILL "$libvirt_hvcmad"
	domain_wait 10 eval '! kill -0 $libvirt_keeper 2>/dev/null' || kill -KILL "$libvirt_keeper"
	libvirt_hvcmad='' libvirt_keeper=''
}

libvirt_service_has_nothing()
{
	[ "$(libvirt_service_has /pinned-bytes)" = 0 ]
}

inside()
{
	nsenter -t "$libvirt_pid" -m -p chroot "$libvirt_dir/root/merged" \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C LIBVIRT_DEFAULT_URI=qemu:///system "$@"
}

# libvirt_service CONFIG: for the user that libvirt has for QEMU, whose group is not known out here
libvirt_service()
{
	printf '%s\n' "$1" >"$VM_TMP/hvcmad.conf"
	"$HVCMA_BUILD/$VM_NATIVE/hvcmad" --config "$VM_TMP/hvcmad.conf" --socket "$VM_TMP/service/hvcmad.socket" \
		>>"$VM_TMP/hvcmad.log" 2>&1 &
	libvirt_hvcmad=$!
	domain_wait 60 libvirt_served || return
	# The first one has started it.
	[ -n "$libvirt_keeper" ] || libvirt_keeper=$(pgrep -P "$libvirt_hvcmad")
	chgrp 64055 "$VM_TMP/service/hvcmad.socket"
	chmod 660 "$VM_TMP/service/hvcmad.socket"
}

libvirt_served()
{
	libvirt_service_has /pinned-bytes >/dev/null
}

# libvirt_service_has POINTER
libvirt_service_has()
{
	"$HVCMA_BUILD/$VM_NATIVE/hvcma" status --service="$VM_TMP/service/hvcmad.socket" --field "$1" 2>/dev/null
}

# libvirt_guest: kernel and initramfs of all domains
libvirt_guest()
{
	cp "$(kernel_dir amd64 6.12)/vmlinuz" "$VIRT/"
	initramfs "$VIRT/initramfs" amd64 6.12 virtio_pci "$(guest_module amd64 6.12 virtio_cma)" e1000e
}

# region_files: how many there are, in there: hugetlbfs is mounted in there alone
region_files()
{
	# shellcheck disable=SC2016 # for the shell in there
	inside sh -c 'set -- /dev/hugepages/hvcma/*/*; [ -e "$1" ] && echo $# || echo 0'
}

domain_xml()
{
	sed "s,type='kvm',type='qemu',; s,'GiB'>4<,'MiB'>512<,; s,'MiB'>128<,'MiB'>16<,; s,<vcpu>4,<vcpu>2,
		s,<name>emulated,<name>$1,
		s,</type>,&<kernel>/vm/vmlinuz</kernel><initrd>/vm/initramfs</initrd><cmdline>console=ttyS0 panic=-1 $VM_PATIENCE</cmdline>,
		s,</emulator>,&<serial type='file'><source path='/vm/$1/console.log'/></serial>,
		s,</serial>,&<serial type='pipe'><source path='/vm/$1/agent'/><target port='1'/></serial>," \
		"$HVCMA_SRC/examples/libvirt/emulated.xml"
}

domain_talk()
{
	VM_DIR=$VIRT/$1
	# shellcheck disable=SC2034 # whose end "guest" looks for
	vm_pid=$libvirt_unshare
	mkdir -p "$VM_DIR"
	[ -p "$VM_DIR/agent.in" ] || mkfifo "$VM_DIR/agent.in"
	: >"$VM_DIR/agent.out"
	exec 7<>"$VM_DIR/agent.in"
}

# domain_wait SECONDS COMMAND...: by the clock: what asks libvirt takes its time itself
domain_wait()
{
	dw_end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$dw_end" ] || return 1
		sleep 0.5
	done
}

# domain_field_is NAME REGION POINTER VALUE
domain_field_is()
{
	[ "$(inside hvcma domain status "$1" --device "$2" --field "$3" 2>/dev/null)" = "$4" ]
}

# libvirt_client_up NAME BOOTS: its guest, which has booted so often, loads its drivers
libvirt_client_up()
{
	vm_booted "$2" 240 || return
	guest load virtio_cma e1000e || return
	domain_wait 120 domain_field_is "$1" banka /clients/0/state claimed
}

libvirt_all()
{
	export HVCMA_LIBVIRT="$1"
	libvirt_need
	for name in life service several plug migrate confinement; do
		"$HVCMA_SRC/tests/libvirt/test_$name.sh" >"$VM_TMP/results" 2>&1
		tap_import "$VM_TMP/results" "$1: $name"
	done
}
