/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pin keeper: a small process that holds the pins of this one a little longer.
 *
 * When a process is killed, its memory goes before the devices it had opened
 * are reset. The keeper (program hvcma-pin-keeper) has duplicates of the
 * descriptors that hold the pins (provider.h). It waits until its owner is dead
 * (a pidfd says so: not before the kernel has closed its files), and until every
 * watched device is closed; then it exits, and the pages go.
 *
 *	owner (this process) -- socket -->  keeper         pages
 *	  region's memory    <-- pidfd ---    pin fds ----> pinned
 *	  device, enabled                     reads .../0000:00:03.0/enable
 *
 * Whether a device is closed it sees in a file that says how many have it
 * enabled, such as the kernel shows for PCI devices. It opens no device: that
 * would keep the next owner from opening it. A device that is enabled although
 * its owner is dead, and for longer than the kernel takes to close it, belongs to
 * a next owner already, so it was closed and reset between.
 *
 * A platform device has no such file, and closing it does not stop it. Of these the keeper has
 * VFIO's descriptor, and the rule by which the device is quiesced (platform_rules.h): it does
 * so itself, and nobody can open the device before.
 *
 * It can't help against a kill that takes the keeper too (a whole cgroup).
 */
#ifndef HVCMA_HOST_KEEPER_H
#define HVCMA_HOST_KEEPER_H

#include <stddef.h>

#include "hv/host/platform_rules.h"
#include "hv/host/provider.h"

/* Longest text on the socket, "watch ", "unwatch " or "device " and a path. */
#define HVCMA_KEEPER_MESSAGE_BYTES	512
/* Behind "device PATH" and a NUL: a rule, or nothing; with a descriptor. */
#define HVCMA_KEEPER_LONGEST_BYTES	(HVCMA_KEEPER_MESSAGE_BYTES + sizeof(struct hvcma_platform_rule))

struct hvcma_keeper;

/**
 * hvcma_keeper_start() - start a keeper.
 * @program_path: of hvcma-pin-keeper
 * @pin_fds, @nr_pin_fds: from hvcma_provider_local_pin_fds(); stay the caller's
 *
 * The owner is the calling process, with all its threads. The keeper is no child of
 * the caller (nothing to reap), is in a session of its own and has none of the
 * caller's descriptors but these and stderr, the
 * latter unless it is a pipe. It logs to both stderr and syslog, little.
 * Waits until it runs: the time of one exec.
 *
 * Return: 0 with *@out owned by the caller (hvcma_keeper_stop()), or the
 * negative errno of making descriptors or starting the program, -EPERM also if a
 * seccomp filter ended it, -EIO if it refused to start; @err says it in words.
 */
int hvcma_keeper_start(const char *program_path, const int *pin_fds, size_t nr_pin_fds,
		       struct hvcma_keeper **out, struct hvcma_error *err);

/**
 * hvcma_keeper_fd() - becomes readable when the keeper has died. Only to be
 * polled; stays the keeper's.
 */
int hvcma_keeper_fd(const struct hvcma_keeper *k);

/**
 * hvcma_keeper_watch() - hold the pins until @path says that the device is closed.
 * @path: absolute, of a file that holds the number of those who have the device
 *	enabled ("0": it is closed); copied. If it goes, the device is gone.
 *
 * Never blocks. A path may be watched twice; it counts once.
 *
 * Return: 0, -EINVAL (not absolute), -ENAMETOOLONG, what stat() says (-ENOENT),
 * -EPIPE (the keeper is dead), -EAGAIN (it does not read); @err says it in words.
 */
int hvcma_keeper_watch(struct hvcma_keeper *k, const char *path, struct hvcma_error *err);

/**
 * hvcma_keeper_watch_device() - hold the pins until the platform device is quiet, and make it so.
 * @path: absolute, names the device; need not exist
 * @device_fd: of VFIO; stays the caller's, the keeper has it, too, until hvcma_keeper_unwatch()
 * @rule: NULL: there is none; without a reset of the kernel's the pins are never let go then
 *
 * Return: as hvcma_keeper_watch().
 */
int hvcma_keeper_watch_device(struct hvcma_keeper *k, const char *path, int device_fd,
			      const struct hvcma_platform_rule *rule, struct hvcma_error *err);

/**
 * hvcma_keeper_unwatch() - the device of @path is quiesced for good.
 *
 * Return: as hvcma_keeper_watch(), but @path need not exist any more.
 */
int hvcma_keeper_unwatch(struct hvcma_keeper *k, const char *path, struct hvcma_error *err);

/**
 * hvcma_keeper_stop() - every device is quiesced: the keeper ends the pins and exits.
 * Never blocks. Frees @k; NULL is allowed.
 */
void hvcma_keeper_stop(struct hvcma_keeper *k);

#endif /* HVCMA_HOST_KEEPER_H */
