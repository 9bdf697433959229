// SPDX-License-Identifier: GPL-2.0-only
/*
 * pinned_client SOCKET MIB: a client of hvcmad, as a QEMU is one, in a guest that has the service: has it make a region of
 * MIB MiB on hugepages of 2 MiB, all pinned, and writes to it. Says "pinned" and the address of each. With each
 * SIGUSR1 it connects anew, to whatever service there is, and says "resumed" and the same, or what is wrong. It
 * goes on until it is killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "hv/abi/hvcmad.h"

#define PAGE_BYTES	(2ULL << 20)
#define NAME		"banka"

static const char *path;
static uint64_t nr, *memory;
static int session = -1;

static union {
	struct hvcmad_resp_hdr hdr;
	struct hvcmad_register_resp reg;
	struct hvcmad_resume_resp resume;
	struct hvcmad_addresses_resp addresses;
	char bytes[HVCMAD_MAX_RESPONSE_BYTES];
} response;

static void die(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* The answer is in response; returns the descriptor that came with it, -1 if none did. */
static int ask(const char *what, const void *request, size_t bytes)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { &response, sizeof(response) };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *c;
	int fd = -1;
	ssize_t got;

	if (send(session, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		die(what);
	got = recvmsg(session, &m, MSG_CMSG_CLOEXEC);
	if (got < (ssize_t)sizeof(response.hdr))
		die(what);
	if (response.hdr.status) {
		printf("failed: %s: status %u: %.*s\n", what, response.hdr.status, (int)(got - (ssize_t)sizeof(response.hdr)),
		       response.bytes + sizeof(response.hdr));
		exit(1);
	}
	for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

static void begin_session(void)
{
	const struct hvcmad_hello_req hello = {
		.hdr = { HVCMAD_OP_HELLO, sizeof(hello) }, .magic = HVCMAD_MAGIC, .version = HVCMAD_VERSION,
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (session >= 0)
		close(session);
	session = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (session < 0 || connect(session, (void *)&address, sizeof(address)))
		die(path);
	ask("HELLO", &hello, sizeof(hello));
}

static void ask_range(const char *what, uint32_t op, uint32_t flags, uint32_t region)
{
	const struct hvcmad_range_req q = {
		.hdr = { op, sizeof(q) }, .region = region, .flags = flags, .nr = nr,
	};

	ask(what, &q, sizeof(q));
}

static void tell(const char *word)
{
	uint64_t i;

	printf("%s", word);
	for (i = 0; i < nr; i++)
		printf(" %#llx", (unsigned long long)response.addresses.address[i]);
	puts("");
	fflush(stdout);
}

static void make(void)
{
	struct hvcmad_register_req q = {
		.hdr = { HVCMAD_OP_REGISTER, sizeof(q) }, .name = NAME, .bytes = nr * PAGE_BYTES, .granule_bytes = PAGE_BYTES,
		.page_bytes = PAGE_BYTES, .flags = HVCMAD_REGISTER_MAKE,
	};
	uint32_t region;
	uint64_t i;
	int fd;

	fd = ask("REGISTER", &q, sizeof(q));
	region = response.reg.region;
	ask_range("BACK", HVCMAD_OP_BACK, 0, region);
	memory = mmap(NULL, nr * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
	if (memory == MAP_FAILED)
		die("mmap");
	close(fd);
	for (i = 0; i < nr; i++)
		memory[i * PAGE_BYTES / sizeof(*memory)] = i + 1;
	ask_range("PIN", HVCMAD_OP_PIN, HVCMAD_PIN_ADDRESSES, region);
	tell("pinned");
}

static void resume(void)
{
	const struct hvcmad_resume_req q = { .hdr = { HVCMAD_OP_RESUME, sizeof(q) }, .name = NAME };
	uint64_t i;
	int fd;

	begin_session();
	fd = ask("RESUME", &q, sizeof(q));
	close(fd);
	ask_range("ADDRESSES", HVCMAD_OP_ADDRESSES, 0, response.resume.region);
	for (i = 0; i < nr; i++) {
		if (memory[i * PAGE_BYTES / sizeof(*memory)] != i + 1) {
			printf("failed: page %llu has lost what was in it\n", (unsigned long long)i);
			exit(1);
		}
	}
	tell("resumed");
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signal;

	if (argc != 3) {
		fputs("usage: pinned_client SOCKET MIB\n", stderr);
		return 2;
	}
	path = argv[1];
	nr = strtoull(argv[2], NULL, 10) / 2;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	begin_session();
	make();
	while (!sigwait(&set, &signal))
		resume();
	return 0;
}
