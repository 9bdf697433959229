/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of a closed device: hidden from the guest behind a constant.
 *
 * Firmware runs its drivers before anybody can claim a device, and many of them
 * wait without limit for DMA that will never be done. So as long as a device
 * may do no DMA there is nothing to drive: its BARs and its option ROM read as
 * a constant and ignore writes; but an xHCI controller says that it runs or is
 * halted, as it was told. Configuration space stays as it is, since firmware
 * places the BARs that the guest uses later.
 *
 * What it cannot hide: ports at fixed addresses (IDE in compatibility mode,
 * VGA), and devices that are not PCI.
 *
 * All functions need the big QEMU lock.
 */
#ifndef QEMU_DEVICE_GATE_BARS_H
#define QEMU_DEVICE_GATE_BARS_H

#include "hw/pci/pci_device.h"

typedef struct HvcmaGateBars HvcmaGateBars;

/**
 * hvcma_gate_bars_new() - for a device whose BARs are registered; hides them.
 *
 * The option ROM stays visible if the device has rombar=1; a bridge keeps all.
 */
HvcmaGateBars *hvcma_gate_bars_new(PCIDevice *pci);

/** hvcma_gate_bars_hide() - hide or show them. */
void hvcma_gate_bars_hide(HvcmaGateBars *b, bool hide);

/**
 * hvcma_gate_bars_keeps() - is this write to configuration space a way to
 * registers that are hidden? If so it is to be ignored.
 */
bool hvcma_gate_bars_keeps(const HvcmaGateBars *b, uint32_t addr, int len);

/**
 * hvcma_gate_bars_free() - show them for good. @b may be NULL. The device has
 * its BARs still.
 */
void hvcma_gate_bars_free(HvcmaGateBars *b);

#endif /* QEMU_DEVICE_GATE_BARS_H */
