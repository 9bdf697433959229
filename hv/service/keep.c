// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The service's side of its keeper: see keep.h.
 *
 * Answers are waited for: it is a process of the host's own that does nothing else. One that does not
 * answer in PATIENCE_S is killed, which loses nothing while this process has all that it has.
 */
#define _GNU_SOURCE	/* POSIX_SPAWN_SETSID, environ */
#include "hv/service/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "hv/service/log.h"

#define PATIENCE_S	5
#define RETRY_US	UINT64_C(1000000)
#define END_MS		2000
#define SPAWNED_FD	3

static int failed(struct hvcma_error *err, const char *what)
{
	int ret = errno == EAGAIN ? -ETIMEDOUT : errno ? -errno : -EPROTO;

	hvcma_error_set(err, "the keeper: %s: %s", what, strerror(-ret));
	return ret;
}

/* ---- messages ---- */

union control {
	char bytes[CMSG_SPACE(sizeof(int) * HVCMAD_KEEPER_MAX_FDS)];
	struct cmsghdr align;
};

static int send_request(struct hvcmad_keep *keep, const int *fds, size_t nr_fds)
{
	struct iovec iov = { &keep->req, sizeof(keep->req) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	union control control = { { 0 } };
	ssize_t nr;

	if (nr_fds) {
		struct cmsghdr *c;

		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * nr_fds);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nr_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nr_fds);
	}
	do {
		nr = sendmsg(keep->fd, &m, MSG_NOSIGNAL);
	} while (nr < 0 && errno == EINTR);
	return nr == (ssize_t)sizeof(keep->req) ? 0 : -1;
}

/* Descriptors go to @fds, room for HVCMAD_KEEPER_MAX_FDS. */
static int receive_response(struct hvcmad_keep *keep, int *fds, size_t *nr_fds)
{
	struct iovec iov = { &keep->resp, sizeof(keep->resp) };
	union control control;
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c;
	ssize_t nr;

	do {
		nr = recvmsg(keep->fd, &m, MSG_CMSG_CLOEXEC);
	} while (nr < 0 && errno == EINTR);
	*nr_fds = 0;
	if (nr < 0)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		*nr_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), *nr_fds * sizeof(int));
	}
	errno = 0;
	return nr == (ssize_t)sizeof(keep->resp) && keep->resp.nr_rings <= HVCMAD_KEEPER_MAX_RINGS &&
	       keep->resp.record_bytes <= HVCMAD_KEEPER_MAX_RECORD ? 0 : -1;
}

static void disconnect(struct hvcmad_keep *keep)
{
	keep->source = sd_event_source_disable_unref(keep->source);
	if (keep->fd >= 0)
		close(keep->fd);
	keep->fd = -1;
	if (keep->pidfd >= 0) {
		waitid(P_PIDFD, (id_t)keep->pidfd, NULL, WEXITED | WNOHANG);	/* if it was started here */
		close(keep->pidfd);
	}
	keep->pidfd = -1;
}

static void kill_keeper(struct hvcmad_keep *keep)
{
	struct pollfd p = { .fd = keep->pidfd, .events = POLLIN };

	if (keep->pidfd < 0 || syscall(SYS_pidfd_send_signal, keep->pidfd, SIGKILL, NULL, 0))
		return;
	poll(&p, 1, END_MS);
	hvcmad_log(LOG_ERR, HVCMAD_EVENT_KEEPER, NULL, "the keeper does not answer, and was killed");
}

/*
 * What is asked is in keep->req, the answer in keep->resp. A refusal leaves the connection as it is; all
 * else ends it.
 */
static int ask(struct hvcmad_keep *keep, const int *fds, size_t nr_fds, int *got_fds, size_t *nr_got,
	       struct hvcma_error *err)
{
	int ignored[HVCMAD_KEEPER_MAX_FDS], ret;
	size_t nr = 0;

	if (keep->fd < 0) {
		hvcma_error_set(err, "there is no keeper at present");
		return -EIO;
	}
	if (send_request(keep, fds, nr_fds) || receive_response(keep, got_fds ? got_fds : ignored, &nr)) {
		ret = failed(err, "it can't be asked");
		if (ret == -ETIMEDOUT)
			kill_keeper(keep);
		disconnect(keep);
		return -EIO;
	}
	while (!got_fds && nr)
		close(ignored[--nr]);
	if (nr_got)
		*nr_got = nr;
	if (!keep->resp.error)
		return 0;
	hvcma_error_set(err, "the keeper refuses: %s", strerror(keep->resp.error));
	return -keep->resp.error;
}

static void begin(struct hvcmad_keep *keep, enum hvcmad_keeper_op op, uint32_t id)
{
	memset(&keep->req, 0, sizeof(keep->req));
	keep->req.op = op;
	keep->req.id = id;
}

/* ---- to have one ---- */

static int program_path(char *path, size_t room)
{
	static const char name[] = "hvcmad-keeper";
	ssize_t nr = readlink("/proc/self/exe", path, room - sizeof(name));
	char *slash;

	if (nr < 0)
		return -errno;
	path[nr] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return -ENOENT;
	strcpy(slash + 1, name);
	return 0;
}

static int spawn(int listener, struct hvcma_error *err)
{
	char path[4096], number[4];
	char *argv[] = { path, "--fd", number, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	pid_t pid;
	int ret = program_path(path, sizeof(path));

	snprintf(number, sizeof(number), "%d", SPAWNED_FD);
	if (!ret)
		ret = -posix_spawn_file_actions_init(&actions);
	if (ret)
		return ret;
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID);
	ret = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDWR, 0);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
	if (!ret)
		ret = posix_spawn_file_actions_adddup2(&actions, listener, SPAWNED_FD);
	if (!ret)
		ret = posix_spawn(&pid, path, &actions, &attr, argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	if (ret)
		hvcma_error_set(err, "cannot start the keeper %s: %s", path, strerror(ret));
	return -ret;
}

/* The socket is there before the keeper is: nobody has to wait for it. With the service's lock. */
static int start(const struct hvcmad_keep *keep, const struct sockaddr_un *address, struct hvcma_error *err)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct stat st;
	mode_t mask;
	int ret;

	if (fd < 0)
		return failed(err, "no socket for it");
	if (!lstat(keep->path, &st) && S_ISSOCK(st.st_mode)) {
		unlink(keep->path);	/* one that ends does that itself */
		if (!keep->had_one)
			hvcmad_log(LOG_ERR, HVCMAD_EVENT_KEEPER, NULL,
				   "the keeper that was at %s has been killed: what it alone held is lost", keep->path);
	}
	mask = umask(0177);
	ret = bind(fd, (const void *)address, sizeof(*address)) || listen(fd, 1) ? failed(err, keep->path) : 0;
	umask(mask);
	if (!ret)
		ret = spawn(fd, err);
	close(fd);
	return ret;
}

static int copy_descriptor(const struct hvcmad_keep *keep, int number)
{
	int fd = (int)syscall(SYS_pidfd_getfd, keep->pidfd, number, 0);

	return fd < 0 ? -errno : fd;
}

/* Its pidfd, and whether its descriptors can be had: better known now than in the middle of a VM's life. */
static int greet(struct hvcmad_keep *keep, struct hvcma_error *err)
{
	int fds[HVCMAD_KEEPER_MAX_FDS], copy, ret;
	size_t nr;

	begin(keep, HVCMAD_KEEPER_HELLO, HVCMAD_KEEPER_VERSION);
	ret = ask(keep, NULL, 0, fds, &nr, err);
	if (ret)
		return ret;
	if (nr != 1) {
		hvcma_error_set(err, "the keeper does not say who it is");
		while (nr)
			close(fds[--nr]);
		return -EPROTO;
	}
	keep->pidfd = fds[0];
	copy = copy_descriptor(keep, keep->resp.ring[0]);
	if (copy < 0) {
		hvcma_error_set(err, "the keeper's descriptors can't be copied (pidfd_getfd): %s: a seccomp filter, or "
				"a security module (kernel.yama.ptrace_scope=3) forbids it", strerror(-copy));
		return copy;
	}
	close(copy);
	return 0;
}

static int on_keeper(struct sd_event_source *source, int fd, uint32_t revents, void *opaque);

static int connect_once(struct hvcmad_keep *keep, struct hvcma_error *err)
{
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int ret;

	strcpy(address.sun_path, keep->path);
	keep->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (keep->fd < 0)
		return failed(err, "no socket");
	setsockopt(keep->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(keep->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	ret = connect(keep->fd, (void *)&address, sizeof(address)) ? -errno : 0;
	if (keep->starts_it && (ret == -ENOENT || ret == -ECONNREFUSED)) {
		ret = start(keep, &address, err);
		if (ret)
			goto disconnect;
		ret = connect(keep->fd, (void *)&address, sizeof(address)) ? -errno : 0;
	}
	if (ret) {
		hvcma_error_set(err, "the keeper at %s: %s", keep->path,
				strerror(ret == -EAGAIN ? ETIMEDOUT : -ret));
		goto disconnect;
	}
	ret = greet(keep, err);
	if (!ret)
		ret = sd_event_add_io(keep->event, &keep->source, keep->fd, EPOLLIN, on_keeper, keep);
	keep->had_one |= ret >= 0;
	if (ret >= 0)
		return 0;

disconnect:
	disconnect(keep);
	return ret;
}

/* One that has nothing to hold ends when its service has, also with the next one's connection in its queue. */
static int connect_keeper(struct hvcmad_keep *keep, struct hvcma_error *err)
{
	int tries = keep->starts_it ? 3 : 1, ret;

	do
		ret = connect_once(keep, err);
	while (ret == -EIO && --tries);
	return ret;
}

/* ---- another one ---- */

/* The numbers of what it has, of which this service has all: from systemd's store, or an earlier attempt. */
static int old_ids(struct hvcmad_keep *keep, uint32_t **ids, size_t *nr, struct hvcma_error *err)
{
	uint32_t *more;
	int ret;

	*nr = 0;
	*ids = NULL;
	for (;;) {
		begin(keep, HVCMAD_KEEPER_NEXT, *nr ? (*ids)[*nr - 1] : 0);
		ret = ask(keep, NULL, 0, NULL, NULL, err);
		if (ret || !keep->resp.id)
			break;
		more = realloc(*ids, (*nr + 1) * sizeof(**ids));
		if (!more) {
			ret = -ENOMEM;
			break;
		}
		*ids = more;
		(*ids)[(*nr)++] = keep->resp.id;
	}
	return ret;
}

static int put(struct hvcmad_keep *keep, struct hvcmad_kept *kept, int **ring_fds, size_t *nr_rings,
	       struct hvcma_error *err)
{
	struct hvcmad_found rings = { 0 };
	int ret;

	begin(keep, HVCMAD_KEEPER_PUT, 0);
	keep->req.nr_slots = kept->nr_slots;
	keep->req.slots_per_ring = kept->slots_per_ring;
	keep->req.record_bytes = kept->record_bytes;
	memcpy(keep->req.record, kept->record, kept->record_bytes);
	ret = ask(keep, kept->fd, kept->nr_fds, NULL, NULL, err);
	if (ret)
		return ret;
	rings.ring_fds = calloc(keep->resp.nr_rings + 1, sizeof(*rings.ring_fds));
	ret = rings.ring_fds ? 0 : -ENOMEM;
	while (!ret && rings.nr_rings < keep->resp.nr_rings) {
		int fd = copy_descriptor(keep, keep->resp.ring[rings.nr_rings]);

		if (fd < 0)
			ret = fd;
		else
			rings.ring_fds[rings.nr_rings++] = fd;
	}
	if (ret) {
		hvcma_error_set(err, "the keeper's io_uring instances can't be copied: %s", strerror(-ret));
		hvcmad_found_close(&rings);
		hvcmad_keep_forget(keep, keep->resp.id);
		return ret;
	}
	kept->id = keep->resp.id;
	if (kept->nr_slots) {
		*ring_fds = rings.ring_fds;
		*nr_rings = rings.nr_rings;
	} else {
		hvcmad_found_close(&rings);
	}
	return 0;
}

/* All that there is goes to a keeper that has just been met. */
static int hand_over(struct hvcmad_keep *keep, struct hvcma_error *err)
{
	struct hvcmad_kept *kept;
	uint32_t *ids;
	size_t nr, nr_rings, i, nr_kept = 0;
	int *ring_fds, ret = old_ids(keep, &ids, &nr, err);

	for (kept = keep->first; !ret && kept; kept = kept->next) {
		ret = put(keep, kept, &ring_fds, &nr_rings, err);
		if (ret)
			break;
		nr_kept++;
		if (kept->nr_slots && kept->renew(kept, ring_fds, nr_rings, err))
			hvcmad_log(LOG_ERR, HVCMAD_EVENT_KEEPER, NULL, "the new keeper does not hold all pins: %s", err->text);
	}
	for (i = 0; !ret && i < nr; i++)
		hvcmad_keep_forget(keep, ids[i]);
	free(ids);
	if (ret) {
		disconnect(keep);
		return ret;
	}
	hvcmad_log(LOG_NOTICE, HVCMAD_EVENT_KEEPER, NULL, "there is a keeper again, it has %zu things", nr_kept);
	return 0;
}

static int again(struct hvcmad_keep *keep, struct hvcma_error *err)
{
	int ret;

	disconnect(keep);
	ret = connect_keeper(keep, err);
	return ret ? ret : hand_over(keep, err);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *opaque)
{
	struct hvcmad_keep *keep = opaque;
	struct hvcma_error err = { "" };

	(void)source;
	(void)usec;
	if (keep->fd < 0 && again(keep, &err))
		return sd_event_source_set_time_relative(keep->retry, RETRY_US) < 0 ||
		       sd_event_source_set_enabled(keep->retry, SD_EVENT_ONESHOT) < 0;
	keep->retry = sd_event_source_disable_unref(keep->retry);
	return 0;
}

static void retry_later(struct hvcmad_keep *keep, uint64_t us)
{
	if (!keep->retry)
		sd_event_add_time_relative(keep->event, &keep->retry, CLOCK_MONOTONIC, us, 0, on_retry, keep);
}

/* It never says anything unasked, so this is its end. */
static int on_keeper(sd_event_source *source, int fd, uint32_t revents, void *opaque)
{
	struct hvcmad_keep *keep = opaque;
	struct hvcma_error err = { "" };

	(void)source;
	(void)fd;
	(void)revents;
	hvcmad_log(LOG_WARNING, HVCMAD_EVENT_KEEPER, NULL,
		   "the keeper has gone: until there is another, this process alone holds what it has");
	if (again(keep, &err)) {
		hvcmad_log(LOG_ERR, HVCMAD_EVENT_KEEPER, NULL, "no keeper, tried again each second: %s", err.text);
		retry_later(keep, RETRY_US);
	}
	return 0;
}

/* ---- for others ---- */

int hvcmad_keep_init(struct hvcmad_keep *keep, struct sd_event *event, const char *path, bool starts_it,
		     struct hvcma_error *err)
{
	struct sockaddr_un address;

	*keep = (struct hvcmad_keep){ .event = event, .starts_it = starts_it, .fd = -1, .pidfd = -1 };
	if (*path != '/' || strlen(path) >= sizeof(address.sun_path) || strlen(path) >= sizeof(keep->path)) {
		hvcma_error_set(err, "the keeper's socket is to be absolute, and shorter than %zu: '%s'",
				sizeof(address.sun_path), path);
		return -EINVAL;
	}
	strcpy(keep->path, path);
	return connect_keeper(keep, err);
}

void hvcmad_keep_fini(struct hvcmad_keep *keep)
{
	struct pollfd p = { .fd = keep->pidfd, .events = POLLIN };

	keep->retry = sd_event_source_disable_unref(keep->retry);
	keep->source = sd_event_source_disable_unref(keep->source);
	if (keep->fd >= 0)
		close(keep->fd);
	keep->fd = -1;
	if (keep->starts_it && !keep->first && keep->pidfd >= 0)
		poll(&p, 1, END_MS);
	disconnect(keep);
}

bool hvcmad_keep_is_there(const struct hvcmad_keep *keep)
{
	return keep->fd >= 0;
}

int hvcmad_keep_put(struct hvcmad_keep *keep, struct hvcmad_kept *kept, int **ring_fds, size_t *nr_rings,
		    struct hvcma_error *err)
{
	int ret = keep->fd >= 0 ? put(keep, kept, ring_fds, nr_rings, err) : -EIO;

	if (ret == -EIO && keep->fd < 0) {
		ret = again(keep, err);
		if (!ret)
			ret = put(keep, kept, ring_fds, nr_rings, err);
		if (keep->fd < 0)
			retry_later(keep, RETRY_US);
	}
	if (ret)
		return ret;
	kept->next = keep->first;
	keep->first = kept;
	return 0;
}

int hvcmad_keep_change(struct hvcmad_keep *keep, struct hvcmad_kept *kept, struct hvcma_error *err)
{
	uint32_t old_id = kept->id;
	int ret = keep->fd >= 0 ? put(keep, kept, NULL, NULL, err) : 0;

	if (!ret && kept->id != old_id)
		hvcmad_keep_forget(keep, old_id);
	else if (ret && keep->fd < 0)
		retry_later(keep, 0);
	return keep->fd >= 0 ? ret : 0;
}

void hvcmad_keep_drop(struct hvcmad_keep *keep, struct hvcmad_kept *kept)
{
	struct hvcmad_kept **at = &keep->first;

	while (*at && *at != kept)
		at = &(*at)->next;
	if (!*at)
		return;
	*at = kept->next;
	if (keep->fd >= 0)
		hvcmad_keep_forget(keep, kept->id);
	kept->id = 0;
}

bool hvcmad_keep_has(const struct hvcmad_keep *keep, uint32_t id)
{
	const struct hvcmad_kept *kept = keep->first;

	while (kept && kept->id != id)
		kept = kept->next;
	return kept;
}

void hvcmad_keep_forget(struct hvcmad_keep *keep, uint32_t id)
{
	struct hvcma_error err = { "" };

	begin(keep, HVCMAD_KEEPER_DROP, id);
	if (ask(keep, NULL, 0, NULL, NULL, &err) && keep->fd < 0)
		retry_later(keep, 0);	/* not from here: whoever asks may be about to end what another would get */
}

int hvcmad_keep_next(struct hvcmad_keep *keep, uint32_t after, struct hvcmad_found *out, struct hvcma_error *err)
{
	struct hvcmad_found f = { 0 };
	int ret;

	begin(keep, HVCMAD_KEEPER_NEXT, after);
	ret = ask(keep, NULL, 0, f.fd, &f.nr_fds, err);
	if (ret || !keep->resp.id)
		return ret;
	f.id = keep->resp.id;
	f.record_bytes = keep->resp.record_bytes;
	memcpy(f.record, keep->resp.record, f.record_bytes);
	f.nr_slots = keep->resp.nr_slots;
	f.slots_per_ring = keep->resp.slots_per_ring;
	if (keep->resp.nr_rings)
		f.ring_fds = calloc(keep->resp.nr_rings, sizeof(*f.ring_fds));
	while (f.ring_fds && f.nr_rings < keep->resp.nr_rings) {
		int fd = copy_descriptor(keep, keep->resp.ring[f.nr_rings]);

		if (fd < 0) {
			hvcma_error_set(err, "the keeper's io_uring instances can't be copied: %s", strerror(-fd));
			hvcmad_found_close(&f);
			return fd;
		}
		f.ring_fds[f.nr_rings++] = fd;
	}
	*out = f;
	return 1;
}

void hvcmad_found_close(struct hvcmad_found *found)
{
	while (found->nr_fds)
		close(found->fd[--found->nr_fds]);
	while (found->nr_rings)
		close(found->ring_fds[--found->nr_rings]);
	free(found->ring_fds);
	found->ring_fds = NULL;
}

void hvcmad_keep_adopt(struct hvcmad_keep *keep, struct hvcmad_kept *kept, uint32_t id)
{
	kept->id = id;
	kept->next = keep->first;
	keep->first = kept;
}
