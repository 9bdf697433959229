/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Devices whose driver was bound before this module came, as drivers built into the kernel
 * are. A PCI client can't have done any DMA so far, for the host has kept bus mastering
 * off: its driver is unbound and bound again, this time with our DMA operations. In the
 * background: a driver that waits for a device that can't answer is slow to let go.
 *
 * A device that already masters the bus, or that has no such bit, may be in use: it is
 * named in the log and left alone.
 */
#ifndef VCMA_REPROBE_H
#define VCMA_REPROBE_H

/** vcma_reprobe_start() - a region has come: look for its clients, soon. Any context. */
void vcma_reprobe_start(void);

/**
 * vcma_reprobe_stop() - wait for what is under way, and don't begin again. The caller
 * holds no lock and no device's lock but its own.
 */
void vcma_reprobe_stop(void);

#endif /* VCMA_REPROBE_H */
