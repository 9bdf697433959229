/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Windows of clients: which memory a client reaches, and at which bus addresses (hv/core's
 * dma_windows.h). Asked of the host before each CLAIM; what the driver keeps of blocks are DMA
 * addresses, the same for all, and what a device is given, and gives back, are its bus addresses:
 * they are translated here, where the DMA API is served.
 */
#ifndef VCMA_WINDOWS_H
#define VCMA_WINDOWS_H

#include <linux/types.h>

#include "client.h"
#include "hv/core/dma_windows.h"

/**
 * vcma_windows_read() - ask the host, for c->windows. The client is not claimed. Caller holds
 * vcma_bindings_lock. May sleep.
 *
 * Return: 0, -ENOMEM, or the error of the request.
 */
int vcma_windows_read(struct vcma_client *c);

/** vcma_windows_log() - a line for each window, and where they are from. */
void vcma_windows_log(const struct vcma_client *c);

/** vcma_windows_forget() - free the lists of a region: no client is left. */
void vcma_windows_forget(struct vcma_region *r);

/** vcma_windows_source_name() - "none", "device-tree", "acpi", "option". */
const char *vcma_windows_source_name(u32 source);

/**
 * vcma_client_highest() - highest bus address at which @c finds memory of its region, as far as that is
 * known: U64_MAX: it can be any.
 */
u64 vcma_client_highest(const struct vcma_client *c);

/**
 * vcma_client_boundary() - memory of a region that is pinned from the start, and does not cross a
 * multiple of that, is in one piece on the client's bus, if it is in reach. Bytes, a power of two; 0:
 * none in particular, or not such a region.
 */
u64 vcma_client_boundary(const struct vcma_client *c);

/** vcma_windows_lowest() - the lowest, as far as windows say. */
u64 vcma_windows_lowest(const struct vcma_client *c);

/* No address: of no memory that is allocated, and of nothing on a bus. */
#define VCMA_NOWHERE	U64_MAX

/** vcma_to_bus() - Return: bus address of [@dma, @dma + @bytes); VCMA_NOWHERE: out of reach. */
static inline u64 vcma_to_bus(const struct vcma_client *c, u64 dma, u64 bytes)
{
	u64 bus = VCMA_NOWHERE;

	if (!c->windows)
		return dma;
	hvcma_dma_windows_to_bus(c->windows, dma, bytes, &bus);
	return bus;
}

/** vcma_to_dma() - Return: DMA address of what is at @bus; VCMA_NOWHERE: no memory. */
static inline u64 vcma_to_dma(const struct vcma_client *c, u64 bus)
{
	u64 dma = VCMA_NOWHERE;

	if (!c->windows)
		return bus;
	hvcma_dma_windows_to_dma(c->windows, bus, 1, &dma);
	return dma;
}

#endif /* VCMA_WINDOWS_H */
