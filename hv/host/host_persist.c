// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files that have a device bound to VFIO at each boot: see host_bind.h. They are ours by their first line;
 * files of that name that lack it are left alone.
 */
#include "hv/host/host_bind.h"

#include <stdio.h>
#include <string.h>

#define MARK		"# Written by hvcma bind --persist"
#define OURS		MARK "; hvcma unbind removes it.\n"
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

static int is_rule(const char *name, void *opaque)
{
	(void)opaque;
	return !strncmp(name, RULE_PREFIX, sizeof(RULE_PREFIX) - 1);
}

int hvcma_bind_persist(const struct hvcma_host_job *job, const struct hvcma_pci *pci, const char *program,
		       struct hvcma_error *err)
{
	char path[128], rule[PATH_MAX + 512];
	struct hvcma_error ignored;
	int ret;

	rule_path(pci, path);
	snprintf(rule, sizeof(rule), OURS
		 "ACTION==\"add\", SUBSYSTEM==\"pci\", KERNEL==\"%s\", ATTR{vendor}==\"0x%04x\", ATTR{device}==\"0x%04x\", RUN+=\"%s bind --yes %s\"\n",
		 pci->name, pci->vendor, pci->device, program, pci->name);
	ret = hvcma_job_may_save(job, path, MARK, err);
	for (size_t i = 0; i < NR_COMMON && !ret; i++)
		ret = hvcma_job_may_save(job, common[i].path, MARK, err);
	if (ret)
		return ret;
	ret = hvcma_job_save(job, path, MARK, rule, err);
	for (size_t i = 0; i < NR_COMMON && !ret; i++)
		ret = hvcma_job_save(job, common[i].path, MARK, common[i].text, err);
	if (ret)
		hvcma_bind_forget(job, pci, &ignored);
	return ret;
}

int hvcma_bind_forget(const struct hvcma_host_job *job, const struct hvcma_pci *pci, struct hvcma_error *err)
{
	char path[128];
	int ret;

	rule_path(pci, path);
	ret = hvcma_job_remove(job, path, MARK, err);
	if (ret || hvcma_host_list(job->root, is_rule, NULL, RULES) == 1)
		return ret;
	for (size_t i = 0; i < NR_COMMON && !ret; i++)
		ret = hvcma_job_remove(job, common[i].path, MARK, err);
	return ret;
}
