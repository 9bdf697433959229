/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a domain's metadata declares: regions and their clients, as docs/libvirt.md describes it
 * and domain.rng says it in RelaxNG. Reads, and judges each element by itself; what they mean
 * to each other, to the domain and to the host is for check.h.
 */
#ifndef HVCMA_LIBVIRT_DECLARED_H
#define HVCMA_LIBVIRT_DECLARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/libvirt/xml.h"

struct hvcma_declared_address {
	uint64_t domain, bus, slot, function;
};

struct hvcma_declared_window {
	uint64_t bus_base, memory_base, bytes;
	long line;
};

struct hvcma_declared_windows {
	struct hvcma_declared_window *list;
	size_t nr;
};

struct hvcma_declared_client {
	xmlNodePtr node;
	long line;
	const char *device;		/* alias of libvirt's user; NULL: by address */
	struct hvcma_declared_address address;
	const char *kind;		/* "": every kind */
	bool unsafe_noiommu;
	uint64_t reservation_bytes;	/* 0: none */
	struct hvcma_declared_windows windows;
};

struct hvcma_declared_region {
	xmlNodePtr node;
	long line;
	const char *name;
	/* NULL: not said, which is the device's default. */
	const char *mode, *policy, *pin, *contiguous;
	bool is_default;
	bool surrenders;		/* idle memory, for others */
	bool by_service;		/* hvcmad has its memory and devices, not QEMU */
	xmlNodePtr size;		/* NULL: none */
	uint64_t size_bytes;		/* absolute; 0 with a percent */
	uint64_t percent, min_bytes, max_bytes;	/* 0: not said */
	uint64_t page_bytes;
	const char *nodeset;		/* NULL: any node */
	uint64_t pin_limit_bytes, low_bytes, run_bytes, pool_bytes;	/* 0: not said */
	struct hvcma_declared_windows windows;
	struct hvcma_declared_client *client;
	size_t nr_clients;
};

struct hvcma_declared {
	xmlNodePtr root;		/* <hvcma:regions>, NULL: the domain has none */
	struct hvcma_declared_region *region;
	size_t nr;
};

/**
 * hvcma_declared_read() - what @domain, the <domain> element, declares.
 * @d: out, also with errors: then what could be read; points into the document, which is not
 *	to change there meanwhile
 * @f: gets what is wrong
 */
void hvcma_declared_read(xmlNodePtr domain, struct hvcma_declared *d, struct hvcma_findings *f);
void hvcma_declared_free(struct hvcma_declared *d);

/**
 * hvcma_declared_bytes() - the size of a region, of whole pages.
 * @ram_bytes: what percents are of
 *
 * Return: 0 if that is less than a page, or none was said.
 */
uint64_t hvcma_declared_bytes(const struct hvcma_declared_region *r, uint64_t ram_bytes);

/** hvcma_declared_is_ram() - is it the RAM of the machine, and no memory of its own? */
bool hvcma_declared_is_ram(const struct hvcma_declared_region *r);

/** hvcma_declared_is_unsafe() - has it a client that the operator permits without an IOMMU? */
bool hvcma_declared_is_unsafe(const struct hvcma_declared_region *r);

#endif /* HVCMA_LIBVIRT_DECLARED_H */
