// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The socket that clients come by: passed by systemd, or made here; one service to a socket.
 */
#define _GNU_SOURCE	/* accept4 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "hv/service/session.h"

#define BACKLOG		64
#define RETRY_US	UINT64_C(1000000)

static int failed(struct hvcma_error *err, const char *what, const char *path)
{
	int ret = -errno;

	hvcma_error_set(err, "%s %s: %s", what, path, strerror(-ret));
	return ret;
}

/* Beside the socket, for as long as this process lives; never removed: who waits for it has it open. */
static int take_lock(struct hvcmad_server *s, const char *socket_path, struct hvcma_error *err)
{
	char path[160], pid[16] = "";
	int fd, ret;

	snprintf(s->socket_path, sizeof(s->socket_path), "%s", socket_path);
	snprintf(path, sizeof(path), "%s.lock", socket_path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return failed(err, "cannot open", path);
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (pread(fd, pid, sizeof(pid) - 1, 0) < 0)
			pid[0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		hvcma_error_set(err, "another hvcmad, process %s, serves %s", *pid ? pid : "unknown", socket_path);
		close(fd);
		return ret;
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	/* On a full disk it is the lock that counts: who comes second is not told of whom. */
	if (ftruncate(fd, 0) || (pwrite(fd, pid, strlen(pid), 0) < 0 && errno != ENOSPC && errno != EDQUOT)) {
		ret = failed(err, "cannot write", path);
		close(fd);
		return ret;
	}
	s->lock = fd;
	return 0;
}

/* With the lock: whoever has made it is dead. */
static int remove_stale(const char *path, struct hvcma_error *err)
{
	struct stat st;

	if (lstat(path, &st))
		return errno == ENOENT ? 0 : failed(err, "cannot look at", path);
	if (!S_ISSOCK(st.st_mode)) {
		hvcma_error_set(err, "%s is there, and is no socket", path);
		return -EEXIST;
	}
	return unlink(path) ? failed(err, "cannot remove", path) : 0;
}

/* Nobody else may connect between its making and its owner's being set. */
static int make_socket(struct hvcmad_server *s, const char *path, struct hvcma_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int on = 1;
	mode_t mask;
	int fd, ret;

	if (strlen(path) >= sizeof(address.sun_path) || *path != '/') {
		hvcma_error_set(err, "the socket's path is to be absolute, and shorter than %zu: '%s'",
				sizeof(address.sun_path), path);
		return -EINVAL;
	}
	ret = take_lock(s, path, err);
	if (!ret)
		ret = remove_stale(path, err);
	if (ret)
		return ret;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return failed(err, "no socket for", path);
	s->listener = fd;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)))
		return failed(err, "no credentials by", path);
	mask = umask(0177);
	ret = bind(fd, (void *)&address, sizeof(address)) ? failed(err, "cannot bind", path) : 0;
	umask(mask);
	if (!ret)
		snprintf(s->path, sizeof(s->path), "%s", path);
	if (!ret && s->config->has_group && chown(path, (uid_t)-1, s->config->group))
		ret = failed(err, "cannot give to its group", path);
	if (!ret && s->config->has_group && chmod(path, 0660))
		ret = failed(err, "cannot open to its group", path);
	if (!ret && listen(fd, BACKLOG))
		ret = failed(err, "cannot listen at", path);
	return ret;
}

/*
 * Each message says who has sent it, from the first on. Clients' sockets have that from this one, by
 * when they have connected (since Linux 6.16), so it can't be said later.
 */
static int take_passed(struct hvcmad_server *s, int nr, struct hvcma_error *err)
{
	struct sockaddr_un address = { 0 };
	char path[sizeof(address.sun_path) + 1] = "";
	socklen_t bytes = sizeof(address), passes_bytes = sizeof(int);
	int passes = 0, fd = SD_LISTEN_FDS_START;

	if (nr != 1 || sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, NULL, 0) <= 0) {
		hvcma_error_set(err, "what was passed is not one Unix socket of type SEQPACKET that listens "
				"(ListenSequentialPacket=)");
		return -EINVAL;
	}
	s->listener = fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PASSCRED, &passes, &passes_bytes) || !passes) {
		hvcma_error_set(err, "the socket that was passed does not say who sends (PassCredentials=yes)");
		return -EINVAL;
	}
	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
		return failed(err, "the passed socket", "");
	if (getsockname(fd, (void *)&address, &bytes))
		return failed(err, "the passed socket", "");
	memcpy(path, address.sun_path, sizeof(address.sun_path));	/* it may fill that */
	return path[0] ? take_lock(s, path, err) : 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *opaque)
{
	struct hvcmad_server *s = opaque;

	(void)source;
	(void)usec;
	s->retry = sd_event_source_disable_unref(s->retry);
	sd_event_source_set_enabled(s->listener_source, SD_EVENT_ON);
	return 0;
}

/* Not to be woken at once again, and again. */
static void pause_listening(struct hvcmad_server *s, const char *why)
{
	unsigned int kept;
	uint64_t now = 0;

	sd_event_now(s->event, CLOCK_MONOTONIC, &now);
	if (hvcmad_log_passes(&s->pause_log, now, &kept))
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_FAULT, NULL,
			   "cannot take a client in, and waits for a second: %s", why);
	if (s->retry || sd_event_add_time_relative(s->event, &s->retry, CLOCK_MONOTONIC, RETRY_US, 0,
						   on_retry, s) < 0)
		return;
	sd_event_source_set_enabled(s->listener_source, SD_EVENT_OFF);
}

static int on_client(sd_event_source *source, int fd, uint32_t revents, void *opaque)
{
	struct hvcmad_server *s = opaque;
	int client;

	(void)source;
	(void)revents;
	if (hvcmad_closer_is_full(s->closer)) {
		pause_listening(s, "too many descriptors of clients can't be closed");
		return 0;
	}
	client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client >= 0)
		hvcmad_session_begin(s, client);
	else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
		pause_listening(s, strerror(errno));
	return 0;
}

int hvcmad_listen(struct hvcmad_server *s, const char *path, struct hvcma_error *err)
{
	int nr = sd_listen_fds(1);
	int ret;

	if (nr < 0) {
		hvcma_error_set(err, "what was passed by systemd: %s", strerror(-nr));
		return nr;
	}
	ret = nr ? take_passed(s, nr, err) : make_socket(s, path, err);
	if (ret)
		return ret;
	ret = sd_event_add_io(s->event, &s->listener_source, s->listener, EPOLLIN, on_client, s);
	if (ret < 0) {
		hvcma_error_set(err, "the socket can't be watched: %s", strerror(-ret));
		return ret;
	}
	return 0;
}

void hvcmad_listen_end(struct hvcmad_server *s)
{
	s->retry = sd_event_source_disable_unref(s->retry);
	s->listener_source = sd_event_source_disable_unref(s->listener_source);
	if (s->listener >= 0)
		close(s->listener);
	s->listener = -1;
	if (s->path[0])
		unlink(s->path);
	s->path[0] = '\0';
}
