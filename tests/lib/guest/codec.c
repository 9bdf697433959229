// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What programs of the media framework do with codecs, run in test guests by tests/vm/test_codec.sh
 * on vcma_codec (tests/guest/codec.c). Codecs are named by their addresses, as 0000:00:10.0.
 *
 *	codec pipeline FIRST SECOND BYTES [STOCK]
 *		frames of the first are imported by the second without a copy, and by the capture
 *		node of that name of a stock driver, if one is given; prints TAP
 *	codec cached CODEC BYTES	frames that programs have cached, synced by the framework; prints TAP
 *	codec hold CODEC BYTES		has one frame until it is killed, and says "held"
 *	codec frame CODEC BYTES		has one frame: 0, or the errno as exit status
 *	codec export CODEC BYTES	has one frame, as a dma-buf: likewise
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/guest/codec.h"

#include "tap.h"

#define VIDEO_CLASS	"/sys/class/video4linux"
#define PATIENCE_MS	60000

/* One video node with one buffer, of one kind of memory. */
struct node {
	int fd;
	uint32_t type;
	uint32_t memory;
	size_t bytes;		/* of its buffer; 0: none */
	uint8_t *cpu;		/* of one that is its own */
};

static void bail(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

/* ---- nodes ---- */

static bool has_name(const char *node, const char *name)
{
	char path[600], found[64] = "";
	FILE *f;

	snprintf(path, sizeof(path), VIDEO_CLASS "/%s/name", node);
	f = fopen(path, "r");
	if (!f)
		return false;
	if (!fgets(found, sizeof(found), f))
		found[0] = '\0';
	fclose(f);
	found[strcspn(found, "\n")] = '\0';
	return !strcmp(found, name);
}

/* The node of that name. */
static struct node node_open(const char *name, uint32_t type)
{
	struct node n = { .type = type };
	DIR *dir = opendir(VIDEO_CLASS);
	char path[300] = "";
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (has_name(entry->d_name, name))
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
	}
	if (dir)
		closedir(dir);
	n.fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (n.fd < 0)
		bail(name);
	return n;
}

/* A codec's node with the format for frames of @bytes. */
static struct node codec_open(const char *codec, uint32_t type, size_t bytes)
{
	bool out = type == V4L2_BUF_TYPE_VIDEO_OUTPUT;
	struct v4l2_format format = { .type = type };
	char name[64];
	struct node n;

	snprintf(name, sizeof(name), "%s %s", codec, out ? "source" : "sink");
	n = node_open(name, type);
	format.fmt.pix.sizeimage = (uint32_t)bytes;
	if (ioctl(n.fd, VIDIOC_S_FMT, &format) || format.fmt.pix.sizeimage != bytes)
		bail("VIDIOC_S_FMT");
	return n;
}

/* Buffers of this kind, @nr at least; of the node's own one, mapped. Return: 0 or -errno. */
static int request(struct node *n, uint32_t memory, unsigned int nr, uint8_t flags)
{
	struct v4l2_requestbuffers req = {
		.count = nr, .type = n->type, .memory = memory, .flags = flags,
	};
	struct v4l2_buffer buf = { .type = n->type, .memory = memory };

	if (ioctl(n->fd, VIDIOC_REQBUFS, &req))
		return -errno;
	n->memory = memory;
	n->bytes = 0;
	if (!nr)
		return 0;
	if (req.count < nr || ioctl(n->fd, VIDIOC_QUERYBUF, &buf))
		return -EIO;
	if (memory == V4L2_MEMORY_DMABUF)
		return 0;
	n->bytes = buf.length;
	n->cpu = mmap(NULL, buf.length, PROT_READ | PROT_WRITE, MAP_SHARED, n->fd, buf.m.offset);
	if (n->cpu != MAP_FAILED)
		return 0;
	n->cpu = NULL;
	return -errno;
}

static int own(struct node *n)
{
	return request(n, V4L2_MEMORY_MMAP, 1, 0);
}

static int stream(struct node *n, bool on)
{
	int type = (int)n->type;

	return ioctl(n->fd, on ? VIDIOC_STREAMON : VIDIOC_STREAMOFF, &type) ? -errno : 0;
}

/* Unmapped, and given back. Return: 0 or -errno. */
static int drop(struct node *n)
{
	int err = stream(n, false);

	if (n->cpu)
		munmap(n->cpu, n->bytes);
	n->cpu = NULL;
	return err ?: request(n, n->memory, 0, 0);
}

/* Return: a dma-buf of the node's buffer, or -errno. */
static int export(struct node *n)
{
	struct v4l2_exportbuffer exp = { .type = n->type, .flags = O_RDWR | O_CLOEXEC };

	return ioctl(n->fd, VIDIOC_EXPBUF, &exp) ? -errno : exp.fd;
}

/* @dmabuf: of memory that is not the node's. Return: 0 or -errno. */
static int queue_nth(struct node *n, unsigned int nr, int dmabuf, size_t bytes)
{
	struct v4l2_buffer buf = {
		.index = nr, .type = n->type, .memory = n->memory, .length = (uint32_t)bytes,
		.field = V4L2_FIELD_NONE,
	};

	if (n->memory == V4L2_MEMORY_DMABUF)
		buf.m.fd = dmabuf;
	if (n->type == V4L2_BUF_TYPE_VIDEO_OUTPUT)
		buf.bytesused = (uint32_t)bytes;
	return ioctl(n->fd, VIDIOC_QBUF, &buf) ? -errno : 0;
}

static int queue(struct node *n, int dmabuf, size_t bytes)
{
	return queue_nth(n, 0, dmabuf, bytes);
}

/* Wait for the buffer. Return: how many bytes are used, or -errno. */
static long dequeue(struct node *n)
{
	struct pollfd ready = {
		.fd = n->fd, .events = n->type == V4L2_BUF_TYPE_VIDEO_OUTPUT ? POLLOUT : POLLIN,
	};
	struct v4l2_buffer buf = { .type = n->type, .memory = n->memory };

	if (poll(&ready, 1, PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	if (ioctl(n->fd, VIDIOC_DQBUF, &buf))
		return -errno;
	return buf.flags & V4L2_BUF_FLAG_ERROR ? -EIO : (long)buf.bytesused;
}

/* ---- frames ---- */

static void draw(uint8_t *frame, size_t bytes, unsigned int seed)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		frame[i] = (uint8_t)((i * 31 + (i >> 12) * 7 + seed) | 1);
}

static bool samples_equal(const uint8_t *a, const uint8_t *b, size_t bytes)
{
	size_t i;

	for (i = 0; i < CODEC_SAMPLES; i++) {
		if (memcmp(a + codec_sample(bytes, i), b + codec_sample(bytes, i), CODEC_SAMPLE_BYTES))
			return false;
	}
	return true;
}

/* Nothing but samples was written to what was zero. */
static bool rest_is_zero(const uint8_t *frame, size_t bytes)
{
	size_t at = 0, i;

	for (i = 0; i < CODEC_SAMPLES; i++) {
		for (; at < codec_sample(bytes, i); at++) {
			if (frame[at])
				return false;
		}
		at += CODEC_SAMPLE_BYTES;
	}
	return true;
}

/* One frame through a codec. Return: 0 or -errno. */
static int run(struct node *source, int source_buf, struct node *sink, int sink_buf, size_t bytes)
{
	int err = queue(source, source_buf, bytes) ?: queue(sink, sink_buf, bytes);
	long done;

	err = err ?: stream(source, true) ?: stream(sink, true);
	if (err)
		return err;
	done = dequeue(source);
	if (done >= 0)
		done = dequeue(sink);
	err = done < 0 ? (int)done : 0;
	return err ?: stream(source, false) ?: stream(sink, false);
}

/* ---- pipeline ---- */

/* Is there a picture of so many bytes in the frame, and nothing behind it? */
static bool has_picture(const uint8_t *frame, size_t bytes, long used)
{
	return used > CODEC_SAMPLE_BYTES && (size_t)used < bytes && frame[0] && frame[used - 1] &&
	       !frame[used];
}

/* The stock driver's pictures, in frames of a codec's. It wants two before it begins. */
static void stock(const char *name, struct node *source, int source_buf, struct node *sink,
		  int sink_buf, size_t bytes)
{
	struct node n = node_open(name, V4L2_BUF_TYPE_VIDEO_CAPTURE);
	long used = 0;
	int err;

	memset(source->cpu, 0, bytes);
	memset(sink->cpu, 0, bytes);
	err = request(&n, V4L2_MEMORY_DMABUF, 2, 0) ?: queue_nth(&n, 0, source_buf, bytes) ?:
	      queue_nth(&n, 1, sink_buf, bytes) ?: stream(&n, true);
	result(!err, "stock: its driver imports two frames: %s", strerror(-err));
	if (!err)
		used = dequeue(&n);
	if (used > 0)
		used = dequeue(&n);
	result(has_picture(source->cpu, bytes, used) && has_picture(sink->cpu, bytes, used),
	       "stock: there are pictures of %ld bytes in them", used);
	err = drop(&n);
	close(n.fd);
	result(!err, "stock: given back: %s", strerror(-err));
	memset(sink->cpu, 0, bytes);
	err = run(source, -1, sink, -1, bytes);
	result(!err && samples_equal(source->cpu, sink->cpu, bytes) && sink->cpu[0],
	       "stock: the picture goes through the codec: %s", strerror(-err));
}

static void pipeline(const char *first, const char *second, size_t bytes, const char *stock_name)
{
	struct node a = codec_open(first, V4L2_BUF_TYPE_VIDEO_OUTPUT, bytes);
	struct node b = codec_open(first, V4L2_BUF_TYPE_VIDEO_CAPTURE, bytes);
	struct node c = codec_open(second, V4L2_BUF_TYPE_VIDEO_OUTPUT, bytes);
	struct node d = codec_open(second, V4L2_BUF_TYPE_VIDEO_CAPTURE, bytes);
	int err, source, between;

	err = own(&a) ?: own(&b) ?: own(&d);
	if (!result(!err && a.bytes == bytes, "three frames of %zu bytes: %s", bytes, strerror(-err)))
		return;
	source = export(&a);
	between = export(&b);
	result(source >= 0 && between >= 0, "exported as dma-bufs: %d %d", source, between);
	err = request(&c, V4L2_MEMORY_DMABUF, 1, 0);
	result(!err, "the second codec takes dma-bufs: %s", strerror(-err));

	draw(a.cpu, bytes, 1);
	result(rest_is_zero(b.cpu, bytes), "a new frame is zero");
	err = run(&a, -1, &b, -1, bytes);
	result(!err && samples_equal(a.cpu, b.cpu, bytes) && rest_is_zero(b.cpu, bytes),
	       "the first codec: its device has moved what it had to, and nothing else: %s",
	       strerror(-err));
	err = run(&c, between, &d, -1, bytes);
	result(!err && samples_equal(a.cpu, d.cpu, bytes) && rest_is_zero(d.cpu, bytes),
	       "the second one: out of the frame of the first: %s", strerror(-err));
	draw(b.cpu, bytes, 2);
	err = run(&c, between, &d, -1, bytes);
	result(!err && samples_equal(b.cpu, d.cpu, bytes),
	       "what the program writes now is seen at once, no copy: %s", strerror(-err));
	if (stock_name)
		stock(stock_name, &a, source, &b, between, bytes);

	/* The exporter gives it up: who has it, has it. */
	draw(b.cpu, bytes, 3);
	err = drop(&b);
	result(!err, "the first codec gives the frame up: %s", strerror(-err));
	err = run(&c, between, &d, -1, bytes);
	draw(a.cpu, bytes, 3);
	result(!err && samples_equal(a.cpu, d.cpu, bytes),
	       "the second one still has it: %s", strerror(-err));
	close(source);
	close(between);
	err = drop(&a) ?: drop(&c) ?: drop(&d);
	result(!err, "all is given back: %s", strerror(-err));
}

/* ---- the rest ---- */

static void cached(const char *codec, size_t bytes)
{
	struct node a = codec_open(codec, V4L2_BUF_TYPE_VIDEO_OUTPUT, bytes);
	struct node b = codec_open(codec, V4L2_BUF_TYPE_VIDEO_CAPTURE, bytes);
	int err = request(&a, V4L2_MEMORY_MMAP, 1, V4L2_MEMORY_FLAG_NON_COHERENT) ?:
		  request(&b, V4L2_MEMORY_MMAP, 1, V4L2_MEMORY_FLAG_NON_COHERENT);

	if (!result(!err, "two frames of %zu bytes: %s", bytes, strerror(-err)))
		return;
	draw(a.cpu, bytes, 4);
	err = run(&a, -1, &b, -1, bytes);
	result(!err && samples_equal(a.cpu, b.cpu, bytes) && rest_is_zero(b.cpu, bytes),
	       "moved by the device: %s", strerror(-err));
	err = drop(&a) ?: drop(&b);
	result(!err, "given back: %s", strerror(-err));
}

int main(int argc, char **argv)
{
	struct node n;
	size_t bytes;
	int ret;

	if (argc >= 5 && !strcmp(argv[1], "pipeline")) {
		pipeline(argv[2], argv[3], strtoull(argv[4], NULL, 0), argv[5]);
		printf("1..%u\n", nr_tests);
		return !!nr_failed;
	}
	if (argc < 4)
		return 2;
	bytes = strtoull(argv[3], NULL, 0);
	if (!strcmp(argv[1], "cached")) {
		cached(argv[2], bytes);
		printf("1..%u\n", nr_tests);
		return !!nr_failed;
	}
	n = codec_open(argv[2], V4L2_BUF_TYPE_VIDEO_CAPTURE, bytes);
	ret = own(&n);
	if (!ret && !strcmp(argv[1], "hold")) {
		puts("held");
		fflush(stdout);
		pause();
	}
	if (!ret && !strcmp(argv[1], "export")) {
		ret = export(&n);
		ret = ret < 0 ? ret : 0;
	}
	return -ret;
}
