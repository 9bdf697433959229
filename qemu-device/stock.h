/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stock QEMU lacks, for the plugin.
 *
 * The sources are written for the hooks that the patches in in-tree/patches add
 * to QEMU. Stock QEMU has none of them: the files stock-*.c make the same out
 * of what it has, by replaced methods, and say how. In a QEMU source tree this
 * header, those files and what is under HVCMA_STOCK_QEMU are left out; so are
 * loader.c and layout.c, by which the plugin comes into a QEMU that it fits.
 */
#ifndef QEMU_DEVICE_STOCK_H
#define QEMU_DEVICE_STOCK_H

#include "qemu/module.h"

#include "hw/core/cpu.h"
#include "hw/pci/pci_device.h"
#include "layout.h"

#define HVCMA_STOCK_QEMU

/*
 * HVCMA_QEMU, by whoever compiles: the series of QEMU that this is for, 100 *
 * major + minor. layout.c compares it with the headers.
 */

/* ---- qemu/module.h: only in a QEMU that the plugin fits ---- */

#undef type_init
#define type_init(function) hvcma_type_init(function)

/* ---- hw/pci/pci_device.h: stock-pci.c ---- */

/**
 * pci_device_set_config_gate() - who decides about the guest's writes.
 * @gate: gets each write to configuration space, and hands to
 *        pci_device_config_write() what it lets through; NULL: nobody does
 */
void pci_device_set_config_gate(PCIDevice *pci_dev, PCIConfigWriteFunc *gate);

/** pci_device_config_write() - past the gate: as the device itself does it. */
void pci_device_config_write(PCIDevice *pci_dev, uint32_t addr, uint32_t val,
                             int len);

/* ---- hw/qdev-core.h, in place of DeviceListener: stock-unrealize.c ---- */

/**
 * stock_watch_unrealize() - have @unrealizing called for @dev, and for all that
 * is behind it, before its own unrealize, and when its plug failed: it can
 * still be used. Those behind it come first. Called for good; @unrealizing is
 * always the same.
 */
void stock_watch_unrealize(DeviceState *dev,
                           void (*unrealizing)(DeviceState *dev));

/* ---- hw/vfio, where containers' groups are in a list of its own ---- */

#if HVCMA_QEMU >= 1002
#define TYPE_HOST_IOMMU_DEVICE_LEGACY_VFIO TYPE_HOST_IOMMU_DEVICE "-legacy-vfio"

typedef struct VFIODevice VFIODevice;

/**
 * stock_pci_hot_reset() - pci_hot_reset of TYPE_VFIO_IOMMU_NOIOMMU, see
 * stock-hot-reset.c.
 * @single: by itself; or with the others on its bus, all of which are to be
 *          devices of such containers
 *
 * Return: 0; -EPERM where one is not ours to reset, -EINVAL where there are
 * others and must not be, or the other way round; what VFIO says.
 */
int stock_pci_hot_reset(VFIODevice *vbasedev, bool single);
#endif

/* ---- monitor/hmp.h: stock-monitor.c ---- */

/**
 * hmp_block_command() - refuse a command, until it is allowed again.
 * @name: of the command; unknown to this QEMU: nothing is done
 * @reason: what the user is told, stays valid; NULL: allow it again
 */
void hmp_block_command(const char *name, const char *reason);

/* ---- hw/core/cpu.h, exec/gdbstub.h: stock-debugger.c ---- */

/**
 * struct CPUDebugMemoryGuard - memory that debuggers must leave alone.
 * @is_active: is there any at present?
 * @covers: does the page at this guest-physical address belong to it?
 */
typedef struct CPUDebugMemoryGuard {
    bool (*is_active)(void);
    bool (*covers)(hwaddr addr);
} CPUDebugMemoryGuard;

/**
 * cpu_set_debug_memory_guard() - what it covers is not mapped for debuggers.
 * @guard: stays for good; there is one
 *
 * To be called anew when it becomes active: processors and a debugger may have
 * come since. Main thread.
 */
void cpu_set_debug_memory_guard(const CPUDebugMemoryGuard *guard);

/** gdb_has_phy_memory_mode() - does a debugger access physical memory? */
bool gdb_has_phy_memory_mode(void);

#endif /* QEMU_DEVICE_STOCK_H */
