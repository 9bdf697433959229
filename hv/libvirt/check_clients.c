// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clients of declared regions in their domain: see check_parts.h. Whether this host has them, and no
 * IOMMU for them, is for check_host.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hv/libvirt/check_parts.h"

#define USER_PREFIX	"ua-"	/* of aliases that libvirt keeps */

static bool is(const char *value, const char *word)
{
	return value && !strcmp(value, word);
}

static bool is_users(const char *alias)
{
	return !strncmp(alias, USER_PREFIX, sizeof(USER_PREFIX) - 1);
}

static char *all_aliases(const struct hvcma_domain *d)
{
	char *text = NULL;

	for (xmlNodePtr at = hvcma_xml_first(d->devices); at; at = hvcma_xml_next(at)) {
		const char *alias = hvcma_xml_alias(at);

		if (alias && is_users(alias) && !hvcma_xml_is(at, NULL, "memory"))
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

static void check_passed(const struct hvcma_declared_region *r, const struct hvcma_declared_client *client,
			 xmlNodePtr device, struct hvcma_findings *f)
{
	const char *managed = hvcma_xml_attribute(device, "managed");
	struct hvcma_declared_address ignored;

	if (!client->unsafe_noiommu)
		hvcma_find(f, HVCMA_ERROR, client->line,
			   "say unsafe-noiommu='yes' if that is meant; with an IOMMU a plain <hostdev> is enough",
			   "client of region '%s': a passed-through device without an IOMMU can write anywhere in host memory, which nobody has permitted",
			   r->name);
	if (is(managed, "yes"))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(device), "say managed='no', and bind it to vfio-pci",
			   "hostdev that is client of region '%s' has managed='yes', with which libvirt unbinds it",
			   r->name);
	if (!hvcma_hostdev_address(device, &ignored))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(device),
			   "name a PCI device of the host, by type='pci' and <source><address/></source>",
			   "<%s> that is client of region '%s' has no PCI address of the host",
			   (const char *)device->name, r->name);
}

/* <interface><model type='virtio'/>, <disk><target bus='virtio'/>, <controller model='virtio-scsi'> ... */
static bool is_virtio(xmlNodePtr device)
{
	const char *const all[] = {
		hvcma_xml_attribute(device, "model"),
		hvcma_xml_attribute(device, "bus"),
		hvcma_xml_attribute(hvcma_xml_child(device, NULL, "model"), "type"),
		hvcma_xml_attribute(hvcma_xml_child(device, NULL, "target"), "bus"),
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i] && !strncmp(all[i], "virtio", 6))
			return true;
	return false;
}

/* One that QEMU has: no addresses of the host for it, and it must be possible to stop it. */
static void check_emulated(const struct hvcma_declared_region *r, const struct hvcma_declared_client *client,
			   xmlNodePtr device, struct hvcma_findings *f)
{
	char *id = client->device ? hvcma_text("'%s'", client->device) : hvcma_text("%s", "by address");

	if (hvcma_declared_is_unsafe(r))
		hvcma_find(f, HVCMA_ERROR, client->line, "give it a region of its own, without unsafe-noiommu=",
			   "client of region '%s': %s, which is emulated, beside clients with unsafe-noiommu='yes'",
			   r->name, id);
	if (is_virtio(device) && !is(hvcma_xml_attribute(hvcma_xml_child(device, NULL, "driver"), "iommu"), "on"))
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(device), "add iommu='on' to its <driver>",
			   "<%s> that is client of region '%s' is a virtio device without <driver iommu='on'/>, and can't be stopped",
			   (const char *)device->name, r->name);
	free(id);
}

/* An alias is one device's, and stays. */
static void check_alias(const struct hvcma_declared_region *r, const struct hvcma_declared_client *client,
			xmlNodePtr device, struct hvcma_findings *f)
{
	char *fix;

	if (!is_users(client->device)) {
		fix = hvcma_text("give the device <alias name='" USER_PREFIX "%s'/>, and name that", client->device);
		hvcma_find(f, HVCMA_ERROR, client->line, fix,
			   "client of region '%s': alias '%s', which libvirt does not keep", r->name, client->device);
		free(fix);
	}
	for (xmlNodePtr at = hvcma_xml_next(device); at; at = hvcma_xml_next(at))
		if (is(hvcma_xml_alias(at), client->device))
			hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(at), "give one of them another",
				   "two devices have the alias '%s', the first in line %ld", client->device,
				   hvcma_xml_line(device));
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
	if (client->device)
		check_alias(r, client, device, f);
	(hvcma_domain_passes(device) ? check_passed : check_emulated)(r, client, device, f);
}

/* ---- one device in several regions ---- */

static const struct hvcma_declared_windows *windows_of(const struct hvcma_declared_region *r,
						       const struct hvcma_declared_client *client)
{
	return client->windows.nr ? &client->windows : &r->windows;
}

/* They have no overlap, so that as many that are all there are the same ones. */
static bool same_windows(const struct hvcma_declared_windows *a, const struct hvcma_declared_windows *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++) {
		size_t k = 0;

		while (k < b->nr && (a->list[i].bus_base != b->list[k].bus_base ||
				     a->list[i].memory_base != b->list[k].memory_base ||
				     a->list[i].bytes != b->list[k].bytes))
			k++;
		if (k == b->nr)
			return false;
	}
	return true;
}

/* One device, in all regions the same permission, and behind one host bridge. */
static void check_shared(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			 const struct hvcma_declared_client *client, const struct hvcma_declared_region *before,
			 struct hvcma_findings *f)
{
	xmlNodePtr device = hvcma_domain_device(d, client);

	for (size_t k = 0; device && k < before->nr_clients; k++) {
		if (hvcma_domain_device(d, &before->client[k]) != device)
			continue;
		if (hvcma_declared_is_unsafe(r) != hvcma_declared_is_unsafe(before))
			hvcma_find(f, HVCMA_ERROR, client->line,
				   "give it regions that have clients with unsafe-noiommu='yes', or none that has",
				   "a client of region '%s' is one of region '%s', of which one alone is unsafe",
				   r->name, before->name);
		if (!same_windows(windows_of(r, client), windows_of(before, &before->client[k])))
			hvcma_find(f, HVCMA_ERROR, client->line, "say the same <window> in both, for it is behind one bus",
				   "a client of region '%s' has other windows in region '%s', in line %ld", r->name,
				   before->name, before->client[k].line);
	}
}

void hvcma_check_clients(const struct hvcma_domain *d, struct hvcma_findings *f)
{
	for (size_t i = 0; i < d->declared.nr; i++) {
		const struct hvcma_declared_region *r = &d->declared.region[i];

		for (size_t k = 0; k < r->nr_clients; k++) {
			/* What names nothing was found before. */
			if (!r->client[k].device && !hvcma_xml_child(r->client[k].node, HVCMA_XML_NS, "address"))
				continue;
			check_client(d, r, k, f);
			for (size_t n = 0; n < i; n++)
				check_shared(d, r, &r->client[k], &d->declared.region[n], f);
		}
	}
}
