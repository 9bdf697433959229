// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client of hvcmad: see service_client.h.
 */
#include "hv/host/service_client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "hv/core/service_wire.h"

/* By status: their numbers are consecutive. */
#define STATUS_ERRNO(name, nr, err, text) err,
static const int status_errno[] = { HVCMAD_STATUS_TABLE(STATUS_ERRNO) };

_Static_assert(sizeof(status_errno) / sizeof(status_errno[0]) == HVCMAD_NR_STATUS, "a gap");

static int failed(struct hvcma_error *err, const char *what)
{
	int ret = errno == EAGAIN ? -ETIMEDOUT : errno == EPIPE ? -ECONNRESET : -errno;

	hvcma_error_set(err, "%s: %s", what, strerror(-ret));
	return ret;
}

int hvcma_service_ask(int fd, const void *request, void *response, size_t room, size_t min_bytes,
		      size_t *bytes, struct hvcma_error *err)
{
	const struct hvcmad_req_hdr *q = request;
	enum hvcmad_status status;
	size_t text_bytes;
	const char *text, *wrong;
	ssize_t got;

	do {
		got = send(fd, request, q->bytes, MSG_NOSIGNAL);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return failed(err, "cannot ask the service");
	do {
		got = recv(fd, response, room, MSG_TRUNC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return failed(err, "the service does not answer");
	if (!got) {
		hvcma_error_set(err, "the service has ended the session");
		return -ECONNRESET;
	}
	if ((size_t)got > room) {
		hvcma_error_set(err, "the service's answer has %zd bytes, which is too long", got);
		return -EPROTO;
	}
	wrong = hvcma_service_response_parse(response, (size_t)got, min_bytes, &status, &text, &text_bytes);
	if (wrong) {
		hvcma_error_set(err, "%s", wrong);
		return -EPROTO;
	}
	if (status != HVCMAD_S_OK) {
		hvcma_error_set(err, "the service refuses %s: %s%s%.*s", hvcma_service_op_name(q->op),
				hvcma_service_status_text(status), text_bytes ? ": " : "", (int)text_bytes, text);
		return -status_errno[status];
	}
	*bytes = (size_t)got;
	return 0;
}

static int connect_to(const char *path, unsigned int timeout_ms, int *out, struct hvcma_error *err)
{
	const struct timeval patience = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(address.sun_path)) {
		hvcma_error_set(err, "%s: longer than a socket's name can be", path);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return failed(err, "no socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, (void *)&address, sizeof(address))) {
		ret = failed(err, path);
		close(fd);
		return ret;
	}
	*out = fd;
	return 0;
}

int hvcma_service_open(const char *path, unsigned int timeout_ms, int *fd,
		       struct hvcmad_hello_resp *hello, struct hvcma_error *err)
{
	const struct hvcmad_hello_req q = {
		.hdr = { HVCMAD_OP_HELLO, sizeof(q) }, .magic = HVCMAD_MAGIC, .version = HVCMAD_VERSION,
		.features = HVCMAD_FEATURES,
	};
	union {
		struct hvcmad_hello_resp hello;
		unsigned char bytes[sizeof(struct hvcmad_resp_hdr) + HVCMAD_MAX_TEXT_BYTES];
	} r;
	size_t bytes;
	int s = -1, ret = connect_to(path, timeout_ms, &s, err);

	if (ret)
		return ret;
	ret = hvcma_service_ask(s, &q, &r, sizeof(r), sizeof(r.hello), &bytes, err);
	if (!ret && (r.hello.version != HVCMAD_VERSION || r.hello.vm[sizeof(r.hello.vm) - 1])) {
		hvcma_error_set(err, "the service's HELLO is not that of version %d", HVCMAD_VERSION);
		ret = -EPROTO;
	}
	if (ret) {
		close(s);
		return ret;
	}
	*hello = r.hello;
	*fd = s;
	return 0;
}
