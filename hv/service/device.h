/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that clients have been given, from OPEN_DEVICE until they can't write to memory any more.
 * The service has each open as long, and so has its keeper (keep.h): whoever else had it, it can be
 * stopped from here, or by the next service. Who may have which is account.h's and config.h's; how a device
 * is opened and stopped, device_kind.h's.
 *
 *	OPEN --CLOSE_DEVICE, or its client has ended--> STOPPING --stopped--> GONE
 *	                                                 ^    | it can't be stopped
 *	                                         RELEASE |    v
 *	                                               QUARANTINED --RELEASE by force--> GONE
 *
 * A device belongs to the process that has opened it, by whichever of its sessions. While one of its
 * devices is not GONE, what memory the process had stays pinned (memory.h).
 *
 * Stopping takes 0.1 s and more, and hardware that hangs takes for ever: threads do it. They touch
 * nothing but what they were given. When it has stopped, the keeper closes it, then the service, and
 * then nobody may have it open any more.
 */
#ifndef HVCMA_SERVICE_DEVICE_H
#define HVCMA_SERVICE_DEVICE_H

#include "hv/service/account.h"
#include "hv/service/device_kind.h"
#include "hv/service/peer.h"

struct sd_event;
struct sd_event_source;

enum hvcmad_dev_state {
	HVCMAD_DEV_OPEN,
	HVCMAD_DEV_STOPPING,
	HVCMAD_DEV_QUARANTINED,
	HVCMAD_DEV_GONE,
	HVCMAD_DEV_NR_STATES
};

/* What the next service is to know of a device. With its descriptor, until it has stopped. */
struct hvcmad_device_record {
	struct hvcmad_record_head head;
	char name[HVCMAD_DEVICE_BYTES];
	uint32_t number;
	uint32_t is_closed;		/* its client has closed it, or it has stopped */
};
_Static_assert(sizeof(struct hvcmad_device_record) == 56, "a keeper of another version has it, too");

/* Of a platform device. A service that knows none can't take it over by its length, and does not start. */
struct hvcmad_platform_record {
	struct hvcmad_device_record device;
	struct hvcmad_device_kind kind;
};
_Static_assert(sizeof(struct hvcmad_platform_record) == 712, "a keeper of another version has it, too");
_Static_assert(sizeof(struct hvcmad_platform_record) <= HVCMAD_KEEPER_MAX_RECORD, "no keeper takes it");

struct hvcmad_device {
	struct hvcmad_device *next;
	struct hvcmad_devices *all;
	enum hvcmad_dev_state state;
	uint32_t number;
	char name[HVCMAD_DEVICE_BYTES];
	struct hvcmad_vm *vm;
	pid_t pid;			/* of the process that has, or had, it */
	int fd;				/* -1: it has stopped and is closed here */
	char why[HVCMAD_WHY_BYTES];	/* QUARANTINED: what was wrong */
	struct hvcmad_peer *peer;
	struct hvcmad_device_kind kind;
	struct hvcmad_platform_record record;	/* of a PCI device its beginning */
	struct hvcmad_kept kept;
};

struct hvcmad_devices {
	struct hvcmad_device *first;
	struct hvcmad_device **end;
	uint32_t last_number;
	struct hvcmad_keep *keep;
	const struct hvcmad_config *config;	/* of now: where rules of platform devices are */
	int result_fd[2];		/* a pipe, of what threads have done */
	struct sd_event_source *source;
	void (*gone)(void *opaque, pid_t pid);
	void *opaque;
};

/**
 * hvcmad_devices_init() - none yet.
 * @config: the owner's; replaced by assignment when there is another
 * @keep: that is to have them, too
 * @gone: called when a device of a process is GONE and freed; never from within a call of this file but
 *	hvcmad_device_release()
 *
 * Return: 0 (then hvcmad_devices_fini()), or a negative errno.
 */
int hvcmad_devices_init(struct hvcmad_devices *devices, const struct hvcmad_config *config, struct hvcmad_keep *keep,
			struct sd_event *event, void (*gone)(void *opaque, pid_t pid), void *opaque);

/** hvcmad_devices_fini() - those that are left are the keeper's. */
void hvcmad_devices_fini(struct hvcmad_devices *devices);

/**
 * hvcmad_device_open() - a device for this process, which may have it.
 * @peer: the process; the device refers to it
 * @out: out: it is the list's; its fd is what the client is to be passed
 *
 * Return: OK, QUOTA, EXISTS (somebody has it), AGAIN (somebody had it, it is being stopped), NO_DEVICE
 * (there is none of that name, or it is not in a no-IOMMU group), NO_MEMORY, IO (a file of rules that is wrong,
 * too); @err has words.
 */
enum hvcmad_status hvcmad_device_open(struct hvcmad_devices *devices, struct hvcmad_vm *vm,
				      struct hvcmad_peer *peer, const char *name, struct hvcmad_device **out,
				      struct hvcma_error *err);

/**
 * hvcmad_device_adopt() - one that the keeper has from the service before: it is OPEN, or STOPPING.
 * @peer: of the process, which may have ended; the device refers to it
 * @found: its descriptor is taken over, on success
 * @out: out: it is the list's
 *
 * Return: 0, -EEXIST (there is one of this number), -EINVAL (no such record), -ENOMEM.
 */
int hvcmad_device_adopt(struct hvcmad_devices *devices, struct hvcmad_vm *vm, struct hvcmad_peer *peer,
			struct hvcmad_found *found, struct hvcmad_device **out);

/** hvcmad_device_find() - one that this process has; NULL: none of that number. */
struct hvcmad_device *hvcmad_device_find(const struct hvcmad_devices *devices, pid_t pid, uint32_t number);

/** hvcmad_device_stop() - of one that is OPEN: from now on it is STOPPING. */
void hvcmad_device_stop(struct hvcmad_device *device);

/** hvcmad_devices_end() - the process has ended: all of its devices are to be stopped. */
void hvcmad_devices_end(struct hvcmad_devices *devices, pid_t pid);

/** hvcmad_devices_has() - has this process, or had, one that is not GONE? */
bool hvcmad_devices_has(const struct hvcmad_devices *devices, pid_t pid);

/** hvcmad_devices_are_stopping() - one that this VM had? */
bool hvcmad_devices_are_stopping(const struct hvcmad_devices *devices, const struct hvcmad_vm *vm);

/**
 * hvcmad_device_release() - try anew to stop one that is QUARANTINED, a platform device by the rule that there is now.
 * @force: it is GONE: the operator knows that it has stopped
 *
 * Return: OK, NO_DEVICE, STATE (it is not QUARANTINED); @err has words.
 */
enum hvcmad_status hvcmad_device_release(struct hvcmad_devices *devices, uint32_t number, bool force,
					 struct hvcma_error *err);

#endif /* HVCMA_SERVICE_DEVICE_H */
