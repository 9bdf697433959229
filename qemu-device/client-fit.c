/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Devices that a region can't serve, see client-fit.h.
 */
#include "qemu/osdep.h"
#include "hw/pci/pci.h"
#include "hw/pci/pci_device.h"
#include "hw/vfio/vfio-common.h"
#include "qapi/error.h"
#include "qemu/error-report.h"

#include "client-fit.h"

#define REACHES_ITSELF "its programs reach its own registers through the " \
    "bus, at addresses of the guest: no driver can use it with " \
    "host-physical ones"

/*
 * LSI and Symbios 53c8xx and 53c1010: their programs read and write registers
 * and memory of the adapter itself through the bus, where the driver takes them
 * to be at the BARs that the guest sees. On the host's bus something else is at
 * that address.
 */
static bool is_sym53c8xx(const PCIDevice *pci)
{
    uint16_t device = pci_get_word(pci->config + PCI_DEVICE_ID);

    return pci_get_word(pci->config + PCI_VENDOR_ID) ==
           PCI_VENDOR_ID_LSI_LOGIC &&
           ((device >= 0x0001 && device <= 0x0021) || device == 0x008f);
}

bool hvcma_client_kind_fits(DeviceState *dev, Error **errp)
{
    const char *type = object_get_typename(OBJECT(dev));
    const char *id = dev->id ?: "";
    PCIDevice *pci = (PCIDevice *)object_dynamic_cast(OBJECT(dev),
                                                      TYPE_PCI_DEVICE);

    if (object_dynamic_cast(OBJECT(dev), "pvscsi")) {
        error_setg(errp, "virtio-cma: client '%s' (%s) takes its rings past "
                   "the bus, at addresses of the guest",
                   id, type);
        return false;
    }
    if (pci && is_sym53c8xx(pci)) {
        if (vfio_get_vfio_device(OBJECT(dev))) {
            error_setg(errp, "virtio-cma: client '%s' (%s): " REACHES_ITSELF,
                       id, type);
            return false;
        }
        warn_report("virtio-cma: client '%s' (%s): " REACHES_ITSELF, id, type);
    }
    return true;
}
