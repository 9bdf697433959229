# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Guests whose kernel has the kernel's own instruments built in (tests/env/kernel): known by where
# the kernel lies, so that any test can run on one. They are slower and want more memory; whatever
# the instruments report fails the test, when the machine ends (vm_quit). Sourced before vm.sh.
#
#	instruments KERNEL	which a kernel has, or nothing; sets vm_slow, how much time it takes
#	reports [LINE]		what they have said, known things left out; from this line of the console
#	instruments_work	they have not been switched off meanwhile, as some are by a report
#	instruments_judge	no reports, all at work; says what it found
#	instruments_expect PATTERN...	(extended regular expressions) is what the test brings about itself
#				from now on; until now there was no report
#
# HVCMA_INSTRUMENTS=all switches on those that make the machine several times slower, too.

VM_INSTRUMENTS='checked|races|rt|64k'

# What the kernel is told; to have patience, for an emulated processor waits for those of a loaded
# machine. nohz=off: with these kernels timers of an idle processor came late under TCG, or never
# (stalls of RCU without a report of anybody).
# shellcheck disable=SC2034 # for vm_start
INSTRUMENTS_APPEND='kasan_multi_shot nohz=off'
[ "${HVCMA_INSTRUMENTS-}" != all ] ||
	INSTRUMENTS_APPEND="$INSTRUMENTS_APPEND debug_objects debug_pagealloc=on page_owner=on page_poison=1 kmemleak=on"

# First lines of what they say.
REPORTS='WARNING: |BUG: |BUG |UBSAN: |ODEBUG: |Oops|DMA-API: .*: (device driver|cacheline)|INFO: task .* blocked|'\
'INFO: trying to register non-static key|detected stall|pagealloc: |kmemleak: .* new suspected|'\
'lockdep.*turning off|general protection fault|Kernel panic'

# shellcheck disable=SC2034 # for vm.sh
instruments()
{
	in_name=${1%/*}
	in_name=${in_name##*/}
	in_name=${in_name##*-}
	vm_slow=1
	echo "$in_name" | grep -qxE "$VM_INSTRUMENTS" || return 0
	case $in_name in
	checked | races) vm_slow=4 ;;
	*) vm_slow=2 ;;
	esac
	vm_instruments=$in_name
}

# Reports in one line each: what DMA-API says of an entry is on the line after; of KCSAN's, of which
# kernels have many of their own, those with a module of this project in one of the traces.
reports_joined()
{
	tr -d '\r' <"$VM_DIR/console.log" | awk -v from="$1" '
		NR < from { next }
		/BUG: KCSAN: / { race = $0; ours = ""; next }
		race && /==========/ { if (ours) print race " " ours; race = "" }
		race && match($0, /\[(virtio_cma|vcma_[a-z]+)\]/) { ours = substr($0, RSTART, RLENGTH) }
		race { next }
		/pending DMA allocations/ { pending = $0 " "; next }
		{ print pending $0; pending = "" }'
}

# shellcheck disable=SC2120 # most look at all of it
reports()
{
	sed '/^#/d; /^$/d' "$HVCMA_SRC/tests/lib/reports.known" >"$VM_DIR/known"
	cat "$VM_DIR"/expected >>"$VM_DIR/known" 2>/dev/null
	reports_joined "${1:-1}" | grep -aE "$REPORTS" | grep -avE -f "$VM_DIR/known"
}

# on_debugfs COMMAND...: in the guest, with debugfs in /debug for that long
on_debugfs()
{
	guest "mkdir -p /debug && mount -t debugfs none /debug && { $*; }; status=\$?; umount /debug; (exit \$status)"
}

instruments_start()
{
	on_debugfs '[ ! -e /debug/dma-api ] || echo 1 >/debug/dma-api/all_errors'
}

# Both switch themselves off.
instruments_work()
{
	on_debugfs \
		'{ [ ! -e /proc/lockdep_stats ] || grep -q "^ debug_locks: *1$" /proc/lockdep_stats; } &&' \
		'{ [ ! -e /debug/dma-api ] || [ "$(cat /debug/dma-api/disabled)" = N ]; }'
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

# shellcheck disable=SC2154 # what: the test's
instruments_expect()
{
	[ -n "$vm_instruments" ] || return 0
	check "$what: until now nothing was reported, and the instruments look" instruments_judge
	printf '%s\n' "$@" >"$VM_DIR/expected"
}
