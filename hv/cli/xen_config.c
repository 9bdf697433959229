// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The configuration of a build of Xen, out of a file. See xen_config.h.
 */
#define _GNU_SOURCE			/* memmem() */
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "hv/cli/fdt.h"
#include "hv/cli/xen_config.h"

#define MAX_BYTES	(64u << 20)	/* of a hypervisor, unpacked */
#define GZIP		(15 + 16)	/* for inflateInit2(): windows of 32 KiB, gzip's own header */
#define MAX_DEPTH	2		/* a packed hypervisor with a packed configuration */

static const unsigned char magic[] = { 0x1f, 0x8b, 8 };

/* What is packed from @data on, whatever follows. Return: false if it is not, or too large; @out is to be freed. */
static bool unpack(const void *data, size_t bytes, struct hvcma_dtb *out)
{
	z_stream z = { .next_in = (void *)(uintptr_t)data, .avail_in = bytes > MAX_BYTES ? MAX_BYTES : (uInt)bytes };
	size_t room = 64u << 10;
	int ret = inflateInit2(&z, GZIP);

	*out = (struct hvcma_dtb){ 0 };
	while (ret == Z_OK && room <= MAX_BYTES) {
		void *more = realloc(out->blob, room);

		if (!more)
			break;
		out->blob = more;
		z.next_out = (Bytef *)out->blob + out->bytes;
		z.avail_out = (uInt)(room - out->bytes);
		ret = inflate(&z, Z_NO_FLUSH);
		out->bytes = room - z.avail_out;
		room *= 2;
	}
	inflateEnd(&z);
	if (ret == Z_STREAM_END)
		return true;
	hvcma_dtb_free(out);
	return false;
}

/* The first of what is packed in it that is a configuration. The reason in @err is that of the text itself. */
static int find_config(const struct hvcma_dtb *file, int depth, struct hvcma_xen_build *build,
		       struct hvcma_fdt_error *err)
{
	const char *at = file->blob, *end = at + file->bytes;
	int ret = hvcma_xen_build_parse(at, file->bytes, build, err);

	while (ret && depth < MAX_DEPTH && (at = memmem(at, (size_t)(end - at), magic, sizeof(magic)))) {
		struct hvcma_dtb inner;

		if (unpack(at, (size_t)(end - at), &inner)) {
			ret = find_config(&inner, depth + 1, build, err);
			hvcma_dtb_free(&inner);
		}
		at++;
	}
	return ret;
}

int hvcma_xen_config_load(const char *path, struct hvcma_xen_build *build)
{
	struct hvcma_fdt_error err, named;
	struct hvcma_dtb file;
	int ret = hvcma_file_load(path, &file);

	if (ret)
		return ret;
	ret = find_config(&file, 0, build, &err);
	hvcma_dtb_free(&file);
	if (!ret)
		return 0;
	hvcma_fdt_fail(&named, 0, "%.200s: neither a configuration of Xen nor a hypervisor with one in it: %.300s", path,
		       err.text);
	return hvcma_failed(named.text);
}
