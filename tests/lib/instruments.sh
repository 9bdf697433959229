# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Guests whose kernel has the kernel's own instruments built in (tests/env/kernel), known by where
# the kernel lies: slower, they want more memory, and what they report is on the console. Sourced
# before vm.sh.
#
#	instruments KERNEL	which a kernel has, or nothing; sets vm_slow, how much time it takes
#	reports [LINE]		what they have said, known things left out; from this line of the console
#	instruments_work	they have not been switched off meanwhile, as some are by a report
#	instruments_judge	both: no reports, all at work; says what it found

VM_INSTRUMENTS=checked

# What the kernel is told; to have patience, for an emulated processor waits for those of a loaded
# machine. nohz=off: with these kernels timers of an idle processor came late under TCG, or never
# (stalls of RCU without a report of anybody).
# shellcheck disable=SC2034 # for vm_start
INSTRUMENTS_APPEND='kasan_multi_shot nohz=off rcupdate.rcu_cpu_stall_timeout=120 workqueue.watchdog_thresh=120'

# First lines of what they say.
REPORTS='WARNING: |BUG: |BUG |UBSAN: |Oops|DMA-API: .*: (device driver|cacheline)|INFO: task .* blocked|'\
'INFO: trying to register non-static key|detected stall|'\
'lockdep.*turning off|general protection fault|Kernel panic'

# shellcheck disable=SC2034 # for vm.sh
instruments()
{
	in_name=${1%/*}
	in_name=${in_name##*/}
	in_name=${in_name##*-}
	vm_slow=1
	[ "$in_name" = "$VM_INSTRUMENTS" ] || return 0
	vm_slow=4
	vm_instruments=$in_name
}

# shellcheck disable=SC2120 # most look at all of it
reports()
{
	sed '/^#/d; /^$/d' "$HVCMA_SRC/tests/lib/reports.known" >"$VM_DIR/known"
	# What DMA-API says of an entry is on the line after.
	tr -d '\r' <"$VM_DIR/console.log" | tail -n +"${1:-1}" | sed '/pending DMA allocations/{N;s/\n/ /}' |
		grep -aE "$REPORTS" | grep -avE -f "$VM_DIR/known"
}

# on_debugfs COMMAND...: in the guest, with debugfs in /debug for that long
on_debugfs()
{
	guest "mkdir -p /debug && mount -t debugfs none /debug && { $*; }; status=\$?; umount /debug; (exit \$status)"
}

instruments_start()
{
	on_debugfs 'echo 1 >/debug/dma-api/all_errors'
}

instruments_work()
{
	on_debugfs 'grep -q "^ debug_locks: *1$" /proc/lockdep_stats && [ "$(cat /debug/dma-api/disabled)" = N ]'
}

instruments_judge()
{
	ij_reports=$(reports)
	if [ -n "$ij_reports" ]; then
		note "reports of the kernel's instruments:" "$ij_reports"
		note "$(tr -d '\r' <"$VM_DIR/console.log" | grep -aE -A 60 "$REPORTS" | head -n 150)"
		return 1
	fi
	instruments_work && return
	note "an instrument is off: lockdep, or DMA-API"
	return 1
}
