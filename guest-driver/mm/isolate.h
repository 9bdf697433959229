/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Getting a range of pages out of the page allocator, moving what is in it
 * elsewhere, and putting it back. Works on page frame numbers of online
 * memory; knows neither blocks nor the host.
 */
#ifndef VCMA_ISOLATE_H
#define VCMA_ISOLATE_H

#include <linux/ktime.h>
#include <linux/types.h>

#include "core/mode.h"

/**
 * vcma_isolate_pages() - get pages out of the page allocator; each has one reference then.
 * May sleep. Logs nothing. Calls for overlapping or neighbouring pages wait for
 * each other, all others run in parallel.
 * @flags: VCMA_FAST: only if they are free
 * @deadline: when to give up at the latest; 0: never. Pages that are under I/O for more than some
 *	seconds are busy, whatever it says.
 * @busy: set on -EBUSY; page numbers from @pfn on
 *
 * The caller's allocation context (memalloc_noio_save() and its like) counts: the
 * kernel migrates no page cache in a context that must not wait for I/O.
 *
 * Return: 0; -EBUSY; -ENOMEM (no room to move their contents to); -ETIMEDOUT;
 * -EINTR (the process is being killed). No page is got on failure.
 */
int vcma_isolate_pages(unsigned long pfn, unsigned long nr, unsigned int flags,
		       ktime_t deadline, struct vcma_busy *busy);

/** vcma_putback_pages() - put back any part of what was isolated. May sleep. */
void vcma_putback_pages(unsigned long pfn, unsigned long nr);

/**
 * vcma_isolate_init() - once, before all else. Return: 0 or -ENOMEM. The module stays while a call
 * that nobody waits for any more is under way.
 */
int vcma_isolate_init(void);
void vcma_isolate_exit(void);

#endif /* VCMA_ISOLATE_H */
