/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the tests of hvcmad: a daemon that all tests of a program share, and a client that can send
 * what no client should. Include after <cmocka.h>.
 */
#ifndef HVCMA_TESTS_SERVICE_RIG_H
#define HVCMA_TESTS_SERVICE_RIG_H

#include "tests/unit/host_memory.h"

#include <dirent.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "hv/core/service_wire.h"
#include "hv/service/keeper_wire.h"
#include "tests/service/daemon.h"

/* Users of VMs: root has a; what is told of others in test_memory.c and test_session.c. */
#define USER_B		12345
#define USER_C		12346
#define USER_STRANGER	12347
#define GROUP		65534	/* nogroup: all of them */

#define RIG_CONFIG								\
	"socket-group = \"nogroup\";\n"						\
	"totals = { memory = \"128M\"; pinned = \"24M\"; regions = 8; };\n"	\
	"vms = ( { name = \"a\"; user = 0; memory = \"128M\"; pinned = \"16M\"; regions = 5;\n" \
	"          unsafe-noiommu = true; },\n"					\
	"        { name = \"b\"; user = 12345; memory = \"64M\"; pinned = \"12M\"; regions = 4; },\n" \
	"        { name = \"c\"; user = 12346; memory = \"2M\"; pinned = \"2M\"; regions = 1; } );\n"

static struct daemon rig;

static inline int rig_start(void **state)
{
	(void)state;
	daemon_start(&rig, RIG_CONFIG);
	return 0;
}

/* With all sessions over, it has nothing that holds it. */
static inline int rig_stop(void **state)
{
	(void)state;
	daemon_stop(&rig);
	return 0;
}

/*
 * Pages of the host's pool, kept from other tests until pool_unlock(): to be called when the service
 * has them. Or the test is skipped.
 */
static inline int pool_take(uint64_t pages)
{
	int lock = pool_lock();

	if (!have_hugepages(pages)) {
		pool_unlock(lock);
		skip_because("no %llu free hugepages of 2 MiB", (unsigned long long)pages);
	}
	return lock;
}

/* ---- a client ---- */

static inline int client_connect(const struct daemon *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	must(fd >= 0, "socket");
	memcpy(address.sun_path, d->socket, sizeof(d->socket));
	must(!connect(fd, (void *)&address, sizeof(address)), d->socket);
	must(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), "timeout");
	return fd;
}

/* One that listens, or takes datagrams, and says who sends, as systemd makes them. */
static inline int make_socket(const char *path, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0), on = 1;

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	memcpy(address.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (void *)&address, sizeof(address)), 0);
	if (type != SOCK_DGRAM)
		assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* A message, with descriptors; what send says. */
static inline ssize_t client_send(int fd, const void *bytes, size_t nr, const int *fds, size_t nr_fds, int flags)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 256)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { (void *)bytes, nr };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (nr_fds) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * nr_fds);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * nr_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * nr_fds);
	}
	return sendmsg(fd, &m, flags | MSG_NOSIGNAL);
}

/* What came last: the response, and its descriptor (-1: none). */
static struct {
	char text[HVCMAD_MAX_TEXT_BYTES + 1];
	int fd;
	union {
		struct hvcmad_resp_hdr hdr;
		struct hvcmad_hello_resp hello;
		struct hvcmad_register_resp reg;
		struct hvcmad_addresses_resp addresses;
		struct hvcmad_pinned_resp pinned;
		struct hvcmad_resume_resp resume;
		struct hvcmad_status_resp status;
		struct hvcmad_devices_resp devices;
		struct hvcmad_wanted_resp wanted;
		struct hvcmad_turns_resp turns;
		struct hvcmad_arrange_resp arrange;
		unsigned char bytes[HVCMAD_MAX_RESPONSE_BYTES];
	};
} got;

/* The status; -1: the session is over. */
static inline int client_receive(int fd, size_t min_bytes)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * 4)];
		struct cmsghdr align;
	} control;
	struct iovec iov = { got.bytes, sizeof(got.bytes) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	enum hvcmad_status status;
	const char *text, *wrong;
	struct cmsghdr *c;
	size_t bytes;
	ssize_t nr;

	do {	/* io_uring of the test's own interrupts it */
		nr = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	} while (nr < 0 && errno == EINTR);

	got.fd = -1;
	got.text[0] = '\0';
	if (nr == 0 || (nr < 0 && errno == ECONNRESET))
		return -1;
	must(nr > 0, "no answer");
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&got.fd, CMSG_DATA(c), sizeof(int));
	wrong = hvcma_service_response_parse(got.bytes, (size_t)nr, min_bytes, &status, &text, &bytes);
	must(!wrong, wrong);
	memcpy(got.text, text, bytes);
	got.text[bytes] = '\0';
	return (int)status;
}

static inline int client_call_fds(int fd, const void *request, size_t bytes, size_t min_bytes, const int *fds,
				  size_t nr_fds)
{
	if (client_send(fd, request, bytes, fds, nr_fds, 0) < 0)
		return -1;
	return client_receive(fd, min_bytes);
}

static inline int client_hello_with(int fd, uint64_t features)
{
	const struct hvcmad_hello_req q = {
		.hdr = { HVCMAD_OP_HELLO, sizeof(q) }, .magic = HVCMAD_MAGIC, .version = HVCMAD_VERSION,
		.features = features,
	};

	return client_call_fds(fd, &q, sizeof(q), offsetof(struct hvcmad_hello_resp, hvcma), NULL, 0);
}

/* As a client that knows no feature. */
static inline int client_hello(int fd)
{
	return client_hello_with(fd, 0);
}

/* Connected, and greeted. */
static inline int client_open(const struct daemon *d)
{
	int fd = client_connect(d);

	must(client_hello(fd) == HVCMAD_S_OK, "HELLO");
	return fd;
}

static inline struct hvcmad_register_req register_request(const char *name, uint64_t bytes, uint32_t flags)
{
	struct hvcmad_register_req q = {
		.hdr = { HVCMAD_OP_REGISTER, sizeof(q) }, .bytes = bytes, .granule_bytes = HUGE_BYTES,
		.page_bytes = flags & HVCMAD_REGISTER_MAKE ? HUGE_BYTES : 0, .flags = flags,
	};

	memcpy(q.name, name, strlen(name));
	return q;
}

/* Status; the region's number is in got.reg.region. */
static inline int client_register(int fd, const char *name, uint64_t bytes, int file)
{
	struct hvcmad_register_req q = register_request(name, bytes, file < 0 ? HVCMAD_REGISTER_MAKE : 0);

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.reg), &file, file >= 0);
}

static inline int client_unregister(int fd, uint32_t region)
{
	const struct hvcmad_unregister_req q = {
		.hdr = { HVCMAD_OP_UNREGISTER, sizeof(q) }, .region = region,
	};

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.hdr), NULL, 0);
}

static inline int client_range(int fd, uint32_t op, uint32_t region, uint64_t first, uint64_t nr, uint32_t flags)
{
	const struct hvcmad_range_req q = {
		.hdr = { op, sizeof(q) }, .region = region, .flags = flags, .first = first, .nr = nr,
	};
	bool addresses = op == HVCMAD_OP_ADDRESSES || flags & HVCMAD_PIN_ADDRESSES;
	uint64_t words = addresses ? nr : op == HVCMAD_OP_PINNED ? HVCMAD_PINNED_WORDS(nr) : 0;

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.hdr) + words * 8, NULL, 0);
}

/* Its number is in got.resume.region. */
static inline int client_open_device_with(int fd, const char *name, uint32_t flags)
{
	struct hvcmad_open_device_req q = { .hdr = { HVCMAD_OP_OPEN_DEVICE, sizeof(q) }, .flags = flags };

	memcpy(q.device, name, strlen(name));
	return client_call_fds(fd, &q, sizeof(q), sizeof(struct hvcmad_open_device_resp), NULL, 0);
}

static inline int client_open_device(int fd, const char *name)
{
	return client_open_device_with(fd, name, 0);
}

static inline int client_resume(int fd, const char *name)
{
	struct hvcmad_resume_req q = { .hdr = { HVCMAD_OP_RESUME, sizeof(q) } };

	memcpy(q.name, name, strlen(name));
	return client_call_fds(fd, &q, sizeof(q), sizeof(got.resume), NULL, 0);
}

static inline int client_status(int fd, uint32_t flags, uint32_t after)
{
	const struct hvcmad_status_req q = {
		.hdr = { HVCMAD_OP_STATUS, sizeof(q) }, .flags = flags, .after = after,
	};

	return client_call_fds(fd, &q, sizeof(q), sizeof(got.status), NULL, 0);
}

/* Without its regions; close() alone leaves them until the process has ended. */
static inline void client_close(int fd)
{
	while (client_status(fd, 0, 0) == HVCMAD_S_OK && got.status.nr)
		client_unregister(fd, got.status.regions[0].region);
	close(fd);
}

/* ---- the keeper, as a service that is not there would ask it ---- */

static inline int keeper_connect(const struct daemon *d)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/keeper.socket", d->folder);
	must(!connect(fd, (void *)&address, sizeof(address)), address.sun_path);
	return fd;
}

/* Descriptors of an answer are closed. */
static inline struct hvcmad_keeper_resp keeper_ask_fds(int fd, const struct hvcmad_keeper_req *q, const int *fds,
						       size_t nr_fds)
{
	struct hvcmad_keeper_resp r;

	must(client_send(fd, q, sizeof(*q), fds, nr_fds, 0) == sizeof(*q), "asking the keeper");
	must(recv(fd, &r, sizeof(r), 0) == sizeof(r), "the keeper's answer");
	return r;
}

static inline struct hvcmad_keeper_resp keeper_ask(int fd, uint32_t op, uint32_t id, const void *record,
						   uint32_t bytes)
{
	struct hvcmad_keeper_req q = { .op = op, .id = id, .record_bytes = bytes };

	if (bytes)
		memcpy(q.record, record, bytes);
	return keeper_ask_fds(fd, &q, NULL, 0);
}

#define assert_status(expected, call)						\
	do {									\
		int status_ = call;						\
										\
		if (status_ != HVCMAD_S_##expected)				\
			fail_msg("%s: %s, not " #expected ": %s", #call,	\
				 status_ < 0 ? "over" : hvcma_service_status_name((uint32_t)status_), got.text); \
	} while (0)

#define assert_refused(expected, words, call)					\
	do {									\
		assert_status(expected, call);					\
		assert_words(got.text, words);					\
	} while (0)

#define assert_over(call)							\
	do {									\
		if ((call) != -1)						\
			fail_msg("%s: the session goes on: %s", #call, got.text); \
	} while (0)

/* A child of another user, that works there as the tests do; it ends with 0 if all went well. */
static inline pid_t as_user(uid_t uid, void (*body)(void))
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid)
		return pid;
	be_a_child();
	must(!setgroups(0, NULL) && !setgid(GROUP) && !setuid(uid), "setuid");
	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* setuid() forgets it */
	body();
	fflush(NULL);
	_exit(0);
}

static inline void ends_well(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#endif /* HVCMA_TESTS_SERVICE_RIG_H */
