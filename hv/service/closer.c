// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Closes descriptors that came from others: see closer.h.
 */
#include "hv/service/closer.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <systemd/sd-event.h>
#include <unistd.h>

struct job {
	struct job *next;
	void (*done)(void *opaque, size_t nr);
	void *opaque;
	size_t nr;
	int fd[];
};

struct list {
	struct job *first;
	struct job **end;
};

struct hvcmad_closer {
	pthread_mutex_t lock;		/* of what follows, down to the line */
	struct list waiting;
	struct list done;
	unsigned int nr_threads;
	unsigned int refs;		/* threads, and the owner */
	/* ---- */
	int event_fd;			/* something is done */
	size_t pending;			/* as the event loop's thread knows it */
	sd_event_source *source;
};

static void list_init(struct list *l)
{
	l->first = NULL;
	l->end = &l->first;
}

static void list_add(struct list *l, struct job *j)
{
	j->next = NULL;
	*l->end = j;
	l->end = &j->next;
}

static struct job *list_take(struct list *l)
{
	struct job *j = l->first;

	if (!j)
		return NULL;
	l->first = j->next;
	if (!l->first)
		l->end = &l->first;
	return j;
}

/* With the lock, which is given up. */
static void put(struct hvcmad_closer *closer)
{
	bool last = !--closer->refs;
	struct job *j;

	pthread_mutex_unlock(&closer->lock);
	if (!last)
		return;
	while ((j = list_take(&closer->done)))
		free(j);
	close(closer->event_fd);
	pthread_mutex_destroy(&closer->lock);
	free(closer);
}

static void *work(void *opaque)
{
	const uint64_t one = 1;
	struct hvcmad_closer *closer = opaque;
	struct job *j;

	pthread_mutex_lock(&closer->lock);
	while ((j = list_take(&closer->waiting))) {
		size_t i;

		pthread_mutex_unlock(&closer->lock);
		for (i = 0; i < j->nr; i++)
			close(j->fd[i]);
		pthread_mutex_lock(&closer->lock);
		list_add(&closer->done, j);
		if (write(closer->event_fd, &one, sizeof(one)) < 0)
			break;	/* can't be: the counter has room */
	}
	closer->nr_threads--;
	put(closer);
	return NULL;
}

static int on_done(sd_event_source *source, int fd, uint32_t revents, void *opaque)
{
	struct hvcmad_closer *closer = opaque;
	uint64_t count;
	struct job *j;

	(void)source;
	(void)revents;
	if (read(fd, &count, sizeof(count)) < 0)
		return 0;
	for (;;) {
		pthread_mutex_lock(&closer->lock);
		j = list_take(&closer->done);
		pthread_mutex_unlock(&closer->lock);
		if (!j)
			return 0;
		closer->pending -= j->nr;
		j->done(j->opaque, j->nr);
		free(j);
	}
}

int hvcmad_closer_new(struct sd_event *event, struct hvcmad_closer **out)
{
	struct hvcmad_closer *closer = calloc(1, sizeof(*closer));
	int ret;

	if (!closer)
		return -ENOMEM;
	list_init(&closer->waiting);
	list_init(&closer->done);
	closer->refs = 1;
	pthread_mutex_init(&closer->lock, NULL);
	closer->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (closer->event_fd < 0) {
		ret = -errno;
		goto free_closer;
	}
	ret = sd_event_add_io(event, &closer->source, closer->event_fd, EPOLLIN, on_done, closer);
	if (ret < 0)
		goto close_event;
	*out = closer;
	return 0;

close_event:
	close(closer->event_fd);
free_closer:
	pthread_mutex_destroy(&closer->lock);
	free(closer);
	return ret;
}

int hvcmad_closer_close(struct hvcmad_closer *closer, const int *fds, size_t nr,
			void (*done)(void *opaque, size_t nr), void *opaque)
{
	struct job *j = malloc(sizeof(*j) + nr * sizeof(j->fd[0]));
	pthread_attr_t attr;
	pthread_t thread;

	if (!j)
		return -ENOMEM;
	j->done = done;
	j->opaque = opaque;
	j->nr = nr;
	memcpy(j->fd, fds, nr * sizeof(j->fd[0]));

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	pthread_mutex_lock(&closer->lock);
	list_add(&closer->waiting, j);
	if (closer->nr_threads < HVCMAD_CLOSER_THREADS && !pthread_create(&thread, &attr, work, closer)) {
		closer->nr_threads++;
		closer->refs++;
	}
	pthread_mutex_unlock(&closer->lock);
	pthread_attr_destroy(&attr);
	closer->pending += nr;
	return 0;
}

bool hvcmad_closer_is_full(const struct hvcmad_closer *closer)
{
	return closer->pending >= HVCMAD_CLOSER_PENDING;
}

void hvcmad_closer_free(struct hvcmad_closer *closer)
{
	if (!closer)
		return;
	sd_event_source_disable_unref(closer->source);
	pthread_mutex_lock(&closer->lock);
	put(closer);
}
