// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Values in xenstore (store.h). Non-purpose: what they mean.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenstore.h>

#include "hv/xen/store.h"

static bool read_value(struct xs_handle *xs, char *value, unsigned int bytes, const char *path)
{
	unsigned int len;
	char *text = xs_read(xs, XBT_NULL, path, &len);

	value[0] = '\0';
	if (!text)
		return false;
	snprintf(value, bytes, "%s", text);
	free(text);
	return true;
}

bool hvcma_store_read(struct xs_handle *xs, char *value, unsigned int bytes, const char *path, ...)
{
	char where[HVCMA_STORE_PATH_BYTES];
	va_list ap;

	va_start(ap, path);
	vsnprintf(where, sizeof(where), path, ap);
	va_end(ap);
	return read_value(xs, value, bytes, where);
}

bool hvcma_store_read_u64(struct xs_handle *xs, uint64_t *value, const char *path, ...)
{
	char where[HVCMA_STORE_PATH_BYTES], text[HVCMA_STORE_VALUE_BYTES], *end;
	unsigned long long number;
	va_list ap;

	va_start(ap, path);
	vsnprintf(where, sizeof(where), path, ap);
	va_end(ap);
	if (!read_value(xs, text, sizeof(text), where) || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	number = strtoull(text, &end, 0);
	if (errno || *end)
		return false;
	*value = number;
	return true;
}

int hvcma_store_write(struct xs_handle *xs, uint32_t transaction, const char *dir, const char *key,
		      const char *text, ...)
{
	char path[HVCMA_STORE_PATH_BYTES], value[HVCMA_STORE_VALUE_BYTES];
	va_list ap;

	snprintf(path, sizeof(path), "%s/%s", dir, key);
	va_start(ap, text);
	vsnprintf(value, sizeof(value), text, ap);
	va_end(ap);
	return xs_write(xs, transaction, path, value, strlen(value)) ? 0 : -errno;
}

int hvcma_store_mkdir(struct xs_handle *xs, uint32_t transaction, const char *path,
		      struct hvcma_store_owner owner)
{
	struct xs_permissions perms[2] = {
		{ .id = owner.owner, .perms = XS_PERM_NONE },
		{ .id = owner.reader, .perms = XS_PERM_READ },
	};

	if (!xs_mkdir(xs, transaction, path) ||
	    !xs_set_permissions(xs, transaction, path, perms, 2))
		return -errno;
	return 0;
}

int64_t hvcma_store_next(struct xs_handle *xs, const char *dir, int64_t after)
{
	unsigned int nr = 0;
	char **names = xs_directory(xs, XBT_NULL, dir, &nr);
	int64_t best = -1;

	for (unsigned int i = 0; names && i < nr; i++) {
		char *end;
		long number = strtol(names[i], &end, 10);

		if (*end || end == names[i] || number <= after || number > INT32_MAX)
			continue;
		if (best < 0 || number < best)
			best = number;
	}
	free(names);
	return best;
}
