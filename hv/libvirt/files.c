// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of regions: see files.h. Every step below a mount goes by descriptors and follows no
 * link, for a domain's XML says the names.
 */
#define _GNU_SOURCE			/* fallocate() */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mempolicy.h>

#include "hv/libvirt/check.h"
#include "hv/libvirt/files.h"
#include "hv/libvirt/nodeset.h"

#define OUR_FOLDER	"hvcma"

static bool is_file_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") && strcmp(name, "..");
}

/* A folder in @at, made if it is not there; -1 with errno. */
static int folder(int at, const char *name, bool make)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT || !make)
		return fd;
	if (mkdirat(at, name, 0755) && errno != EEXIST)
		return -1;
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	/* QEMU's user looks for the file; whatever the umask. */
	if (fd >= 0)
		fchmod(fd, 0755);
	return fd;
}

/* The folder of a domain on a mount; -1 with errno. */
static int domain_folder(const char *mount, const char *name, bool make)
{
	int root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ours, fd, saved;

	ours = root >= 0 ? folder(root, OUR_FOLDER, make) : -1;
	fd = ours >= 0 ? folder(ours, name, make) : -1;
	saved = errno;
	if (ours >= 0)
		close(ours);
	if (root >= 0)
		close(root);
	errno = saved;
	return fd;
}

/* ---- removing ---- */

static void empty_folder(int fd)
{
	DIR *dir = fdopendir(dup(fd));
	struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(fd, entry->d_name, 0);
	if (dir)
		closedir(dir);
}

static void remove_on(const char *mount, const char *name)
{
	int root = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC), ours, fd;

	ours = root >= 0 ? folder(root, OUR_FOLDER, false) : -1;
	fd = ours >= 0 ? folder(ours, name, false) : -1;
	if (fd >= 0) {
		empty_folder(fd);
		close(fd);
		unlinkat(ours, name, AT_REMOVEDIR);
	}
	if (ours >= 0)
		close(ours);
	if (root >= 0)
		close(root);
}

void hvcma_files_remove(const char *name, const char *mounts)
{
	FILE *file = setmntent(mounts, "re");
	struct mntent *mount;

	while (file && is_file_name(name) && (mount = getmntent(file)) != NULL)
		if (!strcmp(mount->mnt_type, "hugetlbfs"))
			remove_on(mount->mnt_dir, name);
	if (file)
		endmntent(file);
}

/* ---- making ---- */

static long set_policy(int mode, const unsigned long *bits)
{
	return syscall(SYS_set_mempolicy, mode, bits, bits ? HVCMA_MAX_NODES + 1ul : 0ul);
}

/* Pages of a file, from these nodes. Return: 0 or a negative errno. */
static int take_pages(int fd, uint64_t bytes, const char *nodeset)
{
	struct hvcma_nodeset set;
	int ret = 0;

	if (nodeset && !hvcma_nodeset_parse(nodeset, &set))
		return -EINVAL;
	if (nodeset && set_policy(MPOL_BIND, set.bits))
		return -errno;
	if (fallocate(fd, 0, 0, (off_t)bytes))
		ret = -errno;
	if (nodeset)
		set_policy(MPOL_DEFAULT, NULL);
	return ret;
}

static int make_file(int at, const struct hvcma_declared_region *r, uint64_t bytes, struct hvcma_error *err)
{
	bool device_takes = r->low_bytes || r->contiguous;
	int fd, ret = 0;

	unlinkat(at, r->name, 0);
	fd = openat(at, r->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)bytes))
		ret = -errno;
	else if (!device_takes)
		ret = take_pages(fd, bytes, r->nodeset);
	if (ret)
		hvcma_error_set(err, "region '%s': no %" PRIu64 " bytes in hugepages of %" PRIu64 "%s%s: %s",
				r->name, bytes, r->page_bytes, r->nodeset ? " on NUMA nodes " : "",
				r->nodeset ? r->nodeset : "", strerror(-ret));
	if (fd >= 0)
		close(fd);
	return ret;
}

static const struct hvcma_declared_region *region_of(const struct hvcma_domain *d, xmlNodePtr memory)
{
	const char *alias = hvcma_xml_alias(memory);

	for (size_t i = 0; hvcma_alias_is_ours(alias) && i < d->declared.nr; i++)
		if (!strcmp(alias + sizeof(HVCMA_ALIAS_PREFIX) - 1, d->declared.region[i].name))
			return &d->declared.region[i];
	return NULL;
}

/* The path is where it has to be: a file of this domain's folder on a mount of such pages. */
static int check_path(const struct hvcma_domain *d, const struct hvcma_declared_region *r, xmlNodePtr memory,
		      const char *mount, struct hvcma_error *err)
{
	xmlNodePtr node = hvcma_xml_child(hvcma_xml_child(memory, NULL, "source"), NULL, "path");
	char *path = hvcma_xml_content(node), *want = hvcma_text("%s/" OUR_FOLDER "/%s/%s", mount, d->name, r->name);
	int ret = strcmp(path, want) ? -EINVAL : 0;

	if (ret)
		hvcma_error_set(err, "region '%s': the domain has its file at '%s', not at '%s': hvcma domain apply writes it anew",
				r->name, path, want);
	free(want);
	free(path);
	return ret;
}

static int make_region(const struct hvcma_domain *d, xmlNodePtr memory, const char *mounts, struct hvcma_error *err)
{
	const struct hvcma_declared_region *r = region_of(d, memory);
	xmlNodePtr size = hvcma_xml_child(hvcma_xml_child(memory, NULL, "target"), NULL, "size");
	uint64_t bytes = 0;
	char *mount;
	int ret, fd;

	if (!r)
		return 0;
	if (!size || !hvcma_xml_bytes(size, &bytes) || !bytes || bytes % r->page_bytes || bytes > INT64_MAX) {
		hvcma_error_set(err, "region '%s': its memory device has %" PRIu64
				" bytes, not a multiple of its hugepages of %" PRIu64, r->name, bytes, r->page_bytes);
		return -EINVAL;
	}
	mount = hvcma_hugetlbfs_find(mounts, r->page_bytes);
	if (!mount) {
		hvcma_error_set(err, "region '%s': no hugetlbfs with pages of %" PRIu64 " bytes is mounted", r->name,
				r->page_bytes);
		return -ENOENT;
	}
	ret = check_path(d, r, memory, mount, err);
	if (!ret) {
		fd = domain_folder(mount, d->name, true);
		if (fd < 0) {
			ret = -errno;
			hvcma_error_set(err, "region '%s': folder " OUR_FOLDER "/%s on %s: %s", r->name, d->name, mount,
					strerror(-ret));
		} else {
			ret = make_file(fd, r, bytes, err);
			close(fd);
		}
	}
	free(mount);
	return ret;
}

/* Else the domain would start without it. */
static int check_applied(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			 struct hvcma_error *err)
{
	xmlNodePtr at = NULL;

	if (hvcma_declared_is_ram(r))
		return 0;
	while ((at = hvcma_domain_next_memory(d, at)) != NULL)
		if (region_of(d, at) == r)
			return 0;
	hvcma_error_set(err, "region '%s' is declared and not applied: hvcma domain define writes it into the domain",
			r->name);
	return -EINVAL;
}

int hvcma_files_make(const struct hvcma_domain *d, const char *mounts, struct hvcma_error *err)
{
	xmlNodePtr at = NULL;
	int ret = 0;

	if (!is_file_name(d->name)) {
		hvcma_error_set(err, "domain name '%s' is none of a folder", d->name);
		return -EINVAL;
	}
	for (size_t i = 0; i < d->declared.nr && !ret; i++)
		ret = check_applied(d, &d->declared.region[i], err);
	while (!ret && (at = hvcma_domain_next_memory(d, at)) != NULL)
		ret = make_region(d, at, mounts, err);
	if (ret)
		hvcma_files_remove(d->name, mounts);
	return ret;
}
