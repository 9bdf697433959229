// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Regions written into a domain: see apply.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hv/libvirt/apply.h"
#include "hv/libvirt/check.h"
#include "hv/libvirt/properties.h"

#define NAME_OF_ALIAS(alias)	((alias) + sizeof(HVCMA_ALIAS_PREFIX) - 1)

char *hvcma_region_path(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			const char *mounts)
{
	char *mount = hvcma_hugetlbfs_find(mounts, r->page_bytes), *path;

	if (!mount && r->page_bytes == UINT64_C(2) << 20)
		mount = hvcma_text("/dev/hugepages");
	else if (!mount)
		mount = hvcma_text("/dev/hugepages-%" PRIu64 "kB", r->page_bytes / 1024);
	path = hvcma_text("%s/hvcma/%s/%s", mount, d->name, r->name);
	free(mount);
	return path;
}

/* ---- what is remembered ---- */

static xmlNodePtr applied(struct hvcma_domain *d)
{
	if (!d->applied)
		d->applied = hvcma_xml_add(d->declared.root, HVCMA_XML_NS, "applied", NULL);
	return d->applied;
}

static void remember(struct hvcma_domain *d, const char *what, const char *was)
{
	if (!hvcma_xml_attribute(d->applied, what))
		hvcma_xml_set(applied(d), what, was);
}

/* ---- emulator ---- */

static void apply_emulator(struct hvcma_domain *d)
{
	xmlNodePtr node = hvcma_xml_child(d->devices, NULL, "emulator");
	char *wrapper = hvcma_domain_wrapper(d);

	if (!node) {
		xmlNodePtr first = hvcma_xml_first(d->devices);

		remember(d, "emulator", "");
		if (first)
			hvcma_xml_add_before(first, "emulator", wrapper);
		else
			hvcma_xml_add(d->devices, NULL, "emulator", wrapper);
	} else if (strcmp(d->emulator, wrapper)) {
		remember(d, "emulator", d->emulator);
		hvcma_xml_set_content(node, wrapper);
	}
	free(wrapper);
}

static void unapply_emulator(struct hvcma_domain *d)
{
	xmlNodePtr node = hvcma_xml_child(d->devices, NULL, "emulator");
	const char *was = hvcma_xml_attribute(d->applied, "emulator");

	if (!node || !was)
		return;
	if (*was)
		hvcma_xml_set_content(node, was);
	else
		hvcma_xml_remove(node);
}

/* ---- memory ---- */

/* The vCPUs that a cell for all of them has. */
static char *all_cpus(const struct hvcma_domain *d)
{
	char *text = hvcma_xml_content(hvcma_xml_child(d->root, NULL, "vcpu")), *cpus;
	uint64_t nr = 1;

	if (!hvcma_xml_number(text, &nr) || !nr)
		nr = 1;
	cpus = nr == 1 ? hvcma_text("0") : hvcma_text("0-%" PRIu64, nr - 1);
	free(text);
	return cpus;
}

/* Memory devices need a NUMA node in the guest: one with all of its RAM. */
static void add_cell(struct hvcma_domain *d)
{
	xmlNodePtr cpu = hvcma_xml_child(d->root, NULL, "cpu"), cell;
	char *cpus = all_cpus(d), *memory = hvcma_text("%" PRIu64, d->ram_bytes / 1024);

	if (!cpu) {
		remember(d, "cpu", "added");
		cpu = hvcma_xml_add_before(d->devices, "cpu", NULL);
	}
	remember(d, "numa", "added");
	cell = hvcma_xml_add(hvcma_xml_add(cpu, NULL, "numa", NULL), NULL, "cell", NULL);
	hvcma_xml_set(cell, "id", "0");
	hvcma_xml_set(cell, "cpus", cpus);
	hvcma_xml_set(cell, "memory", memory);
	hvcma_xml_set(cell, "unit", "KiB");
	free(memory);
	free(cpus);
}

static void set_total(struct hvcma_domain *d, uint64_t bytes)
{
	xmlNodePtr memory = hvcma_xml_child(d->root, NULL, "memory"), current;
	uint64_t now;

	if (memory)
		hvcma_xml_set_bytes(memory, bytes);
	/* What libvirt has made of none, or of more than there is now. */
	current = hvcma_xml_child(d->root, NULL, "currentMemory");
	if (current && hvcma_xml_bytes(current, &now) && now > bytes)
		hvcma_xml_set_bytes(current, bytes);
}

static void apply_memory(struct hvcma_domain *d)
{
	xmlNodePtr max = hvcma_xml_child(d->root, NULL, "maxMemory");
	xmlNodePtr memory = hvcma_xml_child(d->root, NULL, "memory");
	uint64_t total = d->ram_bytes + d->others_bytes;
	size_t slots = d->nr_others;
	char *text;

	for (size_t i = 0; i < d->declared.nr; i++) {
		total += hvcma_domain_region_bytes(d, &d->declared.region[i]);
		slots += !hvcma_declared_is_ram(&d->declared.region[i]);
	}
	if (slots == d->nr_others)
		return;
	if (!max) {
		remember(d, "maxMemory", "added");
		max = hvcma_xml_add_before(memory ? memory : d->devices, "maxMemory", "0");
	}
	if (hvcma_xml_attribute(d->applied, "maxMemory")) {
		text = hvcma_text("%zu", slots);
		hvcma_xml_set(max, "slots", text);
		hvcma_xml_set_bytes(max, hvcma_domain_max_bytes(d));
		free(text);
	}
	if (!d->nr_cells)
		add_cell(d);
	set_total(d, total);
}

static void unapply_memory(struct hvcma_domain *d)
{
	xmlNodePtr cpu = hvcma_xml_child(d->root, NULL, "cpu");
	xmlNodePtr max = hvcma_xml_child(d->root, NULL, "maxMemory"), numa = hvcma_xml_child(cpu, NULL, "numa");

	if (max && hvcma_xml_attribute(d->applied, "maxMemory"))
		hvcma_xml_remove(max);
	if (numa && hvcma_xml_attribute(d->applied, "numa"))
		hvcma_xml_remove(numa);
	if (hvcma_xml_attribute(d->applied, "cpu"))
		hvcma_xml_remove_empty(cpu);
	set_total(d, d->ram_bytes + d->others_bytes);
}

/* ---- memory devices ---- */

static xmlNodePtr memory_of_region(const struct hvcma_domain *d, const char *name)
{
	xmlNodePtr at = NULL;

	while ((at = hvcma_domain_next_memory(d, at)) != NULL) {
		const char *alias = hvcma_xml_alias(at);

		if (hvcma_alias_is_ours(alias) && !strcmp(NAME_OF_ALIAS(alias), name))
			return at;
	}
	return NULL;
}

static xmlNodePtr make_child(xmlNodePtr parent, const char *name)
{
	xmlNodePtr node = hvcma_xml_child(parent, NULL, name);

	return node ? node : hvcma_xml_add(parent, NULL, name, NULL);
}

/* One that is there keeps what libvirt has given it, its address. */
static void apply_memory_device(struct hvcma_domain *d, const struct hvcma_declared_region *r,
				const struct hvcma_apply_places *places)
{
	xmlNodePtr node = memory_of_region(d, r->name), path;
	char *file = hvcma_region_path(d, r, places->mounts), *now, *alias;

	if (!node) {
		node = hvcma_xml_add(d->devices, NULL, "memory", NULL);
		hvcma_xml_set(node, "model", "virtio-pmem");
	}
	hvcma_xml_set(node, "access", "shared");
	path = make_child(make_child(node, "source"), "path");
	now = hvcma_xml_content(path);
	if (strcmp(now, file))
		hvcma_xml_set_content(path, file);
	hvcma_xml_set_bytes(make_child(make_child(node, "target"), "size"), hvcma_domain_region_bytes(d, r));
	alias = hvcma_text(HVCMA_ALIAS_PREFIX "%s", r->name);
	hvcma_xml_set(make_child(node, "alias"), "name", alias);
	free(alias);
	free(now);
	free(file);
}

static bool is_declared(const struct hvcma_domain *d, const char *name)
{
	for (size_t i = 0; i < d->declared.nr; i++)
		if (!strcmp(d->declared.region[i].name, name))
			return !hvcma_declared_is_ram(&d->declared.region[i]);
	return false;
}

static void remove_memory_devices(struct hvcma_domain *d, bool all)
{
	xmlNodePtr at = hvcma_domain_next_memory(d, NULL), next;

	for (; at; at = next) {
		const char *alias = hvcma_xml_alias(at);

		next = hvcma_domain_next_memory(d, at);
		if (hvcma_alias_is_ours(alias) && (all || !is_declared(d, NAME_OF_ALIAS(alias))))
			hvcma_xml_remove(at);
	}
}

/* ---- clients ---- */

static void apply_aliases(struct hvcma_domain *d)
{
	for (size_t i = 0; i < d->declared.nr; i++) {
		for (size_t k = 0; k < d->declared.region[i].nr_clients; k++) {
			const struct hvcma_declared_client *client = &d->declared.region[i].client[k];
			char *id = hvcma_domain_client_id(d, client);

			if (!client->device)
				hvcma_xml_set(make_child(hvcma_domain_device(d, client), "alias"), "name", id);
			free(id);
		}
	}
}

static bool is_client(const struct hvcma_domain *d, xmlNodePtr device)
{
	for (size_t i = 0; i < d->declared.nr; i++)
		for (size_t k = 0; k < d->declared.region[i].nr_clients; k++)
			if (hvcma_domain_device(d, &d->declared.region[i].client[k]) == device)
				return true;
	return false;
}

static void remove_aliases(struct hvcma_domain *d, bool all)
{
	for (xmlNodePtr at = hvcma_xml_first(d->devices); at; at = hvcma_xml_next(at))
		if (hvcma_domain_passes(at) && hvcma_alias_is_ours(hvcma_xml_alias(at)) &&
		    (all || !is_client(d, at)))
			hvcma_xml_remove(hvcma_xml_child(at, NULL, "alias"));
}

/* ---- what only QEMU knows ---- */

static xmlNodePtr qemu_element(struct hvcma_domain *d, const char *name)
{
	xmlNodePtr node = hvcma_xml_child(d->root, HVCMA_XML_QEMU_NS, name);

	return node ? node : hvcma_xml_add(d->root, HVCMA_XML_QEMU_NS, name, NULL);
}

static void add_override(struct hvcma_domain *d, const struct hvcma_declared_region *r,
			 const struct hvcma_properties *p)
{
	xmlNodePtr device = hvcma_xml_add(qemu_element(d, "override"), HVCMA_XML_QEMU_NS, "device", NULL);
	xmlNodePtr frontend = hvcma_xml_add(device, HVCMA_XML_QEMU_NS, "frontend", NULL), node;
	char *alias = hvcma_text(HVCMA_ALIAS_PREFIX "%s", r->name);

	hvcma_xml_set(device, "alias", alias);
	free(alias);
	for (size_t i = 0; i <= p->nr; i++) {
		node = hvcma_xml_add(frontend, HVCMA_XML_QEMU_NS, "property", NULL);
		hvcma_xml_set(node, "name", i ? p->list[i - 1].name : "driver");
		hvcma_xml_set(node, "type", i ? p->list[i - 1].type : "string");
		hvcma_xml_set(node, "value", i ? p->list[i - 1].value : HVCMA_DEVICE_TYPE);
	}
}

static void add_argument(struct hvcma_domain *d, const struct hvcma_declared_region *r,
			 const struct hvcma_properties *p)
{
	xmlNodePtr line = qemu_element(d, "commandline");
	char *value = hvcma_properties_argument(r, p);

	hvcma_xml_set(hvcma_xml_add(line, HVCMA_XML_QEMU_NS, "arg", NULL), "value", "-device");
	hvcma_xml_set(hvcma_xml_add(line, HVCMA_XML_QEMU_NS, "arg", NULL), "value", value);
	free(value);
}

static void apply_properties(struct hvcma_domain *d, const struct hvcma_declared_region *r)
{
	struct hvcma_properties p;

	hvcma_properties_of(d, r, &p);
	(hvcma_declared_is_ram(r) ? add_argument : add_override)(d, r, &p);
	hvcma_properties_free(&p);
}

static void remove_overrides(struct hvcma_domain *d)
{
	xmlNodePtr override = hvcma_xml_child(d->root, HVCMA_XML_QEMU_NS, "override"), next;

	for (xmlNodePtr at = hvcma_xml_first(override); at; at = next) {
		next = hvcma_xml_next(at);
		if (hvcma_alias_is_ours(hvcma_xml_attribute(at, "alias")))
			hvcma_xml_remove(at);
	}
	hvcma_xml_remove_empty(override);
}

static void remove_arguments(struct hvcma_domain *d)
{
	xmlNodePtr line = hvcma_xml_child(d->root, HVCMA_XML_QEMU_NS, "commandline"), next;

	for (xmlNodePtr at = hvcma_xml_first(line); at; at = next) {
		const char *value = hvcma_xml_attribute(at, "value"), *after;

		next = hvcma_xml_next(at);
		after = hvcma_xml_attribute(next, "value");
		if (!value || strcmp(value, "-device") || !after || !hvcma_argument_is_ours(after))
			continue;
		hvcma_xml_remove(at);
		at = next;
		next = hvcma_xml_next(at);
		hvcma_xml_remove(at);
	}
	hvcma_xml_remove_empty(line);
}

/* ---- the whole ---- */

void hvcma_apply(struct hvcma_domain *d, const struct hvcma_apply_places *places)
{
	if (!d->declared.nr) {
		hvcma_unapply(d);
		return;
	}
	remove_memory_devices(d, false);
	remove_aliases(d, false);
	remove_overrides(d);
	remove_arguments(d);
	apply_memory(d);
	apply_aliases(d);
	for (size_t i = 0; i < d->declared.nr; i++) {
		if (!hvcma_declared_is_ram(&d->declared.region[i]))
			apply_memory_device(d, &d->declared.region[i], places);
		apply_properties(d, &d->declared.region[i]);
	}
	apply_emulator(d);
}

void hvcma_unapply(struct hvcma_domain *d)
{
	bool was_applied = d->applied;

	remove_memory_devices(d, true);
	remove_aliases(d, true);
	remove_overrides(d);
	remove_arguments(d);
	if (!was_applied)
		return;
	unapply_memory(d);
	unapply_emulator(d);
	hvcma_xml_remove(d->applied);
}
