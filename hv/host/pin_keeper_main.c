// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma-pin-keeper: holds pins until the devices of a dead owner are closed.
 * keeper.h has the why and the owner's side; this is the program.
 *
 * Rule: in doubt, hold. A message that is not understood, a path that can't be
 * remembered, a file that can't be read or says something else than a number:
 * each keeps the pages pinned until someone kills this process, and is logged.
 */
#define _GNU_SOURCE	/* close_range */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "hv/host/keeper.h"

#define MIN_WAIT_MS	10
#define MAX_WAIT_MS	1000
#define FIRST_NOTICE_MS	60000	/* then after twice as long each time: a bounded log */

/*
 * A device of the dead may be enabled a little longer, where someone else looks at
 * the process (its memory, with the device's in it) while it ends. After that much
 * time whoever has the device enabled is the next owner.
 */
#define LINGER_MS	1000

struct watch {
	struct watch *next;
	bool warned;		/* of doubt */
	int device_fd;		/* of a platform device; -1: the file of that path tells */
	bool has_rule;
	struct hvcma_platform_rule rule;
	char path[];
};

enum look {
	DEVICE_CLOSED,
	DEVICE_ENABLED,
	DEVICE_IN_DOUBT
};

struct keeper {
	struct watch *watches;
	bool in_doubt;
};

static struct watch **find(struct keeper *k, const char *path)
{
	struct watch **w = &k->watches;

	while (*w && strcmp((*w)->path, path))
		w = &(*w)->next;
	return w;
}

static struct watch *watch_add(struct keeper *k, const char *path)
{
	struct watch **end = find(k, path);
	size_t bytes = strlen(path) + 1;

	if (*end)
		return *end;
	*end = calloc(1, sizeof(**end) + bytes);
	if (*end) {
		(*end)->device_fd = -1;
		memcpy((*end)->path, path, bytes);
		return *end;
	}
	syslog(LOG_WARNING, "no memory to watch %s: the pins will be held until I am killed", path);
	k->in_doubt = true;
	return NULL;
}

/* @rule, @bytes: what came behind the path. @fd becomes the watch's. */
static bool watch_add_device(struct keeper *k, const char *path, const char *rule, size_t bytes, int fd)
{
	struct watch *w = fd >= 0 && (!bytes || bytes == sizeof(w->rule)) ? watch_add(k, path) : NULL;

	if (!w)
		return false;
	if (bytes) {
		memcpy(&w->rule, rule, bytes);
		if (!hvcma_platform_rule_is_valid(&w->rule))
			return false;
	}
	if (w->device_fd >= 0)
		close(w->device_fd);
	w->has_rule = bytes;
	w->device_fd = fd;
	return true;
}

static void watch_drop(struct watch **w)
{
	struct watch *dead = *w;

	if (!dead)
		return;
	*w = dead->next;
	if (dead->device_fd >= 0)
		close(dead->device_fd);
	free(dead);
}

/* False once the owner has said stop: its devices are quiesced. @fd: -1: none came; taken over. */
static bool obey(struct keeper *k, const char *message, size_t bytes, int fd)
{
	size_t text = strlen(message);

	if (!strcmp(message, "stop"))
		return false;
	if (!strncmp(message, "watch /", 7)) {
		watch_add(k, message + 6);
	} else if (!strncmp(message, "unwatch /", 9)) {
		watch_drop(find(k, message + 8));
	} else if (strncmp(message, "device /", 8) || text == bytes ||
		   !watch_add_device(k, message + 7, message + text + 1, bytes - text - 1, fd)) {
		syslog(LOG_WARNING, "unknown message '%s': the pins will be held until I am killed", message);
		k->in_doubt = true;
	}
	return true;
}

/* The descriptor that came with a message, -1: none. */
static int descriptor_of(struct msghdr *message)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(message);
	int fd = -1;

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* True when the owner is dying, false when it has said stop. */
static bool outlive_owner(struct keeper *k, int life_fd)
{
	static char text[HVCMA_KEEPER_LONGEST_BYTES + 1];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;

	for (;;) {
		struct iovec part = { .iov_base = text, .iov_len = sizeof(text) - 1 };
		struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
					  .msg_controllen = sizeof(control.bytes) };
		ssize_t len = recvmsg(life_fd, &message, MSG_CMSG_CLOEXEC);

		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return true;
		text[len] = '\0';
		if (!obey(k, text, (size_t)len, descriptor_of(&message)))
			return false;
	}
}

static void wait_for_death(int owner_fd)
{
	struct pollfd owner = { .fd = owner_fd, .events = POLLIN };

	while (poll(&owner, 1, -1) < 0)
		;	/* no memory, or a signal */
}

static enum look doubt(struct watch *w, const char *why)
{
	if (!w->warned)
		syslog(LOG_WARNING, "cannot tell from %s whether the device is closed, holding the pins: %s",
		       w->path, why);
	w->warned = true;
	return DEVICE_IN_DOUBT;
}

static enum look look(struct watch *w)
{
	int fd = open(w->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int error = errno;
	char text[16], *end;
	ssize_t len = -1;
	long users;

	if (fd >= 0) {
		len = read(fd, text, sizeof(text) - 1);
		error = errno;
		close(fd);
	}
	if (len < 0) {
		if (error == ENOENT || error == ENODEV || error == ENXIO)
			return DEVICE_CLOSED;	/* it is gone */
		return doubt(w, strerror(error));
	}
	text[len] = '\0';
	users = strtol(text, &end, 10);
	if (end == text || (*end && *end != '\n'))
		return doubt(w, "not a number");
	return users ? DEVICE_ENABLED : DEVICE_CLOSED;
}

/* A platform device: nobody but this process has it any more. */
static bool make_quiet(struct watch *w)
{
	struct hvcma_error err = { "" };

	if (!hvcma_platform_quiet(w->device_fd, w->has_rule ? &w->rule : NULL, &err)) {
		syslog(LOG_WARNING, "%s: the device is quiet", w->path);
		return true;
	}
	if (!w->warned)
		syslog(LOG_WARNING, "%s: the device can't be shown to be quiet, holding the pins: %s", w->path, err.text);
	w->warned = true;
	return false;
}

/* Of a dead owner. */
static bool is_quiesced(struct watch *w, unsigned long long dead_ms)
{
	if (w->device_fd >= 0)
		return make_quiet(w);
	switch (look(w)) {
	case DEVICE_CLOSED:
		return true;
	case DEVICE_ENABLED:
		if (dead_ms < LINGER_MS)
			return false;
		syslog(LOG_WARNING, "%s: the device has a next owner already", w->path);
		return true;
	default:
		return false;
	}
}

static void wait_for_devices(struct keeper *k)
{
	unsigned long long waited_ms = 0, notice_ms = FIRST_NOTICE_MS;
	unsigned int wait_ms = MIN_WAIT_MS;

	for (;;) {
		struct timespec wait = {
			.tv_sec = wait_ms / 1000,
			.tv_nsec = wait_ms % 1000 * 1000000L,
		};
		struct watch **w = &k->watches;

		while (*w) {
			if (is_quiesced(*w, waited_ms))
				watch_drop(w);
			else
				w = &(*w)->next;
		}
		if (!k->watches && !k->in_doubt)
			return;

		if (waited_ms >= notice_ms) {
			syslog(LOG_WARNING, "still holding pins after %llu s, for %s", waited_ms / 1000,
				 k->watches ? k->watches->path : "lack of a clear order");
			notice_ms *= 2;
		}
		nanosleep(&wait, NULL);
		waited_ms += wait_ms;
		wait_ms = wait_ms * 2 < MAX_WAIT_MS ? wait_ms * 2 : MAX_WAIT_MS;
	}
}

static int compare_fds(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return (x > y) - (x < y);
}

/* Close all but the standard descriptors and @fd, which gets sorted. */
static void close_others(int *fd, int nr)
{
	unsigned int from = STDERR_FILENO + 1;
	int i;

	qsort(fd, (size_t)nr, sizeof(*fd), compare_fds);
	for (i = 0; i < nr; i++) {
		if ((unsigned int)fd[i] > from)
			close_range(from, (unsigned int)fd[i] - 1, 0);
		from = (unsigned int)fd[i] + 1;
	}
	close_range(from, ~0U, 0);
}

static bool parse_fd(const char *text, int *fd)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value <= STDERR_FILENO || value > 1 << 30)
		return false;
	*fd = (int)value;
	return fcntl(*fd, F_GETFD) >= 0;
}

/*
 * Who reads a pipe waits for the end of its last writer; with -daemonize that
 * must not be this process. The log goes to syslog, too.
 */
static void leave_pipe(void)
{
	struct stat st;

	if (!fstat(STDERR_FILENO, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)))
		dup2(STDIN_FILENO, STDERR_FILENO);
}

static void usage(FILE *to)
{
	fputs("Usage: hvcma-pin-keeper LIFE-FD OWNER-FD PIN-FD...\n"
	      "Holds the pins of QEMU's hvcma regions until the devices are closed, should QEMU\n"
	      "be killed. QEMU starts it; there is no use in starting it by hand.\n"
	      "\n"
	      "LIFE-FD   socket to the owner, which sends \"watch PATH\", \"unwatch PATH\",\n"
	      "          \"device PATH\" (with VFIO's descriptor of a platform device, and the rule\n"
	      "          by which it is quiesced) or \"stop\"; its end means that the owner is dying.\n"
	      "OWNER-FD  pidfd of the owner. Once it is dead, the keeper waits until every\n"
	      "          watched file says 0 (nobody has the device enabled), is gone, or says\n"
	      "          something else for so long that it must be of a next owner; and exits.\n"
	      "PIN-FD    io_uring descriptors that hold pins.\n"
	      "\n"
	      "Only SIGKILL ends it early. It unpins memory that a device may still write to.\n",
	      to);
}

int main(int argc, char **argv)
{
	struct keeper k = { 0 };
	sigset_t all;
	int life_fd, owner_fd;
	int *fd;
	int i;

	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc < 4) {
		usage(stderr);
		return 2;
	}

	openlog("hvcma-pin-keeper", LOG_PID | LOG_PERROR, LOG_DAEMON);
	fd = calloc((size_t)argc, sizeof(*fd));
	if (!fd) {
		syslog(LOG_WARNING, "no memory for %d descriptors", argc - 1);
		return 1;
	}
	for (i = 0; i < argc - 1; i++) {
		if (!parse_fd(argv[i + 1], &fd[i])) {
			syslog(LOG_WARNING, "'%s' is not an open descriptor above 2", argv[i + 1]);
			return 2;
		}
	}
	life_fd = fd[0];
	owner_fd = fd[1];
	close_others(fd, argc - 1);
	free(fd);

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (chdir("/")) {
		syslog(LOG_WARNING, "cannot leave the working directory: %s", strerror(errno));
		return 1;
	}

	/* Not the parent's child: nothing for it to reap. */
	switch (fork()) {
	case -1:
		syslog(LOG_WARNING, "cannot fork: %s", strerror(errno));
		return 1;
	case 0:
		break;
	default:
		_exit(0);
	}

	leave_pipe();
	if (!outlive_owner(&k, life_fd) || (!k.watches && !k.in_doubt))
		return 0;
	syslog(LOG_WARNING, "the owner dies: holding its pins until its devices are closed");
	wait_for_death(owner_fd);
	wait_for_devices(&k);
	syslog(LOG_WARNING, "the devices are closed: the pins end");
	return 0;
}
