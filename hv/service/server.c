// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The service as a whole: see server.h. Signals, systemd, the end.
 *
 * SIGTERM does not take memory from under anybody: the service says who has what, and ends; the keeper holds
 * it for the next one. Without a keeper it takes no new clients, and ends when the last region has ended.
 */
#include "hv/service/server.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "hv/service/session.h"

#define AWAKE_US	300	/* after a request of a VM */

static bool keeper_has_all(const struct hvcmad_server *s)
{
	return hvcmad_keep_is_there(&s->keep);
}

static void say_what_holds(const struct hvcmad_server *s)
{
	bool goes_on = keeper_has_all(s);
	const struct hvcmad_region *r;
	const struct hvcmad_device *d;

	for (r = s->memory.first; r; r = r->next) {
		struct hvcmad_about about = { .vm = r->vm->name, .region = r->name, .pid = r->pid };

		hvcmad_log(LOG_WARNING, HVCMAD_EVENT_HELD, &about,
			   "%s: VM %s, process %d, has region %s with %" PRIu64 " bytes pinned",
			   goes_on ? "the keeper holds on" : "cannot end yet", r->vm->name, (int)r->pid, r->name,
			   hvcmad_region_stats(r).pinned_bytes);
	}
	for (d = s->devices.first; d; d = d->next) {
		struct hvcmad_about about = { .vm = d->vm->name, .device = d->name, .pid = d->pid };

		hvcmad_log(LOG_WARNING, HVCMAD_EVENT_HELD, &about, "%s: VM %s, process %d, has device %s%s%s",
			   goes_on ? "the keeper holds on" : "cannot end yet", d->vm->name, (int)d->pid, d->name, *d->why ? ", which is in quarantine: " : "", d->why);
	}
	sd_notifyf(0, "STOPPING=1\nSTATUS=%s %" PRIu32 " regions and %" PRIu32 " devices%s, %" PRIu64 " bytes pinned",
		   goes_on ? "Ends, the keeper has" : "Ends when", s->accounts.used.regions,
		   s->accounts.used.devices, goes_on ? "" : " have ended", s->accounts.used.pinned_bytes);
}

void hvcmad_server_something_gone(struct hvcmad_server *s)
{
	if (s->stopping && (keeper_has_all(s) || (!s->memory.first && !s->devices.first)))
		sd_event_exit(s->event, 0);
}

static int on_term(sd_event_source *source, const struct signalfd_siginfo *si, void *opaque)
{
	struct hvcmad_server *s = opaque;

	(void)source;
	(void)si;
	s->stopping = true;
	hvcmad_listen_end(s);
	if (s->memory.first || s->devices.first)
		say_what_holds(s);
	if (keeper_has_all(s))
		return sd_event_exit(s->event, 0);
	hvcmad_server_something_gone(s);
	return 0;
}

/* A configuration that is no good changes nothing. */
static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *opaque)
{
	struct hvcmad_server *s = opaque;
	struct hvcma_error err = { "" };
	struct hvcmad_config *config;

	(void)source;
	(void)si;
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, hvcmad_now_us());
	if (hvcmad_config_read(s->config_path, &config, &err)) {
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_SERVICE, NULL, "%s; the configuration stays as it was", err.text);
	} else {
		hvcmad_config_free(s->config);
		s->config = config;
		s->memory.config = config;
		s->devices.config = config;
		hvcmad_accounts_reload(&s->accounts, config);
		hvcmad_log(LOG_NOTICE, HVCMAD_EVENT_SERVICE, NULL, "new configuration: %zu VMs", config->nr_rules);
	}
	sd_notify(0, "READY=1");
	return 0;
}

/* Nothing that a dead process has left can write to its memory any more? */
static void on_device_gone(void *opaque, pid_t pid)
{
	const struct hvcmad_about about = { .pid = pid };
	struct hvcmad_server *s = opaque;
	unsigned int nr = hvcmad_devices_has(&s->devices, pid) ? 0 : hvcmad_memory_release(&s->memory, pid);

	if (nr)
		hvcmad_log(LOG_INFO, HVCMAD_EVENT_REGION, &about,
			   "the devices of process %d have stopped; %u of its regions end", (int)pid, nr);
	hvcmad_server_something_gone(s);
}

/* Before any thread is made: they have the mask, too. */
static int take_signals(struct hvcmad_server *s)
{
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	ret = sd_event_add_signal(s->event, NULL, SIGTERM, on_term, s);
	if (ret >= 0)
		ret = sd_event_add_signal(s->event, NULL, SIGINT, on_term, s);
	if (ret >= 0)
		ret = sd_event_add_signal(s->event, NULL, SIGHUP, on_hangup, s);
	return ret < 0 ? ret : 0;
}

int hvcmad_server_init(struct hvcmad_server *s, const char *config_path, struct hvcmad_config *config,
		       struct hvcma_error *err)
{
	int ret;

	memset(s, 0, sizeof(*s));
	s->config_path = config_path;
	s->config = config;
	s->listener = -1;
	s->lock = -1;
	s->keep.fd = -1;
	s->keep.pidfd = -1;
	s->devices.result_fd[0] = -1;
	hvcmad_peers_init(&s->peers, &s->keep);
	hvcmad_memory_init(&s->memory, config, &s->keep);
	hvcmad_accounts_reload(&s->accounts, config);
	ret = sd_event_new(&s->event);
	if (ret >= 0)
		ret = take_signals(s);
	if (ret >= 0)
		ret = hvcmad_closer_new(s->event, &s->closer);
	if (ret >= 0)
		ret = hvcmad_devices_init(&s->devices, config, &s->keep, s->event, on_device_gone, s);
	if (ret >= 0)
		ret = sd_event_set_watchdog(s->event, true);
	if (ret >= 0)
		return 0;
	hvcma_error_set(err, "no event loop: %s", strerror(-ret));
	hvcmad_server_fini(s);
	return ret;
}

int hvcmad_server_keep(struct hvcmad_server *s, const char *path, struct hvcma_error *err)
{
	char beside[sizeof(s->socket_path) + 16];
	const char *slash = strrchr(s->socket_path, '/');
	int ret;

	if (!path && !slash) {
		hvcma_error_set(err, "the socket that was passed has no path: say where the keeper's is (--keeper)");
		return -EINVAL;
	}
	if (!path)
		snprintf(beside, sizeof(beside), "%.*s/keeper.socket", (int)(slash - s->socket_path), s->socket_path);
	ret = hvcmad_keep_init(&s->keep, s->event, path ? path : beside, !path, err);
	return ret ? ret : hvcmad_take_over(s, err);
}

void hvcmad_server_fini(struct hvcmad_server *s)
{
	bool goes_on = keeper_has_all(s) && (s->memory.first || s->devices.first);

	/* What is left to the keeper is let go by the end of the process alone. */
	while (s->sessions && !goes_on)
		hvcmad_session_end(s->sessions);
	hvcmad_listen_end(s);
	hvcmad_keep_fini(&s->keep);
	if (goes_on)
		return;
	hvcmad_closer_free(s->closer);
	hvcmad_devices_fini(&s->devices);
	hvcmad_memory_fini(&s->memory);
	hvcmad_accounts_fini(&s->accounts);
	if (s->lock >= 0)
		close(s->lock);
	sd_event_unref(s->event);
	hvcmad_config_free(s->config);
}

/*
 * Who asks once asks again at once as a rule, a bulk after the other. To be put to sleep and woken up in
 * between costs as much as tens of pins, so the next request of a burst finds the service awake; others have
 * the processor if they need it.
 */
static int serve(struct hvcmad_server *s)
{
	bool awake;
	int ret;

	do {
		awake = s->served_us && hvcmad_now_us() - s->served_us < AWAKE_US;
		ret = sd_event_run(s->event, awake ? 0 : UINT64_MAX);
		if (awake && !ret)
			sched_yield();
	} while (ret >= 0 && sd_event_get_state(s->event) != SD_EVENT_FINISHED);
	return ret < 0 ? ret : 0;
}

int hvcmad_server_run(struct hvcmad_server *s)
{
	int ret;

	hvcmad_log(LOG_NOTICE, HVCMAD_EVENT_SERVICE, NULL, "ready, %zu VMs in the configuration", s->config->nr_rules);
	sd_notify(0, "READY=1\nSTATUS=Serves");
	ret = serve(s);
	hvcmad_log(LOG_NOTICE, HVCMAD_EVENT_SERVICE, NULL, "ends");
	return ret;
}
