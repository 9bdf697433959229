// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma fdt: blobs from and to files. See fdt.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hv/cli/fdt.h"

#define MAX_BYTES	(256u << 20)
#define FIRST_ROOM	(64u << 10)

/* ---- in ---- */

static int read_all(FILE *in, struct hvcma_dtb *dtb)
{
	size_t room = FIRST_ROOM, n;

	*dtb = (struct hvcma_dtb){ .blob = malloc(room) };
	while (dtb->blob) {
		n = fread((char *)dtb->blob + dtb->bytes, 1, room - dtb->bytes, in);
		dtb->bytes += n;
		if (dtb->bytes < room)
			return ferror(in) ? -errno : 0;
		if (room >= MAX_BYTES)
			return -EFBIG;
		room *= 2;
		void *more = realloc(dtb->blob, room);

		if (!more)
			break;
		dtb->blob = more;
	}
	return -ENOMEM;
}

int hvcma_dtb_load(const char *path, struct hvcma_dtb *dtb)
{
	struct hvcma_fdt_error err, named;
	bool is_stdin = !strcmp(path, "-");
	FILE *in = is_stdin ? stdin : fopen(path, "rbe");
	int ret = in ? 0 : -errno;

	*dtb = (struct hvcma_dtb){ 0 };
	if (!ret && isatty(fileno(in))) {
		hvcma_fdt_fail(&named, 0, "%s is a terminal: a blob is not typed in, it comes from a file or a pipe",
			       is_stdin ? "the standard input" : path);
		hvcma_failed(named.text);
		if (!is_stdin)
			fclose(in);
		return -1;
	}
	if (!ret)
		ret = read_all(in, dtb);
	if (in && !is_stdin)
		fclose(in);
	if (ret) {
		hvcma_fdt_fail(&named, 0, "%s: %s", path, strerror(-ret));
	} else {
		ret = hvcma_fdt_validate(dtb->blob, dtb->bytes, &err);
		if (!ret)
			return 0;
		hvcma_fdt_fail(&named, 0, "%.100s: %.250s", path, err.text);
	}
	hvcma_failed(named.text);
	hvcma_dtb_free(dtb);
	return -1;
}

void hvcma_dtb_free(struct hvcma_dtb *dtb)
{
	free(dtb->blob);
	*dtb = (struct hvcma_dtb){ 0 };
}

/* ---- out ---- */

static int write_all(int fd, const char *data, size_t bytes)
{
	while (bytes) {
		ssize_t n = write(fd, data, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		data += n;
		bytes -= (size_t)n;
	}
	return 0;
}

/* A pipe or a device has no old content to keep. -ENOTTY: it is a terminal. */
static int write_plain(const char *path, const void *blob, size_t bytes)
{
	int fd = strcmp(path, "-") ? open(path, O_WRONLY | O_CLOEXEC) : dup(STDOUT_FILENO);
	int ret;

	if (fd < 0)
		return -errno;
	ret = isatty(fd) ? -ENOTTY : write_all(fd, blob, bytes);
	if (close(fd) && !ret)
		ret = -errno;
	return ret;
}

static mode_t mode_for(const struct stat *old)
{
	mode_t mask;

	if (old)
		return old->st_mode & 07777;
	mask = umask(0);
	umask(mask);
	return 0666 & ~mask;
}

/* Into a file beside it, which then takes its name. */
static int write_file(const char *path, const struct stat *old, const void *blob, size_t bytes)
{
	char *tmp;
	int fd, ret = 0;

	if (asprintf(&tmp, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(tmp, O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		free(tmp);
		return ret;
	}
	ret = write_all(fd, blob, bytes);
	if (!ret && (fchmod(fd, mode_for(old)) || fsync(fd)))
		ret = -errno;
	if (close(fd) && !ret)
		ret = -errno;
	if (!ret && rename(tmp, path))
		ret = -errno;
	if (ret)
		unlink(tmp);
	free(tmp);
	return ret;
}

static int write_out(const char *path, const void *blob, size_t bytes)
{
	char real[4096];
	struct stat st;
	int exists;

	if (!strcmp(path, "-"))
		return write_plain(path, blob, bytes);
	exists = !stat(path, &st);
	if (exists && !S_ISREG(st.st_mode))
		return write_plain(path, blob, bytes);
	/* The file a symbolic link names is replaced, not the link. */
	if (exists && realpath(path, real))
		path = real;
	return write_file(path, exists ? &st : NULL, blob, bytes);
}

/* ---- edit ---- */

static int try_edit(const struct hvcma_dtb *from, hvcma_dtb_edit_fn *edit, void *opaque,
		    void *buf, size_t room, struct hvcma_fdt_error *err)
{
	int ret = from ? fdt_open_into(from->blob, buf, (int)room) : 0;

	if (!from)	/* room for a tree to be made is what an empty one says */
		ret = fdt_create_empty_tree(buf, (int)room);
	if (ret)
		return hvcma_fdt_fail(err, ret, "%s", fdt_strerror(ret));
	ret = edit(buf, opaque, err);
	return ret ? ret : fdt_pack(buf);
}

int hvcma_dtb_edit(const struct hvcma_dtb *from, hvcma_dtb_edit_fn *edit, void *opaque,
		   const char *out)
{
	size_t room = (from ? from->bytes : 0) + FIRST_ROOM;
	struct hvcma_fdt_error err = { "" };
	void *buf = NULL;
	int ret;

	do {
		free(buf);
		buf = malloc(room);
		if (!buf) {
			hvcma_fdt_fail(&err, 0, "out of memory: %zu bytes", room);
			return hvcma_failed(err.text);
		}
		ret = try_edit(from, edit, opaque, buf, room, &err);
		room *= 2;
	} while (ret == -FDT_ERR_NOSPACE && room <= MAX_BYTES);
	if (!ret) {
		ret = write_out(out, buf, fdt_totalsize(buf));
		if (ret)
			hvcma_fdt_fail(&err, 0, "cannot write '%s': %s", out, ret == -ENOTTY ?
				       "a blob does not go to a terminal; name a file (-o), or use a pipe" :
				       strerror(-ret));
	}
	free(buf);
	return ret ? hvcma_failed(err.text) : HVCMA_EXIT_OK;
}
