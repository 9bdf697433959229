// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * QMP client: framing, time limits and error mapping. See qmp.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hv/cli/qmp.h"

/* More than the report of a fragmented 1 TiB region; less than what hurts. */
#define QMP_MAX_MESSAGE_BYTES	(16u << 20)

#define BUSY	"another client has it, most likely: QEMU serves one at a time; end that one, or give QEMU a second -qmp"

struct hvcma_qmp {
	int fd;
	unsigned int timeout_ms;
	struct json_tokener *tokener;
	char buf[65536];
	size_t have, used;		/* bytes in buf; those already parsed */
	hvcma_qmp_carry_fn *carry;	/* NULL: by the socket */
	void *opaque;			/* for @carry */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / 1000000;
}

/* Wait until the socket is ready for @events. */
static int wait_ready(struct hvcma_qmp *qmp, short events, int64_t deadline_ms,
		      struct hvcma_error *err)
{
	for (;;) {
		int64_t left_ms = deadline_ms - now_ms();
		struct pollfd pfd = { .fd = qmp->fd, .events = events };
		int n = poll(&pfd, 1, left_ms > 0 ? (int)left_ms : 0);

		if (n > 0)
			return 0;
		if (n == 0) {
			hvcma_error_set(err, "QEMU did not answer within %u ms", qmp->timeout_ms);
			return -ETIMEDOUT;
		}
		if (errno != EINTR) {
			int ret = -errno;

			hvcma_error_set(err, "poll: %s", strerror(-ret));
			return ret;
		}
	}
}

static int refill(struct hvcma_qmp *qmp, int64_t deadline_ms,
		  struct hvcma_error *err)
{
	ssize_t n;
	int ret;

	do {
		ret = wait_ready(qmp, POLLIN, deadline_ms, err);
		if (ret)
			return ret;
		n = recv(qmp->fd, qmp->buf, sizeof(qmp->buf), MSG_DONTWAIT);
	} while (n < 0 && (errno == EINTR || errno == EAGAIN));
	if (n <= 0) {
		hvcma_error_set(err, "QEMU closed the connection%s%s",
				n ? ": " : "", n ? strerror(errno) : "");
		return -ECONNRESET;
	}
	qmp->have = n;
	qmp->used = 0;
	return 0;
}

/* The next complete JSON object from QEMU; reference owned by the caller. */
static int read_message(struct hvcma_qmp *qmp, int64_t deadline_ms,
			struct json_object **out, struct hvcma_error *err)
{
	enum json_tokener_error error;
	struct json_object *obj;
	size_t total = 0;
	int ret;

	json_tokener_reset(qmp->tokener);
	for (;;) {
		if (qmp->used == qmp->have) {
			ret = refill(qmp, deadline_ms, err);
			if (ret)
				return ret;
		}
		obj = json_tokener_parse_ex(qmp->tokener, qmp->buf + qmp->used,
					    (int)(qmp->have - qmp->used));
		error = json_tokener_get_error(qmp->tokener);
		if (error == json_tokener_success)
			break;
		if (error != json_tokener_continue) {
			hvcma_error_set(err, "not a QMP socket: %s", json_tokener_error_desc(error));
			return -EPROTO;
		}
		total += qmp->have - qmp->used;
		qmp->used = qmp->have;
		if (total > QMP_MAX_MESSAGE_BYTES) {
			hvcma_error_set(err, "answer of over %u bytes", QMP_MAX_MESSAGE_BYTES);
			return -EMSGSIZE;
		}
	}
	qmp->used += json_tokener_get_parse_end(qmp->tokener);
	if (!json_object_is_type(obj, json_type_object)) {
		json_object_put(obj);
		hvcma_error_set(err, "not a QMP socket: the answer is no object");
		return -EPROTO;
	}
	*out = obj;
	return 0;
}

static int send_all(struct hvcma_qmp *qmp, const char *text, size_t bytes,
		    int64_t deadline_ms, struct hvcma_error *err)
{
	while (bytes) {
		ssize_t n;
		int ret;

		ret = wait_ready(qmp, POLLOUT, deadline_ms, err);
		if (ret)
			return ret;
		n = send(qmp->fd, text, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n < 0) {
			hvcma_error_set(err, "QEMU closed the connection: %s",
					strerror(errno));
			return -ECONNRESET;
		}
		text += n;
		bytes -= n;
	}
	return 0;
}

/* Takes @arguments over. */
static struct json_object *command_object(const char *command, struct json_object *arguments)
{
	struct json_object *obj = json_object_new_object();

	json_object_object_add(obj, "execute", json_object_new_string(command));
	if (arguments)
		json_object_object_add(obj, "arguments", arguments);
	return obj;
}

static int send_command(struct hvcma_qmp *qmp, const char *command,
			struct json_object *arguments, int64_t deadline_ms,
			struct hvcma_error *err)
{
	struct json_object *obj = command_object(command, arguments);
	const char *text;
	size_t bytes;
	int ret;

	text = json_object_to_json_string_length(obj, JSON_C_TO_STRING_PLAIN,
						 &bytes);
	ret = send_all(qmp, text, bytes, deadline_ms, err);
	json_object_put(obj);
	return ret;
}

static int error_from_qemu(const char *command, struct json_object *error,
			   struct hvcma_error *err)
{
	struct json_object *desc = NULL, *class = NULL;

	json_object_object_get_ex(error, "desc", &desc);
	json_object_object_get_ex(error, "class", &class);
	hvcma_error_set(err, "%s: %s", command,
			desc ? json_object_get_string(desc) : "no reason given");
	if (class && !strcmp(json_object_get_string(class), "DeviceNotFound"))
		return -ENOENT;
	return -EREMOTEIO;
}

static int execute_carried(struct hvcma_qmp *qmp, const char *command,
			   struct json_object *arguments, struct json_object **out,
			   struct hvcma_error *err)
{
	struct json_object *obj = command_object(command, arguments), *message, *member;
	char *answer;
	int ret = qmp->carry(qmp->opaque, json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN),
			     &answer, err);

	json_object_put(obj);
	if (ret)
		return ret;
	message = json_tokener_parse(answer);
	free(answer);
	if (json_object_object_get_ex(message, "return", &member)) {
		*out = json_object_get(member);
	} else if (json_object_object_get_ex(message, "error", &member)) {
		ret = error_from_qemu(command, member, err);
	} else {
		hvcma_error_set(err, "%s: the answer is none of QMP", command);
		ret = -EPROTO;
	}
	json_object_put(message);
	return ret;
}

int hvcma_qmp_execute(struct hvcma_qmp *qmp, const char *command,
		      struct json_object *arguments, struct json_object **out,
		      struct hvcma_error *err)
{
	int64_t deadline_ms = now_ms() + qmp->timeout_ms;
	struct json_object *message, *member;
	int ret;

	if (qmp->carry)
		return execute_carried(qmp, command, arguments, out, err);
	ret = send_command(qmp, command, arguments, deadline_ms, err);
	if (ret)
		return ret;
	for (;;) {
		ret = read_message(qmp, deadline_ms, &message, err);
		if (ret)
			return ret;
		if (json_object_object_get_ex(message, "return", &member)) {
			*out = json_object_get(member);
			break;
		}
		if (json_object_object_get_ex(message, "error", &member)) {
			ret = error_from_qemu(command, member, err);
			break;
		}
		json_object_put(message);	/* an event */
	}
	json_object_put(message);
	return ret;
}

static int open_socket(const char *path, unsigned int timeout_ms, int *out,
		       struct hvcma_error *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval limit = {
		.tv_sec = timeout_ms / 1000,
		.tv_usec = timeout_ms % 1000 * 1000,
	};
	int fd, ret;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		hvcma_error_set(err, "socket path '%s' has %zu bytes, the limit is %zu",
				path, strlen(path), sizeof(addr.sun_path) - 1);
		return -ENAMETOOLONG;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* connect() blocks while other clients wait to be accepted */
	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ||
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		ret = -errno;
		hvcma_error_set(err, "cannot connect to '%s': %s", path,
				ret == -EAGAIN ? BUSY : strerror(-ret));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	*out = fd;
	return 0;
}

static int greet(struct hvcma_qmp *qmp, const char *path, struct hvcma_error *err)
{
	struct json_object *greeting, *ignored;
	int ret;

	ret = read_message(qmp, now_ms() + qmp->timeout_ms, &greeting, err);
	if (ret == -ETIMEDOUT)
		hvcma_error_set(err, "'%s' did not greet within %u ms: %s", path, qmp->timeout_ms,
				BUSY);
	if (ret)
		return ret;
	if (!json_object_object_get_ex(greeting, "QMP", NULL)) {
		json_object_put(greeting);
		hvcma_error_set(err, "not a QMP socket: no greeting");
		return -EPROTO;
	}
	json_object_put(greeting);
	ret = hvcma_qmp_execute(qmp, "qmp_capabilities", NULL, &ignored, err);
	if (!ret)
		json_object_put(ignored);
	return ret;
}

int hvcma_qmp_connect(const char *path, unsigned int timeout_ms,
		      struct hvcma_qmp **out, struct hvcma_error *err)
{
	struct hvcma_qmp *qmp = calloc(1, sizeof(*qmp));
	int ret;

	if (!qmp) {
		hvcma_error_set(err, "out of memory");
		return -ENOMEM;
	}
	qmp->fd = -1;
	qmp->timeout_ms = timeout_ms;
	qmp->tokener = json_tokener_new();
	if (!qmp->tokener) {
		hvcma_error_set(err, "out of memory");
		ret = -ENOMEM;
		goto fail;
	}
	ret = open_socket(path, timeout_ms, &qmp->fd, err);
	if (!ret)
		ret = greet(qmp, path, err);
	if (ret)
		goto fail;
	*out = qmp;
	return 0;

fail:
	hvcma_qmp_close(qmp);
	return ret;
}

int hvcma_qmp_carried(hvcma_qmp_carry_fn *carry, void *opaque, struct hvcma_qmp **out,
		      struct hvcma_error *err)
{
	struct hvcma_qmp *qmp = calloc(1, sizeof(*qmp));

	if (!qmp) {
		hvcma_error_set(err, "out of memory");
		return -ENOMEM;
	}
	qmp->fd = -1;
	qmp->carry = carry;
	qmp->opaque = opaque;
	*out = qmp;
	return 0;
}

void hvcma_qmp_close(struct hvcma_qmp *qmp)
{
	if (!qmp)
		return;
	if (qmp->tokener)
		json_tokener_free(qmp->tokener);
	if (qmp->fd >= 0)
		close(qmp->fd);
	free(qmp);
}
