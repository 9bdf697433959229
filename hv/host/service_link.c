// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The one session that this process has with a service: see service_link.h.
 */
#include "hv/host/service_link.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define QUICK_MS	300	/* for an answer to HELLO, when the service has not answered before */
#define FIRST_PAUSE_MS	10
#define LONGEST_PAUSE_MS	50	/* a service that is killed again and again is met between two kills */
#define PATIENCE_MS	2000	/* all pauses together */
/* While a device is being stopped, which takes 0.1 s and more. */
#define AGAIN_WAIT_US	50000
#define AGAIN_TRIES	(HVCMA_SERVICE_TIMEOUT_MS * 1000 / AGAIN_WAIT_US)

struct hvcma_service_link {
	struct hvcma_service_link *next;
	unsigned int refs;
	int fd;				/* -1: the session is over */
	bool resuming;
	struct hvcma_service_user *users;
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
	if (link)
		link->path = strdup(path);
	if (!link || !link->path) {
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

void hvcma_service_link_add(struct hvcma_service_link *link, struct hvcma_service_user *user)
{
	user->next = link->users;
	link->users = user;
}

void hvcma_service_link_remove(struct hvcma_service_link *link, struct hvcma_service_user *user)
{
	struct hvcma_service_user **at = &link->users;

	while (*at && *at != user)
		at = &(*at)->next;
	if (*at)
		*at = user->next;
}

static int resume_all(struct hvcma_service_link *link)
{
	struct hvcma_service_user *user;
	int ret = 0;

	link->resuming = true;
	for (user = link->users; user && ret != -ECONNRESET; user = user->next)
		ret = user->resume(user);
	link->resuming = false;
	return ret == -ECONNRESET ? ret : 0;
}

/* One attempt. */
static int connect_again(struct hvcma_service_link *link, unsigned int hello_ms, struct hvcma_error *err)
{
	const struct timeval patience = { .tv_sec = HVCMA_SERVICE_TIMEOUT_MS / 1000 };
	int ret = hvcma_service_open(link->path, hello_ms, &link->fd, &link->hello, err);

	if (ret) {
		link->fd = -1;
		return ret;
	}
	setsockopt(link->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(link->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return resume_all(link);
}

static bool may_come_back(int error)
{
	return error == -ENOENT || error == -ECONNREFUSED || error == -ECONNRESET;
}

/* The service has gone; one that is restarted is soon there again. */
static int reconnect(struct hvcma_service_link *link, struct hvcma_error *err)
{
	unsigned int pause_ms = FIRST_PAUSE_MS, waited_ms = 0;
	int ret;

	for (;;) {
		struct timespec pause = { .tv_nsec = pause_ms * 1000000L };

		ret = connect_again(link, HVCMA_SERVICE_TIMEOUT_MS, err);
		if (!may_come_back(ret) || waited_ms >= PATIENCE_MS)
			return ret;
		nanosleep(&pause, NULL);
		waited_ms += pause_ms;
		pause_ms = pause_ms * 2 < LONGEST_PAUSE_MS ? pause_ms * 2 : LONGEST_PAUSE_MS;
	}
}

int hvcma_service_link_ask(struct hvcma_service_link *link, const void *request, int passed,
			   void *response, size_t room, size_t min_bytes, int *received,
			   struct hvcma_error *err)
{
	/* Who waits for memory of others does not hold up its own others meanwhile, who may be asked for some. */
	bool waits = ((const struct hvcmad_req_hdr *)request)->op != HVCMAD_OP_BACK;
	struct hvcma_error why = { "" };
	int ret, tries = AGAIN_TRIES;
	size_t bytes;

	if (link->fd < 0 && (link->resuming || connect_again(link, QUICK_MS, &why))) {
		end_session(link);
		hvcma_error_set(err, "service %s: the session with it has ended", link->path);
		return -ECONNRESET;
	}
	do {
		ret = hvcma_service_ask_passing(link->fd, request, passed, response, room, min_bytes, &bytes,
						received, &why);
	} while (ret == -EAGAIN && waits && --tries && !usleep(AGAIN_WAIT_US));
	if (!ret)
		return 0;
	*err = why;
	name_service(link, err);
	if (ret == -ETIMEDOUT || ret == -ECONNRESET || ret == -EPROTO)
		end_session(link);
	if (ret == -ECONNRESET && !link->resuming && !reconnect(link, &why))
		return -ESTALE;
	return ret;
}
