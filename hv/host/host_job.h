/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Changing a host: each step is said before it is done, or only said. Knows no step in particular.
 */
#ifndef HVCMA_HOST_HOST_JOB_H
#define HVCMA_HOST_HOST_JOB_H

#include <stdbool.h>

#include "hv/host/host_files.h"
#include "hv/host/provider.h"

struct hvcma_host_job {
	const char *root;	/* host_files.h */
	bool dry_run;		/* say what would be done, and do nothing */
	void (*say)(void *opaque, const char *step);	/* before each step; NULL: nobody hears */
	void *opaque;
};

/** hvcma_job_say() - printf's words. */
void hvcma_job_say(const struct hvcma_host_job *job, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/**
 * hvcma_job_put() - @value into a file of the kernel.
 * @value: "\n" is nothing
 *
 * Return: 0, or what the kernel said, negative, with words that name both.
 */
int hvcma_job_put(const struct hvcma_host_job *job, const char *value, const char *path, struct hvcma_error *err);

/**
 * hvcma_job_save() - make @text a file of ours, which begins with @mark.
 *
 * Return: 0; -EEXIST: it is there without that mark, and is left alone; what the kernel said; with words.
 */
int hvcma_job_save(const struct hvcma_host_job *job, const char *path, const char *mark, const char *text,
		   struct hvcma_error *err);

/** hvcma_job_may_save() - would it be allowed to? Return: 0 or -EEXIST, with words. */
int hvcma_job_may_save(const struct hvcma_host_job *job, const char *path, const char *mark, struct hvcma_error *err);

/** hvcma_job_remove() - a file of ours; of others, or none, is fine and left alone. */
int hvcma_job_remove(const struct hvcma_host_job *job, const char *path, const char *mark, struct hvcma_error *err);

#endif /* HVCMA_HOST_HOST_JOB_H */
