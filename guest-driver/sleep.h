/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Suspend and hibernation of the guest. Suspended, a region keeps what it has: its clients' own
 * drivers have put them to sleep, the host keeps blocks and claims through the resets on the way,
 * and nobody talks to the host. An image of a guest cannot hold pinned memory: hibernation is
 * refused while there is any.
 *
 *	PM notification		which of the two it is; may refuse
 *	transport's freeze	vcma_suspend(), transport reset
 *	transport's restore	transport set up, vcma_resume()
 */
#ifndef VCMA_SLEEP_H
#define VCMA_SLEEP_H

#include <linux/types.h>

struct vcma_region;

/** vcma_sleep_register() - hear of suspend and hibernation; once. Return: 0 or an error. */
int vcma_sleep_register(void);
void vcma_sleep_unregister(void);

/** vcma_sleep_is_suspend() - is what drivers are now asked to freeze for a suspend? */
bool vcma_sleep_is_suspend(void);

/**
 * vcma_suspend() - no request is under way on return, nor sent any more: those that are made get
 * -EAGAIN. The transport may be reset.
 *
 * Return: 0; -EOPNOTSUPP (the host does not know of it) or another error, with nothing changed.
 */
int vcma_suspend(struct vcma_region *r);

/** vcma_resume() - the transport carries calls again. If the host kept nothing the region is dead. */
void vcma_resume(struct vcma_region *r);

#endif /* VCMA_SLEEP_H */
