// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one session that this process has with a service: see service_link.h.
 */
#include "hv/host/service_link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hvcma_service_link {
	struct hvcma_service_link *next;
	unsigned int refs;
	int fd;				/* -1: the session is over */
	char *path;
	struct hvcmad_hello_resp hello;
};

static struct hvcma_service_link *links;

/* @err has what went wrong; say with which service. */
static void name_service(const struct hvcma_service_link *link, struct hvcma_error *err)
{
	struct hvcma_error why = *err;

	hvcma_error_set(err, "service %s: %s", link->path, why.text);
}

int hvcma_service_link_get(const char *path, struct hvcma_service_link **out, struct hvcma_error *err)
{
	struct hvcma_service_link *link;
	struct hvcma_error why = { "" };
	int ret;

	for (link = links; link; link = link->next) {
		if (strcmp(link->path, path))
			continue;
		link->refs++;
		*out = link;
		return 0;
	}
	link = calloc(1, sizeof(*link));
	if (!link || !(link->path = strdup(path))) {
		free(link);
		hvcma_error_set(err, "service %s: no memory for a session", path);
		return -ENOMEM;
	}
	ret = hvcma_service_open(path, HVCMA_SERVICE_TIMEOUT_MS, &link->fd, &link->hello, &why);
	if (ret) {
		hvcma_error_set(err, "service %s: %s", path, why.text);
		free(link->path);
		free(link);
		return ret;
	}
	link->refs = 1;
	link->next = links;
	links = link;
	*out = link;
	return 0;
}

static void end_session(struct hvcma_service_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
}

void hvcma_service_link_put(struct hvcma_service_link *link)
{
	struct hvcma_service_link **at = &links;

	if (!link || --link->refs)
		return;
	while (*at != link)
		at = &(*at)->next;
	*at = link->next;
	end_session(link);
	free(link->path);
	free(link);
}

const struct hvcmad_hello_resp *hvcma_service_link_hello(const struct hvcma_service_link *link)
{
	return &link->hello;
}

int hvcma_service_link_ask(struct hvcma_service_link *link, const void *request, int passed,
			   void *response, size_t room, size_t min_bytes, int *received,
			   struct hvcma_error *err)
{
	struct hvcma_error why = { "" };
	size_t bytes;
	int ret;

	if (link->fd < 0) {
		hvcma_error_set(err, "service %s: the session with it has ended", link->path);
		return -ECONNRESET;
	}
	ret = hvcma_service_ask_passing(link->fd, request, passed, response, room, min_bytes, &bytes,
					received, &why);
	if (!ret)
		return 0;
	*err = why;
	name_service(link, err);
	if (ret == -ETIMEDOUT || ret == -ECONNRESET || ret == -EPROTO)
		end_session(link);
	return ret;
}
