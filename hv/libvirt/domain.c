// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A domain as regions see it: see domain.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hv/libvirt/domain.h"

#define MAX_ALIGN_BYTES		(UINT64_C(2) << 30)	/* of a region in the guest, see virtio-cma(7) */
#define ROUND_BYTES		(UINT64_C(1) << 30)

bool hvcma_alias_is_ours(const char *alias)
{
	return alias && !strncmp(alias, HVCMA_ALIAS_PREFIX, sizeof(HVCMA_ALIAS_PREFIX) - 1);
}

xmlNodePtr hvcma_domain_next_memory(const struct hvcma_domain *d, xmlNodePtr last)
{
	xmlNodePtr at = last ? hvcma_xml_next(last) : hvcma_xml_first(d->devices);

	while (at && !hvcma_xml_is(at, NULL, "memory"))
		at = hvcma_xml_next(at);
	return at;
}

/* ---- memory ---- */

static void count(uint64_t *sum, uint64_t bytes)
{
	*sum = bytes > UINT64_MAX - *sum ? UINT64_MAX : *sum + bytes;
}

static void find_size(xmlNodePtr node, struct hvcma_findings *f)
{
	char *text = hvcma_xml_content(node);

	hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "write a number, with a unit of libvirt's",
		   "<%s> is '%s', not a size", (const char *)node->name, text);
	free(text);
}

static uint64_t cell_bytes(xmlNodePtr cell, struct hvcma_findings *f)
{
	const char *memory = hvcma_xml_attribute(cell, "memory");
	uint64_t n = 0, scale = 1;

	if (!memory || !hvcma_xml_number(memory, &n) ||
	    !hvcma_xml_scale(hvcma_xml_attribute(cell, "unit"), &scale) || n > UINT64_MAX / scale) {
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(cell), "write a number, with a unit of libvirt's",
			   "memory of the NUMA cell is '%s', not a size", memory ? memory : "");
		return 0;
	}
	return n * scale;
}

static void read_memory_devices(struct hvcma_domain *d, uint64_t *ours_bytes, struct hvcma_findings *f)
{
	for (xmlNodePtr at = hvcma_domain_next_memory(d, NULL); at; at = hvcma_domain_next_memory(d, at)) {
		xmlNodePtr size = hvcma_xml_child(hvcma_xml_child(at, NULL, "target"), NULL, "size");
		uint64_t bytes = 0;

		if (size && !hvcma_xml_bytes(size, &bytes))
			find_size(size, f);
		if (hvcma_alias_is_ours(hvcma_xml_alias(at))) {
			count(ours_bytes, bytes);
		} else {
			count(&d->others_bytes, bytes);
			d->nr_others++;
		}
	}
}

/* As libvirt counts: cells are RAM; without any, <memory> is RAM and memory devices. */
static void read_memory(struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr memory = hvcma_xml_child(d->root, NULL, "memory");
	xmlNodePtr numa = hvcma_xml_child(hvcma_xml_child(d->root, NULL, "cpu"), NULL, "numa");
	uint64_t total = 0, ours_bytes = 0;

	read_memory_devices(d, &ours_bytes, f);
	for (xmlNodePtr at = hvcma_xml_first(numa); at; at = hvcma_xml_next(at)) {
		if (hvcma_xml_is(at, NULL, "cell")) {
			count(&d->ram_bytes, cell_bytes(at, f));
			d->nr_cells++;
		}
	}
	if (d->nr_cells)
		return;
	if (!memory)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(d->root), "add <memory>", "the domain has no <memory>");
	else if (!hvcma_xml_bytes(memory, &total))
		find_size(memory, f);
	count(&ours_bytes, d->others_bytes);
	if (total > ours_bytes)
		d->ram_bytes = total - ours_bytes;
}

uint64_t hvcma_domain_region_bytes(const struct hvcma_domain *d, const struct hvcma_declared_region *r)
{
	return hvcma_declared_is_ram(r) ? 0 : hvcma_declared_bytes(r, d->ram_bytes);
}

uint64_t hvcma_domain_max_bytes(const struct hvcma_domain *d)
{
	uint64_t bytes = d->ram_bytes + d->others_bytes;

	/* Regions are aligned in the guest, by what divides their size. */
	for (size_t i = 0; i < d->declared.nr; i++) {
		uint64_t region = hvcma_domain_region_bytes(d, &d->declared.region[i]);
		uint64_t align = region & -region;

		bytes += region + (align < MAX_ALIGN_BYTES ? align : MAX_ALIGN_BYTES);
	}
	return (bytes + ROUND_BYTES - 1) / ROUND_BYTES * ROUND_BYTES;
}

/* ---- devices ---- */

static bool is_type(xmlNodePtr node, const char *type)
{
	const char *value = hvcma_xml_attribute(node, "type");

	return value && !strcmp(value, type);
}

static bool is_passed_interface(xmlNodePtr device)
{
	return hvcma_xml_is(device, NULL, "interface") && is_type(device, "hostdev");
}

bool hvcma_domain_passes(xmlNodePtr device)
{
	return hvcma_xml_is(device, NULL, "hostdev") || is_passed_interface(device);
}

bool hvcma_hostdev_address(xmlNodePtr device, struct hvcma_declared_address *address)
{
	xmlNodePtr node = hvcma_xml_child(hvcma_xml_child(device, NULL, "source"), NULL, "address");
	struct hvcma_declared_address a = { 0 };
	const struct {
		const char *name;
		uint64_t *value;
	} all[] = { { "domain", &a.domain }, { "bus", &a.bus }, { "slot", &a.slot }, { "function", &a.function } };

	if (!hvcma_domain_passes(device) || !node || !is_type(is_passed_interface(device) ? node : device, "pci"))
		return false;
	for (size_t i = 0; i < 4; i++) {
		const char *value = hvcma_xml_attribute(node, all[i].name);

		if (value && !hvcma_xml_number(value, all[i].value))
			return false;
	}
	*address = a;
	return true;
}

static bool is_client(xmlNodePtr device, const struct hvcma_declared_client *client)
{
	struct hvcma_declared_address a;
	const char *alias;

	if (client->device) {
		alias = hvcma_xml_alias(device);
		return alias && !strcmp(alias, client->device);
	}
	return hvcma_hostdev_address(device, &a) && a.domain == client->address.domain &&
	       a.bus == client->address.bus && a.slot == client->address.slot &&
	       a.function == client->address.function;
}

xmlNodePtr hvcma_domain_device(const struct hvcma_domain *d, const struct hvcma_declared_client *client)
{
	for (xmlNodePtr at = hvcma_xml_first(d->devices); at; at = hvcma_xml_next(at))
		if (is_client(at, client))
			return at;
	return NULL;
}

char *hvcma_domain_client_id(const struct hvcma_domain *d, const struct hvcma_declared_client *client)
{
	const struct hvcma_declared_address *a = &client->address;
	const char *alias = client->device;

	if (!alias)
		alias = hvcma_xml_alias(hvcma_domain_device(d, client));
	/* Any other alias is libvirt's, of a domain that runs, and another one next time. */
	if (alias && !strncmp(alias, "ua-", 3))
		return hvcma_text("%s", alias);
	return hvcma_text(HVCMA_ALIAS_PREFIX "%04" PRIx64 "-%02" PRIx64 "-%02" PRIx64 "-%" PRIx64, a->domain,
			  a->bus, a->slot, a->function);
}

/* ---- emulator ---- */

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

char *hvcma_domain_wrapper(const struct hvcma_domain *d)
{
	if (!d->emulator)
		return *d->arch ? hvcma_text(HVCMA_WRAPPER_PREFIX HVCMA_EMULATOR_NAME "%s", d->arch) : NULL;
	if (begins(d->emulator, HVCMA_WRAPPER_PREFIX HVCMA_EMULATOR_NAME))
		return hvcma_text("%s", d->emulator);
	if (begins(d->emulator, HVCMA_EMULATOR_DIR HVCMA_EMULATOR_NAME))
		return hvcma_text(HVCMA_WRAPPER_PREFIX "%s", d->emulator + strlen(HVCMA_EMULATOR_DIR));
	return NULL;
}

/* ---- the whole ---- */

void hvcma_domain_read(xmlDocPtr doc, struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr root = xmlDocGetRootElement(doc), type, emulator;
	const char *arch;

	*d = (struct hvcma_domain){ .root = root, .devices = hvcma_xml_child(root, NULL, "devices") };
	d->name = hvcma_xml_content(hvcma_xml_child(root, NULL, "name"));
	type = hvcma_xml_child(hvcma_xml_child(root, NULL, "os"), NULL, "type");
	arch = hvcma_xml_attribute(type, "arch");
	d->arch = hvcma_text("%s", arch ? arch : "");
	emulator = hvcma_xml_child(d->devices, NULL, "emulator");
	d->emulator = emulator ? hvcma_xml_content(emulator) : NULL;
	hvcma_declared_read(root, &d->declared, f);
	d->applied = hvcma_xml_child(d->declared.root, HVCMA_XML_NS, "applied");
	if (d->declared.root)
		read_memory(d, f);
}

void hvcma_domain_free(struct hvcma_domain *d)
{
	hvcma_declared_free(&d->declared);
	free(d->name);
	free(d->arch);
	free(d->emulator);
	*d = (struct hvcma_domain){ 0 };
}
