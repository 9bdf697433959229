// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Changing a host: see host_job.h.
 */
#include "hv/host/host_job.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hvcma_job_say(const struct hvcma_host_job *job, const char *fmt, ...)
{
	char line[PATH_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	if (job->say)
		job->say(job->opaque, line);
}

int hvcma_job_put(const struct hvcma_host_job *job, const char *value, const char *path, struct hvcma_error *err)
{
	const char *shown = *value == '\n' ? "" : value;
	int ret;

	hvcma_job_say(job, "echo %s >%s", shown, path);
	if (job->dry_run)
		return 0;
	ret = hvcma_host_write(job->root, value, "%s", path);
	if (ret)
		hvcma_error_set(err, "'%s' to %s: %s", shown, path, strerror(-ret));
	return ret;
}

/* There, and begins with something else. */
static bool is_others(const struct hvcma_host_job *job, const char *path, const char *mark)
{
	char text[256];

	return hvcma_host_has(job->root, "%s", path) &&
	       (hvcma_host_read(job->root, text, sizeof(text), "%s", path) < 0 || strncmp(text, mark, strlen(mark)));
}

int hvcma_job_may_save(const struct hvcma_host_job *job, const char *path, const char *mark, struct hvcma_error *err)
{
	if (!is_others(job, path, mark))
		return 0;
	hvcma_error_set(err, "%s is there, and was not written by hvcma: it is left alone", path);
	return -EEXIST;
}

int hvcma_job_save(const struct hvcma_host_job *job, const char *path, const char *mark, const char *text,
		   struct hvcma_error *err)
{
	int ret = hvcma_job_may_save(job, path, mark, err);

	if (ret)
		return ret;
	hvcma_job_say(job, "write %s", path);
	if (job->dry_run)
		return 0;
	ret = hvcma_host_save(job->root, text, "%s", path);
	if (ret)
		hvcma_error_set(err, "%s: %s", path, strerror(-ret));
	return ret;
}

int hvcma_job_remove(const struct hvcma_host_job *job, const char *path, const char *mark, struct hvcma_error *err)
{
	int ret;

	if (!hvcma_host_has(job->root, "%s", path) || is_others(job, path, mark))
		return 0;
	hvcma_job_say(job, "remove %s", path);
	if (job->dry_run)
		return 0;
	ret = hvcma_host_remove(job->root, "%s", path);
	if (ret)
		hvcma_error_set(err, "%s: %s", path, strerror(-ret));
	return ret;
}
