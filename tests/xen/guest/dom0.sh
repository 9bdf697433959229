# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# Helpers of the control domain (tests/lib/xen.sh), sourced by each command of its agent.

export PATH=/usr/lib/xen-@RELEASE@/bin:/usr/bin:/usr/sbin:/sbin:/bin

# await SECONDS COMMAND...: by the clock, and seldom: processors are few, and others' work is what is waited for
await()
{
	aw_end=$(($(date +%s) + $1))
	shift
	until "$@"; do
		[ "$(date +%s)" -lt "$aw_end" ] || return 1
		sleep 0.5
	done
}

# xen_up: what Debian's init scripts do
xen_up()
{
	mkdir -p /dev/pts /run/xen /var/lock /var/lib/xen /var/log/xen/console /var/lib/xenstored
	[ -e /var/run ] || ln -s /run /var/run
	mount -t devpts devpts /dev/pts
	load xen-evtchn xen-gntdev xen-privcmd xenfs && mount -t xenfs xenfs /proc/xen || return 1
	xenstored --pid-file /run/xenstored.pid || return 1
	await 20 xenstore-exists / || return 1
	xen-init-dom0 && xenconsoled
}

xenstore_read()
{
	xenstore-read "$@" 2>/dev/null
}

# domu_create MEMORY-MIB [LINE...]: paused it is not; its agent is waited for
domu_create()
{
	{
		cat /domu/cfg
		echo "memory = $1"
		shift
		for line; do
			echo "$line"
		done
	} >/tmp/domu.cfg
	xl create /tmp/domu.cfg || return 1
	rm -f /tmp/domu.in /tmp/domu.out
	mkfifo /tmp/domu.in
	# What xl runs, told to read though this is no terminal.
	setsid xenconsole --interactive "$(xl domid domu)" <>/tmp/domu.in >/tmp/domu.out 2>/tmp/domu.console &
	await "${DOMU_BOOT_S:-90}" grep -q '^@boot' /tmp/domu.out || {
		echo "domU does not boot:"
		xl list
		tail -n 20 /tmp/domu.out /tmp/domu.console
		return 1
	}
}

# domu COMMAND...: in domU, by its agent: output and status
domu()
{
	[ -p /tmp/domu.in ] || return 1
	read -r domu_id </proc/sys/kernel/random/uuid
	timeout 5 sh -c 'echo "$0" >/tmp/domu.in' "$domu_id $*" || return 1
	await "${DOMU_LIMIT_S:-60}" grep -q "^@done $domu_id " /tmp/domu.out || {
		echo "no end of it: $*"
		return 124
	}
	tr -d '\r' </tmp/domu.out | sed -n "/^@begin $domu_id/,/^@done $domu_id/{/^@/d;p;}"
	return "$(tr -d '\r' </tmp/domu.out | sed -n "s/^@done $domu_id //p")"
}

# hvcma_up: the backend, its output in /tmp/hvcma-xen.log
hvcma_up()
{
	setsid hvcma-xen daemon >>/tmp/hvcma-xen.log 2>&1 &
	echo $! >/tmp/hvcma-xen.pid
	await 10 grep -q ready /tmp/hvcma-xen.log
}
