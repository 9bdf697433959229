// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Semantics of declared regions in their domain: see check.h. What only the host can tell is in
 * check_host.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hv/core/window_text.h"
#include "hv/libvirt/check.h"
#include "hv/libvirt/properties.h"

#define MAX_RESERVATIONS	255	/* of one region, see virtio-cma(7) */

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
	};

	check_multiple(r, r->size_bytes, "the size", "size", f);
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
	const struct {
		bool wrong;
		const char *element, *fix, *text;
	} all[] = {
		{ is_ram && r->size, "size", "remove <size>", "mode='ram' has the size of the domain's RAM" },
		{ is_ram && (chosen || r->nodeset), r->nodeset ? "hugepages" : r->low_bytes ? "low" : "contiguous",
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
	check_windows(d, r, f);
}

/* ---- clients ---- */

static char *all_aliases(const struct hvcma_domain *d)
{
	char *text = NULL;

	for (xmlNodePtr at = hvcma_xml_first(d->devices); at; at = hvcma_xml_next(at)) {
		const char *alias = hvcma_xml_alias(at);

		if (alias && !strncmp(alias, "ua-", 3) && !hvcma_xml_is(at, NULL, "memory"))
			hvcma_text_add(&text, "%s%s", text ? ", " : "", alias);
	}
	return text ? text : hvcma_text("none; give the device <alias name='ua-...'/>");
}

static void find_unknown_client(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
				const struct hvcma_declared_client *client, struct hvcma_findings *f)
{
	const struct hvcma_declared_address *a = &client->address;
	char *aliases = all_aliases(d), *fix;

	if (client->device) {
		fix = hvcma_text("aliases in this domain: %s", aliases);
		hvcma_find(f, HVCMA_ERROR, client->line, fix, "client of region '%s': no device has the alias '%s'",
			   r->name, client->device);
	} else {
		fix = hvcma_text("add <hostdev mode='subsystem' type='pci' managed='no'> for it");
		hvcma_find(f, HVCMA_ERROR, client->line, fix,
			   "client of region '%s': no hostdev has the address %04" PRIx64 ":%02" PRIx64 ":%02" PRIx64
			   ".%" PRIx64, r->name, a->domain, a->bus, a->slot, a->function);
	}
	free(fix);
	free(aliases);
}

static void check_hostdev(const struct hvcma_declared_region *r, const struct hvcma_declared_client *client,
			  xmlNodePtr device, struct hvcma_findings *f)
{
	const char *managed = hvcma_xml_attribute(device, "managed");

	if (!client->unsafe_noiommu)
		hvcma_find(f, HVCMA_ERROR, client->line,
			   "say unsafe-noiommu='yes' if that is meant; with an IOMMU a plain <hostdev> is enough",
			   "client of region '%s': a passed-through device without an IOMMU can write anywhere in host memory, which nobody has permitted",
			   r->name);
	if (is(managed, "yes"))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(device), "say managed='no', and bind it to vfio-pci",
			   "hostdev that is client of region '%s' has managed='yes', with which libvirt unbinds it",
			   r->name);
}

static bool same_client(const struct hvcma_domain *d, const struct hvcma_declared_client *a,
			const struct hvcma_declared_client *b)
{
	return !strcmp(a->kind, b->kind) && hvcma_domain_device(d, a) == hvcma_domain_device(d, b);
}

static void check_client(const struct hvcma_domain *d, const struct hvcma_declared_region *r, size_t i,
			 struct hvcma_findings *f)
{
	const struct hvcma_declared_client *client = &r->client[i];
	xmlNodePtr device = hvcma_domain_device(d, client);
	struct hvcma_declared_address ignored;

	if (!device) {
		find_unknown_client(d, r, client, f);
		return;
	}
	for (size_t k = 0; k < i; k++) {
		if (!same_client(d, client, &r->client[k]))
			continue;
		hvcma_find(f, HVCMA_ERROR, client->line, "remove one of them",
			   "region '%s' names the same client twice%s%s%s, first in line %ld", r->name,
			   *client->kind ? " for kind '" : "", client->kind, *client->kind ? "'" : "",
			   r->client[k].line);
		return;
	}
	if (hvcma_hostdev_address(device, &ignored))
		check_hostdev(r, client, device, f);
}

/* One device, in all regions the same permission. */
static void check_permission(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			     const struct hvcma_declared_region *before, struct hvcma_findings *f)
{
	if (hvcma_declared_is_unsafe(r) == hvcma_declared_is_unsafe(before))
		return;
	for (size_t i = 0; i < r->nr_clients; i++) {
		xmlNodePtr device = hvcma_domain_device(d, &r->client[i]);

		for (size_t k = 0; device && k < before->nr_clients; k++)
			if (hvcma_domain_device(d, &before->client[k]) == device)
				hvcma_find(f, HVCMA_ERROR, r->client[i].line,
					   "give it regions that have clients with unsafe-noiommu='yes', or none that has",
					   "a client of region '%s' is one of region '%s', of which one alone is unsafe",
					   r->name, before->name);
	}
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
			check_permission(d, r, before, f);
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

/* ---- the rest of the domain ---- */

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

static void check_emulator(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr node = hvcma_xml_child(d->devices, NULL, "emulator");
	char *wrapper = hvcma_domain_wrapper(d);

	if (!wrapper && d->emulator)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node),
			   "use " HVCMA_EMULATOR_DIR HVCMA_EMULATOR_NAME "ARCH, built with modules",
			   "emulator '%s' has no wrapper that brings the plugin along", d->emulator);
	else if (!wrapper)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(d->root), "write <type arch='x86_64'>, or <emulator>",
			   "the domain has no <emulator>, and does not say its architecture");
	free(wrapper);
}

static void check_name(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr node = hvcma_xml_child(d->root, NULL, "name");

	/* Files are in a folder of that name. */
	if (!*d->name || strchr(d->name, '/') || !strcmp(d->name, ".") || !strcmp(d->name, "..") ||
	    strlen(d->name) > 255)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node ? node : d->root), "give the domain another name",
			   "domain name '%s' can't be the name of a folder, in which its regions are", d->name);
	if (!d->devices)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(d->root), "add <devices>", "the domain has no <devices>");
}

/* The driver that an override gives the device; "": none. */
static char *override_driver(xmlNodePtr device)
{
	xmlNodePtr frontend = hvcma_xml_child(device, HVCMA_XML_QEMU_NS, "frontend");

	for (xmlNodePtr at = hvcma_xml_first(frontend); at; at = hvcma_xml_next(at)) {
		const char *name = hvcma_xml_attribute(at, "name"), *value = hvcma_xml_attribute(at, "value");

		if (is(name, "driver"))
			return hvcma_text("%s", value ? value : "");
	}
	return hvcma_text("%s", "");
}

static bool region_of_alias(const struct hvcma_domain *d, const char *alias)
{
	for (size_t i = 0; alias && i < d->declared.nr; i++)
		if (hvcma_alias_is_ours(alias) &&
		    !strcmp(alias + sizeof(HVCMA_ALIAS_PREFIX) - 1, d->declared.region[i].name))
			return true;
	return false;
}

static void check_override(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr override = hvcma_xml_child(d->root, HVCMA_XML_QEMU_NS, "override");

	for (xmlNodePtr at = hvcma_xml_first(override); at; at = hvcma_xml_next(at)) {
		const char *alias = hvcma_xml_attribute(at, "alias");
		char *driver = override_driver(at);

		if (region_of_alias(d, alias) && strcmp(driver, HVCMA_DEVICE_TYPE))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "remove this override",
				   "<qemu:override> of '%s' is not ours%s%s%s, and would be lost", alias,
				   *driver ? " (driver '" : "", driver, *driver ? "')" : "");
		else if (!hvcma_alias_is_ours(alias) && !strncmp(driver, "virtio-cma-", 11))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "declare that region in the metadata instead",
				   "<qemu:override> makes '%s' a virtio-cma device beside the declared regions",
				   alias ? alias : "");
		free(driver);
	}
}

static void check_commandline(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr line = hvcma_xml_child(d->root, HVCMA_XML_QEMU_NS, "commandline");

	for (xmlNodePtr at = hvcma_xml_first(line); at; at = hvcma_xml_next(at)) {
		const char *value = hvcma_xml_attribute(at, "value"), *name = hvcma_xml_attribute(at, "name");

		if (hvcma_xml_is(at, HVCMA_XML_QEMU_NS, "arg") && value && strstr(value, "virtio-cma-") &&
		    !hvcma_argument_is_ours(value))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "declare that region in the metadata instead",
				   "<qemu:commandline> has a virtio-cma device beside the declared regions: '%s'", value);
		else if (hvcma_xml_is(at, HVCMA_XML_QEMU_NS, "env") && is(name, "LD_PRELOAD") && value &&
			 strstr(value, "hvcma-preload"))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "remove it: the emulator's wrapper does that",
				   "<qemu:commandline> preloads the plugin itself: '%s'", value);
	}
}

/* An element with an alias of ours is ours: so it has to be a memory device. */
static void check_aliases(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	for (xmlNodePtr at = hvcma_xml_first(d->devices); at; at = hvcma_xml_next(at)) {
		const char *alias = hvcma_xml_alias(at), *model = hvcma_xml_attribute(at, "model");
		bool is_region = hvcma_xml_is(at, NULL, "memory") && is(model, "virtio-pmem");

		if (region_of_alias(d, alias) && !is_region)
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "give the device another alias",
				   "<%s> has the alias '%s', which is a region's", (const char *)at->name, alias);
	}
}

void hvcma_check_domain(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	if (!d->declared.root)
		return;
	check_name(d, f);
	for (size_t i = 0; i < d->declared.nr; i++) {
		const struct hvcma_declared_region *r = &d->declared.region[i];

		for (size_t k = 0; k < r->nr_clients; k++)
			if (r->client[k].device || hvcma_xml_child(r->client[k].node, HVCMA_XML_NS, "address"))
				check_client(d, r, k, f);
		check_region(d, r, f);
	}
	check_together(d, f);
	if (!d->declared.nr)
		return;
	check_emulator(d, f);
	check_ram_pages(d, f);
	check_override(d, f);
	check_commandline(d, f);
	check_aliases(d, f);
	/* Sizes that are wrong sum up to nothing. */
	if (!hvcma_findings_errors(f))
		check_max_memory(d, f);
}
