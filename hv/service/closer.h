/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Closes descriptors that came from others. close() may wait for whoever is behind the file,
 * without end: a FUSE server that does not answer, a TCP connection that lingers. So threads do
 * that, and the service never waits.
 *
 * Threads that are stuck stay so; who has sent what stuck them is told by what is not done yet,
 * and gets no more (session.c).
 *
 * Lock: one inside, held for moments; done() is called without, by the event loop's thread.
 */
#ifndef HVCMA_SERVICE_CLOSER_H
#define HVCMA_SERVICE_CLOSER_H

#include <stdbool.h>
#include <stddef.h>

struct sd_event;
struct hvcmad_closer;

#define HVCMAD_CLOSER_PENDING	128	/* descriptors; with more no new clients are taken in */
#define HVCMAD_CLOSER_THREADS	32	/* at most; each ends when there is nothing to do */

/** hvcmad_closer_new() - Return: 0 with *@out owned by the caller, or a negative errno. */
int hvcmad_closer_new(struct sd_event *event, struct hvcmad_closer **out);

/**
 * hvcmad_closer_close() - take over @nr descriptors, and close them at some time.
 * @done: called by the event loop when all are closed; never from within this call
 *
 * Return: 0, or -ENOMEM: nothing was taken over.
 */
int hvcmad_closer_close(struct hvcmad_closer *closer, const int *fds, size_t nr,
			void (*done)(void *opaque, size_t nr), void *opaque);

/** hvcmad_closer_is_full() - are HVCMAD_CLOSER_PENDING waiting to be closed, or more? */
bool hvcmad_closer_is_full(const struct hvcmad_closer *closer);

/** hvcmad_closer_free() - what is not closed yet is the process's end to close. */
void hvcmad_closer_free(struct hvcmad_closer *closer);

#endif /* HVCMA_SERVICE_CLOSER_H */
