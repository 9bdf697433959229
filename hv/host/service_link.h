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
 * A session that is of no use any more is ended; from then on all is answered at once with
 * -ECONNRESET, and nobody waits a second time.
 */
int hvcma_service_link_ask(struct hvcma_service_link *link, const void *request, int passed,
			   void *response, size_t room, size_t min_bytes, int *received,
			   struct hvcma_error *err);

#endif /* HVCMA_HOST_SERVICE_LINK_H */
