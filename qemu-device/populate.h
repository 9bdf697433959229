/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Populating: a thread that makes host memory ready, one range at a time.
 *
 * The kernel zeroes pages when they are first needed; for 1 GiB that takes some
 * hundred milliseconds, too long for the main loop and whoever waits for its
 * lock. The thread has the addresses of the range and nothing else of ours, and
 * takes no lock of QEMU's. What it has done is found out afterwards, as if
 * others had touched the memory.
 *
 * Knows no granule and no engine. Big QEMU lock.
 */
#ifndef QEMU_DEVICE_POPULATE_H
#define QEMU_DEVICE_POPULATE_H

typedef struct HvcmaPopulate HvcmaPopulate;

typedef void HvcmaPopulated(void *opaque);

/** hvcma_populate_new() - the main loop calls @done after each range. */
HvcmaPopulate *hvcma_populate_new(HvcmaPopulated *done, void *opaque);

/** hvcma_populate_free() - waits for the thread if it is at work. */
void hvcma_populate_free(HvcmaPopulate *p);

/** hvcma_populate_start() - none is at work; the memory must stay mapped. */
void hvcma_populate_start(HvcmaPopulate *p, void *base, uint64_t bytes);

/** hvcma_populate_is_busy() - true until @done is called. */
bool hvcma_populate_is_busy(const HvcmaPopulate *p);

/** hvcma_populate_result() - of the last range: 0 or a negative errno. */
int hvcma_populate_result(const HvcmaPopulate *p);

#endif /* QEMU_DEVICE_POPULATE_H */
