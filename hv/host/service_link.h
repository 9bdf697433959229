/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one session that this process has with a service (hv/host/service_client.h), shared by all
 * that it has there: regions (provider_service.c), devices. What is asked is the callers' affair.
 *
 * The caller serialises: one at a time, whichever link.
 */
#ifndef HVCMA_HOST_SERVICE_LINK_H
#define HVCMA_HOST_SERVICE_LINK_H

#include "hv/host/service_client.h"

/*
 * How long an answer is waited for. The service does one thing after the other, each of a tenth
 * of a second at most: it may have others before this one.
 */
#define HVCMA_SERVICE_TIMEOUT_MS	10000

struct hvcma_service_link;

/*
 * What one caller has at the service, and has to take up again when the session is another one: after a
 * restart of the service, which has kept it. Part of the caller's own.
 */
struct hvcma_service_user {
	struct hvcma_service_user *next;
	/*
	 * Asks by the link what has become of what it had; may not wait for anything else. -ECONNRESET: again, with
	 * yet another session; what else fails is the caller's to remember.
	 */
	int (*resume)(struct hvcma_service_user *user);
};

/** hvcma_service_link_add() - it is told of sessions after this one, until hvcma_service_link_remove(). */
void hvcma_service_link_add(struct hvcma_service_link *link, struct hvcma_service_user *user);
void hvcma_service_link_remove(struct hvcma_service_link *link, struct hvcma_service_user *user);

/**
 * hvcma_service_link_get() - a reference of the session with the service at @path; the first
 * one connects.
 * @out: out: the caller's, until hvcma_service_link_put()
 *
 * Return: 0, -ENOMEM, or as hvcma_service_open(); @err names the path.
 */
int hvcma_service_link_get(const char *path, struct hvcma_service_link **out, struct hvcma_error *err);

/** hvcma_service_link_put() - the last one ends the session; NULL is allowed. */
void hvcma_service_link_put(struct hvcma_service_link *link);

/** hvcma_service_link_hello() - what the service said at the beginning; the link's. */
const struct hvcmad_hello_resp *hvcma_service_link_hello(const struct hvcma_service_link *link);

/**
 * hvcma_service_link_ask() - as hvcma_service_ask_passing().
 *
 * What the service answers with AGAIN is asked again, for HVCMA_SERVICE_TIMEOUT_MS, but for BACK.
 * A session that the service has ended is followed by another, with growing pauses, for two seconds at most; then all users
 * have taken up what they had, and -ESTALE is returned: whether the request was done is for the caller to find
 * out, and to ask again. Where there is no service for that long, or it does not answer, the session stays
 * ended: from then on each request tries once more, and is answered with -ECONNRESET without waiting.
 */
int hvcma_service_link_ask(struct hvcma_service_link *link, const void *request, int passed,
			   void *response, size_t room, size_t min_bytes, int *received,
			   struct hvcma_error *err);

#endif /* HVCMA_HOST_SERVICE_LINK_H */
