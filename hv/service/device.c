// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices that clients have been given: see device.h.
 */
#define _GNU_SOURCE	/* pipe2 */
#include "hv/service/device.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>
#include <unistd.h>

/* The kernel has closed what a dead process had; one that is alive may need a moment. */
#define CLOSED_TRIES		200
#define CLOSED_WAIT_US		10000

static const bool transition_ok[HVCMAD_DEV_NR_STATES][HVCMAD_DEV_NR_STATES] = {
	[HVCMAD_DEV_OPEN] = { [HVCMAD_DEV_STOPPING] = true },
	[HVCMAD_DEV_STOPPING] = { [HVCMAD_DEV_QUARANTINED] = true, [HVCMAD_DEV_GONE] = true },
	[HVCMAD_DEV_QUARANTINED] = { [HVCMAD_DEV_STOPPING] = true, [HVCMAD_DEV_GONE] = true },
};

static const char *const state_names[HVCMAD_DEV_NR_STATES] = {
	[HVCMAD_DEV_OPEN] = "open",
	[HVCMAD_DEV_STOPPING] = "stopping",
	[HVCMAD_DEV_QUARANTINED] = "quarantined",
	[HVCMAD_DEV_GONE] = "gone",
};

static void set_state(struct hvcmad_device *d, enum hvcmad_dev_state state, int priority, const char *why)
{
	const struct hvcmad_about about = { .vm = d->vm->name, .device = d->name, .pid = d->pid };

	assert(transition_ok[d->state][state]);
	hvcmad_log(priority, HVCMAD_EVENT_DEVICE, &about, "VM %s: device %s, number %" PRIu32 ", %s -> %s%s%s",
		   d->vm->name, d->name, d->number, state_names[d->state], state_names[state], *why ? ": " : "", why);
	d->state = state;
}

/* ---- threads ---- */

/* What a thread was given; it is the event loop's again when its address comes by the pipe. */
struct job {
	struct hvcmad_device *device;
	int result_fd;
	char name[HVCMAD_DEVICE_BYTES];
	struct hvcma_noiommu group;
	int fd;
	int ret;
	struct hvcma_error err;
};

/* Does nobody have it any more? What is passed on, or inherited, is open as long as anyone has it. */
static int wait_for_others(struct job *j)
{
	int tries, users = 0;

	for (tries = 0; tries < CLOSED_TRIES; tries++) {
		users = hvcma_vfio_users(j->name);
		if (users <= 0)
			return 0;
		usleep(CLOSED_WAIT_US);
	}
	hvcma_error_set(&j->err, "another process has it open: end that, then release it");
	return -EBUSY;
}

static void stop(struct job *j)
{
	if (j->fd >= 0) {
		j->ret = hvcma_vfio_stop(j->fd, &j->err);
		if (j->ret == -ENODEV && hvcma_vfio_users(j->name) == -ENOENT)
			j->ret = 0;	/* it is no part of this machine any more */
		if (j->ret)
			return;
		close(j->fd);
		j->fd = -1;
		hvcma_noiommu_close(&j->group);
	}
	j->ret = wait_for_others(j);
}

static void *work(void *opaque)
{
	struct job *j = opaque;

	stop(j);
	if (write(j->result_fd, &j, sizeof(j)) != sizeof(j))
		abort();	/* can't be: the pipe has room for more than there can be */
	return NULL;
}

static bool start_thread(struct job *j)
{
	pthread_attr_t attr;
	pthread_t thread;
	bool started;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	started = !pthread_create(&thread, &attr, work, j);
	pthread_attr_destroy(&attr);
	return started;
}

static void quarantine(struct hvcmad_device *d, const char *why)
{
	memcpy(d->why, why, strnlen(why, sizeof(d->why) - 1));
	set_state(d, HVCMAD_DEV_QUARANTINED, LOG_ERR, d->why);
}

static void begin_to_stop(struct hvcmad_device *d)
{
	struct job *j = calloc(1, sizeof(*j));

	set_state(d, HVCMAD_DEV_STOPPING, LOG_INFO, "");
	memset(d->why, 0, sizeof(d->why));
	if (j) {
		j->device = d;
		j->result_fd = d->all->result_fd[1];
		memcpy(j->name, d->name, sizeof(j->name));
		j->group = d->group;
		j->fd = d->fd;
	}
	if (j && start_thread(j)) {
		d->group = (struct hvcma_noiommu){ -1, -1 };
		d->fd = -1;
		return;
	}
	free(j);
	quarantine(d, "the service is out of memory or threads, nothing was tried");
}

static void device_free(struct hvcmad_device *d)
{
	struct hvcmad_devices *devices = d->all;
	struct hvcmad_device **at = &devices->first;
	struct hvcmad_vm *vm = d->vm;
	pid_t pid = d->pid;

	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	if (!*at)
		devices->end = at;
	if (d->fd >= 0)
		close(d->fd);
	hvcma_noiommu_close(&d->group);
	free(d);
	devices->gone(devices->opaque, pid);
	hvcmad_vm_remove_device(vm);
}

static int on_result(sd_event_source *source, int fd, uint32_t revents, void *opaque)
{
	struct hvcmad_device *d;
	struct job *j;

	(void)source;
	(void)revents;
	(void)opaque;
	if (read(fd, &j, sizeof(j)) != sizeof(j))
		return 0;
	d = j->device;
	d->fd = j->fd;
	d->group = j->group;
	if (j->ret) {
		quarantine(d, j->err.text);
	} else {
		set_state(d, HVCMAD_DEV_GONE, LOG_INFO, "");
		device_free(d);
	}
	free(j);
	return 0;
}

/* ---- the list ---- */

int hvcmad_devices_init(struct hvcmad_devices *devices, struct sd_event *event,
			void (*gone)(void *opaque, pid_t pid), void *opaque)
{
	int ret;

	*devices = (struct hvcmad_devices){ .gone = gone, .opaque = opaque, .result_fd = { -1, -1 } };
	devices->end = &devices->first;
	if (pipe2(devices->result_fd, O_CLOEXEC))
		return -errno;
	ret = sd_event_add_io(event, &devices->source, devices->result_fd[0], EPOLLIN, on_result, devices);
	if (ret < 0)
		hvcmad_devices_fini(devices);
	return ret < 0 ? ret : 0;
}

void hvcmad_devices_fini(struct hvcmad_devices *devices)
{
	devices->source = sd_event_source_disable_unref(devices->source);
	if (devices->result_fd[0] >= 0)
		close(devices->result_fd[0]);
	devices->result_fd[0] = -1;	/* threads have the other end */
}

static enum hvcmad_status status_of(int ret)
{
	switch (ret) {
	case -EBUSY:
		return HVCMAD_S_EXISTS;
	case -ENODEV:
	case -ENOENT:
		return HVCMAD_S_NO_DEVICE;
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
		return HVCMAD_S_NO_MEMORY;
	default:
		return HVCMAD_S_IO;
	}
}

static enum hvcmad_status check_free(const struct hvcmad_devices *devices, const char *name,
				     struct hvcma_error *err)
{
	const struct hvcmad_device *d = devices->first;

	while (d && strcmp(d->name, name))
		d = d->next;
	if (!d)
		return HVCMAD_S_OK;
	if (d->state == HVCMAD_DEV_STOPPING) {
		hvcma_error_set(err, "device %s is being stopped, VM %s had it", name, d->vm->name);
		return HVCMAD_S_AGAIN;
	}
	hvcma_error_set(err, d->state == HVCMAD_DEV_OPEN ? "device %s: VM %s has it" :
			"device %s is in quarantine since VM %s had it: %s", name, d->vm->name, d->why);
	return HVCMAD_S_EXISTS;
}

static int open_vfio(struct hvcmad_device *d, struct hvcma_error *err)
{
	char path[128];
	struct hvcma_vfio_group group;
	struct hvcma_error why = { "" };
	int ret;

	snprintf(path, sizeof(path), HVCMA_PCI_DEVICES "/%s", d->name);
	if (access(path, F_OK)) {
		hvcma_error_set(err, "device %s: this machine has none of that name", d->name);
		return -ENODEV;
	}
	if (hvcma_vfio_group_of(path, &group)) {
		hvcma_vfio_no_group(d->name, &why);
		hvcma_error_set(err, "device %s: %s", d->name, why.text);
		return -ENODEV;
	}
	if (!group.is_noiommu) {
		hvcma_error_set(err, "device %s: its group %s has an IOMMU, it needs no service", d->name, group.path);
		return -ENODEV;
	}
	ret = hvcma_noiommu_open(group.path, &d->group, &why);
	if (!ret) {
		d->fd = hvcma_noiommu_device(&d->group, d->name, &why);
		ret = d->fd < 0 ? d->fd : 0;
	}
	if (ret) {
		hvcma_noiommu_close(&d->group);
		hvcma_error_set(err, "device %s: %s", d->name, why.text);
	}
	return ret;
}

enum hvcmad_status hvcmad_device_open(struct hvcmad_devices *devices, struct hvcmad_vm *vm, pid_t pid,
				      const char *name, struct hvcmad_device **out, struct hvcma_error *err)
{
	enum hvcmad_status status = check_free(devices, name, err);
	struct hvcmad_device *d;
	int ret;

	if (status)
		return status;
	if (devices->last_number == UINT32_MAX) {
		hvcma_error_set(err, "all numbers of devices are used up: start the service again");
		return HVCMAD_S_NO_MEMORY;
	}
	if (hvcmad_vm_add_device(vm, err))
		return HVCMAD_S_QUOTA;
	d = calloc(1, sizeof(*d));
	if (!d) {
		hvcma_error_set(err, "no memory for a device");
		hvcmad_vm_remove_device(vm);
		return HVCMAD_S_NO_MEMORY;
	}
	snprintf(d->name, sizeof(d->name), "%s", name);
	d->all = devices;
	d->vm = vm;
	d->pid = pid;
	d->group = (struct hvcma_noiommu){ -1, -1 };
	d->fd = -1;
	ret = open_vfio(d, err);
	if (ret) {
		free(d);
		hvcmad_vm_remove_device(vm);
		return status_of(ret);
	}
	d->number = ++devices->last_number;
	*devices->end = d;
	devices->end = &d->next;
	*out = d;
	return HVCMAD_S_OK;
}

struct hvcmad_device *hvcmad_device_find(const struct hvcmad_devices *devices, pid_t pid, uint32_t number)
{
	struct hvcmad_device *d;

	for (d = devices->first; d; d = d->next) {
		if (d->number == number && d->state == HVCMAD_DEV_OPEN && d->pid == pid)
			return d;
	}
	return NULL;
}

void hvcmad_device_stop(struct hvcmad_device *device)
{
	begin_to_stop(device);
}

void hvcmad_devices_end(struct hvcmad_devices *devices, pid_t pid)
{
	struct hvcmad_device *d;

	for (d = devices->first; d; d = d->next) {
		if (d->state == HVCMAD_DEV_OPEN && d->pid == pid)
			begin_to_stop(d);
	}
}

bool hvcmad_devices_has(const struct hvcmad_devices *devices, pid_t pid)
{
	const struct hvcmad_device *d = devices->first;

	while (d && d->pid != pid)
		d = d->next;
	return d;
}

bool hvcmad_devices_are_stopping(const struct hvcmad_devices *devices, const struct hvcmad_vm *vm)
{
	const struct hvcmad_device *d = devices->first;

	while (d && (d->vm != vm || d->state != HVCMAD_DEV_STOPPING))
		d = d->next;
	return d;
}

enum hvcmad_status hvcmad_device_release(struct hvcmad_devices *devices, uint32_t number, bool force,
					 struct hvcma_error *err)
{
	struct hvcmad_device *d = devices->first;

	while (d && d->number != number)
		d = d->next;
	if (!d) {
		hvcma_error_set(err, "there is no device %" PRIu32, number);
		return HVCMAD_S_NO_DEVICE;
	}
	if (d->state != HVCMAD_DEV_QUARANTINED) {
		hvcma_error_set(err, "device %s is not in quarantine, it is %s", d->name, state_names[d->state]);
		return HVCMAD_S_STATE;
	}
	if (!force) {
		begin_to_stop(d);
		return HVCMAD_S_OK;
	}
	set_state(d, HVCMAD_DEV_GONE, LOG_WARNING, "by force");
	device_free(d);
	return HVCMAD_S_OK;
}
