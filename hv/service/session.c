// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sessions: see session.h. Here is what has to do with sockets, and with descriptors that come
 * over them; what requests do is in request.c.
 *
 * What a peer can do here: send anything, at any time, or nothing; read its answers or not; go.
 * A message is taken from the socket only when the last answer is on it. No call here waits.
 */
#define _GNU_SOURCE	/* struct ucred */
#include "hv/service/session.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define SCM_MAX_FDS	253	/* the kernel's SCM_MAX_FD: none is left for it to close */

static const bool transition_ok[HVCMAD_SESSION_NR_STATES][HVCMAD_SESSION_NR_STATES] = {
	[HVCMAD_SESSION_GREETING] = { [HVCMAD_SESSION_READY] = true, [HVCMAD_SESSION_ENDING] = true },
	[HVCMAD_SESSION_READY] = { [HVCMAD_SESSION_ENDING] = true, [HVCMAD_SESSION_CLOSED] = true },
	[HVCMAD_SESSION_ENDING] = { [HVCMAD_SESSION_CLOSED] = true },
};

void hvcmad_session_set_state(struct hvcmad_session *session, enum hvcmad_session_state state)
{
	assert(transition_ok[session->state][state]);
	session->state = state;
}

/* ---- what is said of it ---- */

static void say(struct hvcmad_session *session, int priority, enum hvcmad_event event, const char *words)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_about about = {
		.vm = session->vm ? session->vm->name : NULL, .pid = session->id.pid,
	};
	struct hvcmad_log_limit *limit = session->vm ? &session->vm->log : &s->strangers_log;
	unsigned int kept;
	uint64_t now = 0;

	sd_event_now(s->event, CLOCK_MONOTONIC, &now);
	if (!hvcmad_log_passes(limit, now, &kept))
		return;
	if (kept)
		hvcmad_log(priority, event, &about, "%s%s, process %d: %s (%u such lines were kept back)",
			   about.vm ? "VM " : "", about.vm ? about.vm : "no VM", (int)session->id.pid, words, kept);
	else
		hvcmad_log(priority, event, &about, "%s%s, process %d: %s", about.vm ? "VM " : "",
			   about.vm ? about.vm : "no VM", (int)session->id.pid, words);
}

/* ---- descriptors ---- */

static void vm_closed(void *opaque, size_t nr)
{
	hvcmad_vm_remove_closing(opaque, nr);
}

static void stranger_closed(void *opaque, size_t nr)
{
	struct hvcmad_server *s = opaque;

	s->strangers_closing -= nr;
}

/* Elsewhere, as they came from others; counted for who sent them. */
static void close_foreign(struct hvcmad_server *s, struct hvcmad_vm *vm, const int *fds, size_t nr)
{
	size_t i;

	if (!nr)
		return;
	if (!hvcmad_closer_close(s->closer, fds, nr, vm ? vm_closed : stranger_closed,
				 vm ? (void *)vm : (void *)s)) {
		if (vm)
			hvcmad_vm_add_closing(vm, nr);
		else
			s->strangers_closing += nr;
		return;
	}
	for (i = 0; i < nr; i++)	/* out of memory: better slow than full */
		close(fds[i]);
}

/* A session's socket: its peer is told now, whenever it is closed. */
static void close_socket(struct hvcmad_server *s, struct hvcmad_vm *vm, int fd)
{
	shutdown(fd, SHUT_RDWR);
	close_foreign(s, vm, &fd, 1);
}

static bool has_too_many_closing(const struct hvcmad_session *session)
{
	return session->vm ? session->vm->closing >= HVCMAD_MAX_CLOSING :
	       session->server->strangers_closing >= HVCMAD_MAX_CLOSING;
}

/* ---- the end ---- */

static void drop_socket(struct hvcmad_session *session)
{
	struct hvcmad_server *s = session->server;

	session->io = sd_event_source_disable_unref(session->io);
	if (session->answer_fd >= 0)
		close(session->answer_fd);
	session->answer_fd = -1;
	free(session->answer);
	session->answer = NULL;
	/* What is in its queue may have descriptors with it, which the kernel would close here. */
	if (session->fd >= 0 && session->drained)
		close(session->fd);
	else if (session->fd >= 0)
		close_socket(s, session->vm, session->fd);
	session->fd = -1;
}

/*
 * The socket is of no use any more, yet its process may live: it may have closed it, or it is dying, and
 * the kernel has closed this file and not yet those of its devices. Memory stays pinned until it has
 * ended; a pidfd tells, when all its files are closed.
 */
static void session_close(struct hvcmad_session *session)
{
	struct hvcmad_server *s = session->server;

	if (!hvcmad_memory_has(&s->memory, session) &&
	    !(session->has_opened && hvcmad_devices_has(&s->devices, session->id.pid))) {
		hvcmad_session_end(session);
		return;
	}
	drop_socket(session);
	hvcmad_turns_withdraw(&s->memory, session);	/* nobody could answer */
	hvcmad_session_set_state(session, HVCMAD_SESSION_CLOSED);
	if (!hvcmad_is_dead(session->pidfd))
		say(session, LOG_NOTICE, HVCMAD_EVENT_PEER,
		    "its session is over, and it has regions or devices: they stay until it has ended");
}

/*
 * If the process has ended: its devices first. What they may write to stays as it is until they
 * have stopped (server.c).
 */
static void end_belongings(struct hvcmad_session *session)
{
	const struct hvcmad_about about = { .vm = session->vm->name, .pid = session->id.pid };
	struct hvcmad_server *s = session->server;
	bool hold;
	unsigned int nr;

	if (hvcmad_is_dead(session->pidfd))
		hvcmad_devices_end(&s->devices, session->id.pid);
	hold = hvcmad_devices_has(&s->devices, session->id.pid);
	nr = hold ? hvcmad_memory_hold(&s->memory, session) : hvcmad_memory_end(&s->memory, session);
	if (nr)
		hvcmad_log(LOG_INFO, HVCMAD_EVENT_REGION, &about, "VM %s: process %d has gone; %u of its regions %s",
			   session->vm->name, (int)session->id.pid, nr,
			   hold ? "stay until its devices have stopped" : "end");
}

void hvcmad_session_end(struct hvcmad_session *session)
{
	struct hvcmad_server *s = session->server;
	struct hvcmad_session **at = &s->sessions;

	while (*at != session)
		at = &(*at)->next;
	*at = session->next;

	sd_event_source_disable_unref(session->process);
	drop_socket(session);
	if (session->vm)
		end_belongings(session);
	close(session->pidfd);
	if (session->vm)
		hvcmad_vm_leave(session->vm);
	else
		s->nr_strangers--;
	free(session);
	hvcmad_server_something_gone(s);
}

/* ---- answers ---- */

static ssize_t send_message(int fd, const void *bytes, size_t nr, int passed)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct iovec iov = { (void *)bytes, nr };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (passed >= 0) {
		struct cmsghdr *c;

		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &passed, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* It does not fit into the socket: kept until the peer has read something. False: it can't be. */
static bool keep_answer(struct hvcmad_session *session, size_t bytes, int passed)
{
	session->answer = malloc(bytes);
	if (!session->answer)
		return false;
	memcpy(session->answer, session->server->response.bytes, bytes);
	session->answer_bytes = bytes;
	if (passed >= 0) {
		session->answer_fd = dup(passed);
		if (session->answer_fd < 0)
			return false;
	}
	return sd_event_source_set_io_events(session->io, EPOLLOUT) >= 0;
}

/* False: the session is over. */
static bool answer(struct hvcmad_session *session, size_t bytes, int passed)
{
	ssize_t sent = send_message(session->fd, session->server->response.bytes, bytes, passed);

	if (sent < 0)
		return (errno == EAGAIN || errno == ENOBUFS) && keep_answer(session, bytes, passed);
	return session->state != HVCMAD_SESSION_ENDING;
}

static bool answer_again(struct hvcmad_session *session)
{
	if (send_message(session->fd, session->answer, session->answer_bytes, session->answer_fd) < 0)
		return errno == EAGAIN || errno == ENOBUFS;
	free(session->answer);
	session->answer = NULL;
	if (session->answer_fd >= 0)
		close(session->answer_fd);
	session->answer_fd = -1;
	return session->state != HVCMAD_SESSION_ENDING &&
	       sd_event_source_set_io_events(session->io, EPOLLIN) >= 0;
}

/* ---- requests ---- */

struct message {
	unsigned char bytes[HVCMAD_MAX_REQUEST_BYTES + 1];
	ssize_t nr;		/* 0: the peer has gone; negative errno */
	int flags;		/* MSG_TRUNC, MSG_CTRUNC */
	pid_t pid;		/* who sent it; 0: nobody knows */
	size_t nr_fds;
	int fd[SCM_MAX_FDS];
};

static void receive(int fd, struct message *out)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * SCM_MAX_FDS) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { out->bytes, sizeof(out->bytes) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c;
	struct ucred cred;

	out->pid = 0;
	out->nr_fds = 0;
	out->flags = 0;
	out->nr = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (out->nr < 0) {
		out->nr = -errno;
		return;
	}
	out->flags = m.msg_flags;
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS) {
			out->nr_fds = bytes / sizeof(int);
			memcpy(out->fd, CMSG_DATA(c), out->nr_fds * sizeof(int));
		} else if (c->cmsg_type == SCM_CREDENTIALS && bytes == sizeof(cred)) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			out->pid = cred.pid;
		}
	}
}

/* The last answer of the session. */
static size_t malformed(struct hvcmad_session *session, const char *words)
{
	hvcmad_session_set_state(session, HVCMAD_SESSION_ENDING);
	return hvcmad_request_refuse(session->server, HVCMAD_S_MALFORMED, words);
}

/* The length of the response; its descriptor, if it has one, in *passed. */
static size_t handle(struct hvcmad_session *session, struct message *m, int *passed)
{
	struct hvcmad_server *s = session->server;
	const struct hvcmad_resp_hdr *hdr = (const void *)s->response.bytes;
	bool waits = false;
	union hvcma_service_request request;
	enum hvcmad_status status;
	const char *why = "";
	char words[HVCMAD_MAX_TEXT_BYTES + 64];
	size_t bytes;

	if (m->flags & (MSG_TRUNC | MSG_CTRUNC))
		return malformed(session, "a message with more than a request can have");
	status = hvcma_service_request_parse(m->bytes, (size_t)m->nr, m->nr_fds, &request, &why);
	if (status == HVCMAD_S_MALFORMED)
		return malformed(session, why);
	if (status)
		bytes = hvcmad_request_refuse(s, status, why);
	else
		bytes = hvcmad_request_do(session, &request, m->nr_fds ? m->fd[0] : -1, passed);
	if (!status)	/* for its turn: no refusal */
		waits = hdr->status == HVCMAD_S_AGAIN &&
			(request.hdr.op == HVCMAD_OP_BACK || request.hdr.op == HVCMAD_OP_ARRANGE);
	if (hdr->status && !waits) {
		snprintf(words, sizeof(words), "%s: %s: %.*s",
			 status ? "a request" : hvcma_service_op_name(request.hdr.op),
			 hvcma_service_status_name(hdr->status), (int)(bytes - sizeof(*hdr)),
			 (const char *)(hdr + 1));
		say(session, LOG_NOTICE, HVCMAD_EVENT_REFUSED, words);
	}
	return bytes;
}

/* One message. False: the session is over. */
static bool take_request(struct hvcmad_session *session)
{
	struct message m;
	int passed = -1;
	size_t bytes;

	receive(session->fd, &m);
	if (m.nr == -EAGAIN || m.nr == -EINTR)
		return true;
	if (m.nr <= 0) {
		session->drained = m.nr == 0 && !m.nr_fds && !m.pid;	/* the end, no empty message */
		close_foreign(session->server, session->vm, m.fd, m.nr_fds);
		return false;
	}
	if (m.pid != session->id.pid) {
		close_foreign(session->server, session->vm, m.fd, m.nr_fds);
		say(session, LOG_WARNING, HVCMAD_EVENT_PEER, "another process uses its session, which ends");
		return false;
	}
	bytes = handle(session, &m, &passed);
	if (session->state == HVCMAD_SESSION_ENDING)
		say(session, LOG_WARNING, HVCMAD_EVENT_PEER, "a malformed message ends its session");
	close_foreign(session->server, session->vm, m.fd, m.nr_fds);
	if (m.nr_fds && has_too_many_closing(session)) {
		say(session, LOG_WARNING, HVCMAD_EVENT_PEER,
		    "its session ends: it has sent descriptors that can't be closed");
		return false;
	}
	if (session->vm)
		session->server->served_us = hvcmad_now_us();
	return answer(session, bytes, passed);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *opaque)
{
	struct hvcmad_session *session = opaque;
	bool goes_on = true;

	(void)source;
	(void)fd;
	if (session->answer)
		goes_on = !(revents & EPOLLHUP) && answer_again(session);
	else
		goes_on = take_request(session);
	if (!goes_on)
		session_close(session);
	return 0;
}

static int on_process_end(sd_event_source *source, int fd, uint32_t revents, void *opaque)
{
	(void)source;
	(void)fd;
	(void)revents;
	hvcmad_session_end(opaque);
	return 0;
}

/* ---- the beginning ---- */

/* Which VM? None is fine for a while: the answer says so. */
static bool join(struct hvcmad_session *session)
{
	struct hvcmad_server *s = session->server;
	struct hvcma_error err = { "" };
	int ret = hvcmad_vm_join(&s->accounts, s->config, &session->id, &session->vm, &err);

	if (!ret)
		return true;
	session->vm = NULL;
	if (ret != -EACCES || s->nr_strangers >= HVCMAD_MAX_STRANGERS ||
	    s->strangers_closing >= HVCMAD_MAX_CLOSING) {
		say(session, LOG_NOTICE, HVCMAD_EVENT_REFUSED, err.text);
		return false;
	}
	if (session->id.uid)
		say(session, LOG_NOTICE, HVCMAD_EVENT_REFUSED, err.text);
	s->nr_strangers++;
	return true;
}

static bool watch_process(struct hvcmad_session *session)
{
	return sd_event_add_io(session->server->event, &session->process, session->pidfd, EPOLLIN, on_process_end,
			       session) >= 0;
}

static bool watch(struct hvcmad_session *session)
{
	if (!watch_process(session) ||
	    sd_event_add_io(session->server->event, &session->io, session->fd, EPOLLIN, on_io, session) < 0)
		return false;
	/* One that has died is not served any more, whatever it has left in the socket. */
	return sd_event_source_set_priority(session->process, SD_EVENT_PRIORITY_NORMAL - 1) >= 0;
}

struct hvcmad_session *hvcmad_session_adopt(struct hvcmad_server *s, const struct hvcmad_peer *peer)
{
	struct hvcmad_session *session = calloc(1, sizeof(*session));

	if (!session)
		return NULL;
	session->server = s;
	session->fd = -1;
	session->answer_fd = -1;
	session->state = HVCMAD_SESSION_CLOSED;
	hvcmad_peer_identity(peer, &session->id);
	session->pidfd = fcntl(peer->pidfd, F_DUPFD_CLOEXEC, 0);
	if (session->pidfd < 0)
		goto free_session;
	if (hvcmad_vm_rejoin(&s->accounts, s->config, &session->id, peer->record.vm, &session->vm))
		goto close_pidfd;
	session->next = s->sessions;
	s->sessions = session;
	if (watch_process(session))
		return session;
	hvcmad_session_end(session);
	return NULL;

close_pidfd:
	close(session->pidfd);
free_session:
	free(session);
	return NULL;
}

void hvcmad_session_begin(struct hvcmad_server *s, int fd)
{
	struct hvcmad_session *session = calloc(1, sizeof(*session));
	struct hvcma_error err = { "" };

	if (!session) {
		close_socket(s, NULL, fd);
		return;
	}
	session->server = s;
	session->fd = fd;
	session->answer_fd = -1;
	session->state = HVCMAD_SESSION_GREETING;
	if (hvcmad_identity_of_peer(fd, &session->id, &session->pidfd, &err)) {
		say(session, LOG_NOTICE, HVCMAD_EVENT_REFUSED, err.text);
		goto close_fd;
	}
	if (!join(session)) {
		close(session->pidfd);
		goto close_fd;
	}
	session->next = s->sessions;
	s->sessions = session;
	if (!watch(session)) {
		say(session, LOG_ERR, HVCMAD_EVENT_FAULT, "the session can't be watched");
		hvcmad_session_end(session);
	}
	return;

close_fd:
	close_socket(s, NULL, fd);
	free(session);
}
