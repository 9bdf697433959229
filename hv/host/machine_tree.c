// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device tree of this machine: see machine_tree.h.
 */
#define _GNU_SOURCE	/* scandirat */
#include "hv/host/machine_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libfdt.h>

#define FIRST_ROOM	((size_t)64 << 10)

struct bytes {
	char *data;		/* malloc */
	size_t nr;
};

/* All of a file; its size says nothing in sysfs. */
static int read_all(int fd, struct bytes *out)
{
	struct bytes b = { NULL, 0 };
	size_t room = 0;

	for (;;) {
		ssize_t n;

		if (b.nr == room) {
			char *more;

			if (room == HVCMA_MACHINE_TREE_MAX_BYTES) {
				free(b.data);
				return -EFBIG;
			}
			room = room ? 2 * room : 4096;
			more = realloc(b.data, room);
			if (!more) {
				free(b.data);
				return -ENOMEM;
			}
			b.data = more;
		}
		n = read(fd, b.data + b.nr, room - b.nr);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			n = -errno;
			free(b.data);
			return (int)n;
		}
		if (!n)
			break;
		b.nr += (size_t)n;
	}
	*out = b;
	return 0;
}

static int read_at(int dir, const char *name, struct bytes *out)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), ret;

	if (fd < 0)
		return -errno;
	ret = read_all(fd, out);
	close(fd);
	return ret;
}

static int path_failed(struct hvcma_error *err, const char *sysfs, const char *what, int ret)
{
	hvcma_error_set(err, "%.200s/firmware/%s: %s", sysfs, what, strerror(-ret));
	return ret;
}

int hvcma_machine_tree_booted(const char *sysfs, struct hvcma_machine_tree *tree,
			      struct hvcma_error *err)
{
	char path[4096];
	struct bytes b;
	int ret = -ENAMETOOLONG;

	if (snprintf(path, sizeof(path), "%s/firmware/fdt", sysfs) < (int)sizeof(path))
		ret = read_at(AT_FDCWD, path, &b);
	if (ret)
		return path_failed(err, sysfs, "fdt", ret);
	*tree = (struct hvcma_machine_tree){ b.data, b.nr };
	return 0;
}

/* ---- a tree of directories ---- */

/* libfdt's word in errno's. */
static int made(int ret)
{
	return ret == -FDT_ERR_NOSPACE ? -ENOSPC : ret ? -EINVAL : 0;
}

static bool is_secret(const char *name, int ret)
{
	return ret == -EACCES && !strncmp(name, "security-", strlen("security-"));
}

/* What old trees have as a property the kernel makes up again: a node's name. */
static int add_property(void *blob, int dir, const char *name)
{
	struct bytes b;
	int ret;

	if (!strcmp(name, "name"))
		return 0;
	ret = read_at(dir, name, &b);
	if (ret)
		return is_secret(name, ret) ? 0 : ret;
	ret = made(fdt_property(blob, name, b.data, (int)b.nr));
	free(b.data);
	return ret;
}

static int add_node(void *blob, int dir, const char *name, int depth);

/* One entry of a directory, if it is of this kind: properties come before nodes. */
static int add_entry(void *blob, int dir, const char *name, mode_t kind, int depth)
{
	struct stat st;
	int fd, ret;

	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if ((st.st_mode & S_IFMT) != kind)
		return 0;
	if (kind == S_IFREG)
		return add_property(blob, dir, name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = add_node(blob, fd, name, depth + 1);
	close(fd);
	return ret;
}

static int add_node(void *blob, int dir, const char *name, int depth)
{
	struct dirent **entry;
	int nr, ret;

	if (depth > HVCMA_MACHINE_TREE_MAX_DEPTH)
		return -ELOOP;
	nr = scandirat(dir, ".", &entry, NULL, alphasort);
	if (nr < 0)
		return -errno;
	ret = made(fdt_begin_node(blob, name));
	for (int i = 0; i < nr && !ret; i++)
		ret = add_entry(blob, dir, entry[i]->d_name, S_IFREG, depth);
	for (int i = 0; i < nr && !ret; i++)
		ret = add_entry(blob, dir, entry[i]->d_name, S_IFDIR, depth);
	while (nr)
		free(entry[--nr]);
	free(entry);
	return ret ? ret : made(fdt_end_node(blob));
}

static int flatten(int dir, void *blob, size_t room)
{
	int ret = made(fdt_create(blob, (int)room));

	if (!ret)
		ret = made(fdt_finish_reservemap(blob));
	if (!ret)
		ret = add_node(blob, dir, "", 0);
	return ret ? ret : made(fdt_finish(blob));
}

int hvcma_machine_tree_live(const char *sysfs, struct hvcma_machine_tree *tree,
			    struct hvcma_error *err)
{
	static const char base[] = "devicetree/base";
	int dir = -1, ret = -ENAMETOOLONG;
	size_t room = FIRST_ROOM;
	void *blob = NULL;
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/firmware/%s", sysfs, base) < (int)sizeof(path)) {
		dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ret = dir < 0 ? -errno : -ENOSPC;
	}
	for (; ret == -ENOSPC && room <= HVCMA_MACHINE_TREE_MAX_BYTES; room *= 2) {
		free(blob);
		blob = malloc(room);
		ret = blob ? flatten(dir, blob, room) : -ENOMEM;
	}
	if (dir >= 0)
		close(dir);
	if (ret) {
		free(blob);
		return path_failed(err, sysfs, base, ret == -ENOSPC ? -EFBIG : ret);
	}
	*tree = (struct hvcma_machine_tree){ blob, fdt_totalsize(blob) };
	return 0;
}

void hvcma_machine_tree_free(struct hvcma_machine_tree *tree)
{
	free(tree->blob);
	*tree = (struct hvcma_machine_tree){ NULL, 0 };
}
