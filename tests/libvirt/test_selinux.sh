#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# SELinux: the module of packaging/selinux, built by the makefile that distributions build theirs with, and Debian's reference
# policy with it, as a kernel would have it: what that lets hvcmad, QEMU and libvirt do, what it does not, and which files have
# which label. That a kernel obeys: test_selinux_enforced.
#
# check: limit 900

. "$HVCMA_SRC/tests/lib/testbed.sh"
. "$HVCMA_SRC/tests/lib/selinux.sh"

selinux_need
trap vm_cleanup EXIT

# may SOURCE TARGET CLASS PERMISSION...: all of them, in any state of the policy's switches but those that are off
may()
{
	ma_source=$1 ma_target=$2 ma_class=$3
	shift 3
	selinux_inside sesearch -A -s "$ma_source" -t "$ma_target" -c "$ma_class" "$POLICY" >"$VM_TMP/rules" 2>&1 || {
		note "$(cat "$VM_TMP/rules")"
		return 1
	}
	for ma_one; do
		# Rules that a switch has made true when it is on: all are off here.
		grep -v ':True$' "$VM_TMP/rules" | grep -q "[{ ]${ma_one}[ ;]" || return
	done
}

# may_not SOURCE TARGET CLASS PERMISSION...: none of them
may_not()
{
	mn_three="$1 $2 $3"
	shift 3
	for mn_one; do
		# shellcheck disable=SC2086 # three words
		! may $mn_three "$mn_one" || { note "$mn_three may $mn_one"; return 1; }
		! grep -qi -e error -e 'not a valid' -e Traceback "$VM_TMP/rules" || { note "$(cat "$VM_TMP/rules")"; return 1; }
	done
}

# labelled PATH TYPE [KIND]: what a file of this path gets
labelled()
{
	equal "$2" "$(selinux_inside matchpathcon -n -m "${3:-file}" "$1" | cut -d : -f 3)"
}

check "the module is built" selinux_build || { note "$(cat "$VM_TMP/built")"; tap_end; }
check "without a warning" eval '! grep -i warn "$VM_TMP/built"'
sed -i 's/hvcmad_run_t)$/hvcmad_ran_t)/' "$SELINUX/build/hvcma.te"
cp "$SELINUX/build/hvcma.pp" "$SELINUX/build/good"
check "negative control: a type that there is not is refused" eval '! selinux_build && grep -q "hvcmad_ran_t" "$VM_TMP/built"'
cp "$HVCMA_SRC"/packaging/selinux/hvcma.te "$SELINUX/build/"
mv "$SELINUX/build/good" "$SELINUX/build/hvcma.pp"

check "Debian's policy" eval 'selinux_store $(cd "$SELINUX" && ls usr/share/selinux/default/*.pp* | sed "s,^,/,")' || { note "$(cat "$VM_TMP/stored")"; tap_end; }
POLICY=$(selinux_policy)
check "it knows no hvcmad" eval '! may svirt_t hvcmad_t fd use && grep -q "hvcmad_t is not a valid" "$VM_TMP/rules"'
check "QEMU may not use hugepages without a file" may_not svirt_t hugetlbfs_t file write map
check "nor use a device that was opened for it" may_not svirt_t vfio_device_t chr_file read write ioctl
check "nor map files of regions" may_not svirt_t svirt_image_t file map
check "libvirt may not make files of regions" may_not virtd_t hugetlbfs_t file create unlink
check "and ours" selinux_store /build/hvcma.pp || { note "$(cat "$VM_TMP/stored")"; tap_end; }

check "systemd starts the service in its domain" eval 'selinux_inside sesearch -T -s init_t -t hvcmad_exec_t -c process "$POLICY" | grep -q "hvcmad_t;"'
check "and has it without new privileges" may init_t hvcmad_t process2 nnp_transition
check "QEMU: connects" may svirt_t hvcmad_t unix_stream_socket connectto
check "by the socket" may svirt_t hvcmad_run_t sock_file write
check "uses what is passed to it" may svirt_t hvcmad_t fd use
check "memory of the service's" may svirt_t hvcma_memory_t file read write map
check "files of regions" may svirt_t svirt_image_t file read write map
check "a device that was opened for it" may svirt_t vfio_device_t chr_file read write ioctl map
check "hugepages without a file" may svirt_t hugetlbfs_t file read write map
check "the same where it is emulated" may svirt_prot_exec_t hvcmad_t unix_stream_socket connectto
check "the service: what QEMU passes" may hvcmad_t svirt_t fd use
check "files of regions" may hvcmad_t svirt_image_t file read write map
check "devices" may hvcmad_t vfio_device_t chr_file open read write ioctl
check "what it needs of root" may hvcmad_t hvcmad_t capability sys_admin sys_rawio ipc_lock
check "its keeper's descriptors" may hvcmad_t hvcmad_t process ptrace
check "libvirt's hook: files of regions" may virtd_t hugetlbfs_t file create write map unlink relabelfrom
check "systemd keeps what the service has" may init_t hvcma_memory_t file read write

check "QEMU may not open a device" may_not svirt_t vfio_device_t chr_file open
check "nor make a region's file, or open one of hugepages" may_not svirt_t hugetlbfs_t file create open unlink
check "nor make or open memory of the service's" may_not svirt_t hvcma_memory_t file create open
check "nor have what the service keeps for the next" may_not svirt_t hvcmad_tmpfs_t file read write map
check "nor put another socket there" may_not svirt_t hvcmad_run_t dir write add_name remove_name
check "nor see into the service" may_not svirt_t hvcmad_t process ptrace signal sigkill
check "nor do anything privileged" may_not svirt_t svirt_t capability sys_admin sys_rawio ipc_lock
check "the service may not open what it is passed" may_not hvcmad_t svirt_image_t file open create unlink
check "nor write where it has nothing to do" may_not hvcmad_t etc_t file write create
check "nor use a network" may_not hvcmad_t hvcmad_t tcp_socket create
check "nor load modules, or get past owners and modes" may_not hvcmad_t hvcmad_t capability sys_module dac_override
check "negative control: an unconfined process may" may unconfined_t vfio_device_t chr_file open

check "the service" labelled /usr/sbin/hvcmad hvcmad_exec_t
check "its keeper" labelled /usr/sbin/hvcmad-keeper hvcmad_exec_t
check "the emulator" labelled /usr/bin/hvcma-qemu-system-x86_64 qemu_exec_t
check "the plugin" labelled /usr/lib/hvcma/hvcma-qemu-10.0.so lib_t
check "the hook" labelled /etc/libvirt/hooks/qemu.d/hvcma bin_t
check "the socket" labelled /run/hvcma/hvcmad.socket hvcmad_run_t socket
check "by its other name, too" labelled /var/run/hvcma/hvcmad.socket hvcmad_run_t socket
check "negative control: the command" labelled /usr/bin/hvcma bin_t

# The interface, for a QEMU in a domain of its own.
cat >"$SELINUX/build/other.te" <<'MODULE'
policy_module(other, 1.0)
type other_t;
domain_type(other_t)
hvcma_use_service(other_t)
MODULE
check "a module of others uses the interface" eval 'selinux_inside sh -c "cd /build && make -f /usr/share/selinux/devel/Makefile other.pp" >"$VM_TMP/built" 2>&1 ||
	! note "$(cat "$VM_TMP/built")"'
check "ours is taken out again" eval 'selinux_inside semodule -N -s default -X 300 -r hvcma >"$VM_TMP/stored" 2>&1 || ! note "$(cat "$VM_TMP/stored")"'
check "and is gone" eval '! may svirt_t hvcmad_t fd use && grep -q "hvcmad_t is not a valid" "$VM_TMP/rules"'
tap_end
