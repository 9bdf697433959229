// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libvirt by its library: see connection.h.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "hv/libvirt/connection.h"
#include "hv/libvirt/finding.h"

#ifdef HVCMA_WITH_LIBVIRT

#include <dlfcn.h>

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#define LIBRARY		"libvirt.so.0"
#define QEMU_LIBRARY	"libvirt-qemu.so.0"

/* What is used of them, with the types that their headers give. */
static struct {
	__typeof__(virConnectClose) *virConnectClose;
	__typeof__(virConnectOpen) *virConnectOpen;
	__typeof__(virDomainAttachDeviceFlags) *virDomainAttachDeviceFlags;
	__typeof__(virDomainCreate) *virDomainCreate;
	__typeof__(virDomainDefineXML) *virDomainDefineXML;
	__typeof__(virDomainDetachDeviceAlias) *virDomainDetachDeviceAlias;
	__typeof__(virDomainFree) *virDomainFree;
	__typeof__(virDomainGetXMLDesc) *virDomainGetXMLDesc;
	__typeof__(virDomainIsActive) *virDomainIsActive;
	__typeof__(virDomainLookupByName) *virDomainLookupByName;
	__typeof__(virDomainQemuMonitorCommand) *virDomainQemuMonitorCommand;
	__typeof__(virGetLastErrorMessage) *virGetLastErrorMessage;
	__typeof__(virSetErrorFunc) *virSetErrorFunc;
} lib;

struct hvcma_connection {
	virConnectPtr libvirt;
	virDomainPtr domain;		/* NULL: none yet */
};

static int load(struct hvcma_error *err)
{
	void *base = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL), *qemu = dlopen(QEMU_LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const struct {
		const char *name;
		void *function;
		void *library;
	} calls[] = {
		{ "virConnectClose", &lib.virConnectClose, base },
		{ "virConnectOpen", &lib.virConnectOpen, base },
		{ "virDomainAttachDeviceFlags", &lib.virDomainAttachDeviceFlags, base },
		{ "virDomainCreate", &lib.virDomainCreate, base },
		{ "virDomainDefineXML", &lib.virDomainDefineXML, base },
		{ "virDomainDetachDeviceAlias", &lib.virDomainDetachDeviceAlias, base },
		{ "virDomainFree", &lib.virDomainFree, base },
		{ "virDomainGetXMLDesc", &lib.virDomainGetXMLDesc, base },
		{ "virDomainIsActive", &lib.virDomainIsActive, base },
		{ "virDomainLookupByName", &lib.virDomainLookupByName, base },
		{ "virDomainQemuMonitorCommand", &lib.virDomainQemuMonitorCommand, qemu },
		{ "virGetLastErrorMessage", &lib.virGetLastErrorMessage, base },
		{ "virSetErrorFunc", &lib.virSetErrorFunc, base },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		void *found = calls[i].library ? dlsym(calls[i].library, calls[i].name) : NULL;

		if (!found) {
			hvcma_error_set(err, "libvirt is not installed here: %s", dlerror());
			return -ENOSYS;
		}
		*(void **)calls[i].function = found;
	}
	return 0;
}

/* Messages are ours to print. */
static void nobody(void *opaque, virErrorPtr error)
{
	(void)opaque;
	(void)error;
}

static int said(const char *what, int ret, struct hvcma_error *err)
{
	hvcma_error_set(err, "%s: %s", what, lib.virGetLastErrorMessage());
	return ret;
}

int hvcma_connection_open(const char *uri, struct hvcma_connection **out, struct hvcma_error *err)
{
	struct hvcma_connection *c;
	int ret = load(err);

	if (ret)
		return ret;
	lib.virSetErrorFunc(NULL, nobody);
	c = hvcma_grow(NULL, 0, sizeof(*c));
	c->libvirt = lib.virConnectOpen(uri);
	if (!c->libvirt) {
		free(c);
		return said(uri ? uri : "libvirt", -ECONNREFUSED, err);
	}
	*out = c;
	return 0;
}

static void let_go(struct hvcma_connection *c)
{
	if (c->domain)
		lib.virDomainFree(c->domain);
	c->domain = NULL;
}

void hvcma_connection_close(struct hvcma_connection *c)
{
	if (!c)
		return;
	let_go(c);
	lib.virConnectClose(c->libvirt);
	free(c);
}

int hvcma_connection_domain(struct hvcma_connection *c, const char *name, struct hvcma_error *err)
{
	let_go(c);
	c->domain = lib.virDomainLookupByName(c->libvirt, name);
	return c->domain ? 0 : said(name, -ENOENT, err);
}

int hvcma_connection_define(struct hvcma_connection *c, const char *xml, struct hvcma_error *err)
{
	let_go(c);
	c->domain = lib.virDomainDefineXML(c->libvirt, xml);
	return c->domain ? 0 : said("define", -EREMOTEIO, err);
}

int hvcma_connection_start(struct hvcma_connection *c, struct hvcma_error *err)
{
	return lib.virDomainCreate(c->domain) ? said("start", -EREMOTEIO, err) : 0;
}

int hvcma_connection_runs(struct hvcma_connection *c, bool *runs, struct hvcma_error *err)
{
	int active = lib.virDomainIsActive(c->domain);

	if (active < 0)
		return said("state", -EREMOTEIO, err);
	*runs = active;
	return 0;
}

int hvcma_connection_xml(struct hvcma_connection *c, bool live, char **xml, struct hvcma_error *err)
{
	/* Secure: what is defined again is to have its passwords. */
	char *text = lib.virDomainGetXMLDesc(c->domain, live ? 0 : VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE);

	if (!text)
		return said("XML", -EREMOTEIO, err);
	*xml = text;
	return 0;
}

static unsigned int affect(bool live, bool config)
{
	return (live ? VIR_DOMAIN_AFFECT_LIVE : 0u) | (config ? VIR_DOMAIN_AFFECT_CONFIG : 0u);
}

int hvcma_connection_attach(struct hvcma_connection *c, const char *xml, bool live, bool config,
			    struct hvcma_error *err)
{
	return lib.virDomainAttachDeviceFlags(c->domain, xml, affect(live, config)) ?
	       said("attach", -EREMOTEIO, err) : 0;
}

int hvcma_connection_detach(struct hvcma_connection *c, const char *alias, bool live, bool config,
			    struct hvcma_error *err)
{
	return lib.virDomainDetachDeviceAlias(c->domain, alias, affect(live, config)) ?
	       said("detach", -EREMOTEIO, err) : 0;
}

int hvcma_connection_monitor(struct hvcma_connection *c, const char *command, char **answer,
			     struct hvcma_error *err)
{
	char *text = NULL;

	if (lib.virDomainQemuMonitorCommand(c->domain, command, &text, VIR_DOMAIN_QEMU_MONITOR_COMMAND_DEFAULT))
		return said("monitor", -EREMOTEIO, err);
	*answer = text;
	return 0;
}

#else

static int built_without(struct hvcma_error *err)
{
	hvcma_error_set(err, "this hvcma was built without libvirt");
	return -ENOSYS;
}

int hvcma_connection_open(const char *uri, struct hvcma_connection **out, struct hvcma_error *err)
{
	(void)uri;
	(void)out;
	return built_without(err);
}

/* Nobody gets a connection, so none of these is ever called. */

void hvcma_connection_close(struct hvcma_connection *c)
{
	(void)c;
}

int hvcma_connection_domain(struct hvcma_connection *c, const char *name, struct hvcma_error *err)
{
	(void)c;
	(void)name;
	return built_without(err);
}

int hvcma_connection_define(struct hvcma_connection *c, const char *xml, struct hvcma_error *err)
{
	(void)c;
	(void)xml;
	return built_without(err);
}

int hvcma_connection_start(struct hvcma_connection *c, struct hvcma_error *err)
{
	(void)c;
	return built_without(err);
}

int hvcma_connection_runs(struct hvcma_connection *c, bool *runs, struct hvcma_error *err)
{
	(void)c;
	(void)runs;
	return built_without(err);
}

int hvcma_connection_xml(struct hvcma_connection *c, bool live, char **xml, struct hvcma_error *err)
{
	(void)c;
	(void)live;
	(void)xml;
	return built_without(err);
}

int hvcma_connection_attach(struct hvcma_connection *c, const char *xml, bool live, bool config,
			    struct hvcma_error *err)
{
	(void)c;
	(void)xml;
	(void)live;
	(void)config;
	return built_without(err);
}

int hvcma_connection_detach(struct hvcma_connection *c, const char *alias, bool live, bool config,
			    struct hvcma_error *err)
{
	(void)c;
	(void)alias;
	(void)live;
	(void)config;
	return built_without(err);
}

int hvcma_connection_monitor(struct hvcma_connection *c, const char *command, char **answer,
			     struct hvcma_error *err)
{
	(void)c;
	(void)command;
	(void)answer;
	return built_without(err);
}

#endif
