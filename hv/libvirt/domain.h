/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A domain, as far as regions have to do with it: what it declares, its memory, its devices by
 * alias and address, and what "apply" has written into it before. Reads only.
 */
#ifndef HVCMA_LIBVIRT_DOMAIN_H
#define HVCMA_LIBVIRT_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/libvirt/declared.h"

/* Aliases of what is written by us; libvirt keeps those that begin with "ua-". */
#define HVCMA_ALIAS_PREFIX	"ua-hvcma-"
#define HVCMA_DEVICE_TYPE	"virtio-cma-pci"
/* Emulators in this folder, of this name, are wrapped: NAME becomes hvcma-NAME in HVCMA_BINDIR. */
#define HVCMA_EMULATOR_DIR	"/usr/bin/"
#define HVCMA_EMULATOR_NAME	"qemu-system-"
#ifndef HVCMA_BINDIR
#define HVCMA_BINDIR		"/usr/local/bin"
#endif
#define HVCMA_WRAPPER_PREFIX	HVCMA_BINDIR "/hvcma-"

/* What processors of x86 and Arm have addresses for: 52 bits. RAM, memory devices and regions together. */
#define HVCMA_MAX_MEMORY_BYTES	(UINT64_C(1) << 52)

struct hvcma_domain {
	xmlNodePtr root;
	xmlNodePtr devices;		/* NULL: none */
	xmlNodePtr applied;		/* what "apply" remembers, NULL: nothing */
	char *name;			/* "": none */
	char *arch;			/* as in qemu-system-ARCH, "": not said */
	char *emulator;			/* NULL: libvirt's own choice */
	/* Sums that are too large are UINT64_MAX. */
	uint64_t ram_bytes;		/* without memory devices */
	uint64_t others_bytes;		/* memory devices that are not ours */
	size_t nr_others, nr_cells;
	struct hvcma_declared declared;
};

/**
 * hvcma_domain_read() - of a document that hvcma_xml_parse() gave.
 * @d: out, also with errors; points into the document
 */
void hvcma_domain_read(xmlDocPtr doc, struct hvcma_domain *d, struct hvcma_findings *f);
void hvcma_domain_free(struct hvcma_domain *d);

/** hvcma_alias_is_ours() - NULL is not. */
bool hvcma_alias_is_ours(const char *alias);

/**
 * hvcma_domain_next_memory() - its memory devices one after another.
 * @last: NULL: the first
 */
xmlNodePtr hvcma_domain_next_memory(const struct hvcma_domain *d, xmlNodePtr last);

/** hvcma_domain_device() - the client's element in <devices>; NULL: there is none. */
xmlNodePtr hvcma_domain_device(const struct hvcma_domain *d, const struct hvcma_declared_client *client);

/** hvcma_domain_client_id() - what QEMU will call the client; malloc'ed. */
char *hvcma_domain_client_id(const struct hvcma_domain *d, const struct hvcma_declared_client *client);

/** hvcma_domain_passes() - is the element a device of the host: <hostdev>, <interface type='hostdev'>? */
bool hvcma_domain_passes(xmlNodePtr device);

/** hvcma_hostdev_address() - of such a device, on the host; false if it is none, or not of PCI. */
bool hvcma_hostdev_address(xmlNodePtr device, struct hvcma_declared_address *address);

/** hvcma_domain_region_bytes() - what memory device the region needs; 0: none. */
uint64_t hvcma_domain_region_bytes(const struct hvcma_domain *d, const struct hvcma_declared_region *r);

/** hvcma_domain_max_bytes() - <maxMemory> has room for everything with so much; of sizes that are checked. */
uint64_t hvcma_domain_max_bytes(const struct hvcma_domain *d);

/**
 * hvcma_domain_wrapper() - the emulator that brings the plugin along; malloc'ed.
 *
 * Return: NULL if the domain's own is in no place that is known.
 */
char *hvcma_domain_wrapper(const struct hvcma_domain *d);

#endif /* HVCMA_LIBVIRT_DOMAIN_H */
