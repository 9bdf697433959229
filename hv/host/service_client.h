/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of hvcmad: connects, greets, asks, one request after the other (docs/service.md). Knows
 * no request but HELLO. What the service sends is distrusted as to its form.
 */
#ifndef HVCMA_HOST_SERVICE_CLIENT_H
#define HVCMA_HOST_SERVICE_CLIENT_H

#include <stddef.h>

#include "hv/abi/hvcmad.h"
#include "hv/host/provider.h"

/* Where systemd's unit has it. */
#define HVCMA_SERVICE_SOCKET	"/run/hvcma/hvcmad.socket"

/**
 * hvcma_service_open() - connect and greet.
 * @path: of the socket
 * @timeout_ms: how long to wait for each answer, from here on; above 0
 * @fd: out: the session, the caller's to close
 * @hello: out: what the service says of itself and of this process; hvcma is "" of one that is older than
 *	HVCMAD_F_HVCMA
 *
 * Return: 0, -ENAMETOOLONG, what socket or connect() said (-ENOENT, -ECONNREFUSED: nobody serves
 * there), or as hvcma_service_ask(); @err says it in words.
 */
int hvcma_service_open(const char *path, unsigned int timeout_ms, int *fd,
		       struct hvcmad_hello_resp *hello, struct hvcma_error *err);

/**
 * hvcma_service_ask() - a request, and its answer.
 * @request: begins with struct hvcmad_req_hdr, whose bytes are its length
 * @response: out, on success, beginning with the header: of @room bytes, enough for the words of
 *	a refusal, too; HVCMAD_MAX_RESPONSE_BYTES is enough for any; undefined on failure
 * @min_bytes: least length of the answer, header included
 * @bytes: out, on success: its length
 *
 * For the first 300 us the answer is waited for awake, yielding, then asleep.
 *
 * No descriptors either way. After -ETIMEDOUT, -EPROTO and -ECONNRESET the session is of no use.
 *
 * Return: 0, the errno of the status that the service answered with (HVCMAD_STATUS_TABLE),
 * -ETIMEDOUT, -ECONNRESET (the service has ended the session), -EPROTO (an answer of another form);
 * @err says it in words, the service's own where it refused.
 */
int hvcma_service_ask(int fd, const void *request, void *response, size_t room, size_t min_bytes,
		      size_t *bytes, struct hvcma_error *err);

/**
 * hvcma_service_ask_passing() - the same with descriptors.
 * @passed: goes with the request, -1: none; stays the caller's
 * @received: out, on success: the one that came with the answer, the caller's; NULL: none is to come
 *
 * Return: as hvcma_service_ask(); -EPROTO also if a descriptor is missing, or is one too many.
 */
int hvcma_service_ask_passing(int fd, const void *request, int passed, void *response, size_t room,
			      size_t min_bytes, size_t *bytes, int *received, struct hvcma_error *err);

#endif /* HVCMA_HOST_SERVICE_CLIENT_H */
