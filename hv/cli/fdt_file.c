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

/* Of a file, one byte more than it has: that it has ended is seen without another turn. */
static size_t first_room(FILE *in)
{
	struct stat st;

	return !fstat(fileno(in), &st) && S_ISREG(st.st_mode) && st.st_size < MAX_BYTES ?
	       (size_t)st.st_size + 1 : FIRST_ROOM;
}

static int read_all(FILE *in, struct hvcma_dtb *dtb)
{
	size_t room = first_room(in), n;

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

/* ---- what people take for a blob ---- */

static bool contains(const char *data, size_t bytes, const char *word)
{
	return memmem(data, bytes, word, strlen(word)) != NULL;
}

/* What it is, and what makes a blob of it; NULL: nobody knows. */
static const char *what_it_is(const struct hvcma_dtb *dtb)
{
	static const struct { const char *magic; size_t bytes; const char *text; } packed[] = {
		{ "\x1f\x8b", 2, "it is compressed: gunzip makes a blob of it" },
		{ "\3757zXZ", 5, "it is compressed: unxz makes a blob of it" },
		{ "\x28\xb5\x2f\xfd", 4, "it is compressed: unzstd makes a blob of it" },
		{ "\177ELF", 4, "it is a program or library, no device tree" },
	};

	if (!dtb->bytes)
		return "it is empty";
	for (size_t i = 0; i < sizeof(packed) / sizeof(*packed); i++)
		if (dtb->bytes >= packed[i].bytes && !memcmp(dtb->blob, packed[i].magic, packed[i].bytes))
			return packed[i].text;
	if (contains(dtb->blob, dtb->bytes < FIRST_ROOM ? dtb->bytes : FIRST_ROOM, "/dts-v1/"))
		return "it is the source of a device tree: dtc -@ -O dtb -o OUT.dtb makes a blob of it";
	return NULL;
}

/* Padding may follow a tree; what else follows would get lost. */
static int check_rest(const struct hvcma_dtb *dtb, struct hvcma_fdt_error *err)
{
	static const unsigned char magic[] = { 0xd0, 0x0d, 0xfe, 0xed };
	size_t end = fdt_totalsize(dtb->blob), at = end;
	const char *bytes = dtb->blob, *next;

	while (at < dtb->bytes && !bytes[at])
		at++;
	if (at == dtb->bytes)
		return 0;
	next = memmem(bytes + end, dtb->bytes - end, magic, sizeof(magic));
	if (next)
		return hvcma_fdt_fail(err, -FDT_ERR_BADLAYOUT, "several device trees in one file: the first has %zu bytes, another begins at %zu; split them",
				      end, (size_t)(next - bytes));
	return hvcma_fdt_fail(err, -FDT_ERR_BADLAYOUT, "the device tree has %zu bytes, and %zu follow that are not its: cut them off",
			      end, dtb->bytes - end);
}

static int check_blob(const struct hvcma_dtb *dtb, struct hvcma_fdt_error *err)
{
	int ret = hvcma_fdt_validate(dtb->blob, dtb->bytes, err);
	const char *other = ret ? what_it_is(dtb) : NULL;

	if (other)
		return hvcma_fdt_fail(err, ret, "no device tree blob: %s", other);
	return ret ? ret : check_rest(dtb, err);
}

FILE *hvcma_fdt_open(const char *path, struct hvcma_fdt_error *err)
{
	static bool stdin_is_taken;	/* it can be read once */
	bool is_stdin = !strcmp(path, "-");
	FILE *in = is_stdin ? stdin : fopen(path, "rbe");

	if (!in) {
		hvcma_fdt_fail(err, 0, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (is_stdin && stdin_is_taken) {
		hvcma_fdt_fail(err, 0, "the standard input (-) can be read once only: name a file for the others");
		return NULL;
	}
	stdin_is_taken |= is_stdin;
	return in;
}

int hvcma_file_load(const char *path, struct hvcma_dtb *file)
{
	const char *name = strcmp(path, "-") ? path : "the standard input";
	struct hvcma_fdt_error err;
	FILE *in = hvcma_fdt_open(path, &err);
	int ret;

	*file = (struct hvcma_dtb){ 0 };
	if (!in)
		return hvcma_failed(err.text);
	if (isatty(fileno(in))) {
		ret = hvcma_fdt_fail(&err, -1, "%s is a terminal: a blob is not typed in, it comes from a file or a pipe",
				     name);
	} else {
		ret = read_all(in, file);
		if (ret)
			hvcma_fdt_fail(&err, 0, "%s: %s", name, strerror(-ret));
	}
	if (in != stdin)
		fclose(in);
	if (!ret)
		return 0;
	hvcma_dtb_free(file);
	return hvcma_failed(err.text);
}

int hvcma_dtb_load(const char *path, struct hvcma_dtb *dtb)
{
	struct hvcma_fdt_error err, named;
	int ret = hvcma_file_load(path, dtb);

	if (ret || !check_blob(dtb, &err))
		return ret;
	hvcma_fdt_fail(&named, 0, "%.100s: %.250s", strcmp(path, "-") ? path : "the standard input", err.text);
	hvcma_dtb_free(dtb);
	return hvcma_failed(named.text);
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
		return hvcma_fdt_fail(err, ret, "%s", hvcma_fdt_reason(ret));
	ret = edit(buf, opaque, err);
	if (ret)
		return ret;
	hvcma_fdt_trim_strings(buf);
	return fdt_pack(buf);
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

int hvcma_fdt_edit_file(int argc, char **argv, const char *output, hvcma_dtb_edit_fn *edit,
			void *opaque)
{
	struct hvcma_fdt_error err;
	struct hvcma_dtb dtb;
	int ret;

	if (optind != argc - 1)
		return hvcma_usage_error("one FILE is needed, not %d", argc - optind);
	if (hvcma_dtb_load(argv[optind], &dtb))
		return HVCMA_EXIT_FAILED;
	if (hvcma_fdt_is_overlay(dtb.blob)) {
		hvcma_fdt_fail(&err, 0, "%.100s is an overlay, whose own tree is not what it is for: apply it first (fdtoverlay -i BASE -o FILE OVERLAY), or edit a copy of BASE and let \"hvcma fdt overlay\" write the difference",
			       argv[optind]);
		ret = hvcma_failed(err.text);
	} else {
		ret = hvcma_dtb_edit(&dtb, edit, opaque, output ? output : argv[optind]);
	}
	hvcma_dtb_free(&dtb);
	return ret;
}
