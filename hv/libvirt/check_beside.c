// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the domain is, and has beside its regions: see check_parts.h.
 */
#include <stdlib.h>
#include <string.h>

#include "hv/libvirt/check_parts.h"
#include "hv/libvirt/properties.h"

static bool is(const char *value, const char *word)
{
	return value && !strcmp(value, word);
}

static bool is_one_of(const char *value, const char *const *words, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (is(value, words[i]))
			return true;
	return false;
}

#define IS_ONE_OF(value, words)	is_one_of(value, words, sizeof(words) / sizeof(*(words)))

/* ---- what it is ---- */

static const struct hvcma_declared_region *static_region(const struct hvcma_domain *d)
{
	for (size_t i = 0; i < d->declared.nr; i++)
		if (is(d->declared.region[i].mode, "static"))
			return &d->declared.region[i];
	return NULL;
}

static bool is_arm_virt(const char *arch, const char *machine)
{
	return (!arch || is(arch, "aarch64")) && (!machine || is(machine, "virt") || !strncmp(machine, "virt-", 5));
}

static void check_machine(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	static const char *const types[] = { "kvm", "qemu" }, *const arches[] = { "x86_64", "aarch64" };
	static const char *const without[] = { "microvm", "isapc", "none", "sbsa-ref" };
	xmlNodePtr node = hvcma_xml_child(hvcma_xml_child(d->root, NULL, "os"), NULL, "type");
	xmlNodePtr secret = hvcma_xml_child(d->root, NULL, "launchSecurity");
	const char *type = hvcma_xml_attribute(d->root, "type"), *arch = hvcma_xml_attribute(node, "arch");
	const char *machine = hvcma_xml_attribute(node, "machine");
	const struct hvcma_declared_region *r = static_region(d);

	if (type && !IS_ONE_OF(type, types))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(d->root), "declare regions in domains of type kvm or qemu",
			   "domain type '%s' is none that QEMU runs, and regions are QEMU's", type);
	if (arch && !IS_ONE_OF(arch, arches))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "choose x86_64 or aarch64",
			   "the domain is of architecture '%s', for which there is no plugin", arch);
	if (machine && IS_ONE_OF(machine, without))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "choose pc, q35, or virt of Arm",
			   "machine '%s' has no memory devices", machine);
	if (r && !is_arm_virt(arch, machine))
		hvcma_find(f, HVCMA_ERROR, r->line, "choose another mode",
			   "region '%s': mode='static' is of machine 'virt' of Arm, whose guests have a device tree",
			   r->name);
	if (secret)
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(secret), "remove it, or the regions",
			   "<launchSecurity>: memory of a confidential guest is encrypted or its own, and devices can't use it");
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

/* ---- what is written past libvirt ---- */

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

/* A property that apply would not write again; NULL: none. */
static const char *lost_property(xmlNodePtr device)
{
	xmlNodePtr frontend = hvcma_xml_child(device, HVCMA_XML_QEMU_NS, "frontend");

	for (xmlNodePtr at = hvcma_xml_first(frontend); at; at = hvcma_xml_next(at)) {
		const char *name = hvcma_xml_attribute(at, "name");

		if (name && strcmp(name, "driver") && !hvcma_property_is_ours(name))
			return name;
	}
	return NULL;
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
		else if (region_of_alias(d, alias) && lost_property(at))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "remove it: the override is made of what is declared",
				   "<qemu:override> of '%s' has the property '%s', which would be lost", alias,
				   lost_property(at));
		else if (!hvcma_alias_is_ours(alias) && !strncmp(driver, "virtio-cma-", 11))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "declare that region in the metadata instead",
				   "<qemu:override> makes '%s' a virtio-cma device beside the declared regions",
				   alias ? alias : "");
		free(driver);
	}
}

static void check_argument(xmlNodePtr node, const char *value, struct hvcma_findings *f)
{
	if (hvcma_argument_is_ours(value))
		return;
	if (strstr(value, "virtio-cma-"))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "declare that region in the metadata instead",
			   "<qemu:commandline> has a virtio-cma device beside the declared regions: '%s'", value);
	else if (strstr(value, HVCMA_ALIAS_PREFIX))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "choose another id",
			   "<qemu:commandline> has an id of ours beside the declared regions: '%s'", value);
	else if (is(value, "-m"))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(node), "say <memory> and <maxMemory> instead",
			   "<qemu:commandline> sets the memory of the machine, in which the declared regions are");
}

static void check_commandline(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	xmlNodePtr line = hvcma_xml_child(d->root, HVCMA_XML_QEMU_NS, "commandline");

	for (xmlNodePtr at = hvcma_xml_first(line); at; at = hvcma_xml_next(at)) {
		const char *value = hvcma_xml_attribute(at, "value"), *name = hvcma_xml_attribute(at, "name");

		if (hvcma_xml_is(at, HVCMA_XML_QEMU_NS, "arg") && value)
			check_argument(at, value, f);
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

/* ---- the whole ---- */

void hvcma_check_folder(const struct hvcma_domain *d, struct hvcma_findings *f)
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

void hvcma_check_beside(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	check_machine(d, f);
	check_emulator(d, f);
	check_override(d, f);
	check_commandline(d, f);
	check_aliases(d, f);
}
