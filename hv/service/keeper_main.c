// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcmad-keeper: holds what must not be gone when hvcmad is: descriptors of memory, devices and
 * processes, and io_uring instances whose tables have the pins. Knows no rule, decides nothing, and
 * reads nothing that a client has sent.
 *
 * io_uring descriptors can't be sent, so it makes them, and the service takes copies by pidfd_getfd():
 * from the first pin on both have them. The rest comes over the socket.
 *
 * It holds what it has until the service says otherwise, also when there is no service any more: that is
 * the safe side. Where systemd has started it, its file descriptor store has all but the rings, too.
 */
#define _GNU_SOURCE	/* memfd_create, accept4 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "hv/abi/version.h"
#include "hv/host/pin.h"
#include "hv/service/keeper_wire.h"

struct object {
	struct object *next;		/* by their ids */
	uint32_t id;
	size_t nr_fds;
	int fd[HVCMAD_KEEPER_MAX_FDS];
	uint64_t nr_slots;
	uint64_t slots_per_ring;
	uint32_t nr_rings;
	int32_t *ring;
	int record_fd;			/* for the store; -1: there is none */
	uint32_t record_bytes;
	unsigned char record[];
};

struct keeper {
	struct object *first;
	uint32_t last_id;
	int listener;
	int service;			/* -1: there is none */
	int signals;
	bool leaves;			/* with nothing to hold and no service */
	bool has_store;
};

static void say(const char *what)
{
	fprintf(stderr, "hvcmad-keeper: %s\n", what);
}

/* ---- objects ---- */

static struct object **place_of(struct keeper *k, uint32_t id)
{
	struct object **at = &k->first;

	while (*at && (*at)->id < id)
		at = &(*at)->next;
	return at;
}

static void object_free(struct object *o)
{
	while (o->nr_rings)
		close(o->ring[--o->nr_rings]);
	while (o->nr_fds)
		close(o->fd[--o->nr_fds]);
	if (o->record_fd >= 0)
		close(o->record_fd);
	free(o->ring);
	free(o);
}

static struct object *object_new(size_t record_bytes)
{
	struct object *o = calloc(1, sizeof(*o) + record_bytes);

	if (o) {
		o->record_fd = -1;
		o->record_bytes = (uint32_t)record_bytes;
	}
	return o;
}

/* 0 or a negative errno. What was made goes with the object. */
static int make_rings(struct object *o)
{
	uint64_t nr, left = o->nr_slots;

	if (!left)
		return 0;
	if (!o->slots_per_ring || o->nr_slots > UINT32_MAX)
		return -EINVAL;
	nr = (o->nr_slots + o->slots_per_ring - 1) / o->slots_per_ring;
	if (nr > HVCMAD_KEEPER_MAX_RINGS)
		return -E2BIG;
	o->ring = calloc(nr, sizeof(*o->ring));
	if (!o->ring)
		return -ENOMEM;
	while (left) {
		uint64_t slots = left < o->slots_per_ring ? left : o->slots_per_ring;
		int fd = hvcma_pin_ring_new(slots);

		if (fd < 0)
			return fd;
		o->ring[o->nr_rings++] = fd;
		left -= slots;
	}
	return 0;
}

/* ---- the store of systemd ---- */

static void store(const struct object *o, const char *part, int fd)
{
	char text[96];

	snprintf(text, sizeof(text), "FDSTORE=1\nFDPOLL=0\nFDNAME=%u.%s", o->id, part);
	sd_pid_notify_with_fds(0, 0, text, &fd, 1);
}

static void unstore(const struct object *o, const char *part)
{
	sd_notifyf(0, "FDSTOREREMOVE=1\nFDNAME=%u.%s", o->id, part);
}

static void store_object(struct object *o)
{
	const uint64_t head[] = { o->nr_slots, o->slots_per_ring };
	char part[24];
	size_t i;

	o->record_fd = memfd_create("hvcmad-keeper", MFD_CLOEXEC);
	if (o->record_fd < 0 || write(o->record_fd, head, sizeof(head)) != sizeof(head) ||
	    write(o->record_fd, o->record, o->record_bytes) != (ssize_t)o->record_bytes) {
		say("no memory to have an object in systemd's store");
		return;
	}
	for (i = 0; i < o->nr_fds; i++) {
		snprintf(part, sizeof(part), "%zu", i);
		store(o, part, o->fd[i]);
	}
	store(o, "record", o->record_fd);	/* last: without it the others are nothing */
}

static void unstore_object(const struct object *o)
{
	char part[24];
	size_t i;

	unstore(o, "record");
	for (i = 0; i < o->nr_fds; i++) {
		snprintf(part, sizeof(part), "%zu", i);
		unstore(o, part);
	}
}

/* Files of anonymous inodes can be taken for one another: that costs a message, no more. */
static bool may_be_same(int fd, int other)
{
	struct stat a, b;

	return !fstat(fd, &a) && !fstat(other, &b) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * The store has a file once, by the name that it first came with: what others have of those that have just been
 * taken out of it was not put there.
 */
static void store_others(const struct object *others, const struct object *gone)
{
	const struct object *o;
	char part[24];
	size_t i, j;

	for (o = others; o; o = o->next) {
		for (i = 0; i < o->nr_fds; i++) {
			for (j = 0; j < gone->nr_fds && !may_be_same(o->fd[i], gone->fd[j]); j++)
				;
			if (j == gone->nr_fds)
				continue;
			snprintf(part, sizeof(part), "%zu", i);
			store(o, part, o->fd[i]);
		}
	}
}

/* The object of this id with its record, out of the store; NULL: it is none. */
static struct object *restored(uint32_t id, int record_fd)
{
	uint64_t head[2];
	off_t bytes = lseek(record_fd, 0, SEEK_END);
	size_t record_bytes = (size_t)bytes - sizeof(head);
	struct object *o;

	if (bytes < (off_t)sizeof(head) || record_bytes > HVCMAD_KEEPER_MAX_RECORD ||
	    pread(record_fd, head, sizeof(head), 0) != sizeof(head))
		return NULL;
	o = object_new(record_bytes);
	if (!o || pread(record_fd, o->record, record_bytes, sizeof(head)) != (ssize_t)record_bytes) {
		free(o);
		return NULL;
	}
	o->id = id;
	o->nr_slots = head[0];
	o->slots_per_ring = head[1];
	o->record_fd = record_fd;
	return o;
}

/* What systemd has passed: the socket, and what the store had. */
static void take_passed(struct keeper *k, int nr, char **names)
{
	struct object **at;
	unsigned int id, part;
	int i;

	for (i = 0; i < nr; i++) {
		int fd = SD_LISTEN_FDS_START + i;

		if (sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, NULL, 0) > 0) {
			k->listener = fd;
		} else if (strstr(names[i], ".record") && sscanf(names[i], "%u.", &id) == 1) {
			struct object *o = restored(id, fd);

			at = place_of(k, id);
			if (!o || (*at && (*at)->id == id)) {
				say("something in systemd's store is not mine");
				continue;	/* held, whatever it is */
			}
			o->next = *at;
			*at = o;
			if (id > k->last_id)
				k->last_id = id;
		}
	}
	for (i = 0; i < nr; i++) {
		if (sscanf(names[i], "%u.%u", &id, &part) != 2 || part >= HVCMAD_KEEPER_MAX_FDS)
			continue;
		at = place_of(k, id);
		if (!*at || (*at)->id != id)
			continue;
		(*at)->fd[part] = SD_LISTEN_FDS_START + i;
		if ((*at)->nr_fds <= part)
			(*at)->nr_fds = part + 1;
	}
}

/* ---- requests ---- */

struct message {
	struct hvcmad_keeper_req req;
	size_t nr_fds;
	int fd[HVCMAD_KEEPER_MAX_FDS];
};

struct answer {
	struct hvcmad_keeper_resp resp;
	size_t nr_fds;
	int fd[HVCMAD_KEEPER_MAX_FDS];	/* borrowed */
};

union control {
	char bytes[CMSG_SPACE(sizeof(int) * HVCMAD_KEEPER_MAX_FDS)];
	struct cmsghdr align;
};

/* False: it is no request; descriptors that came are closed. */
static bool receive(int fd, struct message *m)
{
	struct iovec iov = { &m->req, sizeof(m->req) };
	union control control;
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c;
	ssize_t nr;

	m->nr_fds = 0;
	do {
		nr = recvmsg(fd, &h, MSG_CMSG_CLOEXEC);
	} while (nr < 0 && errno == EINTR);
	c = nr > 0 ? CMSG_FIRSTHDR(&h) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		m->nr_fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(m->fd, CMSG_DATA(c), m->nr_fds * sizeof(int));
	}
	if (nr == sizeof(m->req) && !(h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && !m->req.reserved &&
	    m->req.record_bytes <= HVCMAD_KEEPER_MAX_RECORD)
		return true;
	while (m->nr_fds)
		close(m->fd[--m->nr_fds]);
	return false;
}

static bool respond(int fd, const struct answer *a)
{
	struct iovec iov = { (void *)&a->resp, sizeof(a->resp) };
	union control control = { { 0 } };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (a->nr_fds) {
		struct cmsghdr *c;

		h.msg_control = control.bytes;
		h.msg_controllen = CMSG_SPACE(sizeof(int) * a->nr_fds);
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * a->nr_fds);
		memcpy(CMSG_DATA(c), a->fd, sizeof(int) * a->nr_fds);
	}
	return sendmsg(fd, &h, MSG_NOSIGNAL) == (ssize_t)sizeof(a->resp);
}

static void describe(const struct object *o, struct answer *a)
{
	a->resp.id = o->id;
	a->resp.nr_slots = o->nr_slots;
	a->resp.slots_per_ring = o->slots_per_ring;
	a->resp.nr_rings = o->nr_rings;
	if (o->nr_rings)
		memcpy(a->resp.ring, o->ring, o->nr_rings * sizeof(a->resp.ring[0]));
}

/* The descriptors are the object's, or closed. */
static int do_put(struct keeper *k, struct message *m, struct answer *a)
{
	struct object *o = k->last_id == UINT32_MAX ? NULL : object_new(m->req.record_bytes);
	struct object **at;
	int ret;

	if (!o) {
		while (m->nr_fds)
			close(m->fd[--m->nr_fds]);
		return -ENOMEM;
	}
	o->nr_fds = m->nr_fds;
	memcpy(o->fd, m->fd, sizeof(o->fd));
	memcpy(o->record, m->req.record, o->record_bytes);
	o->nr_slots = m->req.nr_slots;
	o->slots_per_ring = m->req.slots_per_ring;
	ret = make_rings(o);
	if (ret) {
		object_free(o);
		return ret;
	}
	o->id = ++k->last_id;
	at = place_of(k, o->id);
	o->next = *at;
	*at = o;
	if (k->has_store)
		store_object(o);
	describe(o, a);
	return 0;
}

static int do_drop(struct keeper *k, uint32_t id)
{
	struct object **at = place_of(k, id), *o = *at;

	if (!o || o->id != id)
		return -ENOENT;
	*at = o->next;
	if (k->has_store) {
		unstore_object(o);
		store_others(k->first, o);
	}
	object_free(o);
	return 0;
}

static void do_next(struct keeper *k, uint32_t after, struct answer *a)
{
	struct object *o = after == UINT32_MAX ? NULL : *place_of(k, after + 1);

	if (!o)
		return;
	describe(o, a);
	a->resp.record_bytes = o->record_bytes;
	memcpy(a->resp.record, o->record, o->record_bytes);
	a->nr_fds = o->nr_fds;
	memcpy(a->fd, o->fd, sizeof(a->fd));
}

static int do_hello(struct keeper *k, uint32_t version, struct answer *a)
{
	int fd;

	if (version != HVCMAD_KEEPER_VERSION)
		return -EPROTONOSUPPORT;
	fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (fd < 0)
		return -errno;
	a->resp.id = HVCMAD_KEEPER_VERSION;
	a->resp.ring[0] = k->listener;
	a->fd[0] = fd;
	a->nr_fds = 1;
	return 0;
}

/* False: the service has gone, or talks nonsense. */
static bool serve(struct keeper *k)
{
	static struct message m;
	static struct answer a;
	bool goes_on;
	int ret = 0;

	if (!receive(k->service, &m))
		return false;
	memset(&a, 0, sizeof(a));
	switch (m.req.op) {
	case HVCMAD_KEEPER_HELLO:
		ret = do_hello(k, m.req.id, &a);
		break;
	case HVCMAD_KEEPER_PUT:
		ret = do_put(k, &m, &a);
		m.nr_fds = 0;
		break;
	case HVCMAD_KEEPER_DROP:
		ret = do_drop(k, m.req.id);
		break;
	case HVCMAD_KEEPER_NEXT:
		do_next(k, m.req.id, &a);
		break;
	default:
		ret = -EOPNOTSUPP;
	}
	while (m.nr_fds)
		close(m.fd[--m.nr_fds]);
	a.resp.error = -ret;
	goes_on = respond(k->service, &a);
	if (m.req.op == HVCMAD_KEEPER_HELLO && a.nr_fds)
		close(a.fd[0]);
	return goes_on;
}

/* ---- the life of it ---- */

static void take_service(struct keeper *k)
{
	const int off = 0;
	struct ucred cred = { 0 };
	socklen_t bytes = sizeof(cred);
	int fd = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes) || cred.uid != geteuid()) {
		say("somebody else than the service has connected");
		close(fd);
		return;
	}
	setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &off, sizeof(off));	/* descriptors alone come with messages */
	k->service = fd;
}

static void lose_service(struct keeper *k)
{
	close(k->service);
	k->service = -1;
	if (k->first)
		say("the service has gone; what it had is held until there is another");
}

/* False: the process is to end. */
static bool take_signal(struct keeper *k)
{
	struct signalfd_siginfo info;

	if (read(k->signals, &info, sizeof(info)) != sizeof(info) || !k->first)
		return k->first;
	say("told to end, and holds memory or devices of virtual machines: goes on");
	return true;
}

static void unlink_socket(const struct keeper *k)
{
	struct sockaddr_un address = { 0 };
	socklen_t bytes = sizeof(address);

	if (!getsockname(k->listener, (void *)&address, &bytes) && address.sun_path[0])
		unlink(address.sun_path);
}

static void run(struct keeper *k)
{
	for (;;) {
		struct pollfd p[] = {
			{ .fd = k->signals, .events = POLLIN },
			{ .fd = k->service >= 0 ? k->service : k->listener, .events = POLLIN },
		};

		if (poll(p, 2, -1) < 0)
			continue;	/* no memory, or a signal */
		if (p[0].revents && !take_signal(k))
			return;
		if (!p[1].revents)
			continue;
		if (k->service < 0)
			take_service(k);
		else if (!serve(k))
			lose_service(k);
		else
			continue;
		if (k->service < 0 && !k->first && k->leaves)
			return;
	}
}

static const char help[] =
	"usage: hvcmad-keeper [--fd N]\n"
	"Holds memory, pins and devices of virtual machines when hvcmad(8), which starts it or has it\n"
	"started by systemd, is not there. There is no use in starting it by hand.\n"
	"\n"
	"  --fd N     the socket to listen at, an open descriptor; without it systemd has passed that.\n"
	"             With it, the keeper ends when there is no service and nothing to hold\n"
	"  --version  print the version\n"
	"  --help     this text\n"
	"\n"
	"While it holds something, only SIGKILL ends it: pages that a device may still write to go to others then.\n"
	"exit status: 0 success, 1 failure, 2 wrong usage\n";

/* -1: go on; else an exit status. */
static int parse_options(int argc, char **argv, struct keeper *k)
{
	static const struct option longs[] = {
		{ "fd", required_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
		switch (c) {
		case 'f':
			k->listener = (int)strtol(optarg, &end, 10);
			k->leaves = true;
			if (end != optarg && !*end)
				break;
			fprintf(stderr, "hvcmad-keeper: --fd: '%s' is no number\n", optarg);
			return 2;
		case 'v':
			puts("hvcmad-keeper " HVCMA_VERSION);
			return 0;
		case 'h':
			fputs(help, stdout);
			return 0;
		default:
			fputs("hvcmad-keeper: see hvcmad-keeper --help\n", stderr);
			return 2;
		}
	}
	if (optind == argc)
		return -1;
	fprintf(stderr, "hvcmad-keeper: unexpected argument '%s'; see hvcmad-keeper --help\n", argv[optind]);
	return 2;
}

static bool prepare(struct keeper *k)
{
	struct rlimit limit;
	sigset_t set;
	char **names;
	int nr = k->listener < 0 ? sd_listen_fds_with_names(1, &names) : 0;

	if (nr > 0) {
		k->has_store = true;
		take_passed(k, nr, names);
		while (nr)
			free(names[--nr]);
		free(names);
	}
	if (k->listener < 0 || sd_is_socket_unix(k->listener, SOCK_SEQPACKET, 1, NULL, 0) <= 0) {
		say("there is no Unix socket of type SEQPACKET that listens; hvcmad(8) or systemd starts this program");
		return false;
	}
	fcntl(k->listener, F_SETFD, FD_CLOEXEC);
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	/* The service copies descriptors; where Yama is in the way it is to be told. */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	k->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return k->signals >= 0;
}

int main(int argc, char **argv)
{
	static struct keeper k = { .listener = -1, .service = -1 };
	int ret = parse_options(argc, argv, &k);

	if (ret >= 0)
		return ret;
	if (!prepare(&k))
		return 1;
	if (k.has_store)
		sd_notify(0, "READY=1\nSTATUS=Holds what hvcmad has given it");
	run(&k);
	if (k.leaves)
		unlink_socket(&k);
	return 0;
}
