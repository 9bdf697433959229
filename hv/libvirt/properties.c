// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Properties of a region's device: see properties.h.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hv/libvirt/properties.h"

/* All that there are. */
enum property {
	P_NAME,
	P_MODE,
	P_PIN,
	P_POLICY,
	P_DEFAULT,
	P_SURRENDER,
	P_SERVICE,
	P_UNSAFE_NOIOMMU,
	P_CLIENTS,
	P_REGIONS,
	P_DMA_WINDOWS,
	P_PIN_LIMIT,
	P_LOW,
	P_CONTIGUOUS,
	P_RUN,
	P_POOL,
};

static const char *const names[] = {
	[P_NAME] = "name",
	[P_MODE] = "mode",
	[P_PIN] = "pin",
	[P_POLICY] = "policy",
	[P_DEFAULT] = "default",
	[P_SURRENDER] = "surrender",
	[P_SERVICE] = "service",
	[P_UNSAFE_NOIOMMU] = "unsafe-noiommu",
	[P_CLIENTS] = "clients",
	[P_REGIONS] = "regions",
	[P_DMA_WINDOWS] = "dma-windows",
	[P_PIN_LIMIT] = "pin-limit",
	[P_LOW] = "low",
	[P_CONTIGUOUS] = "contiguous",
	[P_RUN] = "run",
	[P_POOL] = "pool",
};

static const char ours[] = HVCMA_DEVICE_TYPE ",id=" HVCMA_ALIAS_PREFIX;

/* Takes @value over; NULL is left out. */
static void add(struct hvcma_properties *p, enum property which, const char *type, char *value)
{
	if (!value)
		return;
	p->list = hvcma_grow(p->list, p->nr, sizeof(*p->list));
	p->list[p->nr++] = (struct hvcma_property){ names[which], type, value };
}

static void add_word(struct hvcma_properties *p, enum property which, const char *value)
{
	add(p, which, "string", value ? hvcma_text("%s", value) : NULL);
}

static void add_bytes(struct hvcma_properties *p, enum property which, uint64_t bytes)
{
	add(p, which, "unsigned", bytes ? hvcma_text("%" PRIu64, bytes) : NULL);
}

static void add_yes(struct hvcma_properties *p, enum property which, bool yes)
{
	add(p, which, "bool", yes ? hvcma_text("true") : NULL);
}

/* With a kind or a reservation it is an entry of regions=. */
static bool is_plain(const struct hvcma_declared_client *client)
{
	return !*client->kind && !client->reservation_bytes;
}

static char *clients(const struct hvcma_domain *d, const struct hvcma_declared_region *r)
{
	char *text = NULL;

	for (size_t i = 0; i < r->nr_clients; i++) {
		char *id;

		if (!is_plain(&r->client[i]))
			continue;
		id = hvcma_domain_client_id(d, &r->client[i]);
		hvcma_text_add(&text, "%s%s", text ? ":" : "", id);
		free(id);
	}
	return text;
}

static char *regions(const struct hvcma_domain *d, const struct hvcma_declared_region *r)
{
	char *text = NULL;

	for (size_t i = 0; i < r->nr_clients; i++) {
		const struct hvcma_declared_client *client = &r->client[i];
		char *id;

		if (is_plain(client))
			continue;
		id = hvcma_domain_client_id(d, client);
		hvcma_text_add(&text, "%s%s/%s%s%s%s=%" PRIu64, text ? ";" : "", r->name, id,
			       *client->kind ? "(" : "", client->kind, *client->kind ? ")" : "",
			       client->reservation_bytes);
		free(id);
	}
	return text;
}

static void add_windows(char **text, const char *id, const struct hvcma_declared_windows *w)
{
	for (size_t i = 0; i < w->nr; i++) {
		if (i)
			hvcma_text_add(text, "+");
		else
			hvcma_text_add(text, "%s%s%s", *text ? ";" : "", id, *id ? "=" : "");
		hvcma_text_add(text, "0x%" PRIx64 ":0x%" PRIx64 ":0x%" PRIx64, w->list[i].bus_base,
			       w->list[i].memory_base, w->list[i].bytes);
	}
}

char *hvcma_windows_property(const struct hvcma_domain *d, const struct hvcma_declared_region *r)
{
	char *text = NULL;

	for (size_t i = 0; i < r->nr_clients; i++) {
		char *id = hvcma_domain_client_id(d, &r->client[i]);

		add_windows(&text, id, &r->client[i].windows);
		free(id);
	}
	add_windows(&text, "", &r->windows);
	return text;
}

void hvcma_properties_of(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			 struct hvcma_properties *p)
{
	*p = (struct hvcma_properties){ 0 };
	add_word(p, P_NAME, r->name);
	add_word(p, P_MODE, r->mode);
	add_word(p, P_PIN, r->pin);
	add_word(p, P_POLICY, r->policy);
	add_yes(p, P_DEFAULT, r->is_default);
	add_yes(p, P_SURRENDER, r->surrenders);
	add_word(p, P_SERVICE, r->by_service ? "on" : NULL);
	add_yes(p, P_UNSAFE_NOIOMMU, hvcma_declared_is_unsafe(r));
	add(p, P_CLIENTS, "string", clients(d, r));
	add(p, P_REGIONS, "string", regions(d, r));
	add(p, P_DMA_WINDOWS, "string", hvcma_windows_property(d, r));
	add_bytes(p, P_PIN_LIMIT, r->pin_limit_bytes);
	add_bytes(p, P_LOW, r->low_bytes);
	add_word(p, P_CONTIGUOUS, r->contiguous);
	add_bytes(p, P_RUN, r->run_bytes);
	add_bytes(p, P_POOL, r->pool_bytes);
}

void hvcma_properties_free(struct hvcma_properties *p)
{
	for (size_t i = 0; i < p->nr; i++)
		free(p->list[i].value);
	free(p->list);
	*p = (struct hvcma_properties){ 0 };
}

char *hvcma_properties_argument(const struct hvcma_declared_region *r, const struct hvcma_properties *p)
{
	char *text = hvcma_text("%s%s", ours, r->name);

	/* None of the values has a comma. */
	for (size_t i = 0; i < p->nr; i++)
		hvcma_text_add(&text, ",%s=%s", p->list[i].name,
			       strcmp(p->list[i].type, "bool") ? p->list[i].value : "on");
	return text;
}

bool hvcma_property_is_ours(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

bool hvcma_argument_is_ours(const char *value)
{
	return !strncmp(value, ours, sizeof(ours) - 1);
}
