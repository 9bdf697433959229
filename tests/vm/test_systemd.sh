#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check: long
#
# hvcmad and its keeper as systemd runs them: by the units that are installed, with their sandbox, in a guest whose first
# program is this machine's systemd. They are restarted and killed, together, too, and with their
# client: memory is in systemd's file descriptor store then, and in nobody else's hands. Devices are nested/test_service's.

. "$HVCMA_SRC/tests/lib/testbed.sh"

series=6.12 mib=4
programs="$HVCMA_BUILD/$VM_NATIVE"
manager=/usr/lib/systemd/systemd
[ -x "$manager" ] || skip_all "this machine has no systemd"
[ -x "$programs/hvcmad" ] || skip_all "there is no hvcmad: configure says what it lacks"
[ -e "$(kernel_dir "$VM_NATIVE" $series)/vmlinuz" ] || skip_all "no kernel $VM_NATIVE/$series"
tree=$VM_TMP/tree

# put FILE FOLDER: a program of this machine, with the libraries that it needs
put()
{
	mkdir -p "$tree$2"
	cp -L "$1" "$tree$2/"
	for put_lib in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
		mkdir -p "$tree$(dirname "$put_lib")"
		[ -e "$tree$put_lib" ] || cp -L "$put_lib" "$tree$put_lib"
	done
}

make_tree()
{
	for dir in usr/bin usr/sbin usr/lib usr/lib64 usr/lib/systemd/system etc/systemd/system dev proc sys run tmp root home \
		var/tmp var/log; do
		mkdir -p "$tree/$dir"
	done
	for dir in bin sbin lib lib64; do
		ln -s "usr/$dir" "$tree/$dir"
	done
	put "$manager" /usr/lib/systemd
	[ ! -x "${manager%/*}/systemd-executor" ] || put "${manager%/*}/systemd-executor" /usr/lib/systemd
	put "$(command -v systemctl)" /usr/bin
	put "$programs/hvcmad" /usr/sbin
	put "$programs/hvcmad-keeper" /usr/sbin
	put "$programs/hvcma" /usr/sbin
	cp "$HVCMA_BUILD/guest/$VM_NATIVE/bin/pinned_client" "$tree/usr/bin/"
	cp -L "$HVCMA_BUILD/env/busybox-$VM_NATIVE" "$tree/usr/bin/busybox"
	for program in sh cat cp rm ls ln mkdir sleep grep sed kill pidof stty uname dirname basename tail head wc cut tr seq; do
		ln -s busybox "$tree/usr/bin/$program"
	done
	cp "$HVCMA_SRC/tests/lib/guest/agent" "$HVCMA_SRC/tests/lib/guest/helpers.sh" "$tree/"
	cp /usr/lib/systemd/system/*.target "$tree/usr/lib/systemd/system/"
	for unit in hvcmad.socket hvcmad.service hvcmad-keeper.socket hvcmad-keeper.service; do
		sed 's|@SBINDIR@|/usr/sbin|' "$HVCMA_SRC/packaging/$unit" >"$tree/etc/systemd/system/$unit"
	done
	# Time to look at what there is while both are dead; there is no journal here.
	for unit in hvcmad hvcmad-keeper; do
		mkdir -p "$tree/etc/systemd/system/$unit.service.d"
		printf '[Service]\nRestartSec=3s\nStandardError=append:/run/%s.log\n' $unit \
			>"$tree/etc/systemd/system/$unit.service.d/test.conf"
	done
	sed "s/@PORT@/$([ "$VM_NATIVE" = amd64 ] && echo ttyS1 || echo ttyAMA1)/" \
		"$HVCMA_SRC/tests/vm/systemd/agent.service" >"$tree/etc/systemd/system/agent.service"
	cat >"$tree/etc/systemd/system/default.target" <<-END
		[Unit]
		Requires=basic.target
		Wants=agent.service hvcmad.socket
		After=basic.target
	END
	mkdir -p "$tree/usr/local/etc/hvcma" "$tree/etc/hvcma"
	cat >"$tree/etc/hvcma/hvcmad.conf" <<-END
		totals = { pinned = "${mib}M"; regions = 1; };
		vms = ( { name = "a"; user = 0; pinned = "${mib}M"; regions = 1; unsafe-noiommu = true; } );
	END
	cp "$tree/etc/hvcma/hvcmad.conf" "$tree/usr/local/etc/hvcma/"
	echo root:x:0:0:root:/root:/bin/sh >"$tree/etc/passwd"
	printf 'root:x:0:\nhvcma:x:900:\n' >"$tree/etc/group"
	echo 'passwd: files' >"$tree/etc/nsswitch.conf"
	: >"$tree/etc/machine-id"
	echo 'NAME=test' >"$tree/etc/os-release"
	kib=$(du -sk --apparent-size "$tree" | cut -f 1)
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -t ext4 -m 0 -d "$tree" "$VM_TMP/tree.img" "$((kib * 11 / 10 + 16384))k"
}

# used: hugepages that somebody has
used()
{
	guest 'cd /sys/kernel/mm/hugepages/hugepages-2048kB; echo $(($(cat nr_hugepages) - $(cat free_hugepages)))'
}

# is_ready UNIT
is_ready()
{
	[ "$(guest systemctl is-active "$1")" = active ]
}

# runs UNIT: and is ready
runs()
{
	wait_until 20 is_ready "$1"
}

# said TEXT: the service has
said()
{
	guest "grep -q -e '$1' /run/hvcmad.log"
}

pid_of()
{
	guest "systemctl show -P MainPID $1"
}

# start_client: its addresses are in $addresses
start_client()
{
	guest "pinned_client /run/hvcma/hvcmad.socket $mib >/tmp/client 2>&1 &"
	wait_until 20 guest 'grep -q -e pinned -e failed /tmp/client'
	addresses=$(guest 'sed -n "s/^pinned //p" /tmp/client')
	[ -n "$addresses" ] || note "$(guest cat /tmp/client)"
}

# resumes: the client connects again, and has what it had, where it was
resumes()
{
	guest ': >/tmp/client; kill -USR1 $(pidof pinned_client)'
	wait_until 20 guest 'grep -q -e resumed -e failed /tmp/client'
	equal "$addresses" "$(guest 'sed -n "s/^resumed //p" /tmp/client')" || note "$(guest cat /tmp/client)"
}

# stays: all of the region's hugepages are somebody's
stays()
{
	equal $((mib / 2)) "$(used)"
}

pinned_bytes()
{
	guest 'hvcma status --service=/run/hvcma/hvcmad.socket --field /pinned-bytes'
}

make_tree
initramfs "$VM_TMP/initramfs" "$VM_NATIVE" $series virtio_pci virtio_blk ext4 -- -f "$HVCMA_SRC/tests/vm/systemd/start:/start"
VM_NO_PRELOAD=1 VM_MEMORY=768M VM_LIMIT_S=1500 VM_APPEND="hugepages=$mib systemd.show_status=0 loglevel=5" \
	vm_start "$VM_NATIVE" "$(kernel_dir "$VM_NATIVE" $series)/vmlinuz" "$VM_TMP/initramfs" \
	-drive "if=none,id=tree,format=raw,snapshot=on,file=$VM_TMP/tree.img" -device virtio-blk-pci,drive=tree
check "a guest of systemd boots" vm_booted 1 120
note "$(guest systemctl --version | head -n 1)"

start_client
check "the socket has the service started, which has memory pinned" [ -n "$addresses" ]
check "the service is ready" runs hvcmad
check "so is its keeper" runs hvcmad-keeper
check "its sandbox: no capability that the unit does not have" \
	equal 0000000000224000 "$(guest "sed -n 's/^CapBnd:[[:space:]]*//p' /proc/$(pid_of hvcmad)/status")"
check "a filter of system calls" equal 2 "$(guest "sed -n 's/^Seccomp:[[:space:]]*//p' /proc/$(pid_of hvcmad)/status")"
check "the keeper's: pins alone" \
	equal 0000000000004000 "$(guest "sed -n 's/^CapBnd:[[:space:]]*//p' /proc/$(pid_of hvcmad-keeper)/status")"
check "systemd's store has files of it" [ "$(guest systemctl show -P NFileDescriptorStore hvcmad-keeper)" -ge 3 ]

guest systemctl restart hvcmad
check "restarted: the service is ready" runs hvcmad
check "restarted: its client goes on, with the same addresses" resumes

# kill_them UNIT...: at once, and whatever else $others says; each is another process afterwards
kill_them()
{
	kt_pids=
	for kt_unit; do
		kt_pids="$kt_pids $(pid_of "$kt_unit")"
	done
	note "kills$kt_pids ${others-}"
	guest "kill -KILL$kt_pids ${others-}"
}

# is_another UNIT: than when it was killed
is_another()
{
	ia_pid=$(pid_of "$1")
	case "$kt_pids " in *" $ia_pid "*) return 1 ;; esac
	[ "$ia_pid" -gt 0 ] && is_ready "$1"
}

kill_them hvcmad
check "service killed: systemd starts another" wait_until 20 is_another hvcmad
check "service killed: its client goes on" resumes

kill_them hvcmad-keeper
check "keeper killed: another is there" wait_until 20 is_another hvcmad-keeper
check "keeper killed: all stays pinned" equal $((mib << 20)) "$(pinned_bytes)"
check "keeper killed: its client goes on" resumes
check "keeper killed: what it holds is in systemd's store" \
	[ "$(guest systemctl show -P NFileDescriptorStore hvcmad-keeper)" -ge 3 ]

kill_them hvcmad hvcmad-keeper
check "both killed: the memory stays" stays
check "both killed: the next keeper is ready" wait_until 20 is_another hvcmad-keeper
check "both killed: the next service is ready" wait_until 20 is_another hvcmad
check "both killed: it had to pin anew, and says so" said 'region banka is pinned anew: the keeper has no pins of it'
check "both killed: all is pinned" equal $((mib << 20)) "$(pinned_bytes)"
check "both killed: its client goes on" resumes

others='$(pidof pinned_client)'
kill_them hvcmad hvcmad-keeper
check "all three killed: the memory stays, in systemd's store" stays
check "all three killed: the next service is ready" wait_until 20 is_another hvcmad
check "all three killed: it lets go of what a dead client had" wait_until 20 eval '[ "$(used)" -eq 0 ]'
check "all three killed: nothing of it is in the store" \
	wait_until 20 eval '[ "$(guest systemctl show -P NFileDescriptorStore hvcmad-keeper)" -eq 0 ]'

# Without a store, as where systemd is told to have none.
guest 'mkdir -p /run/systemd/system/hvcmad-keeper.service.d; echo "[Service]" >/run/systemd/system/hvcmad-keeper.service.d/store.conf'
guest 'echo FileDescriptorStoreMax=0 >>/run/systemd/system/hvcmad-keeper.service.d/store.conf; systemctl daemon-reload'
others=
kill_them hvcmad-keeper hvcmad
check "control: the keeper without a store is ready" wait_until 20 is_another hvcmad-keeper
check "control: the service is ready" wait_until 20 is_another hvcmad
start_client
check "control: without a store it pins memory, too" [ -n "$addresses" ]
others='$(pidof pinned_client)'
kill_them hvcmad hvcmad-keeper
check "control: all three killed, without a store: the memory has gone" equal 0 "$(used)"
check "control: the next service is ready all the same" wait_until 20 is_another hvcmad
note "$(guest 'cat /run/hvcmad.log /run/hvcmad-keeper.log')"
vm_quit
tap_end
