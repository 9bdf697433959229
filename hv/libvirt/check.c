// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Semantics of declared regions in their domain: see check.h. Clients are in check_clients.c, what the
 * domain has beside regions in check_beside.c, what only the host can tell in check_host.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hv/core/window_text.h"
#include "hv/libvirt/check.h"
#include "hv/libvirt/check_parts.h"
#include "hv/libvirt/properties.h"

#define MAX_RESERVATIONS	255	/* of one region, see virtio-cma(7) */
#define PAGE_BYTES		4096	/* a reservation is a multiple of */

static bool is(const char *value, const char *word)
{
	return value && !strcmp(value, word);
}

/* ---- a region ---- */

static void check_multiple(const struct hvcma_declared_region *r, uint64_t bytes, const char *what,
			   const char *element, struct hvcma_findings *f)
{
	xmlNodePtr node = hvcma_xml_child(r->node, HVCMA_XML_NS, element);
	char *fix;

	if (!bytes || bytes % r->page_bytes == 0)
		return;
	fix = hvcma_text("choose %" PRIu64 " or %" PRIu64 " bytes", bytes - bytes % r->page_bytes,
			 bytes - bytes % r->page_bytes + r->page_bytes);
	hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), fix,
		   "%s of region '%s' is %" PRIu64 " bytes, not a multiple of its hugepages of %" PRIu64, what,
		   r->name, bytes, r->page_bytes);
	free(fix);
}

static void check_amounts(const struct hvcma_declared_region *r, uint64_t bytes, struct hvcma_findings *f)
{
	const struct {
		uint64_t bytes;
		const char *what, *element;
	} all[] = {
		{ r->pin_limit_bytes, "the pin limit", "pin" },
		{ r->low_bytes, "low memory", "low" },
		{ r->run_bytes, "the longest run", "contiguous" },
		{ r->pool_bytes, "the pool", "pool" },
	};

	check_multiple(r, r->size_bytes, "the size", "size", f);
	/* Rounded down, it would be less; most may be. */
	check_multiple(r, r->min_bytes, "the least size", "size", f);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		xmlNodePtr node = hvcma_xml_child(r->node, HVCMA_XML_NS, all[i].element);

		check_multiple(r, all[i].bytes, all[i].what, all[i].element, f);
		if (bytes && all[i].bytes > bytes)
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "make it smaller, or the region larger",
				   "%s of region '%s' is %" PRIu64 " bytes, limit: the region's %" PRIu64,
				   all[i].what, r->name, all[i].bytes, bytes);
	}
}

/* What may not be said together, and what needs something else. */
static void check_choices(const struct hvcma_declared_region *r, struct hvcma_findings *f)
{
	bool is_unsafe = hvcma_declared_is_unsafe(r), is_ram = hvcma_declared_is_ram(r);
	bool chosen = r->low_bytes || r->contiguous;
	bool has_pages = hvcma_xml_child(r->node, HVCMA_XML_NS, "hugepages");
	const struct {
		bool wrong;
		const char *element, *fix, *text;
	} all[] = {
		{ is_ram && r->size, "size", "remove <size>", "mode='ram' has the size of the domain's RAM" },
		{ is_ram && (chosen || has_pages), has_pages ? "hugepages" : r->low_bytes ? "low" : "contiguous",
		  "remove it, or declare a region beside it for that",
		  "mode='ram' has the pages that the guest starts with" },
		{ is_ram && r->pin_limit_bytes, "pin", "remove the limit", "mode='ram' is pinned as a whole" },
		{ is_ram && !is_unsafe, NULL, "name a client with unsafe-noiommu='yes'",
		  "mode='ram' is of use to devices without an IOMMU alone, and has none" },
		{ is(r->mode, "static") && !is_unsafe, NULL, "name a client with unsafe-noiommu='yes'",
		  "mode='static' tells the guest host-physical addresses, and no client may have them" },
		{ is(r->mode, "static") && r->pin_limit_bytes, "pin", "remove the limit",
		  "mode='static' is pinned as a whole" },
		{ r->pool_bytes && !is(r->mode, "static"), "pool", "remove <pool>, or choose mode='static'",
		  "<pool> is of mode='static'" },
		{ is(r->pin, "all") && !is(r->mode, "reusable") && !is_ram, "pin", "choose mode='reusable'",
		  "<pin mode='all'> is of mode='reusable'" },
		{ is(r->pin, "all") && r->pin_limit_bytes, "pin", "remove one of them",
		  "<pin> has mode='all' and a limit" },
		{ r->surrenders && !is(r->mode, "reusable"), NULL, "choose mode='reusable', or remove surrender=",
		  "surrender='yes' is of mode='reusable'" },
		{ r->surrenders && is(r->pin, "all"), "pin", "remove <pin>, or surrender=",
		  "with <pin mode='all'> nothing is idle that surrender='yes' could give to others" },
		{ r->surrenders && r->nodeset && is(r->mode, "reusable"), "hugepages", "remove nodeset=, or surrender=",
		  "what comes back with surrender='yes' is of any NUMA node" },
		{ chosen && !is_unsafe && !is_ram, r->low_bytes ? "low" : "contiguous",
		  "remove it, or name a client with unsafe-noiommu='yes'",
		  "where host pages lie matters to devices without an IOMMU alone, and there is none" },
		{ chosen && r->nodeset && !is_ram, "hugepages", "remove nodeset=",
		  "pages of <low> or <contiguous> are chosen from all NUMA nodes" },
		{ r->run_bytes && !is(r->contiguous, "required"), "contiguous", "choose mode='required'",
		  "run= of <contiguous> is of mode='required'" },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		xmlNodePtr node = all[i].element ? hvcma_xml_child(r->node, HVCMA_XML_NS, all[i].element) : r->node;

		if (all[i].wrong)
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), all[i].fix, "region '%s': %s", r->name,
				   all[i].text);
	}
}

static void check_reservations(const struct hvcma_declared_region *r, uint64_t bytes, struct hvcma_findings *f)
{
	uint64_t limit = r->pin_limit_bytes ? r->pin_limit_bytes : bytes, sum = 0;
	size_t nr = 0;

	for (size_t i = 0; i < r->nr_clients; i++) {
		uint64_t one = r->client[i].reservation_bytes;

		nr += one != 0;
		sum = one > UINT64_MAX - sum ? UINT64_MAX : sum + one;
		if (one % PAGE_BYTES)
			hvcma_find(f, HVCMA_ERROR,
				   hvcma_xml_line(hvcma_xml_child(r->client[i].node, HVCMA_XML_NS, "reservation")),
				   "choose a multiple of 4096 bytes",
				   "a reservation of region '%s' is %" PRIu64 " bytes, limit: multiples of %d", r->name,
				   one, PAGE_BYTES);
		if (one && (is(r->mode, "static") || hvcma_declared_is_ram(r)))
			hvcma_find(f, HVCMA_ERROR, r->client[i].line, "remove <reservation>",
				   "region '%s': nothing is reserved with mode='%s'", r->name, r->mode);
	}
	if (nr > MAX_RESERVATIONS)
		hvcma_find(f, HVCMA_ERROR, r->line, "reserve for fewer clients",
			   "region '%s' has %zu reservations, limit: %d", r->name, nr, MAX_RESERVATIONS);
	if (limit && sum > limit)
		hvcma_find(f, HVCMA_ERROR, r->line, "reserve less, or make the region larger",
			   "region '%s' reserves %" PRIu64 " bytes for its clients, limit: %" PRIu64, r->name, sum,
			   limit);
}

/* In the line of the first one. */
static void check_permitted(const struct hvcma_declared_region *r, struct hvcma_findings *f)
{
	const struct hvcma_declared_windows *w = &r->windows;

	for (size_t i = 0; !w->nr && i < r->nr_clients; i++)
		w = &r->client[i].windows;
	if (w->nr && !hvcma_declared_is_unsafe(r))
		hvcma_find(f, HVCMA_ERROR, w->list[0].line, "remove it, or name a client with unsafe-noiommu='yes'",
			   "region '%s': windows are about host-physical addresses, and no client may have them", r->name);
}

/* By the parser that the device has. */
static void check_windows(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			  struct hvcma_findings *f)
{
	char *text = hvcma_windows_property(d, r);
	const char *at = text;
	struct hvcma_window_text entry;
	struct hvcma_text_error err;

	while (at && *at && !hvcma_findings_errors(f)) {
		if (hvcma_window_text_next(&at, &entry, &err))
			hvcma_find(f, HVCMA_ERROR, r->line, "correct the windows",
				   "windows of region '%s': %s ('%.*s')", r->name, err.sentence,
				   (int)err.slice.bytes, err.slice.text);
	}
	free(text);
}

static void check_region(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			 struct hvcma_findings *f)
{
	uint64_t bytes = hvcma_declared_is_ram(r) ? d->ram_bytes : hvcma_declared_bytes(r, d->ram_bytes);

	if (!r->size && !hvcma_declared_is_ram(r))
		hvcma_find(f, HVCMA_ERROR, r->line, "add <size unit='MiB'>64</size>", "region '%s' has no <size>",
			   r->name);
	else if (r->percent && !bytes)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(r->size), "choose more",
			   "the size of region '%s' is %" PRIu64 " percent of %" PRIu64
			   " bytes, less than one hugepage of %" PRIu64, r->name, r->percent, d->ram_bytes,
			   r->page_bytes);
	check_amounts(r, bytes, f);
	check_choices(r, f);
	check_reservations(r, bytes, f);
	check_permitted(r, f);
	check_windows(d, r, f);
}

/* ---- regions beside each other ---- */

static void check_together(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	const struct hvcma_declared_region *first_default = NULL;

	for (size_t i = 0; i < d->declared.nr; i++) {
		const struct hvcma_declared_region *r = &d->declared.region[i];

		for (size_t k = 0; k < i; k++) {
			const struct hvcma_declared_region *before = &d->declared.region[k];

			if (!strcmp(r->name, before->name))
				hvcma_find(f, HVCMA_ERROR, r->line, "give it another name",
					   "two regions are called '%s', the first in line %ld", r->name, before->line);
		}
		if (r->is_default && first_default)
			hvcma_find(f, HVCMA_ERROR, r->line, "leave default='yes' at one region",
				   "region '%s' is the second default region, after '%s' in line %ld", r->name,
				   first_default->name, first_default->line);
		else if (r->is_default)
			first_default = r;
		if (hvcma_declared_is_ram(r) && (d->declared.nr > 1 || d->nr_others))
			for (size_t k = 0; k < d->declared.nr; k++)
				if (is(d->declared.region[k].mode, "reusable") ||
				    (k < i && hvcma_declared_is_ram(&d->declared.region[k])))
					hvcma_find(f, HVCMA_ERROR, r->line, "choose another mode for one of them",
						   "region '%s' has mode='ram' beside region '%s', which is RAM of the guest, too",
						   r->name, d->declared.region[k].name);
		if (hvcma_declared_is_ram(r) && d->nr_others)
			hvcma_find(f, HVCMA_ERROR, r->line, "remove the memory device, or choose another mode",
				   "region '%s' has mode='ram' beside %zu memory device(s) of the domain", r->name,
				   d->nr_others);
		if (hvcma_declared_is_ram(r) && d->nr_cells > 1)
			hvcma_find(f, HVCMA_ERROR, r->line, "leave one cell, or choose another mode",
				   "region '%s' has mode='ram', and the RAM is in %zu NUMA cells", r->name, d->nr_cells);
	}
}

/* ---- the domain's memory ---- */

static bool needs_memory_device(const struct hvcma_domain *d)
{
	for (size_t i = 0; i < d->declared.nr; i++)
		if (!hvcma_declared_is_ram(&d->declared.region[i]))
			return true;
	return false;
}

static size_t nr_memory_devices(const struct hvcma_domain *d)
{
	size_t nr = d->nr_others;

	for (size_t i = 0; i < d->declared.nr; i++)
		nr += !hvcma_declared_is_ram(&d->declared.region[i]);
	return nr;
}

static void find_too_much(xmlNodePtr node, struct hvcma_findings *f)
{
	hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "make it smaller",
		   "with this <%s>, RAM, memory devices and regions come to more than %" PRIu64
		   " bytes, for which processors have addresses", (const char *)node->name, HVCMA_MAX_MEMORY_BYTES);
}

/* RAM that the service is to have is a file that it can be passed. */
static void check_ram_access(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr backing = hvcma_xml_child(d->root, NULL, "memoryBacking");
	const char *mode = hvcma_xml_attribute(hvcma_xml_child(backing, NULL, "access"), "mode");

	for (size_t i = 0; i < d->declared.nr; i++) {
		const struct hvcma_declared_region *r = &d->declared.region[i];

		if (hvcma_declared_is_ram(r) && r->by_service && !is(mode, "shared"))
			hvcma_find(f, HVCMA_ERROR, r->line, "add <access mode='shared'/> to <memoryBacking>",
				   "region '%s' has mode='ram' and service='yes', and the domain's RAM is not shared",
				   r->name);
	}
}

static void check_total(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr memory = hvcma_xml_child(d->root, NULL, "memory");
	uint64_t left = HVCMA_MAX_MEMORY_BYTES;

	if (d->ram_bytes > left || d->others_bytes > left - d->ram_bytes) {
		find_too_much(memory ? memory : d->root, f);
		return;
	}
	left -= d->ram_bytes + d->others_bytes;
	for (size_t i = 0; i < d->declared.nr; i++) {
		uint64_t bytes = hvcma_domain_region_bytes(d, &d->declared.region[i]);

		if (bytes > left) {
			find_too_much(d->declared.region[i].size, f);
			return;
		}
		left -= bytes;
	}
}

/* One that was written by us is written anew. */
static void check_max_memory(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr node = hvcma_xml_child(d->root, NULL, "maxMemory");
	uint64_t bytes = 0, need = hvcma_domain_max_bytes(d), slots = 0;
	const char *text = hvcma_xml_attribute(node, "slots");
	char *fix;

	if (!node || hvcma_xml_attribute(d->applied, "maxMemory") || !needs_memory_device(d))
		return;
	if (!hvcma_xml_bytes(node, &bytes) || bytes < need) {
		fix = hvcma_text("write <maxMemory slots='%zu' unit='KiB'>%" PRIu64 "</maxMemory>, or leave it out",
				 nr_memory_devices(d), need / 1024);
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), fix,
			   "maxMemory is %" PRIu64 " bytes, at least needed: %" PRIu64
			   " for RAM, memory devices and regions with their alignment", bytes, need);
		free(fix);
	}
	if (!text || !hvcma_xml_number(text, &slots) || slots < nr_memory_devices(d)) {
		fix = hvcma_text("say slots='%zu' or more", nr_memory_devices(d));
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), fix,
			   "maxMemory has slots='%s', needed: %zu, one for each memory device and region",
			   text ? text : "", nr_memory_devices(d));
		free(fix);
	}
}

static void check_ram_pages(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr backing = hvcma_xml_child(d->root, NULL, "memoryBacking");

	for (size_t i = 0; i < d->declared.nr; i++)
		if (hvcma_declared_is_ram(&d->declared.region[i]) && !hvcma_xml_child(backing, NULL, "hugepages"))
			hvcma_find(f, HVCMA_ERROR, d->declared.region[i].line,
				   "add <memoryBacking><hugepages/></memoryBacking>",
				   "region '%s' has mode='ram', and the domain's RAM is not on hugepages",
				   d->declared.region[i].name);
}

void hvcma_check_domain(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	if (!d->declared.root)
		return;
	hvcma_check_folder(d, f);
	hvcma_check_clients(d, f);
	for (size_t i = 0; i < d->declared.nr; i++)
		check_region(d, &d->declared.region[i], f);
	check_together(d, f);
	if (!d->declared.nr)
		return;
	hvcma_check_beside(d, f);
	check_ram_pages(d, f);
	check_ram_access(d, f);
	check_total(d, f);
	/* Sizes that are wrong sum up to nothing. */
	if (!hvcma_findings_errors(f))
		check_max_memory(d, f);
}
