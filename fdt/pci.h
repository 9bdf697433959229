/* SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause) */
/*
 * PCI host bridges, and nodes of devices behind them.
 *
 * Rules: the PCI bus binding to Open Firmware (IEEE 1275) for the three cells of a
 * PCI address, pci-bus-common.yaml of dt-schema for linux,pci-domain and bus-range.
 */
#ifndef HVCMA_FDT_PCI_H
#define HVCMA_FDT_PCI_H

#include "fdt/path.h"

/* In place of a domain: the only bridge there is. */
#define HVCMA_FDT_ANY_DOMAIN	UINT32_MAX

/**
 * hvcma_fdt_is_pci() - is it a PCI host bridge or a bridge below one?
 * Their addresses have three cells, and device_type is "pci".
 */
int hvcma_fdt_is_pci(const void *fdt, int node);

/**
 * hvcma_fdt_host_bridge() - the PCI host bridge of a domain.
 * @domain: as in linux,pci-domain; a bridge without that property is domain 0 if no
 *	other can be. HVCMA_FDT_ANY_DOMAIN: the only bridge, whatever its domain
 * @path: out
 *
 * Disabled bridges don't count. The error names all bridges there are.
 *
 * Errors: -FDT_ERR_NOTFOUND; -FDT_ERR_BADPATH: there are several.
 */
int hvcma_fdt_host_bridge(const void *fdt, uint32_t domain, char path[HVCMA_FDT_PATH_BYTES],
			  struct hvcma_fdt_error *err);

/* Which device, and what to do if it has no node. */
struct hvcma_fdt_pci_place {
	/*
	 * "0000:00/03.0[/00.0...]": domain:bus of the root bus, then slot.function of
	 * each hop, all in hexadecimal (as in VIRTIO_CMA_BUS_PCI); or "[0000:]00:03.0",
	 * as lspci names a device, of the root bus only
	 */
	const char *where;
	const char *bridge;		/* the host bridge, whatever the domain; NULL: by domain */
	int must_exist;
};

/**
 * hvcma_fdt_pci_find() - the node of a PCI device; unless it must exist, it and the
 * bridges above it are added where they are missing.
 * @path: out
 *
 * A bridge that is added passes addresses through (empty ranges): enough for an
 * operating system that enumerates the bus itself, as Linux does.
 *
 * Errors: -FDT_ERR_BADPATH (@where; a bus that is not the root bus; a hop through
 * what is no bridge), -FDT_ERR_NOTFOUND (no such host bridge, or node),
 * -FDT_ERR_NOSPACE.
 */
int hvcma_fdt_pci_find(void *fdt, const struct hvcma_fdt_pci_place *place,
		       char path[HVCMA_FDT_PATH_BYTES], struct hvcma_fdt_error *err);

/** hvcma_fdt_pci_node() - hvcma_fdt_pci_find() that adds, by domain. */
int hvcma_fdt_pci_node(void *fdt, const char *where, char path[HVCMA_FDT_PATH_BYTES],
		       struct hvcma_fdt_error *err);

/**
 * hvcma_fdt_pci_prune() - delete the node, if it says no more than what
 * hvcma_fdt_pci_find() writes into one, and such bridges above it.
 *
 * Return: 0; what fdt_del_node() returns.
 */
int hvcma_fdt_pci_prune(void *fdt, const char *path);

/** hvcma_fdt_pci_is_where() - is it written as lspci does: [DOMAIN:]BUS:SLOT.FUNCTION? */
int hvcma_fdt_pci_is_where(const char *text);

#endif /* HVCMA_FDT_PCI_H */
