# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# One virtual machine at a time: start, drive, look at, end. Sourced by tests on the outer
# machine and, for nested guests, inside the nested host (busybox).
#
# Every guest runs the agent of tests/lib/guest/init on its second serial port: commands go in
# line by line, so a test is one script outside and nothing but small helpers inside.
#
#	vm_start ARCH KERNEL INITRAMFS [QEMU-OPTION...]	KERNEL "": firmware looks for one
#	vm_tree FILE KERNEL INITRAMFS [QEMU-OPTION...]	device tree of an arm64 machine, without plugin
#	vm_booted N SECONDS	the agent has started N times (N > 1: after resets)
#	guest COMMAND...	one line, run in the guest: its output, its status
#	guest_live COMMAND...	the same, output as it comes
#	monitor COMMAND...	to QEMU's human monitor
#	status POINTER		field of the region's report (hvcma status --field)
#	vm_quit | vm_kill	end it, politely (printing logs if a check failed) or with SIGKILL
#
# A kernel with instruments (instruments.sh) gets twice the memory and several times the time; then
# vm_quit fails if they have reported anything.
#
# Read by vm_start: VM_MEMORY (-m), VM_APPEND (kernel command line), VM_MACHINE (-M options),
# VM_CPU, VM_SMP, VM_LIMIT_S (the machine's life at most), VM_ACCEL, VM_NO_PRELOAD (run without plugin),
# VM_USER (run QEMU as this user; KVM has to be open to him), VM_AS_USER (the program for that: tests/lib/as_user),
# VM_PLUGIN (folder of the plugin in that of the build: testing/; empty: what is installed),
# VM_PRELOAD (the whole path of another one).
# GUEST_LIMIT_S bounds each guest command. VM_CALM: look only once a second whether it has ended,
# which leaves the processors to it.

VM_NATIVE=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
VM_TMP=$(mktemp -d "${TMPDIR:-/tmp}/hvcma-vm.XXXXXX")
VM_DIR=
vm_pid=
vm_command=
vm_slow=1
vm_instruments=
trap 'vm_cleanup' EXIT
trap 'exit 130' INT TERM HUP

vm_cleanup()
{
	vm_kill
	if [ -n "${HVCMA_KEEP-}" ]; then
		note "logs are kept in $VM_TMP"
	else
		rm -rf "$VM_TMP"
	fi
}

# wait_until SECONDS COMMAND...: poll until the command succeeds. Each look takes the processors from what is waited
# for: what has lasted long is looked at more seldom.
wait_until()
{
	wu_end_ms=$(($1 * 1000 * vm_slow)) wu_ms=0
	shift
	until "$@"; do
		if [ -n "${VM_CALM-}" ]; then
			wu_step_ms=1000 wu_pause=1
		elif [ "$wu_ms" -ge 10000 ]; then
			wu_step_ms=500 wu_pause=0.5
		elif [ "$wu_ms" -ge 2000 ]; then
			wu_step_ms=200 wu_pause=0.2
		else
			wu_step_ms=50 wu_pause=0.05
		fi
		wu_ms=$((wu_ms + wu_step_ms))
		[ "$wu_ms" -lt "$wu_end_ms" ] || return 1
		sleep "$wu_pause"
	done
}

vm_machine()
{
	case $1 in
	amd64) echo "-M q35${VM_MACHINE:+,$VM_MACHINE} -cpu ${VM_CPU:-max}" ;;
	arm64) echo "-M virt,gic-version=3${VM_MACHINE:+,$VM_MACHINE} -cpu ${VM_CPU:-cortex-a57}" ;;
	esac
}

vm_console()
{
	[ "$1" = amd64 ] && echo ttyS0 || echo ttyAMA0
}

vm_qemu()
{
	[ "$1" = amd64 ] && vm_program=qemu-system-x86_64 || vm_program=qemu-system-aarch64
	echo "$HVCMA_BUILD/env/qemu-$VM_NATIVE/bin/$vm_program"
}

# An emulated processor that its host leaves waiting is late, not stuck: a kernel that says so after
# its usual 21 s would fail the test. What is stuck in truth stays so, and is told after this.
VM_PATIENCE='rcupdate.rcu_cpu_stall_timeout=120 watchdog_thresh=60 workqueue.watchdog_thresh=120'

vm_start()
{
	vm_arch=$1 vm_kernel=$2 vm_initramfs=$3
	shift 3
	vm_instruments=
	[ -z "${VM_INSTRUMENTS-}" ] || instruments "$vm_kernel"
	vm_memory=${VM_MEMORY:-512M,maxmem=8G} vm_append=${VM_APPEND-}
	if [ -n "$vm_instruments" ]; then
		vm_memory=$((${vm_memory%%M*} * 2))M${vm_memory#*M}
		vm_append="$INSTRUMENTS_APPEND slow=$vm_slow $vm_append"
	fi
	[ -z "$vm_kernel" ] || set -- -kernel "$vm_kernel" -initrd "$vm_initramfs" \
		-append "console=$(vm_console "$vm_arch") panic=-1 $VM_PATIENCE $vm_append" "$@"
	VM_DIR=$(mktemp -d "$VM_TMP/XXXXXX")
	mkfifo "$VM_DIR/agent.in" "$VM_DIR/monitor.in"
	vm_preload=${VM_PRELOAD:-$HVCMA_BUILD/$VM_NATIVE/${VM_PLUGIN-testing/}hvcma-preload.so}
	[ -z "${VM_NO_PRELOAD-}" ] || vm_preload=
	# shellcheck disable=SC2046 # options are words
	set -- timeout -k 5 $((${VM_LIMIT_S:-240} * vm_slow)) ${VM_USER:+"${VM_AS_USER:-$HVCMA_SRC/tests/lib/as_user}" "$VM_USER"} \
		"$(vm_qemu "$vm_arch")" \
		$(vm_machine "$vm_arch") -accel "${VM_ACCEL:-tcg,thread=multi}" -smp "${VM_SMP:-2}" \
		-m "$vm_memory" -nodefaults -no-user-config -display none \
		-chardev "file,id=console,path=$VM_DIR/console.log" -serial chardev:console \
		-chardev "pipe,id=agent,path=$VM_DIR/agent" -serial chardev:agent \
		-chardev "pipe,id=monitor,path=$VM_DIR/monitor" -mon chardev=monitor \
		-qmp "unix:$VM_DIR/qmp,server=on,wait=off" -pidfile "$VM_DIR/pid" \
		"$@"
	vm_command=$(printf '%s\n' "$@" | sed "s/'/'\\\\''/g; s/.*/'&'/" | tr '\n' ' ')
	vm_run "$@"
}

# vm_run COMMAND...
vm_run()
{
	: >"$VM_DIR/agent.out"
	: >"$VM_DIR/monitor.out"
	[ -z "${VM_USER-}" ] || { chmod 711 "$VM_TMP" && chown -R "$VM_USER" "$VM_DIR"; }
	exec 7<>"$VM_DIR/agent.in" 8<>"$VM_DIR/monitor.in"
	HVCMA_PRELOAD=$vm_preload "$@" 7>&- 8>&- >"$VM_DIR/qemu.log" 2>&1 </dev/null &
	vm_pid=$!
}

# vm_again: QEMU 10.0 with TCG can end by itself while a kernel places the BARs, if another vCPU uses
# registers then (docs/architecture.md): such a machine is started once more.
vm_again()
{
	if [ -z "$vm_command" ] || vm_alive || ! grep -q 'iotlb_to_section: Assertion' "$VM_DIR/qemu.log"; then
		return 1
	fi
	note "QEMU ended by itself while the guest placed BARs: started again"
	vm_forget
	va_command=$vm_command
	vm_command=
	eval "vm_run $va_command"
}

vm_tree()
{
	vm_tree_file=$1
	shift
	VM_NO_PRELOAD=1 VM_MACHINE=dumpdtb=$vm_tree_file${VM_MACHINE:+,$VM_MACHINE} vm_start arm64 "$@"
	wait_until 20 vm_dead
	vm_kill
}

vm_alive()
{
	[ -n "$vm_pid" ] && kill -0 "$vm_pid" 2>/dev/null
}

vm_dead()
{
	! vm_alive
}

# Counted, so that each reset can be waited for.
vm_has_booted()
{
	[ "$(grep -c '^@boot' "$VM_DIR/agent.out")" -ge "$1" ] || vm_dead
}

vm_booted()
{
	if wait_until "$2" vm_has_booted "$1" && vm_alive; then
		[ -z "$vm_instruments" ] || instruments_start
		return
	fi
	if [ "$1" -eq 1 ] && vm_again; then
		vm_booted "$@"
		return
	fi
	note "the guest did not boot (start $1) within $2 s"
	vm_logs
	return 1
}

# The end of all logs, as TAP notes; without the monitor's line editing.
vm_logs()
{
	for vm_log in qemu.log monitor.out console.log agent.out; do
		note "---- $vm_log: $(tail -n 15 "$VM_DIR/$vm_log" 2>/dev/null | tr -d '\r' |
			sed "s/.*$(printf '\033')\[K//")"
	done
}

guest_done()
{
	grep -q "^@done $1 " "$VM_DIR/agent.out" || vm_dead
}

# guest_status ID: the command's exit status, 124 if it has not ended.
guest_status()
{
	gs_status=$(sed -n "s/^@done $1 \([0-9]*\).*/\1/p" "$VM_DIR/agent.out")
	return "${gs_status:-124}"
}

guest()
{
	read -r guest_id </proc/sys/kernel/random/uuid
	echo "$guest_id $*" >&7
	wait_until "${GUEST_LIMIT_S:-60}" guest_done "$guest_id"
	tr -d '\r' <"$VM_DIR/agent.out" |
		sed -n "/^@begin $guest_id/,/^@done $guest_id/{/^@begin /d;/^@done /d;p;}"
	guest_status "$guest_id" && return
	gs_status=$?
	[ "$gs_status" -ne 124 ] || note "no end of it, or not within ${GUEST_LIMIT_S:-60} s: guest $*" >&2
	return "$gs_status"
}

# guest_live COMMAND...: as guest, its output line by line as it comes.
guest_live()
{
	gl_seen=$(wc -l <"$VM_DIR/agent.out")
	read -r guest_id </proc/sys/kernel/random/uuid
	echo "$guest_id $*" >&7
	gl_left=$((${GUEST_LIMIT_S:-60} * 20 * vm_slow))
	while :; do
		! guest_done "$guest_id" || gl_left=0
		gl_total=$(wc -l <"$VM_DIR/agent.out")
		if [ "$gl_total" -gt "$gl_seen" ]; then
			sed -n "$((gl_seen + 1)),${gl_total}p" "$VM_DIR/agent.out" | tr -d '\r' |
				grep -v '^@'
			gl_seen=$gl_total
		fi
		[ "$gl_left" -gt 0 ] || break
		gl_left=$((gl_left - 1))
		sleep 0.05
	done
	guest_status "$guest_id"
}

monitor()
{
	echo "$*" >&8
}

# status POINTER [DEVICE]
status()
{
	"$HVCMA_BUILD/$VM_NATIVE/hvcma" status --qmp "$VM_DIR/qmp" --device "${2:-cma0}" --field "$1"
}

# status_is POINTER VALUE [DEVICE]: for check and wait_until.
status_is()
{
	[ "$(status "$1" ${3:+"$3"} 2>/dev/null)" = "$2" ]
}

vm_forget()
{
	wait "$vm_pid" 2>/dev/null
	vm_status=$?
	vm_pid=
	exec 7>&- 8>&-
}

vm_quit()
{
	[ -n "$vm_pid" ] || return 0
	[ "$tap_failed" -eq 0 ] || vm_logs
	vm_reported=0
	[ -z "$vm_instruments" ] || instruments_judge || vm_reported=1
	monitor quit
	if wait_until 10 vm_dead; then
		vm_forget
		[ "$vm_reported" -eq 0 ] || return 1
		return "$vm_status"
	fi
	note "QEMU did not quit within 10 s"
	vm_kill
	return 1
}

vm_kill()
{
	[ -n "$vm_pid" ] || return 0
	kill -KILL "$(cat "$VM_DIR/pid" 2>/dev/null)" "$vm_pid" 2>/dev/null
	vm_forget
}
