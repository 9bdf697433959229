// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is at the other end of a socket: see identity.h.
 */
#define _GNU_SOURCE	/* struct ucred */
#include "hv/service/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD	77	/* Linux 6.5 */
#endif

bool hvcmad_is_dead(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) != 0;
}

/*
 * The kernel's own where it has them. Else the number may belong to another process by now;
 * that one does not have the socket, and what others send ends the session (session.c).
 */
static int open_pidfd(int fd, pid_t pid)
{
	int pidfd = -1;
	socklen_t bytes = sizeof(pidfd);

	if (!getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &bytes))
		return pidfd;
	if (errno != ENOPROTOOPT)
		return -errno;
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	return pidfd < 0 ? -errno : pidfd;
}

/* A whole small file; -E2BIG if there is more than fits. */
static int read_text(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t have = 0;
	ssize_t got;
	int ret = 0;

	if (fd < 0)
		return -errno;
	do {
		got = read(fd, text + have, room - have);
		if (got > 0)
			have += (size_t)got;
	} while (got > 0 && have < room);
	if (got < 0)
		ret = -errno;
	else if (have == room)
		ret = -E2BIG;
	else
		text[have] = '\0';
	close(fd);
	return ret;
}

/* The path in the line of this hierarchy, up to its newline; NULL if there is none. */
static const char *find_hierarchy(const char *text, const char *name, size_t *bytes)
{
	while (*text) {
		const char *end = strchrnul(text, '\n');
		const char *first = strchr(text, ':');
		const char *second = first && first < end ? strchr(first + 1, ':') : NULL;

		if (second && second < end && (size_t)(second - first - 1) == strlen(name) &&
		    !strncmp(first + 1, name, strlen(name))) {
			*bytes = (size_t)(end - second - 1);
			return second + 1;
		}
		text = *end ? end + 1 : end;
	}
	return NULL;
}

static bool ends_with(const char *text, size_t bytes, const char *end)
{
	size_t n = strlen(end);

	return bytes > n && !strncmp(text + bytes - n, end, n);
}

/* Without what is below the first unit on the way down. */
static size_t unit_bytes(const char *path, size_t bytes)
{
	size_t at;

	for (at = 1; at <= bytes; at++) {
		if (at != bytes && path[at] != '/')
			continue;
		if (ends_with(path, at, ".scope") || ends_with(path, at, ".service"))
			return at;
	}
	return bytes;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* As systemd escapes names of units. A plain '-' stands for '/', which no machine has. */
static bool unescape(char *out, size_t room, const char *from, const char *end)
{
	size_t n = 0;

	while (from < end && n < room - 1) {
		char c = *from++;

		if (c == '-')
			return false;
		if (c == '\\') {
			if (end - from < 3 || *from != 'x' || hex_digit(from[1]) < 0 ||
			    hex_digit(from[2]) < 0)
				return false;
			c = (char)(hex_digit(from[1]) << 4 | hex_digit(from[2]));
			from += 3;
		}
		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      strchr("-_.", c)) || !c)
			return false;
		out[n++] = c;
	}
	out[n] = '\0';
	return from == end && n;
}

/* "/machine.slice/machine-qemu\x2d3\x2dbanka.scope" is libvirt's third start, of banka. */
static void set_machine(struct hvcmad_identity *id)
{
	static const char before[] = "/machine.slice/machine-";
	size_t bytes = strlen(id->cgroup);
	char name[HVCMAD_MACHINE_BYTES];
	const char *from, *end;
	size_t digits;

	id->machine[0] = '\0';
	if (strncmp(id->cgroup, before, strlen(before)) || !ends_with(id->cgroup, bytes, ".scope"))
		return;
	from = id->cgroup + strlen(before);
	end = id->cgroup + bytes - strlen(".scope");
	if (from >= end || memchr(from, '/', (size_t)(end - from)) ||
	    !unescape(name, sizeof(name), from, end))
		return;
	from = name;
	if (!strncmp(name, "qemu-", 5)) {
		digits = strspn(name + 5, "0123456789");
		if (digits && name[5 + digits] == '-' && name[6 + digits])
			from = name + 6 + digits;
	}
	memmove(id->machine, from, strlen(from) + 1);
}

int hvcmad_identity_set_cgroup(struct hvcmad_identity *id, const char *text)
{
	size_t bytes, others;
	const char *path, *systemd;

	if (!*text)
		text = "0::/\n";	/* a host without control groups: all are in one */
	path = find_hierarchy(text, "", &bytes);
	systemd = find_hierarchy(text, "name=systemd", &others);
	if (systemd && (!path || bytes <= 1)) {
		path = systemd;
		bytes = others;
	}
	if (!path || !bytes || *path != '/')
		return -EINVAL;
	bytes = unit_bytes(path, bytes);
	if (bytes >= sizeof(id->cgroup))
		return -E2BIG;
	memcpy(id->cgroup, path, bytes);
	id->cgroup[bytes] = '\0';
	set_machine(id);
	return 0;
}

static int set_label(struct hvcmad_identity *id, int fd)
{
	socklen_t bytes = sizeof(id->label) - 1;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, id->label, &bytes)) {
		id->label[0] = '\0';
		return errno == ENOPROTOOPT ? 0 : errno == ERANGE ? -E2BIG : -errno;
	}
	id->label[bytes] = '\0';
	return 0;
}

int hvcmad_identity_of_peer(int fd, struct hvcmad_identity *out, int *pidfd,
			    struct hvcma_error *err)
{
	struct hvcmad_identity id = { 0 };
	struct ucred cred = { 0 };
	socklen_t bytes = sizeof(cred);
	char path[64], text[8192];
	int ret, process;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes)) {
		ret = -errno;
		hvcma_error_set(err, "the peer's credentials: %s", strerror(-ret));
		return ret;
	}
	if (cred.pid <= 0) {
		hvcma_error_set(err, "the peer is in a process namespace that is not seen here");
		return -ESRCH;
	}
	id.pid = cred.pid;
	id.uid = cred.uid;

	process = open_pidfd(fd, cred.pid);
	if (process < 0) {
		hvcma_error_set(err, "process %d: no descriptor of it: %s", (int)cred.pid, strerror(-process));
		return process;
	}

	ret = set_label(&id, fd);
	if (ret) {
		hvcma_error_set(err, "process %d: its security label: %s", (int)cred.pid, strerror(-ret));
		goto close_process;
	}
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)cred.pid);
	ret = read_text(path, text, sizeof(text));
	if (ret == -ENOENT) {	/* the kernel has no control groups */
		text[0] = '\0';
		ret = 0;
	}
	if (!ret)
		ret = hvcmad_identity_set_cgroup(&id, text);
	if (ret) {
		hvcma_error_set(err, "process %d: its control group: %s", (int)cred.pid, strerror(-ret));
		goto close_process;
	}
	if (hvcmad_is_dead(process)) {
		hvcma_error_set(err, "process %d has ended", (int)cred.pid);
		ret = -ESRCH;
		goto close_process;
	}

	*out = id;
	*pidfd = process;
	return 0;

close_process:
	close(process);
	return ret;
}
