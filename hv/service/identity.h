/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is at the other end of a socket: process, user, control group, the machine that
 * systemd-machined has made of that, security label. Says what is so, and not what it
 * may do (config.h).
 *
 * All VMs of libvirt have one user: what tells them apart is the scope that
 * systemd-machined has put them in, which no process can leave without privileges.
 */
#ifndef HVCMA_SERVICE_IDENTITY_H
#define HVCMA_SERVICE_IDENTITY_H

#include <sys/types.h>

#include "hv/host/provider.h"

#define HVCMAD_CGROUP_BYTES	512
#define HVCMAD_MACHINE_BYTES	64
#define HVCMAD_LABEL_BYTES	256

struct hvcmad_identity {
	pid_t pid;
	uid_t uid;
	char cgroup[HVCMAD_CGROUP_BYTES];	/* up to its unit (.scope, .service), from the root on */
	char machine[HVCMAD_MACHINE_BYTES];	/* without "qemu-N-" of libvirt; "": none */
	char label[HVCMAD_LABEL_BYTES];		/* "": there is no security module with labels */
};

/**
 * hvcmad_identity_of_peer() - who has connected a Unix socket.
 * @fd: the connected socket
 * @out: out
 * @pidfd: out: of the process; the caller's to close
 *
 * The process that has connected, though others may have its descriptor now. It is alive
 * when this returns: what was found out of /proc is its own.
 *
 * Return: 0, -ESRCH (it has ended, or is in no process namespace that this one sees),
 * -E2BIG (a control group or label longer than any that can be), or what the kernel said;
 * @err says it in words.
 */
int hvcmad_identity_of_peer(int fd, struct hvcmad_identity *out, int *pidfd,
			    struct hvcma_error *err);

/**
 * hvcmad_identity_set_cgroup() - cgroup and machine, out of what /proc/PID/cgroup says.
 * @text: NUL-terminated; empty: the host has none, which counts as that at the root
 *
 * Of the unified hierarchy, or, where systemd does not use that, of its own. What lies
 * below the unit (libvirt's "libvirt/emulator") is left out.
 *
 * Return: 0, -EINVAL (no such line), -E2BIG; @id is untouched then.
 */
int hvcmad_identity_set_cgroup(struct hvcmad_identity *id, const char *text);

/** hvcmad_is_dead() - has the process of this pidfd ended? */
bool hvcmad_is_dead(int pidfd);

#endif /* HVCMA_SERVICE_IDENTITY_H */
