// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that have a device bound to VFIO at each boot: see host_bind.h. They are ours by their first line;
 * files of that name that lack it are left alone.
 */
#include "hv/host/host_bind.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define OURS		"# Written by hvcma bind --persist; hvcma unbind removes it.\n"
#define RULES		"/etc/udev/rules.d"
#define RULE_PREFIX	"70-hvcma-"

/* Before 80-drivers.rules, which loads the device's own driver. */
static void rule_path(const struct hvcma_pci *pci, char path[128])
{
	snprintf(path, 128, RULES "/" RULE_PREFIX "%s.rules", pci->name);
}

static const struct {
	const char *path, *text;
} common[] = {
	{ "/etc/modprobe.d/hvcma-vfio.conf", OURS "options vfio enable_unsafe_noiommu_mode=1\n" },
	{ "/etc/modules-load.d/hvcma-vfio.conf", OURS "vfio-pci\n" },
};

#define NR_COMMON	(sizeof(common) / sizeof(*common))

static void say(const struct hvcma_bind_job *job, const char *what, const char *path)
{
	char line[256];

	snprintf(line, sizeof(line), "%s %s", what, path);
	if (job->say)
		job->say(job->opaque, line);
}

static bool is_others(const struct hvcma_bind_job *job, const char *path)
{
	char text[sizeof(OURS)];

	return hvcma_host_has(job->root, "%s", path) &&
	       (hvcma_host_read(job->root, text, sizeof(text), "%s", path) < 0 || strncmp(text, OURS, sizeof(OURS) - 2));
}

static int check_file(const struct hvcma_bind_job *job, const char *path, struct hvcma_error *err)
{
	if (!is_others(job, path))
		return 0;
	hvcma_error_set(err, "%s is there, and was not written by hvcma: it is left alone", path);
	return -EEXIST;
}

static int save(const struct hvcma_bind_job *job, const char *path, const char *text, struct hvcma_error *err)
{
	int ret;

	say(job, "write", path);
	if (job->dry_run)
		return 0;
	ret = hvcma_host_save(job->root, text, "%s", path);
	if (ret)
		hvcma_error_set(err, "%s: %s", path, strerror(-ret));
	return ret;
}

static int take_away(const struct hvcma_bind_job *job, const char *path, struct hvcma_error *err)
{
	int ret;

	if (!hvcma_host_has(job->root, "%s", path) || is_others(job, path))
		return 0;
	say(job, "remove", path);
	if (job->dry_run)
		return 0;
	ret = hvcma_host_remove(job->root, "%s", path);
	if (ret)
		hvcma_error_set(err, "%s: %s", path, strerror(-ret));
	return ret;
}

static int is_rule(const char *name, void *opaque)
{
	(void)opaque;
	return !strncmp(name, RULE_PREFIX, sizeof(RULE_PREFIX) - 1);
}

int hvcma_bind_persist(const struct hvcma_bind_job *job, const struct hvcma_pci *pci, const char *program,
		       struct hvcma_error *err)
{
	char path[128], rule[PATH_MAX + 512];
	struct hvcma_error ignored;
	int ret;

	rule_path(pci, path);
	snprintf(rule, sizeof(rule), OURS
		 "ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", ATTR{vendor}==\"0x%04x\", ATTR{device}==\"0x%04x\", RUN+=\"%s bind --yes %s\"\n",
		 pci->name, pci->vendor, pci->device, program, pci->name);
	ret = check_file(job, path, err);
	for (size_t i = 0; i < NR_COMMON && !ret; i++)
		ret = check_file(job, common[i].path, err);
	if (ret)
		return ret;
	ret = save(job, path, rule, err);
	for (size_t i = 0; i < NR_COMMON && !ret; i++)
		ret = save(job, common[i].path, common[i].text, err);
	if (ret)
		hvcma_bind_forget(job, pci, &ignored);
	return ret;
}

int hvcma_bind_forget(const struct hvcma_bind_job *job, const struct hvcma_pci *pci, struct hvcma_error *err)
{
	char path[128];
	int ret;

	rule_path(pci, path);
	ret = take_away(job, path, err);
	if (ret || hvcma_host_list(job->root, is_rule, NULL, RULES) == 1)
		return ret;
	for (size_t i = 0; i < NR_COMMON && !ret; i++)
		ret = take_away(job, common[i].path, err);
	return ret;
}
