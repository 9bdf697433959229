/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Draining: memory of freed blocks that is still pinned.
 *
 * Unpinning a large region takes seconds. What a FREE, a reset, a queue reset
 * or an unplug leaves behind goes in steps of the engine, each in a turn of its
 * own (turn.h), some milliseconds long, from a bottom half of the I/O handlers'
 * context. Everybody else has the main loop in between:
 *
 *   requests     served. A FREE is answered when its blocks are unpinned, one
 *                for memory that can't be had yet waits (requests.h)
 *   reset again  all that is allocated by then drains, too
 *   VM stops, is saved   it goes on: what drains is no part of the saved state
 *   a snapshot is loaded, QEMU ends   first it is finished, in that one turn
 *   quarantine   nothing is unpinned until the client is quiesced
 *   unplug       the device is off its bus at once; DEVICE_DELETED is sent, and
 *                its memdev free, when nothing of it is pinned any more and no
 *                thread is at work on its memory
 */
#ifndef QEMU_DEVICE_DRAIN_H
#define QEMU_DEVICE_DRAIN_H

#include "turn.h"

/** hvcma_drain_start() - before the first turn of @s with an engine. */
void hvcma_drain_start(VirtIOCMA *s);

/** hvcma_drain_stop() - nothing will be draining any more. */
void hvcma_drain_stop(VirtIOCMA *s);

/** hvcma_drain_check() - something may have begun to drain, or may go on. */
void hvcma_drain_check(VirtIOCMA *s);

/** hvcma_drain_finish() - all of it now, in the turn under way. */
void hvcma_drain_finish(VirtIOCMA *s);

/**
 * hvcma_drain_then() - do @work, once, in a turn when nothing drains any
 * more: now, if that takes no longer than a step, or later. Keeps @s till then.
 */
void hvcma_drain_then(VirtIOCMA *s, HvcmaWork *work);

#endif /* QEMU_DEVICE_DRAIN_H */
