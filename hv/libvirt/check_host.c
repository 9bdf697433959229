// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What declared regions need of a host: see check.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hv/libvirt/check.h"
#include "hv/libvirt/nodeset.h"

#define OUTPUT_BYTES	1024		/* of an emulator, as much as is read */

/* ---- hugepages ---- */

/* "2M" in the options of a mount. */
static uint64_t page_bytes_of(const struct mntent *mount)
{
	const char *text = hasmntopt(mount, "pagesize");
	uint64_t n, scale = 1;
	char *end;

	if (!text || !strchr(text, '='))
		return 0;
	n = strtoull(strchr(text, '=') + 1, &end, 10);
	if (*end && *end != ',') {
		char unit[2] = { *end, '\0' };

		if (!hvcma_xml_scale(unit, &scale))
			return 0;
	}
	return n * scale;
}

char *hvcma_hugetlbfs_find(const char *mounts, uint64_t page_bytes)
{
	FILE *file = setmntent(mounts, "re");
	struct mntent *mount;
	char *found = NULL;

	while (file && !found && (mount = getmntent(file)) != NULL)
		if (!strcmp(mount->mnt_type, "hugetlbfs") && page_bytes_of(mount) == page_bytes)
			found = hvcma_text("%s", mount->mnt_dir);
	if (file)
		endmntent(file);
	return found;
}

static bool read_number(const char *path, uint64_t *value)
{
	FILE *file = fopen(path, "re");
	bool ok = file && fscanf(file, "%" SCNu64, value) == 1;

	if (file)
		fclose(file);
	return ok;
}

/* Pages of this size that are free on these nodes. @node: out, one that the host has not, if that is so. */
static bool pages_on_nodes(const struct hvcma_domain_check_host *host, const char *nodeset, uint64_t page_bytes,
			   uint64_t *pages, unsigned int *node)
{
	struct hvcma_nodeset set = { { 0 } };

	*pages = 0;
	/* Checked before. */
	hvcma_nodeset_parse(nodeset, &set);
	for (*node = 0; *node < HVCMA_MAX_NODES; ++*node) {
		char *path = hvcma_text("%s/devices/system/node/node%u/hugepages/hugepages-%" PRIu64 "kB/free_hugepages",
					host->sysfs, *node, page_bytes / 1024);
		uint64_t one = 0;
		bool ok = !hvcma_nodeset_has(&set, *node) || read_number(path, &one);

		free(path);
		if (!ok)
			return false;
		*pages += one;
	}
	return true;
}

/* Pages of this size that regions can have: free ones that nobody has reserved, and surplus ones. */
static bool pages_to_have(const struct hvcma_domain_check_host *host, uint64_t page_bytes, uint64_t *pages,
			  uint64_t *surplus)
{
	static const char *const names[] = { "free_hugepages", "resv_hugepages", "nr_overcommit_hugepages",
					     "surplus_hugepages" };
	uint64_t value[4];

	for (size_t i = 0; i < 4; i++) {
		char *path = hvcma_text("%s/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s", host->sysfs,
					page_bytes / 1024, names[i]);
		bool ok = read_number(path, &value[i]);

		free(path);
		if (!ok)
			return false;
	}
	*surplus = value[2] > value[3] ? value[2] - value[3] : 0;
	*pages = value[0] - (value[1] < value[0] ? value[1] : value[0]) + *surplus;
	return true;
}

/* Where a region has its pages from, and whether there are so many. */
static void check_nodes(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			const struct hvcma_domain_check_host *host, struct hvcma_findings *f)
{
	uint64_t need = hvcma_domain_region_bytes(d, r) / r->page_bytes, pages, surplus, on_nodes;
	xmlNodePtr node = hvcma_xml_child(r->node, HVCMA_XML_NS, "hugepages");
	unsigned int missing;

	if (!r->nodeset || !pages_to_have(host, r->page_bytes, &pages, &surplus))
		return;
	if (!pages_on_nodes(host, r->nodeset, r->page_bytes, &on_nodes, &missing))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "numactl --hardware lists those that there are",
			   "region '%s': this host has no NUMA node %u with such hugepages", r->name, missing);
	else if (on_nodes + surplus < need)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node),
			   "make some there: /sys/devices/system/node/nodeN/hugepages",
			   "region '%s': hugepages of %" PRIu64 " bytes: need %" PRIu64 " of them on NUMA nodes %s, %"
			   PRIu64 " can be had now", r->name, r->page_bytes, need, r->nodeset, on_nodes + surplus);
}

static uint64_t bytes_with_pages(const struct hvcma_domain *d, uint64_t page_bytes)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < d->declared.nr; i++)
		if (d->declared.region[i].page_bytes == page_bytes)
			bytes += hvcma_domain_region_bytes(d, &d->declared.region[i]);
	return bytes;
}

/* Once for each size, at the first region that has it. */
static void check_pages(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			const struct hvcma_domain_check_host *host, struct hvcma_findings *f)
{
	uint64_t need = bytes_with_pages(d, r->page_bytes) / r->page_bytes, pages = 0, surplus;
	char *fix = hvcma_text("echo %" PRIu64 " >/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
			       need, r->page_bytes / 1024);
	char *mount = hvcma_hugetlbfs_find(host->mounts, r->page_bytes), *command;

	if (!pages_to_have(host, r->page_bytes, &pages, &surplus)) {
		hvcma_find(f, HVCMA_ERROR, r->line, "choose a size that /sys/kernel/mm/hugepages has",
			   "region '%s': this host has no hugepages of %" PRIu64 " bytes", r->name, r->page_bytes);
	} else {
		if (pages < need)
			hvcma_find(f, HVCMA_ERROR, r->line, fix,
				   "regions with hugepages of %" PRIu64 " bytes need %" PRIu64
				   " of them, %" PRIu64 " can be had now", r->page_bytes, need, pages);
		command = hvcma_text("mount -t hugetlbfs -o pagesize=%" PRIu64 "K hugetlbfs DIRECTORY",
				     r->page_bytes / 1024);
		if (!mount)
			hvcma_find(f, HVCMA_ERROR, r->line, command,
				   "region '%s': no hugetlbfs with pages of %" PRIu64 " bytes is mounted", r->name,
				   r->page_bytes);
		free(command);
	}
	free(mount);
	free(fix);
}

static void check_all_pages(const struct hvcma_domain *d, const struct hvcma_domain_check_host *host,
			    struct hvcma_findings *f)
{
	for (size_t i = 0; i < d->declared.nr; i++) {
		const struct hvcma_declared_region *r = &d->declared.region[i];
		bool seen = hvcma_declared_is_ram(r);

		for (size_t k = 0; k < i && !seen; k++)
			seen = d->declared.region[k].page_bytes == r->page_bytes &&
			       !hvcma_declared_is_ram(&d->declared.region[k]);
		if (!seen)
			check_pages(d, r, host, f);
		if (!hvcma_declared_is_ram(r))
			check_nodes(d, r, host, f);
	}
}

/* ---- devices ---- */

/* The IOMMU group of a device of this host: what its kernel calls it. Return: false without one. */
static bool group_name(const struct hvcma_domain_check_host *host, const char *bdf, char name[64])
{
	char *path = hvcma_text("%s/bus/pci/devices/%s/iommu_group/name", host->sysfs, bdf);
	char *group = hvcma_text("%s/bus/pci/devices/%s/iommu_group", host->sysfs, bdf);
	FILE *file = fopen(path, "re");
	bool ok = !access(group, F_OK);

	if (!file || !fgets(name, 64, file))
		name[0] = '\0';
	name[strcspn(name, "\n")] = '\0';
	if (file)
		fclose(file);
	free(group);
	free(path);
	return ok;
}

static void check_device(const struct hvcma_declared_region *r, const struct hvcma_declared_client *client,
			 const struct hvcma_declared_address *a, const struct hvcma_domain_check_host *host,
			 struct hvcma_findings *f)
{
	char *bdf = hvcma_text("%04" PRIx64 ":%02" PRIx64 ":%02" PRIx64 ".%" PRIx64, a->domain, a->bus, a->slot,
			       a->function);
	char *path = hvcma_text("%s/bus/pci/devices/%s", host->sysfs, bdf), name[64];

	if (access(path, F_OK))
		hvcma_find(f, HVCMA_ERROR, client->line, "lspci -D lists those that there are",
			   "client of region '%s': this host has no device %s", r->name, bdf);
	else if (!group_name(host, bdf, name))
		hvcma_find(f, HVCMA_ERROR, client->line,
			   "echo 1 >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode, then bind it to vfio-pci",
			   "client of region '%s': device %s is not bound to vfio-pci in no-IOMMU mode", r->name, bdf);
	else if (strcmp(name, "vfio-noiommu"))
		hvcma_find(f, HVCMA_ERROR, client->line, "take it out of the region: a plain <hostdev> is enough",
			   "client of region '%s': device %s has an IOMMU", r->name, bdf);
	free(path);
	free(bdf);
}

static void check_devices(const struct hvcma_domain *d, const struct hvcma_domain_check_host *host,
			  struct hvcma_findings *f)
{
	for (size_t i = 0; i < d->declared.nr; i++) {
		const struct hvcma_declared_region *r = &d->declared.region[i];

		for (size_t k = 0; k < r->nr_clients; k++) {
			struct hvcma_declared_address a;

			if (hvcma_hostdev_address(hvcma_domain_device(d, &r->client[k]), &a))
				check_device(r, &r->client[k], &a, host, f);
		}
	}
}

/* ---- the service ---- */

static void check_service(const struct hvcma_domain *d, const struct hvcma_domain_check_host *host,
			  struct hvcma_findings *f)
{
	for (size_t i = 0; i < d->declared.nr; i++) {
		const struct hvcma_declared_region *r = &d->declared.region[i];

		if (r->by_service && access(host->service, F_OK)) {
			hvcma_find(f, HVCMA_ERROR, r->line, "systemctl enable --now hvcmad.socket",
				   "region '%s': the service's socket %s: %s", r->name, host->service, strerror(errno));
			return;
		}
	}
}

/* ---- emulator ---- */

/*
 * Asks the program for help on our device; @output has what it printed, stderr too.
 * Return: its wait status, -1 if it could not be run.
 */
static int ask_for_help(const char *program, char output[OUTPUT_BYTES])
{
	char rest[OUTPUT_BYTES];
	size_t bytes = 0;
	ssize_t n;
	int fds[2], status;
	pid_t child;

	output[0] = '\0';
	if (pipe(fds))
		return -1;
	child = fork();
	if (!child) {
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		close(fds[0]);
		execl(program, program, "-nodefaults", "-device", HVCMA_DEVICE_TYPE ",help", NULL);
		_exit(127);
	}
	close(fds[1]);
	while (child > 0) {
		bool full = bytes == OUTPUT_BYTES - 1;

		n = read(fds[0], full ? rest : output + bytes, full ? sizeof(rest) : OUTPUT_BYTES - 1 - bytes);
		if (n > 0 && !full)
			bytes += (size_t)n;
		else if (!n || (n < 0 && errno != EINTR))
			break;
	}
	output[bytes] = '\0';
	close(fds[0]);
	return child > 0 && waitpid(child, &status, 0) == child ? status : -1;
}

/* The plugin says on stderr why it stays out; a QEMU without modules never asks it. */
static void check_emulator(const struct hvcma_domain *d, const struct hvcma_domain_check_host *host,
			   struct hvcma_findings *f)
{
	xmlNodePtr emulator = hvcma_xml_child(d->devices, NULL, "emulator"), node = emulator ? emulator : d->devices;
	char *program = host->emulator ? hvcma_text("%s", host->emulator) : hvcma_domain_wrapper(d);
	char output[OUTPUT_BYTES], *said;
	int status;

	if (access(program, X_OK)) {
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "install hvcma on this host",
			   "emulator '%s': %s", program, strerror(errno));
		free(program);
		return;
	}
	status = ask_for_help(program, output);
	said = strstr(output, "virtio-cma: ");
	output[strcspn(said ? said : output, "\n") + (said ? (size_t)(said - output) : 0)] = '\0';
	if (said)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "use the QEMU that the plugin was built for",
			   "emulator '%s' does not take the plugin: %s", program, said + strlen("virtio-cma: "));
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node),
			   "use a QEMU that is built with modules, as Debian's and Ubuntu's are",
			   "emulator '%s' has no device " HVCMA_DEVICE_TYPE ": %s", program, output);
	free(program);
}

void hvcma_domain_check_host(const struct hvcma_domain *d, const struct hvcma_domain_check_host *host,
		      struct hvcma_findings *f)
{
	if (!d->declared.nr)
		return;
	check_all_pages(d, host, f);
	check_devices(d, host, f);
	check_service(d, host, f);
	check_emulator(d, host, f);
}
