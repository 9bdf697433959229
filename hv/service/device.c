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

#include "hv/core/service_wire.h"

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
	struct hvcmad_device_kind kind;
	bool is_stopped;	/* to be closed; else to be stopped */
	bool may_lack_reset;	/* bus master off is enough where there is none */
	int fd;
	int ret;
	struct hvcma_error err;
};

/* Does nobody have it any more? What is passed on, or inherited, is open as long as anyone has it. */
static int wait_for_others(struct job *j)
{
	int tries;

	for (tries = 0; tries < CLOSED_TRIES; tries++) {
		if (!hvcmad_kind_is_open(&j->kind, j->name))
			return 0;
		usleep(CLOSED_WAIT_US);
	}
	hvcma_error_set(&j->err, "another process has it open: end that, then release it");
	return -EBUSY;
}

static int close_stopped(struct job *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
	return wait_for_others(j);
}

static void *work(void *opaque)
{
	struct job *j = opaque;

	j->ret = j->is_stopped ? close_stopped(j) :
		 hvcmad_kind_stop(&j->kind, j->name, j->fd, j->may_lack_reset, &j->err);
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

static void start_job(struct hvcmad_device *d, bool is_stopped)
{
	struct job *j = calloc(1, sizeof(*j));

	if (j) {
		j->device = d;
		j->result_fd = d->all->result_fd[1];
		memcpy(j->name, d->name, sizeof(j->name));
		j->kind = d->kind;
		j->is_stopped = is_stopped;
		j->may_lack_reset = d->vm->unsafe_no_reset;
		j->fd = d->fd;
	}
	if (j && start_thread(j))
		return;
	free(j);
	quarantine(d, "the service is out of memory or threads, nothing was tried");
}

static void begin_to_stop(struct hvcmad_device *d)
{
	set_state(d, HVCMAD_DEV_STOPPING, LOG_INFO, "");
	memset(d->why, 0, sizeof(d->why));
	start_job(d, d->fd < 0);
}

/* It has stopped. First the keeper closes it: nobody waits for that process then but a thread. */
static void let_go(struct hvcmad_device *d)
{
	struct hvcma_error err = { "" }, why;

	d->record.device.is_closed = true;
	d->kept.nr_fds = 0;
	if (!hvcmad_keep_change(d->all->keep, &d->kept, &err)) {
		start_job(d, true);
		return;
	}
	d->kept.nr_fds = 1;
	hvcma_error_set(&why, "the keeper does not close it: %s", err.text);
	quarantine(d, why.text);
}

static void device_free(struct hvcmad_device *d)
{
	struct hvcmad_devices *devices = d->all;
	struct hvcmad_device **at = &devices->first;
	struct hvcmad_peer *peer = d->peer;
	struct hvcmad_vm *vm = d->vm;
	pid_t pid = d->pid;

	hvcmad_keep_drop(devices->keep, &d->kept);
	while (*at != d)
		at = &(*at)->next;
	*at = d->next;
	if (!*at)
		devices->end = at;
	if (d->fd >= 0)
		close(d->fd);
	free(d);
	devices->gone(devices->opaque, pid);
	hvcmad_peer_put(peer);
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
	if (j->ret) {
		quarantine(d, j->err.text);
	} else if (!j->is_stopped) {
		let_go(d);
	} else {
		set_state(d, HVCMAD_DEV_GONE, LOG_INFO, "");
		device_free(d);
	}
	free(j);
	return 0;
}

/* ---- the list ---- */

int hvcmad_devices_init(struct hvcmad_devices *devices, const struct hvcmad_config *config, struct hvcmad_keep *keep,
			struct sd_event *event, void (*gone)(void *opaque, pid_t pid), void *opaque)
{
	int ret;

	*devices = (struct hvcmad_devices){
		.config = config, .keep = keep, .gone = gone, .opaque = opaque, .result_fd = { -1, -1 },
	};
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

/* An OPEN one, in no list. Takes over @fd; NULL: no memory. */
static struct hvcmad_device *device_new(struct hvcmad_devices *devices, struct hvcmad_vm *vm, struct hvcmad_peer *peer,
					const struct hvcmad_platform_record *record, int fd)
{
	struct hvcmad_device *d = calloc(1, sizeof(*d));
	bool is_platform = record->kind.is_platform;

	if (!d)
		return NULL;
	d->all = devices;
	d->number = record->device.number;
	memcpy(d->name, record->device.name, sizeof(d->name));
	d->kind = record->kind;
	d->vm = vm;
	d->pid = (pid_t)peer->record.pid;
	d->fd = fd;
	d->peer = peer;
	d->record = *record;
	d->kept = (struct hvcmad_kept){
		.nr_fds = fd >= 0, .fd = { fd }, .record = &d->record,
		.record_bytes = is_platform ? sizeof(d->record) : sizeof(d->record.device),
	};
	return d;
}

static void add(struct hvcmad_devices *devices, struct hvcmad_device *d)
{
	d->peer->refs++;
	if (d->number > devices->last_number)
		devices->last_number = d->number;
	*devices->end = d;
	devices->end = &d->next;
}

/* Better known now than when its VM has ended. */
static void warn_without_reset(const struct hvcmad_device *d)
{
	const struct hvcmad_about about = { .vm = d->vm->name, .device = d->name, .pid = d->pid };

	if (hvcmad_kind_can_reset(&d->kind, d->fd))
		return;
	hvcmad_log(LOG_WARNING, HVCMAD_EVENT_DEVICE, &about, d->vm->unsafe_no_reset && !d->kind.is_platform ?
		   "VM %s: UNSAFE: device %s has no reset, and is to count as stopped without" :
		   "VM %s: device %s has no reset: when its process has ended it goes into quarantine, with all memory of that",
		   d->vm->name, d->name);
}

/* Kept before anybody is told. */
static enum hvcmad_status open_and_keep(struct hvcmad_devices *devices, struct hvcmad_vm *vm, struct hvcmad_peer *peer,
					const char *name, struct hvcmad_device **out, struct hvcma_error *err)
{
	struct hvcmad_platform_record record = {
		.device.head = { HVCMAD_RECORD_DEVICE, HVCMAD_RECORD_VERSION, peer->record.head.peer },
		.device.number = devices->last_number + 1,
	};
	struct hvcmad_device *d;
	int ret, fd;

	if (hvcmad_kind_of(name, devices->config->platform_rules, &record.kind, err))
		return HVCMAD_S_IO;
	fd = hvcmad_kind_open(&record.kind, name, err);
	if (fd < 0)
		return status_of(fd);
	snprintf(record.device.name, sizeof(record.device.name), "%s", name);
	d = device_new(devices, vm, peer, &record, fd);
	if (!d) {
		close(fd);
		hvcma_error_set(err, "no memory for a device");
		return HVCMAD_S_NO_MEMORY;
	}
	ret = hvcmad_keep_put(devices->keep, &d->kept, NULL, NULL, err);
	if (ret) {
		close(fd);
		free(d);
		return status_of(ret);
	}
	add(devices, d);
	warn_without_reset(d);
	*out = d;
	return HVCMAD_S_OK;
}

enum hvcmad_status hvcmad_device_open(struct hvcmad_devices *devices, struct hvcmad_vm *vm,
				      struct hvcmad_peer *peer, const char *name, struct hvcmad_device **out,
				      struct hvcma_error *err)
{
	enum hvcmad_status status = check_free(devices, name, err);

	if (status)
		return status;
	if (devices->last_number == UINT32_MAX) {
		hvcma_error_set(err, "all numbers of devices are used up: start the service again");
		return HVCMAD_S_NO_MEMORY;
	}
	if (hvcmad_vm_add_device(vm, err))
		return HVCMAD_S_QUOTA;
	status = open_and_keep(devices, vm, peer, name, out, err);
	if (status)
		hvcmad_vm_remove_device(vm);
	return status;
}

static struct hvcmad_device *find_number(const struct hvcmad_devices *devices, uint32_t number)
{
	struct hvcmad_device *d = devices->first;

	while (d && d->number != number)
		d = d->next;
	return d;
}

/* A service that was killed while it changed what was kept has left both: the first has the descriptor. */
static int adopt_again(struct hvcmad_device *d, const struct hvcmad_device_record *record)
{
	if (record->is_closed && d->state == HVCMAD_DEV_OPEN)
		hvcmad_device_stop(d);
	return -EEXIST;
}

/* What the keeper has of it; false: no such record. */
static bool read_record(const struct hvcmad_found *found, struct hvcmad_platform_record *record)
{
	const struct hvcmad_device_record *d = &record->device;
	bool is_platform = found->record_bytes == sizeof(*record);

	memset(record, 0, sizeof(*record));
	if ((!is_platform && found->record_bytes != sizeof(record->device)) || found->nr_fds > 1)
		return false;
	memcpy(record, found->record, found->record_bytes);
	if (!d->number || d->name[sizeof(d->name) - 1] || record->kind.is_platform != is_platform)
		return false;
	if (!is_platform)
		return true;
	return hvcma_service_is_platform(d->name) && record->kind.has_rule <= 1 &&
	       (!record->kind.has_rule || hvcma_platform_rule_is_valid(&record->kind.rule));
}

int hvcmad_device_adopt(struct hvcmad_devices *devices, struct hvcmad_vm *vm, struct hvcmad_peer *peer,
			struct hvcmad_found *found, struct hvcmad_device **out)
{
	struct hvcmad_platform_record record;
	struct hvcmad_device *d;

	if (!read_record(found, &record))
		return -EINVAL;
	d = find_number(devices, record.device.number);
	if (d)
		return adopt_again(d, &record.device);
	d = device_new(devices, vm, peer, &record, found->nr_fds ? found->fd[0] : -1);
	if (!d)
		return -ENOMEM;
	found->nr_fds = 0;
	hvcmad_keep_adopt(devices->keep, &d->kept, found->id);
	hvcmad_vm_restore_device(vm);
	add(devices, d);
	if (record.device.is_closed)
		begin_to_stop(d);
	*out = d;
	return 0;
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

/* Where the next service can't be told, it takes the device for open until its client ends. */
void hvcmad_device_stop(struct hvcmad_device *device)
{
	struct hvcma_error ignored;

	device->record.device.is_closed = true;
	hvcmad_keep_change(device->all->keep, &device->kept, &ignored);
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

/*
 * The operator may have written one since; a file that is wrong now leaves it with what it had. The keeper
 * has that, too: a service that is started again reads no rule of a device that it takes over.
 */
static void read_rule_again(struct hvcmad_device *d)
{
	struct hvcma_error err = { "" };
	struct hvcmad_device_kind kind;

	if (!d->kind.is_platform)
		return;
	if (hvcmad_kind_of(d->name, d->all->config->platform_rules, &kind, &err)) {
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_DEVICE, NULL, "%s", err.text);
		return;
	}
	if (!kind.has_rule)
		return;
	d->kind = kind;
	d->record.kind = kind;
	hvcmad_keep_change(d->all->keep, &d->kept, &err);
}

enum hvcmad_status hvcmad_device_release(struct hvcmad_devices *devices, uint32_t number, bool force,
					 struct hvcma_error *err)
{
	struct hvcmad_device *d = find_number(devices, number);

	if (!d) {
		hvcma_error_set(err, "there is no device %" PRIu32, number);
		return HVCMAD_S_NO_DEVICE;
	}
	if (d->state != HVCMAD_DEV_QUARANTINED) {
		hvcma_error_set(err, "device %s is not in quarantine, it is %s", d->name, state_names[d->state]);
		return HVCMAD_S_STATE;
	}
	if (!force) {
		read_rule_again(d);
		begin_to_stop(d);
		return HVCMAD_S_OK;
	}
	set_state(d, HVCMAD_DEV_GONE, LOG_WARNING, "by force");
	device_free(d);
	return HVCMAD_S_OK;
}
