// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether a device can be passed through with hvcma, and should: see host_check.h. What of memory it
 * reaches is bus_windows.h's.
 */
#include "hv/host/host_check.h"

#include <inttypes.h>
#include <string.h>

#define LOW_DMA_BITS	32

static void check_iommu(const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	if (!hvcma_pci_has_iommu(pci)) {
		hvcma_found(all, "device-iommu", HVCMA_PASS, "%s has no IOMMU: this is what hvcma is for", pci->name);
		return;
	}
	hvcma_found(all, "device-iommu", HVCMA_FAIL, "%s needs no hvcma: an IOMMU%s%s protects it (group %s)", pci->name,
		    *pci->iommu ? " " : "", pci->iommu, pci->group);
	if (strcmp(pci->bus, "pci"))
		return;
	hvcma_fix(all, "pass it through in the ordinary way: driver vfio-pci, then QEMU's -device vfio-pci,host=%s without anything of hvcma, or libvirt's <hostdev managed='yes'>",
		  pci->name);
}

static void check_driver(const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	if (!strcmp(pci->driver, hvcma_vfio_driver(pci)) && (*pci->group || hvcma_pci_has_iommu(pci))) {
		hvcma_found(all, "device-driver", HVCMA_PASS, "VFIO has it: /dev/vfio/%s%s", pci->is_noiommu_group ? "noiommu-" : "",
			    pci->group);
		return;
	}
	hvcma_found(all, "device-driver", HVCMA_NOTE, "%s%s%s", *pci->driver ? "driver " : "no driver has it", pci->driver,
		    *pci->driver ? " has it" : "");
	if (!hvcma_pci_has_iommu(pci))
		hvcma_fix(all, "hvcma bind %s gives it to VFIO", pci->name);
}

static void check_use(const char *root, const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	struct hvcma_error why;
	int ret = hvcma_pci_use(root, pci, &why);

	if (!ret) {
		hvcma_found(all, "device-use", HVCMA_PASS, "nothing on this host is seen to use it");
		return;
	}
	hvcma_found(all, "device-use", HVCMA_WARN, "%s", why.text);
	hvcma_fix(all, "end that before the device goes to a guest");
}

static void check_reset(const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	if (pci->can_reset || *pci->reset_methods) {
		hvcma_found(all, "device-reset", HVCMA_PASS, "it can be reset%s%s", *pci->reset_methods ? ": " : "",
			    pci->reset_methods);
		return;
	}
	hvcma_found(all, "device-reset", HVCMA_WARN, "it can't be reset: memory that a guest leaves in its hands stays pinned until QEMU ends");
	hvcma_fix(all, "put it behind a port of its own, where the bus can be reset");
}

static void check_address_bits(const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	if (!pci->dma_bits) {
		hvcma_found(all, "device-addresses", HVCMA_NOTE, "how many address bits it has is known while its own driver has it");
		hvcma_fix(all, "if it has no more than 32: hvcma hugepages --low SIZE, and low=SIZE on the region");
	} else if (pci->dma_bits > LOW_DMA_BITS) {
		hvcma_found(all, "device-addresses", HVCMA_PASS, "it has %" PRIu32 " address bits", pci->dma_bits);
	} else {
		hvcma_found(all, "device-addresses", HVCMA_WARN, "it has %" PRIu32 " address bits, and reaches no memory above",
			    pci->dma_bits);
		hvcma_fix(all, "hvcma hugepages --low SIZE makes hugepages below 4 GiB, low=SIZE has the region take them");
	}
}

static void check_msi(const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	const char *copier = hvcma_pci_msi_copier(pci);

	if (copier) {
		hvcma_found(all, "device-msi", HVCMA_FAIL, "%s copies MSI addresses of the guest into its own firmware: no interrupt of it arrives",
			    copier);
		hvcma_fix(all, "no passthrough without an IOMMU that remaps interrupts: use the device on the host");
	} else if (pci->has_msi == HVCMA_IS) {
		hvcma_found(all, "device-msi", HVCMA_PASS, "it interrupts by messages (MSI)");
	} else if (pci->has_msi == HVCMA_IS_NOT) {
		hvcma_found(all, "device-msi", HVCMA_NOTE, "it has no MSI: its interrupt line must be shared with nothing else, or VFIO refuses it");
	} else {
		hvcma_found(all, "device-msi", HVCMA_NOTE, "whether it has MSI is seen by root only");
	}
}

void hvcma_check_pci(const char *root, const struct hvcma_pci *pci, struct hvcma_host_findings *all)
{
	check_iommu(pci, all);
	if (pci->class >> 16 == HVCMA_PCI_CLASS_BRIDGE) {
		hvcma_found(all, "device-class", HVCMA_FAIL, "it is a bridge, and the devices behind it are what is passed through");
		return;
	}
	check_driver(pci, all);
	check_use(root, pci, all);
	check_reset(pci, all);
	check_address_bits(pci, all);
	check_msi(pci, all);
}

void hvcma_check_platform(const char *root, const struct hvcma_pci *device, struct hvcma_host_findings *all)
{
	check_iommu(device, all);
	check_driver(device, all);
	check_use(root, device, all);
}
