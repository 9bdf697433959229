// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Metadata of a domain: see declared.h. One table says which attributes and elements an element
 * may have; what is not in it is a finding.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hv/abi/virtio_cma.h"
#include "hv/libvirt/declared.h"
#include "hv/libvirt/nodeset.h"

#define DEFAULT_PAGE_BYTES	(UINT64_C(2) << 20)
#define MIN_PAGE_BYTES		UINT64_C(65536)
#define MAX_PERCENT		100
#define WINDOW_ALIGN_BYTES	((uint64_t)VIRTIO_CMA_WINDOW_ALIGN)

/* Lists in words, separated by blanks; elements with "*" may come several times. */
static const struct known {
	const char *element, *attributes, *elements;
	bool has_text;
} known[] = {
	{ "regions", "", "region* applied", false },
	{ "applied", "emulator maxMemory numa cpu", "", false },
	{ "region", "name mode default policy surrender service", "size hugepages contiguous pin low pool window* client*", false },
	{ "size", "unit percent min max", "", true },
	{ "hugepages", "size unit nodeset", "", false },
	{ "contiguous", "mode run unit", "", false },
	{ "pin", "mode limit unit", "", false },
	{ "low", "unit", "", true },
	{ "pool", "unit", "", true },
	{ "window", "bus memory size unit", "", false },
	{ "client", "device kind unsafe-noiommu", "address reservation window*", false },
	{ "address", "domain bus slot function", "", false },
	{ "reservation", "unit", "", true },
};

/* Is @word in the list, and may it come several times? */
static bool listed(const char *list, const char *word, bool *several)
{
	size_t letters = strlen(word);

	while (*list) {
		size_t n = strcspn(list, " ");
		bool star = n && list[n - 1] == '*';

		if (n - star == letters && !strncmp(list, word, letters)) {
			*several = star;
			return true;
		}
		list += n + (list[n] == ' ');
	}
	return false;
}

/* "a b* c" as "a, b, c" */
static char *words(const char *list)
{
	char *text = hvcma_text("%s", "");

	for (; *list; list++)
		if (*list == ' ')
			hvcma_text_add(&text, ", ");
		else if (*list != '*')
			hvcma_text_add(&text, "%c", *list);
	return text;
}

static void find_unknown(struct hvcma_findings *f, long line, const char *what, const char *name,
			 const char *element, const char *list)
{
	char *all = words(list);
	char *fix = *all ? hvcma_text("remove it; known there: %s", all) :
			   hvcma_text("remove it; there is none to have there");

	hvcma_find(f, HVCMA_ERROR, line, fix, "unknown %s '%s' in <%s>", what, name, element);
	free(fix);
	free(all);
}

static const struct known *known_as(const char *name)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (!strcmp(known[i].element, name))
			return &known[i];
	return NULL;
}

static bool seen_before(xmlNodePtr node)
{
	for (xmlNodePtr other = node->prev; other; other = other->prev)
		if (hvcma_xml_is(other, HVCMA_XML_NS, (const char *)node->name))
			return true;
	return false;
}

/* What is written between elements, and would be ignored. */
static void check_text(xmlNodePtr node, const struct known *k, struct hvcma_findings *f)
{
	for (xmlNodePtr at = k->has_text ? NULL : node->children; at; at = at->next) {
		char *text;

		if ((at->type != XML_TEXT_NODE && at->type != XML_CDATA_SECTION_NODE) || xmlIsBlankNode(at))
			continue;
		text = hvcma_xml_content(at);
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "remove it", "text '%s' in <%s>", text, k->element);
		free(text);
		return;
	}
}

/* All of the words in @node and below. */
static void check_words(xmlNodePtr node, struct hvcma_findings *f)
{
	const struct known *k = known_as((const char *)node->name);
	bool several;

	for (xmlAttrPtr a = node->properties; a; a = a->next)
		if (a->ns || !listed(k->attributes, (const char *)a->name, &several))
			find_unknown(f, hvcma_xml_line(node), "attribute", (const char *)a->name, k->element,
				     k->attributes);
	check_text(node, k, f);
	for (xmlNodePtr at = hvcma_xml_first(node); at; at = hvcma_xml_next(at)) {
		const char *name = (const char *)at->name;

		if (!hvcma_xml_is(at, HVCMA_XML_NS, name))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "write it in the namespace " HVCMA_XML_NS,
				   "element '%s' in <%s> is of another namespace, or of none", name, k->element);
		else if (!listed(k->elements, name, &several))
			find_unknown(f, hvcma_xml_line(at), "element", name, k->element, k->elements);
		else if (!several && seen_before(at))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "leave one of them",
				   "<%s> comes twice in <%s>", name, k->element);
		else
			check_words(at, f);
	}
}

/* ---- values ---- */

static xmlNodePtr child(xmlNodePtr node, const char *name)
{
	return hvcma_xml_child(node, HVCMA_XML_NS, name);
}

static void find_value(struct hvcma_findings *f, xmlNodePtr node, const char *attribute,
		       const char *value, const char *want)
{
	char *fix = hvcma_text("write %s", want);

	hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), fix, "%s%s%s of <%s> is '%s', not %s",
		   attribute ? "attribute '" : "the content", attribute ? attribute : "",
		   attribute ? "'" : "", (const char *)node->name, value, want);
	free(fix);
}

/* One of the words, of which @list has some; NULL if it is not said, or wrong. */
static const char *word(xmlNodePtr node, const char *attribute, const char *list, struct hvcma_findings *f)
{
	const char *value = hvcma_xml_attribute(node, attribute);
	bool several;
	char *all;

	if (!value || listed(list, value, &several))
		return value;
	all = words(list);
	find_value(f, node, attribute, value, all);
	free(all);
	return NULL;
}

static bool yes(xmlNodePtr node, const char *attribute, struct hvcma_findings *f)
{
	const char *value = word(node, attribute, "yes no", f);

	return value && !strcmp(value, "yes");
}

static bool is_named(const char *name, size_t room, const char *more)
{
	if (!*name || strlen(name) >= room)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name) && !strchr(more, *name))
			return false;
	return true;
}

/* An attribute that is a number; 0 if it is not said, or wrong. */
static uint64_t number(xmlNodePtr node, const char *attribute, struct hvcma_findings *f)
{
	const char *value = hvcma_xml_attribute(node, attribute);
	uint64_t n = 0;

	if (value && !hvcma_xml_number(value, &n))
		find_value(f, node, attribute, value, "a number");
	return n;
}

/* The same, in the unit that the element has. */
static uint64_t scaled(xmlNodePtr node, const char *attribute, struct hvcma_findings *f)
{
	uint64_t n = number(node, attribute, f), scale;

	if (!hvcma_xml_scale(hvcma_xml_attribute(node, "unit"), &scale))
		return 0;		/* said once, by check_unit() */
	if (n > UINT64_MAX / scale) {
		find_value(f, node, attribute, hvcma_xml_attribute(node, attribute), "below 16 EiB");
		return 0;
	}
	return n * scale;
}

static void check_unit(xmlNodePtr node, struct hvcma_findings *f)
{
	const char *unit = hvcma_xml_attribute(node, "unit");
	uint64_t scale;

	if (!hvcma_xml_scale(unit, &scale))
		find_value(f, node, "unit", unit, "one of libvirt's: bytes, KiB, MiB, GiB, TiB");
}

/* The size that the element is; 0 without one, or if it is wrong. */
static uint64_t amount(xmlNodePtr node, struct hvcma_findings *f)
{
	uint64_t bytes = 0;
	char *text;

	if (!node)
		return 0;
	check_unit(node, f);
	if (!hvcma_xml_bytes(node, &bytes) || !bytes) {
		text = hvcma_xml_content(node);
		find_value(f, node, NULL, text, "a size above 0");
		free(text);
		return 0;
	}
	return bytes;
}

/* ---- elements ---- */

static void read_window(xmlNodePtr node, struct hvcma_declared_windows *w, struct hvcma_findings *f)
{
	static const char *const all[] = { "bus", "memory", "size" };
	struct hvcma_declared_window *one;

	for (size_t i = 0; i < 3; i++)
		if (!hvcma_xml_attribute(node, all[i])) {
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "say bus, memory and size",
				   "<window> has no attribute '%s'", all[i]);
			return;
		}
	check_unit(node, f);
	w->list = hvcma_grow(w->list, w->nr, sizeof(*w->list));
	one = &w->list[w->nr++];
	*one = (struct hvcma_declared_window){
		.bus_base = number(node, "bus", f),
		.memory_base = number(node, "memory", f),
		.bytes = scaled(node, "size", f),
		.line = hvcma_xml_line(node),
	};
	if (!one->bytes || (one->bus_base | one->memory_base | one->bytes) % WINDOW_ALIGN_BYTES)
		hvcma_find(f, HVCMA_ERROR, one->line, "choose multiples of 4096 bytes",
			   "window 0x%" PRIx64 ":0x%" PRIx64 ":0x%" PRIx64 ", limit: multiples of 4096 bytes, not empty",
			   one->bus_base, one->memory_base, one->bytes);
}

static void read_windows(xmlNodePtr node, struct hvcma_declared_windows *w, struct hvcma_findings *f)
{
	for (xmlNodePtr at = hvcma_xml_first(node); at; at = hvcma_xml_next(at))
		if (hvcma_xml_is(at, HVCMA_XML_NS, "window"))
			read_window(at, w, f);
}

static void read_address(xmlNodePtr node, struct hvcma_declared_client *client, struct hvcma_findings *f)
{
	struct hvcma_declared_address *a = &client->address;

	*a = (struct hvcma_declared_address){
		.domain = number(node, "domain", f),
		.bus = number(node, "bus", f),
		.slot = number(node, "slot", f),
		.function = number(node, "function", f),
	};
	if (a->domain > 0xffffffff || a->bus > 0xff || a->slot > 0x1f || a->function > 7)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "write the address that the hostdev has",
			   "address %04" PRIx64 ":%02" PRIx64 ":%02" PRIx64 ".%" PRIx64
			   " is none of a PCI device", a->domain, a->bus, a->slot, a->function);
}

static void read_client(xmlNodePtr node, struct hvcma_declared_region *r, struct hvcma_findings *f)
{
	xmlNodePtr address = child(node, "address");
	const char *kind = hvcma_xml_attribute(node, "kind");
	struct hvcma_declared_client *one;

	r->client = hvcma_grow(r->client, r->nr_clients, sizeof(*r->client));
	one = &r->client[r->nr_clients++];
	one->node = node;
	one->line = hvcma_xml_line(node);
	one->device = hvcma_xml_attribute(node, "device");
	one->kind = kind ? kind : "";
	one->unsafe_noiommu = yes(node, "unsafe-noiommu", f);
	one->reservation_bytes = amount(child(node, "reservation"), f);
	read_windows(node, &one->windows, f);
	if (!one->device == !address)
		hvcma_find(f, HVCMA_ERROR, one->line, "name the device by device='ua-...' or by <address>, once",
			   "client of region '%s' has %s", r->name, address ? "both an alias and an address" :
			   "neither an alias nor an address");
	if (address)
		read_address(address, one, f);
	if (kind && !is_named(kind, VIRTIO_CMA_KIND_BYTES, "_.-"))
		find_value(f, node, "kind", kind, "1 to 15 letters, digits, '_', '.' or '-'");
	if (one->device && !is_named(one->device, VIRTIO_CMA_NAME_BYTES, "_-"))
		find_value(f, node, "device", one->device, "an alias of at most 31 bytes");
}

static void read_size(xmlNodePtr node, struct hvcma_declared_region *r, struct hvcma_findings *f)
{
	const char *percent = hvcma_xml_attribute(node, "percent");
	char *text;

	r->size = node;
	if (!percent) {
		r->size_bytes = amount(node, f);
		if (hvcma_xml_attribute(node, "min") || hvcma_xml_attribute(node, "max"))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "add percent=, or remove them",
				   "min and max of <size> are limits of a percent, and there is none");
		return;
	}
	text = hvcma_xml_content(node);
	if (*text)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "leave one of them: min= and max= limit a percent",
			   "text '%s' in <size> beside percent=", text);
	free(text);
	check_unit(node, f);
	r->percent = number(node, "percent", f);
	r->min_bytes = scaled(node, "min", f);
	r->max_bytes = scaled(node, "max", f);
	if (r->percent < 1 || r->percent > MAX_PERCENT)
		find_value(f, node, "percent", percent, "1 to 100");
	if (r->max_bytes && r->min_bytes > r->max_bytes)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "swap them",
			   "min of <size> is above its max: %" PRIu64 " bytes, limit: %" PRIu64, r->min_bytes,
			   r->max_bytes);
}

static void read_hugepages(xmlNodePtr node, struct hvcma_declared_region *r, struct hvcma_findings *f)
{
	struct hvcma_nodeset ignored;

	r->page_bytes = DEFAULT_PAGE_BYTES;
	if (!node)
		return;
	check_unit(node, f);
	r->nodeset = hvcma_xml_attribute(node, "nodeset");
	if (r->nodeset && !hvcma_nodeset_parse(r->nodeset, &ignored))
		find_value(f, node, "nodeset", r->nodeset, "numbers of NUMA nodes up to 1023, such as 0-1,3");
	if (!hvcma_xml_attribute(node, "size"))
		return;
	r->page_bytes = scaled(node, "size", f);
	if (r->page_bytes < MIN_PAGE_BYTES || r->page_bytes & (r->page_bytes - 1)) {
		find_value(f, node, "size", hvcma_xml_attribute(node, "size"),
			   "the size of a hugepage, such as 2 or 1024 with unit='MiB'");
		r->page_bytes = DEFAULT_PAGE_BYTES;
	}
}

static void read_pages(xmlNodePtr node, struct hvcma_declared_region *r, struct hvcma_findings *f)
{
	xmlNodePtr pin = child(node, "pin"), contiguous = child(node, "contiguous");

	read_hugepages(child(node, "hugepages"), r, f);
	r->low_bytes = amount(child(node, "low"), f);
	r->pool_bytes = amount(child(node, "pool"), f);
	if (pin) {
		check_unit(pin, f);
		r->pin = word(pin, "mode", "blocks all", f);
		r->pin_limit_bytes = scaled(pin, "limit", f);
	}
	if (contiguous) {
		check_unit(contiguous, f);
		r->contiguous = word(contiguous, "mode", "best required", f);
		r->run_bytes = scaled(contiguous, "run", f);
		if (!hvcma_xml_attribute(contiguous, "mode"))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(contiguous), "say mode='best' or mode='required'",
				   "<contiguous> of region '%s' has no mode", r->name);
	}
}

static void read_region(xmlNodePtr node, struct hvcma_declared *d, struct hvcma_findings *f)
{
	const char *name = hvcma_xml_attribute(node, "name");
	struct hvcma_declared_region *r;

	d->region = hvcma_grow(d->region, d->nr, sizeof(*d->region));
	r = &d->region[d->nr++];
	r->node = node;
	r->line = hvcma_xml_line(node);
	r->name = name ? name : "";
	/* It is part of an alias: these are the characters that libvirt allows there. */
	if (!name)
		hvcma_find(f, HVCMA_ERROR, r->line, "add name='...'", "a region without a name");
	else if (!is_named(name, VIRTIO_CMA_NAME_BYTES, "_-"))
		find_value(f, node, "name", name, "1 to 31 letters, digits, '_' or '-'");
	r->mode = word(node, "mode", "private reusable auto static ram", f);
	r->policy = word(node, "policy", "best-fit first-fit next-fit", f);
	r->is_default = yes(node, "default", f);
	r->surrenders = yes(node, "surrender", f);
	r->by_service = yes(node, "service", f);
	if (child(node, "size"))
		read_size(child(node, "size"), r, f);
	read_pages(node, r, f);
	read_windows(node, &r->windows, f);
	for (xmlNodePtr at = hvcma_xml_first(node); at; at = hvcma_xml_next(at))
		if (hvcma_xml_is(at, HVCMA_XML_NS, "client"))
			read_client(at, r, f);
}

/* Metadata that was meant for us, and would be ignored. */
static bool looks_like_ours(xmlNodePtr node)
{
	static const char ours[] = "https://hvcma.example/";
	const char *href = node->ns ? (const char *)node->ns->href : "";
	const char *prefix = node->ns && node->ns->prefix ? (const char *)node->ns->prefix : "";

	return !strncmp(href, ours, sizeof(ours) - 1) || !strcmp(prefix, "hvcma");
}

/* What lies where neither we nor libvirt look for it. */
static void check_places(xmlNodePtr domain, xmlNodePtr metadata, struct hvcma_findings *f)
{
	for (xmlNodePtr at = hvcma_xml_first(domain); at; at = hvcma_xml_next(at)) {
		if (hvcma_xml_is(at, HVCMA_XML_NS, (const char *)at->name))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "put it into <metadata>",
				   "element '%s' of our namespace is in <domain>, where nobody reads it",
				   (const char *)at->name);
		else if (at != metadata && hvcma_xml_is(at, NULL, "metadata"))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "put all into one, which is all that libvirt reads",
				   "<metadata> comes twice in <domain>, first in line %ld", hvcma_xml_line(metadata));
	}
}

void hvcma_declared_read(xmlNodePtr domain, struct hvcma_declared *d, struct hvcma_findings *f)
{
	xmlNodePtr metadata = hvcma_xml_child(domain, NULL, "metadata");

	*d = (struct hvcma_declared){ 0 };
	check_places(domain, metadata, f);
	for (xmlNodePtr at = hvcma_xml_first(metadata); at; at = hvcma_xml_next(at)) {
		if (hvcma_xml_is(at, HVCMA_XML_NS, "regions")) {
			if (d->root)
				hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "put all regions into one",
					   "<regions> comes twice in <metadata>");
			else
				d->root = at;
		} else if (hvcma_xml_is(at, HVCMA_XML_NS, (const char *)at->name)) {
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "the element is called <regions>",
				   "unknown element '%s' of our namespace in <metadata>", (const char *)at->name);
		} else if (hvcma_xml_is(at, NULL, "regions") || hvcma_xml_is(at, NULL, "region")) {
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at),
				   "write <hvcma:regions xmlns:hvcma='" HVCMA_XML_NS "'>",
				   "element '%s' in <metadata> has no namespace, and libvirt drops such",
				   (const char *)at->name);
		} else if (looks_like_ours(at)) {
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "write xmlns:hvcma='" HVCMA_XML_NS "'",
				   "element '%s' in <metadata> has the namespace '%s', which nobody reads",
				   (const char *)at->name, (const char *)at->ns->href);
		}
	}
	if (!d->root)
		return;
	check_words(d->root, f);
	for (xmlNodePtr at = hvcma_xml_first(d->root); at; at = hvcma_xml_next(at))
		if (hvcma_xml_is(at, HVCMA_XML_NS, "region"))
			read_region(at, d, f);
}

void hvcma_declared_free(struct hvcma_declared *d)
{
	for (size_t i = 0; i < d->nr; i++) {
		for (size_t k = 0; k < d->region[i].nr_clients; k++)
			free(d->region[i].client[k].windows.list);
		free(d->region[i].client);
		free(d->region[i].windows.list);
	}
	free(d->region);
	*d = (struct hvcma_declared){ 0 };
}

/* ---- what it comes to ---- */

uint64_t hvcma_declared_bytes(const struct hvcma_declared_region *r, uint64_t ram_bytes)
{
	uint64_t bytes = r->size_bytes;

	if (r->percent) {
		bytes = ram_bytes / 100 * r->percent + ram_bytes % 100 * r->percent / 100;
		if (bytes < r->min_bytes)
			bytes = r->min_bytes;
		if (r->max_bytes && bytes > r->max_bytes)
			bytes = r->max_bytes;
	}
	return bytes - bytes % r->page_bytes;
}

bool hvcma_declared_is_ram(const struct hvcma_declared_region *r)
{
	return r->mode && !strcmp(r->mode, "ram");
}

bool hvcma_declared_is_unsafe(const struct hvcma_declared_region *r)
{
	for (size_t i = 0; i < r->nr_clients; i++)
		if (r->client[i].unsafe_noiommu)
			return true;
	return false;
}
