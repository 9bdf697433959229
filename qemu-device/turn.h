/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns: the plugin does one piece of work at a time, over all regions.
 *
 * What a device does can come back to it from inside. An answer, a used entry
 * or an interrupt is written where the guest says, which may be registers:
 * those of a bridge that resets us, of a slot that unplugs us, our own. Closing
 * a gate waits for a client's block I/O, whose data goes where the guest says,
 * too; it resets the client, which may be the port that we are behind. The
 * engine, the gates and the rings stand in the middle of something then.
 *
 * So each piece of work is a turn, and what comes while one is under way is put
 * off to its end:
 *
 *   requests, events   a bottom half. It belongs to the I/O handlers' context,
 *                      which only the main loop runs, never a wait in a turn
 *   reset, queue reset what waited in the rings is forgotten at once; the
 *                      engine is reset when the turn ends
 *   unplug of a region its queues end at once, clients and blocks when the turn
 *                      ends, all else when nothing is pinned (drain.h)
 *   unplug of a client not put off, for the device is going: its gate is closed
 *                      on the spot, also from inside its own closing (gate.c),
 *                      and hvcma_engine_client_removed() allows for that
 *   a VM that stops    nothing moves between turns; the turn itself ends first
 *
 * Big QEMU lock. A turn never outlives the call that began it.
 */
#ifndef QEMU_DEVICE_TURN_H
#define QEMU_DEVICE_TURN_H

#include "virtio-cma.h"

/**
 * hvcma_keep() - @s stays in memory, with the transport that it is a part of,
 * whatever is unplugged, until hvcma_let_go().
 */
void hvcma_keep(VirtIOCMA *s);
void hvcma_let_go(VirtIOCMA *s);

/** hvcma_turn_is_under_way() - of any region. */
bool hvcma_turn_is_under_way(void);

/**
 * hvcma_turn_begin() - may be nested. @s is kept until hvcma_turn_end().
 */
void hvcma_turn_begin(VirtIOCMA *s);

/**
 * hvcma_turn_end() - the outermost one does what was put off, and sees to it
 * that what has begun to drain goes on.
 */
void hvcma_turn_end(VirtIOCMA *s);

typedef void HvcmaWork(VirtIOCMA *s);

/**
 * hvcma_turn_run() - do @work in a turn of its own: now, or when the turn under
 * way ends. What is put off twice is done once.
 */
void hvcma_turn_run(VirtIOCMA *s, HvcmaWork *work);

#endif /* QEMU_DEVICE_TURN_H */
