/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A gate on configuration space: replaces the device's config_write method.
 * See stock.h.
 */
#include "qemu/osdep.h"

#include "stock.h"

/* PCIDevice to the config_write method it had. */
static GHashTable *own_methods;

void pci_device_set_config_gate(PCIDevice *pci_dev, PCIConfigWriteFunc *gate)
{
    if (!own_methods) {
        own_methods = g_hash_table_new(NULL, NULL);
    }
    if (gate) {
        g_hash_table_insert(own_methods, pci_dev, pci_dev->config_write);
        pci_dev->config_write = gate;
    } else {
        pci_dev->config_write = g_hash_table_lookup(own_methods, pci_dev);
        g_hash_table_remove(own_methods, pci_dev);
    }
}

void pci_device_config_write(PCIDevice *pci_dev, uint32_t addr, uint32_t val,
                             int len)
{
    PCIConfigWriteFunc *own = own_methods ?
        g_hash_table_lookup(own_methods, pci_dev) : NULL;

    (own ?: pci_dev->config_write)(pci_dev, addr, val, len);
}
