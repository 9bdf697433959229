/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bus-master gate: decides when a client device may do DMA.
 *
 * One gate per client. While it is closed the device cannot become bus master,
 * whatever the guest writes, and its registers are hidden (gate-bars.h);
 * closing it stops the device and resets it. Gates know PCI, VFIO and resets,
 * but no region, no memory and no protocol.
 *
 * What it cannot hold back: a device that offers a back door to its own
 * configuration space in its BARs (some GPUs do).
 *
 * An emulated device without a bus-master bit (not PCI) is only reset on close.
 * A platform device of the host (vfio-platform.h) has all its registers and
 * interrupts taken away, is reset, and read back quiet.
 *
 * All functions need the big QEMU lock and a realized device.
 */
#ifndef QEMU_DEVICE_GATE_H
#define QEMU_DEVICE_GATE_H

#include "hw/qdev-core.h"

#include "stock.h"

typedef struct HvcmaGate HvcmaGate;

/*
 * The device is about to be unrealized (unplugged, or its plug failed) and can
 * still be used, with all that is behind it: the last chance to close the gate.
 * Must free the gate.
 */
typedef void HvcmaGateGone(void *opaque);

/**
 * hvcma_gate_new() - put a closed gate on @dev: bus mastering is off on return.
 * @dev: must stay alive until hvcma_gate_free()
 * @gone: called with @opaque before the device's own unrealize
 *
 * A device that was in use before is stopped, not reset.
 *
 * Return: NULL with @errp if the device has a gate already, does DMA without
 * regard to the bus-master bit (virtio without iommu_platform=on), or cannot be
 * shown not to be bus master.
 */
HvcmaGate *hvcma_gate_new(DeviceState *dev, HvcmaGateGone *gone, void *opaque,
                          Error **errp);

#ifdef HVCMA_STOCK_QEMU
/**
 * hvcma_gate_device_realized() - to be told of every device of the machine:
 * what comes to be behind a device with a gate goes before it, and closes it
 * then.
 */
void hvcma_gate_device_realized(DeviceState *dev);
#else
/**
 * hvcma_gate_listen() - to be called once, before anybody listens for clients:
 * hear of devices that go.
 *
 * Not when the first gate comes: whoever registers a DeviceListener has all
 * others told of every device again, and the client is being plugged then.
 */
void hvcma_gate_listen(void);
#endif

/**
 * hvcma_gate_open() - from now on the guest decides about bus mastering.
 *
 * Opening an open gate is no error. A device that may have been used before,
 * and was not reset since, is reset first; not while a migration comes in.
 *
 * Return: false with @errp if the last close failed, or if a device without
 * IOMMU was open before and could not be reset since: it may still hold
 * addresses of memory that is no longer its own.
 */
bool hvcma_gate_open(HvcmaGate *g, Error **errp);

/**
 * hvcma_gate_close() - stop the device: power it on if it sleeps, bus master
 * off, read back (which flushes its posted writes), reset, read back.
 *
 * Closing a closed gate is no error; a failed close can be repeated. A device
 * that has no reset is quiesced once bus mastering reads back as off.
 * Not from within the enter or exit phase of a reset.
 *
 * What the device has under way is waited for, and can come back here. If that
 * takes the device away (gone), the gate may be closed again and freed from
 * inside; the result of the inner close counts. A device that is inside an
 * access by the guest, or one of its own bottom halves, can't be closed.
 *
 * Return: true if the device is quiesced: no DMA from here on; false with @errp
 * if that cannot be shown, the guest's hands being off the bit all the same.
 */
bool hvcma_gate_close(HvcmaGate *g, Error **errp);

/**
 * hvcma_gate_emulation_ended() - QEMU exits: what block, network and character
 * devices had is gone. From now on a close leaves emulated devices alone, which
 * do nothing more; those without IOMMU are stopped as ever.
 */
void hvcma_gate_emulation_ended(void);

bool hvcma_gate_is_open(const HvcmaGate *g);

/**
 * hvcma_gate_is_bus_master() - can the device do DMA at this moment?
 *
 * Asks the device itself. True also if it does not answer. Without a bus-master
 * bit: whether the gate is open.
 */
bool hvcma_gate_is_bus_master(const HvcmaGate *g);

/**
 * hvcma_gate_free() - take the gate off, after a close; gives the device its
 * own methods back. @g may be NULL.
 */
void hvcma_gate_free(HvcmaGate *g);

#endif /* QEMU_DEVICE_GATE_H */
