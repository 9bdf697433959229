// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mute: a filesystem (FUSE) whose server answers everything but READ, and programs that read its
 * files: their pages are under I/O until the server is killed.
 *
 *	mute FILES MIB		so many files, each read from its beginning. Between two of them MIB of
 *				memory are filled, and freed in the end, so that the files' pages lie
 *				apart. Prints "mute PID", the server's, when all are being read
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOLDER		"/mute"
#define FILE_BYTES	(128 * 1024)
#define FIRST_NODE	2	/* of the files; 1 is the folder */
#define REQUEST_BYTES	(1024 * 1024)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- server ---- */

static void answer(int fuse, const struct fuse_in_header *in, int error, const void *body,
		   size_t bytes)
{
	char reply[1024];
	struct fuse_out_header out = {
		.len = (uint32_t)(sizeof(out) + bytes),
		.error = -error,
		.unique = in->unique,
	};

	memcpy(reply, &out, sizeof(out));
	if (bytes)
		memcpy(reply + sizeof(out), body, bytes);
	if (write(fuse, reply, out.len) != (ssize_t)out.len && errno != ENOENT)
		die("mute: answer");
}

static struct fuse_attr attr_of(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.mode = node < FIRST_NODE ? S_IFDIR | 0755 : S_IFREG | 0444,
		.size = node < FIRST_NODE ? 0 : FILE_BYTES,
		.nlink = 1,
		.blksize = 4096,
	};
}

static void serve(int fuse, int told)
{
	char *request = malloc(REQUEST_BYTES);
	struct fuse_in_header *in = (void *)request;

	for (;;) {
		ssize_t got = read(fuse, request, REQUEST_BYTES);
		struct fuse_init_out init = {
			.major = FUSE_KERNEL_VERSION,
			.minor = 31,
			.max_readahead = FILE_BYTES,
			.flags = FUSE_ASYNC_READ,
			.max_background = 4096,
			.congestion_threshold = 4096,
			.max_write = 4096,
		};
		struct fuse_entry_out entry = { .entry_valid = 3600, .attr_valid = 3600 };
		struct fuse_attr_out attr = { .attr_valid = 3600 };
		struct fuse_open_out opened = { 0 };

		if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		if (got < 0)
			exit(0);
		switch (in->opcode) {
		case FUSE_INIT:
			answer(fuse, in, 0, &init, sizeof(init));
			break;
		case FUSE_LOOKUP:
			entry.nodeid = FIRST_NODE + strtoull(request + sizeof(*in), NULL, 10);
			entry.attr = attr_of(entry.nodeid);
			answer(fuse, in, 0, &entry, sizeof(entry));
			break;
		case FUSE_GETATTR:
			attr.attr = attr_of(in->nodeid);
			answer(fuse, in, 0, &attr, sizeof(attr));
			break;
		case FUSE_OPEN:
			answer(fuse, in, 0, &opened, sizeof(opened));
			break;
		case FUSE_READ:		/* never; but that it has come */
			if (write(told, "r", 1) != 1)
				exit(1);
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;
		default:
			answer(fuse, in, ENOSYS, NULL, 0);
		}
	}
}

/* ---- readers ---- */

static void read_file(int nr)
{
	char path[32], c;
	int fd;

	snprintf(path, sizeof(path), FOLDER "/%d", nr);
	fd = open(path, O_RDONLY);
	exit(fd < 0 || read(fd, &c, 1) != 1);
}

static void *fill(size_t bytes)
{
	char *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mute: mmap");
	madvise(p, bytes, MADV_NOHUGEPAGE);
	memset(p, 1, bytes);
	return p;
}

int main(int argc, char **argv)
{
	int nr = argc > 2 ? atoi(argv[1]) : 0, fuse, told[2], i;
	size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) << 20 : 0;
	char options[80], c;
	void **filled = calloc((size_t)nr + 1, sizeof(*filled));
	pid_t server;

	if (!nr || !filled)
		return 2;
	mkdir(FOLDER, 0755);
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse < 0 || pipe(told))
		die("mute: /dev/fuse");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0", fuse);
	if (mount("mute", FOLDER, "fuse", 0, options))
		die("mute: mount");
	server = fork();
	if (!server)
		serve(fuse, told[1]);
	close(fuse);
	close(told[1]);
	for (i = 0; i < nr; i++) {
		if (!fork())
			read_file(i);
		if (read(told[0], &c, 1) != 1)
			die("mute: nobody reads");
		if (bytes)
			filled[i] = fill(bytes);
	}
	for (i = 0; i < nr && bytes; i++)
		munmap(filled[i], bytes);
	printf("mute %d\n", server);
	fflush(stdout);
	while (wait(NULL) > 0)
		;
	return 0;
}
