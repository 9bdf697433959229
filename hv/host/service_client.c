// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client of hvcmad: see service_client.h.
 */
#include "hv/host/service_client.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hv/core/service_wire.h"

/* What pins of a bulk take. */
#define AWAKE_US	300

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

/* One message, with a descriptor (-1: none). */
static ssize_t send_with(int fd, const void *message, size_t bytes, int passed)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)message, bytes };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	ssize_t sent;

	if (passed >= 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(int));
	}
	do {
		sent = sendmsg(fd, &m, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent;
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/*
 * An answer that comes soon is waited for awake: to be put to sleep and woken up costs as much as tens of
 * pins, in virtual machines above all. If the service needs this processor, it has it.
 */
static void await_briefly(int fd)
{
	uint64_t began_us = now_us();
	char c;

	while (recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN && now_us() - began_us < AWAKE_US)
		sched_yield();
}

/* One message, and the descriptor that came with it, the caller's (-1: none). */
static ssize_t receive_with(int fd, void *message, size_t room, int *received)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { message, room };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c;
	ssize_t got;

	await_briefly(fd);
	do {
		got = recvmsg(fd, &m, MSG_TRUNC | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	*received = -1;
	c = got < 0 ? NULL : CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(received, CMSG_DATA(c), sizeof(int));
	return got;
}

/* What came, a descriptor or none, as the caller expects it. */
static int judge(const struct hvcmad_req_hdr *q, const void *response, ssize_t got, size_t room,
		 size_t min_bytes, bool wants_descriptor, bool has_descriptor, struct hvcma_error *err)
{
	enum hvcmad_status status;
	size_t text_bytes;
	const char *text, *wrong;

	if (!got) {
		hvcma_error_set(err, "the service has ended the session");
		return -ECONNRESET;
	}
	if ((size_t)got > room) {
		hvcma_error_set(err, "the service's answer has %zd bytes, which is too long", got);
		return -EPROTO;
	}
	wrong = hvcma_service_response_parse(response, (size_t)got, min_bytes, &status, &text, &text_bytes);
	if (!wrong && has_descriptor != (wants_descriptor && status == HVCMAD_S_OK))
		wrong = has_descriptor ? "the service's answer has a descriptor, which was not asked for" :
			"the service's answer lacks the descriptor";
	if (wrong) {
		hvcma_error_set(err, "%s", wrong);
		return -EPROTO;
	}
	if (status == HVCMAD_S_OK)
		return 0;
	hvcma_error_set(err, "the service refuses %s: %s%s%.*s", hvcma_service_op_name(q->op),
			hvcma_service_status_text(status), text_bytes ? ": " : "", (int)text_bytes, text);
	return -status_errno[status];
}

int hvcma_service_ask_passing(int fd, const void *request, int passed, void *response, size_t room,
			      size_t min_bytes, size_t *bytes, int *received, struct hvcma_error *err)
{
	const struct hvcmad_req_hdr *q = request;
	int descriptor, ret;
	ssize_t got;

	if (send_with(fd, request, q->bytes, passed) < 0)
		return failed(err, "cannot ask the service");
	got = receive_with(fd, response, room, &descriptor);
	if (got < 0)
		return failed(err, "the service does not answer");
	ret = judge(q, response, got, room, min_bytes, received, descriptor >= 0, err);
	if (ret) {
		if (descriptor >= 0)
			close(descriptor);
		return ret;
	}
	*bytes = (size_t)got;
	if (received)
		*received = descriptor;
	return 0;
}

int hvcma_service_ask(int fd, const void *request, void *response, size_t room, size_t min_bytes,
		      size_t *bytes, struct hvcma_error *err)
{
	return hvcma_service_ask_passing(fd, request, -1, response, room, min_bytes, bytes, NULL, err);
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
	/* A service that is older says nothing of its version. */
	memset(&r, 0, sizeof(r));
	ret = hvcma_service_ask(s, &q, &r, sizeof(r), offsetof(struct hvcmad_hello_resp, hvcma), &bytes, err);
	if (!ret && (r.hello.version != HVCMAD_VERSION || r.hello.vm[sizeof(r.hello.vm) - 1] ||
		     r.hello.hvcma[sizeof(r.hello.hvcma) - 1] ||
		     (r.hello.features & HVCMAD_F_HVCMA && bytes < sizeof(r.hello)))) {
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
