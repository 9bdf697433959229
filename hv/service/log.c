// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What hvcmad says: see log.h.
 */
#include "hv/service/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

static bool to_journal;

/* In the order of enum hvcmad_event. */
#define EVENT_ID(name, id) "MESSAGE_ID=" id,
static const char *const event_id[HVCMAD_NR_EVENTS] = { HVCMAD_EVENT_TABLE(EVENT_ID) };

void hvcmad_log_open(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	to_journal = stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && !fstat(STDERR_FILENO, &st) &&
		     st.st_dev == dev && st.st_ino == ino;
}

static struct iovec line(const char *text, int bytes, size_t room)
{
	return (struct iovec){
		(void *)text, bytes < 0 ? 0 : (size_t)bytes < room ? (size_t)bytes : room - 1,
	};
}

static void send_journal(int priority, enum hvcmad_event event, const struct hvcmad_about *about,
			 const char *message)
{
	char text[512], level[16], vm[96], region[64], device[64], pid[32];
	struct iovec v[7];
	int n = 0;

	v[n++] = line(text, snprintf(text, sizeof(text), "MESSAGE=%s", message), sizeof(text));
	v[n++] = line(level, snprintf(level, sizeof(level), "PRIORITY=%d", priority), sizeof(level));
	v[n++] = (struct iovec){ (void *)event_id[event], strlen(event_id[event]) };
	if (about && about->vm)
		v[n++] = line(vm, snprintf(vm, sizeof(vm), "HVCMA_VM=%s", about->vm), sizeof(vm));
	if (about && about->region)
		v[n++] = line(region, snprintf(region, sizeof(region), "HVCMA_REGION=%s", about->region),
			      sizeof(region));
	if (about && about->device)
		v[n++] = line(device, snprintf(device, sizeof(device), "HVCMA_DEVICE=%s", about->device),
			      sizeof(device));
	if (about && about->pid)
		v[n++] = line(pid, snprintf(pid, sizeof(pid), "HVCMA_PID=%d", (int)about->pid), sizeof(pid));
	sd_journal_sendv(v, n);
}

void hvcmad_log(int priority, enum hvcmad_event event, const struct hvcmad_about *about,
		const char *fmt, ...)
{
	char message[480];
	va_list ap;
	char *c;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	for (c = message; *c; c++) {
		if ((unsigned char)*c < 32 || (unsigned char)*c >= 0x7f)
			*c = '?';
	}
	if (to_journal)
		send_journal(priority, event, about, message);
	else
		fprintf(stderr, "hvcmad: %s\n", message);
}

bool hvcmad_log_passes(struct hvcmad_log_limit *limit, uint64_t now_us, unsigned int *kept)
{
	if (!limit->passed || now_us - limit->begin_us >= HVCMAD_LOG_WINDOW_US) {
		limit->begin_us = now_us;
		limit->passed = 0;
	}
	if (limit->passed == HVCMAD_LOG_BURST) {
		limit->kept++;
		return false;
	}
	limit->passed++;
	*kept = limit->kept;
	limit->kept = 0;
	return true;
}
