// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A host by its files: see host_files.h.
 */
#define _GNU_SOURCE			/* mkostemp() */
#include "hv/host/host_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FILE_BYTES	((size_t)4 << 20)

static int join(char at[PATH_MAX], const char *root, const char *path, va_list args)
{
	size_t used = (size_t)snprintf(at, PATH_MAX, "%s", root);

	if (used >= PATH_MAX || (size_t)vsnprintf(at + used, PATH_MAX - used, path, args) >= PATH_MAX - used)
		return -ENAMETOOLONG;
	return 0;
}

/* The path that a function was called with. */
#define JOIN(at, root, path)	({			\
	va_list args;					\
	int joined;					\
							\
	va_start(args, path);				\
	joined = join(at, root, path, args);		\
	va_end(args);					\
	joined;						\
})

static int read_file(const char *at, char *text, size_t room)
{
	int fd = open(at, O_RDONLY | O_CLOEXEC | O_NONBLOCK), ret = 0;
	size_t used = 0;
	ssize_t got = 1;

	if (fd < 0)
		return -errno;
	while (got && used < room - 1) {
		got = read(fd, text + used, room - 1 - used);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			ret = -errno;
			break;
		}
		used += (size_t)got;
	}
	close(fd);
	if (ret)
		return ret;
	if (used && text[used - 1] == '\n')
		used--;
	text[used] = '\0';
	return (int)used;
}

int hvcma_host_read(const char *root, char *text, size_t room, const char *path, ...)
{
	char at[PATH_MAX];
	int ret = JOIN(at, root, path);

	if (!ret)
		ret = read_file(at, text, room);
	if (ret < 0)
		text[0] = '\0';
	return ret;
}

char *hvcma_host_load(const char *root, const char *path, ...)
{
	char at[PATH_MAX], *text;
	int ret = JOIN(at, root, path);

	text = ret ? NULL : malloc(MAX_FILE_BYTES);
	if (!ret && !text)
		ret = -ENOMEM;
	if (!ret)
		ret = read_file(at, text, MAX_FILE_BYTES);
	if (ret < 0) {
		free(text);
		errno = -ret;
		return NULL;
	}
	return text;
}

int hvcma_host_number(const char *root, uint64_t *value, const char *path, ...)
{
	char at[PATH_MAX], text[64], *end;
	uint64_t number;
	int ret = JOIN(at, root, path);

	if (!ret)
		ret = read_file(at, text, sizeof(text));
	if (ret < 0)
		return ret;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || end == text || *end)
		return -EIO;
	*value = number;
	return 0;
}

bool hvcma_host_has(const char *root, const char *path, ...)
{
	char at[PATH_MAX];

	return !JOIN(at, root, path) && !access(at, F_OK);
}

int hvcma_host_link(const char *root, char *name, size_t room, const char *path, ...)
{
	char at[PATH_MAX], target[PATH_MAX];
	const char *last;
	ssize_t bytes;
	int ret = JOIN(at, root, path);

	name[0] = '\0';
	if (ret)
		return ret;
	bytes = readlink(at, target, sizeof(target) - 1);
	if (bytes < 0)
		return -errno;
	target[bytes] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	if (strlen(last) >= room)
		return -ENAMETOOLONG;
	strcpy(name, last);
	return 0;
}

int hvcma_host_real(const char *root, char real[PATH_MAX], const char *path, ...)
{
	char at[PATH_MAX];
	int ret = JOIN(at, root, path);

	if (ret)
		return ret;
	return realpath(at, real) ? 0 : -errno;
}

int hvcma_host_write(const char *root, const char *text, const char *path, ...)
{
	size_t bytes = strlen(text);
	char at[PATH_MAX];
	int fd, ret = JOIN(at, root, path);
	ssize_t done;

	if (ret)
		return ret;
	fd = open(at, O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		done = write(fd, text, bytes);
	} while (done < 0 && errno == EINTR);
	if (done < 0)
		ret = -errno;
	else if ((size_t)done != bytes)
		ret = -EIO;
	close(fd);
	return ret;
}

/* All folders above @path; those that can't be made are found missing later. */
static void make_folders(const char *path)
{
	char at[PATH_MAX];

	strcpy(at, path);
	for (char *p = strchr(at + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		mkdir(at, 0755);
		*p = '/';
	}
}

int hvcma_host_save(const char *root, const char *text, const char *path, ...)
{
	char at[PATH_MAX], beside[PATH_MAX + 8];
	size_t bytes = strlen(text);
	int fd, ret = JOIN(at, root, path);

	if (ret)
		return ret;
	make_folders(at);
	snprintf(beside, sizeof(beside), "%s.XXXXXX", at);
	fd = mkostemp(beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	errno = EIO;
	if (write(fd, text, bytes) != (ssize_t)bytes || fchmod(fd, 0644) || fsync(fd) || rename(beside, at)) {
		ret = -errno;
		unlink(beside);
	}
	close(fd);
	return ret;
}

int hvcma_host_remove(const char *root, const char *path, ...)
{
	char at[PATH_MAX];
	int ret = JOIN(at, root, path);

	if (ret)
		return ret;
	return unlink(at) && errno != ENOENT ? -errno : 0;
}

static int is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int hvcma_host_list(const char *root, hvcma_host_each_fn *each, void *opaque, const char *path, ...)
{
	struct dirent **entry;
	char at[PATH_MAX];
	int nr, ret = JOIN(at, root, path);

	if (ret)
		return ret;
	nr = scandir(at, &entry, is_name, alphasort);
	if (nr < 0)
		return -errno;
	for (int i = 0; i < nr; i++) {
		if (!ret)
			ret = each(entry[i]->d_name, opaque);
		free(entry[i]);
	}
	free(entry);
	return ret;
}
