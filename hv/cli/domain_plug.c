// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * hvcma domain attach-region, detach-region, attach-device, detach-device. An override is of no
 * effect on what is hot-plugged, so a region comes by QEMU's monitor, its memory from a memfd:
 * no file, hence no label and no owner to set. Devices come by libvirt.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hv/cli/domain_live.h"
#include "hv/libvirt/check.h"
#include "hv/libvirt/nodeset.h"
#include "hv/libvirt/properties.h"

#define MEMORY_PREFIX	"hvcma-mem-"	/* of memory that is hot-plugged; the rest is libvirt's */
#define GONE_AFTER_S	30

/* ---- parts of a domain ---- */

struct parsed {
	xmlDocPtr doc;
	struct hvcma_domain domain;
};

static void parsed_free(struct parsed *p)
{
	hvcma_domain_free(&p->domain);
	xmlFreeDoc(p->doc);
}

/* Of XML that libvirt gave. Return: 0, or an exit value after saying why. */
static int parse(const struct hvcma_domain_text *t, struct parsed *p)
{
	struct hvcma_findings f = { 0 };
	int ret = 0;

	*p = (struct parsed){ .doc = hvcma_xml_parse(t->text, t->bytes, &f) };
	if (p->doc)
		hvcma_domain_read(p->doc, &p->domain, &f);
	if (hvcma_findings_errors(&f))
		ret = hvcma_failed(f.list[0].text);
	hvcma_findings_free(&f);
	return ret;
}

static const struct hvcma_declared_region *region_called(const struct hvcma_domain *d, const char *name)
{
	for (size_t i = 0; i < d->declared.nr; i++)
		if (!strcmp(d->declared.region[i].name, name))
			return &d->declared.region[i];
	return NULL;
}

/* The element of a file, in the outermost one of a document. */
struct element {
	xmlDocPtr doc;
	xmlNodePtr node;
};

/* What a file has, between these; lines stay. An XML declaration would not be at the start any more. */
static char *wrapped(const struct hvcma_domain_text *t, const char *before, const char *after)
{
	const char *at = t->text, *end = t->text + t->bytes;
	char *text = hvcma_text("%s", before), *body;

	if (t->bytes >= 5 && !memcmp(at, "<?xml", 5)) {
		for (; at < end && *at != '>'; at++)
			if (*at == '\n')
				hvcma_text_add(&text, "\n");
		at += at < end;
	}
	body = hvcma_text("%.*s", (int)(end - at), at);
	hvcma_text_add(&text, "%s%s", body, after);
	free(body);
	return text;
}

/*
 * Reads a file whose one element is to be where elements end after @before, which begins with
 * <domain>. Return: 0; else an exit value after saying why, in which line.
 */
static int load_element(const char *path, const char *before, const char *after, struct element *e)
{
	struct hvcma_findings f = { 0 };
	struct hvcma_declared declared;
	struct hvcma_domain_text t;
	xmlNodePtr at;
	char *text;
	int ret = hvcma_domain_load(path, &t);

	if (ret)
		return ret;
	*e = (struct element){ 0 };
	text = wrapped(&t, before, after);
	if (memchr(t.text, '\0', t.bytes))
		hvcma_find(&f, HVCMA_ERROR, 0, "give a text", "it has a byte of 0");
	else
		e->doc = hvcma_xml_parse(text, strlen(text), &f);
	/* To where @after ends one element after another. */
	at = e->doc ? xmlDocGetRootElement(e->doc) : NULL;
	for (const char *end = after; at && (end = strstr(end, "</")) != NULL; end++)
		at = hvcma_xml_first(at);
	if (e->doc && (!at || hvcma_xml_next(at)))
		hvcma_find(&f, HVCMA_ERROR, at ? hvcma_xml_line(hvcma_xml_next(at)) : 1, "give one element",
			   "%s", at ? "more than one element" : "no element");
	if (at && !hvcma_findings_errors(&f)) {
		hvcma_declared_read(xmlDocGetRootElement(e->doc), &declared, &f);
		hvcma_declared_free(&declared);
	}
	e->node = at;
	if (hvcma_findings_errors(&f)) {
		hvcma_domain_print_findings(stderr, t.name, &f);
		xmlFreeDoc(e->doc);
		ret = HVCMA_EXIT_FINDINGS;
	}
	free(text);
	hvcma_findings_free(&f);
	hvcma_domain_text_free(&t);
	return ret;
}

/* The domain with this region declared in it, as text; malloc'ed. */
static char *with_region(struct parsed *p, const xmlNode *region)
{
	xmlNodePtr root = p->domain.declared.root, metadata = hvcma_xml_child(p->domain.root, NULL, "metadata");

	if (!metadata)
		metadata = hvcma_xml_add(p->domain.root, NULL, "metadata", NULL);
	if (!root)
		root = hvcma_xml_add(metadata, HVCMA_XML_NS, "regions", NULL);
	xmlAddChild(root, xmlDocCopyNode((xmlNodePtr)region, p->doc, 1));
	return hvcma_xml_print(p->doc, false);
}

/* The domain without it. */
static char *without_region(struct parsed *p, const char *name)
{
	const struct hvcma_declared_region *r = region_called(&p->domain, name);

	hvcma_xml_remove(r->node);
	return hvcma_xml_print(p->doc, false);
}

/* ---- monitor ---- */

static int tell(struct hvcma_live *l, const char *command, struct json_object *arguments, struct hvcma_error *err)
{
	struct json_object *ignored = NULL;
	int ret = hvcma_qmp_execute(l->qmp, command, arguments, &ignored, err);

	if (!ret)
		json_object_put(ignored);
	return ret;
}

static struct json_object *arguments_of(const char *name, const char *value)
{
	struct json_object *obj = json_object_new_object();

	json_object_object_add(obj, name, json_object_new_string(value));
	return obj;
}

/* "0-1,3" as [0, 1, 3]. */
static struct json_object *nodes(const char *nodeset)
{
	struct json_object *list = json_object_new_array();
	struct hvcma_nodeset set = { { 0 } };

	/* Checked before. */
	hvcma_nodeset_parse(nodeset, &set);
	for (unsigned int i = 0; i < HVCMA_MAX_NODES; i++)
		if (hvcma_nodeset_has(&set, i))
			json_object_array_add(list, json_object_new_int64(i));
	return list;
}

static int add_memory(struct hvcma_live *l, const struct hvcma_declared_region *r, uint64_t bytes,
		      struct hvcma_error *err)
{
	char *id = hvcma_text(MEMORY_PREFIX "%s", r->name);
	struct json_object *args = arguments_of("qom-type", "memory-backend-memfd");
	int ret;

	json_object_object_add(args, "id", json_object_new_string(id));
	json_object_object_add(args, "size", json_object_new_uint64(bytes));
	json_object_object_add(args, "hugetlb", json_object_new_boolean(true));
	json_object_object_add(args, "hugetlbsize", json_object_new_uint64(r->page_bytes));
	json_object_object_add(args, "share", json_object_new_boolean(true));
	json_object_object_add(args, "prealloc", json_object_new_boolean(!r->low_bytes && !r->contiguous));
	if (r->nodeset) {
		json_object_object_add(args, "host-nodes", nodes(r->nodeset));
		json_object_object_add(args, "policy", json_object_new_string("bind"));
	}
	ret = tell(l, "object-add", args, err);
	free(id);
	return ret;
}

static void remove_memory(struct hvcma_live *l, const char *name)
{
	char *id = hvcma_text(MEMORY_PREFIX "%s", name);
	struct hvcma_error ignored;

	tell(l, "object-del", arguments_of("id", id), &ignored);
	free(id);
}

static struct json_object *device_arguments(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
					    const char *bus)
{
	struct json_object *args = arguments_of("driver", HVCMA_DEVICE_TYPE);
	char *id = hvcma_text(HVCMA_ALIAS_PREFIX "%s", r->name), *memory = hvcma_text(MEMORY_PREFIX "%s", r->name);
	struct hvcma_properties p;

	json_object_object_add(args, "id", json_object_new_string(id));
	json_object_object_add(args, "memdev", json_object_new_string(memory));
	if (bus)
		json_object_object_add(args, "bus", json_object_new_string(bus));
	hvcma_properties_of(d, r, &p);
	for (size_t i = 0; i < p.nr; i++) {
		struct json_object *value;

		if (!strcmp(p.list[i].type, "bool"))
			value = json_object_new_boolean(true);
		else if (!strcmp(p.list[i].type, "unsigned"))
			value = json_object_new_uint64(strtoull(p.list[i].value, NULL, 10));
		else
			value = json_object_new_string(p.list[i].value);
		json_object_object_add(args, p.list[i].name, value);
	}
	hvcma_properties_free(&p);
	free(memory);
	free(id);
	return args;
}

/* Does a device of the domain sit on this bus? */
static bool bus_is_used(const struct hvcma_domain *d, uint64_t bus)
{
	for (xmlNodePtr at = hvcma_xml_first(d->devices); at; at = hvcma_xml_next(at)) {
		xmlNodePtr address = hvcma_xml_child(at, NULL, "address");
		const char *type = hvcma_xml_attribute(address, "type");
		uint64_t n;

		if (type && !strcmp(type, "pci") && hvcma_xml_number(hvcma_xml_attribute(address, "bus"), &n) && n == bus)
			return true;
	}
	return false;
}

/*
 * Hot-plugged devices go to a root port; which are free QEMU knows of those that came past
 * libvirt: so one after another is tried. Without root ports the machine's own bus takes them.
 */
static int add_device(struct hvcma_live *l, const struct hvcma_domain *d, const struct hvcma_declared_region *r,
		      struct hvcma_error *err)
{
	bool has_ports = false;
	int ret = -ENOENT;

	hvcma_error_set(err, "no PCIe root port is free: add <controller type='pci' model='pcie-root-port'/> and start the domain again");
	for (xmlNodePtr at = hvcma_xml_first(d->devices); at && ret; at = hvcma_xml_next(at)) {
		const char *model = hvcma_xml_attribute(at, "model"), *alias = hvcma_xml_alias(at);
		uint64_t index;

		if (!hvcma_xml_is(at, NULL, "controller") || !model || strcmp(model, "pcie-root-port") || !alias)
			continue;
		has_ports = true;
		if (hvcma_xml_number(hvcma_xml_attribute(at, "index"), &index) && !bus_is_used(d, index))
			ret = tell(l, "device_add", device_arguments(d, r, alias), err);
	}
	return has_ports ? ret : tell(l, "device_add", device_arguments(d, r, NULL), err);
}

/* ---- attach-region ---- */

/* What is declared now, and runs from now on. */
static int attach_live(struct hvcma_live *l, const struct hvcma_domain_text *t, const char *name,
		       const struct hvcma_domain_request *r)
{
	const struct hvcma_declared_region *region;
	struct hvcma_error err;
	struct parsed p;
	uint64_t bytes;
	char *changed;
	int ret = hvcma_domain_change(t, HVCMA_DOMAIN_APPLY, false, r, &changed);

	if (ret)
		return ret;
	free(changed);
	ret = parse(t, &p);
	if (ret)
		goto out;
	region = region_called(&p.domain, name);
	bytes = hvcma_domain_region_bytes(&p.domain, region);
	if (!bytes) {
		ret = hvcma_failed("a region with mode='ram' is there from the start, or not at all");
	} else if (add_memory(l, region, bytes, &err)) {
		ret = hvcma_failed(err.text);
	} else if (add_device(l, &p.domain, region, &err)) {
		remove_memory(l, name);
		ret = hvcma_failed(err.text);
	}
out:
	parsed_free(&p);
	return ret;
}

static int attach_region_to(struct hvcma_live *l, const void *what, bool live,
			    const struct hvcma_domain_request *r)
{
	const xmlNode *region = what;
	const char *name = hvcma_xml_attribute(region, "name");
	struct hvcma_domain_text t;
	struct hvcma_error err;
	struct parsed p;
	int ret = hvcma_live_text(l, live, &t);

	if (ret)
		return ret;
	ret = parse(&t, &p);
	if (!ret && name && region_called(&p.domain, name)) {
		hvcma_error_set(&err, "the domain has a region '%s' already", name);
		ret = hvcma_failed(err.text);
	} else if (!ret) {
		free(t.text);
		t.text = with_region(&p, region);
		t.bytes = strlen(t.text);
	}
	parsed_free(&p);
	if (!ret)
		ret = live ? attach_live(l, &t, name ? name : "", r) : hvcma_live_redefine(l, &t, false, r);
	hvcma_domain_text_free(&t);
	return ret;
}

/* Which of the two, if nobody says: as virsh has it. */
static int choose(const struct hvcma_live *l, struct hvcma_domain_request *r)
{
	if (!r->live && !r->config) {
		r->live = l->runs;
		r->config = !l->runs;
	}
	if (r->live && !l->runs)
		return hvcma_failed("the domain is not running: --config is of its definition");
	return 0;
}

/* One of the two changes below. */
typedef int hvcma_plug_change(struct hvcma_live *l, const void *what, bool live, const struct hvcma_domain_request *r);

/* The definition first: that can be taken back, if the domain that runs does not follow. */
static int change_both(struct hvcma_live *l, hvcma_plug_change *change, const void *what,
		       const struct hvcma_domain_request *r)
{
	struct hvcma_domain_text before = { 0 };
	struct hvcma_error err;
	int ret = r->config ? hvcma_live_text(l, false, &before) : 0;

	if (!ret && r->config)
		ret = change(l, what, false, r);
	if (!ret && r->live) {
		ret = change(l, what, true, r);
		if (ret && r->config && hvcma_connection_define(l->connection, before.text, &err))
			hvcma_failed(err.text);
	}
	hvcma_domain_text_free(&before);
	return ret;
}

static int run_attach_region(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct hvcma_live l;
	struct element e;
	int ret = hvcma_domain_options(&hvcma_domain_attach_region_command, argc, argv, "clh", 2, &r);

	if (!ret)
		ret = load_element(argv[optind + 1],
				   "<domain><metadata><hvcma:regions xmlns:hvcma='" HVCMA_XML_NS "'>",
				   "</hvcma:regions></metadata></domain>", &e);
	if (ret)
		return ret;
	ret = hvcma_live_open(r.connect, argv[optind], &l);
	if (!ret) {
		ret = choose(&l, &r);
		if (!ret)
			ret = change_both(&l, attach_region_to, e.node, &r);
		hvcma_live_close(&l);
	}
	xmlFreeDoc(e.doc);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_attach_region_command = {
	.name = "attach-region",
	.usage = "[OPTION...] DOMAIN FILE",
	.help = "give a domain one more region, at once or from the next start on\n"
		"The FILE has <region xmlns='" HVCMA_XML_NS "'>.\n",
	.run = run_attach_region,
};

/* ---- detach-region ---- */

static bool is_there(struct hvcma_live *l, const char *id)
{
	char *path = hvcma_text("/machine/peripheral/%s", id);
	struct hvcma_error ignored;
	bool there = !tell(l, "qom-list", arguments_of("path", path), &ignored);

	free(path);
	return there;
}

/* Asks the guest, and waits for its answer. */
static int detach_live(struct hvcma_live *l, const char *name)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };
	char *id = hvcma_text(HVCMA_ALIAS_PREFIX "%s", name);
	struct hvcma_error err;
	int ret = tell(l, "device_del", arguments_of("id", id), &err), left = GONE_AFTER_S * 10;

	while (!ret && left-- && is_there(l, id))
		nanosleep(&pause, NULL);
	if (!ret && left < 0) {
		hvcma_error_set(&err, "the guest has not let go of region '%s' within %d s: hvcma domain status says who uses it",
				name, GONE_AFTER_S);
		ret = -ETIMEDOUT;
	}
	if (ret)
		hvcma_failed(err.text);
	else
		remove_memory(l, name);
	free(id);
	return !ret ? 0 : ret == -ENOENT ? HVCMA_EXIT_NO_DEVICE : HVCMA_EXIT_FAILED;
}

static int detach_config(struct hvcma_live *l, const char *name, const struct hvcma_domain_request *r)
{
	struct hvcma_domain_text t;
	struct hvcma_error err;
	struct parsed p;
	int ret = hvcma_live_text(l, false, &t);

	if (ret)
		return ret;
	ret = parse(&t, &p);
	if (!ret && !region_called(&p.domain, name)) {
		hvcma_error_set(&err, "the definition has no region '%s'", name);
		hvcma_failed(err.text);
		ret = HVCMA_EXIT_NO_DEVICE;
	} else if (!ret) {
		free(t.text);
		t.text = without_region(&p, name);
		t.bytes = strlen(t.text);
		ret = hvcma_live_redefine(l, &t, false, r);
	}
	parsed_free(&p);
	hvcma_domain_text_free(&t);
	return ret;
}

static int detach_region_from(struct hvcma_live *l, const void *what, bool live,
			      const struct hvcma_domain_request *r)
{
	return live ? detach_live(l, what) : detach_config(l, what, r);
}

static int run_detach_region(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct hvcma_live l;
	int ret = hvcma_domain_options(&hvcma_domain_detach_region_command, argc, argv, "clh", 2, &r);

	if (!ret)
		ret = hvcma_live_open(r.connect, argv[optind], &l);
	if (ret)
		return ret;
	ret = choose(&l, &r);
	if (!ret)
		ret = change_both(&l, detach_region_from, argv[optind + 1], &r);
	hvcma_live_close(&l);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_detach_region_command = {
	.name = "detach-region",
	.usage = "[OPTION...] DOMAIN REGION",
	.help = "take a region from a domain, at once or from the next start on\n"
		"At once the guest is asked, and may refuse: nothing may be allocated in it.\n",
	.run = run_detach_region,
};

/* ---- devices ---- */

/* The region that serves the device of this alias, NULL: none, but perhaps a default one. */
static const struct hvcma_declared_region *region_serving(const struct hvcma_domain *d, const char *alias)
{
	for (size_t i = 0; i < d->declared.nr; i++)
		for (size_t k = 0; k < d->declared.region[i].nr_clients; k++) {
			char *id = hvcma_domain_client_id(d, &d->declared.region[i].client[k]);
			bool is_it = !strcmp(id, alias);

			free(id);
			if (is_it)
				return &d->declared.region[i];
		}
	return NULL;
}

static bool has_default(const struct hvcma_domain *d)
{
	for (size_t i = 0; i < d->declared.nr; i++)
		if (d->declared.region[i].is_default)
			return true;
	return false;
}

/*
 * Is there a region for it, where it is to be attached? The default one takes devices of the host
 * that nobody has named, and none that QEMU emulates (docs/protocol.md, 6.3.1).
 */
static int check_served(struct hvcma_live *l, bool live, xmlNodePtr device)
{
	const char *alias = hvcma_xml_alias(device);
	struct hvcma_domain_text t;
	struct hvcma_error err;
	struct parsed p;
	int ret = hvcma_live_text(l, live, &t);

	if (ret)
		return ret;
	ret = parse(&t, &p);
	if (!ret && !(alias && region_serving(&p.domain, alias)) && !(has_default(&p.domain) && hvcma_domain_passes(device))) {
		hvcma_error_set(&err, "no region of the %s names the device '%s' as client, and %s: declare it, and start the domain with it",
				t.name, alias ? alias : "",
				has_default(&p.domain) ? "the default one takes hostdevs alone" : "none is the default");
		ret = hvcma_failed(err.text);
	}
	parsed_free(&p);
	hvcma_domain_text_free(&t);
	return ret;
}

static int attach_device(struct hvcma_live *l, const struct element *e, const struct hvcma_domain_request *r)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	struct hvcma_error err;
	int ret = check_served(l, r->live, e->node);

	xmlNodeDump(buffer, e->doc, e->node, 0, 0);
	if (!ret && hvcma_connection_attach(l->connection, (const char *)xmlBufferContent(buffer), r->live, r->config,
					    &err))
		ret = hvcma_failed(err.text);
	xmlBufferFree(buffer);
	return ret;
}

static int run_attach_device(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct hvcma_live l;
	struct element e;
	int ret = hvcma_domain_options(&hvcma_domain_attach_device_command, argc, argv, "cl", 2, &r);

	if (!ret)
		ret = load_element(argv[optind + 1], "<domain>", "</domain>", &e);
	if (ret)
		return ret;
	ret = hvcma_live_open(r.connect, argv[optind], &l);
	if (!ret) {
		ret = choose(&l, &r);
		if (!ret)
			ret = attach_device(&l, &e, &r);
		hvcma_live_close(&l);
	}
	xmlFreeDoc(e.doc);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_attach_device_command = {
	.name = "attach-device",
	.usage = "[OPTION...] DOMAIN FILE",
	.help = "give a domain a device that one of its regions serves\n"
		"As virsh attach-device, but refused if no region does. A running domain's clients are those\n"
		"that it was started with; the default region takes other hostdevs.\n",
	.run = run_attach_device,
};

static int run_detach_device(int argc, char **argv)
{
	struct hvcma_domain_request r;
	struct hvcma_error err;
	struct hvcma_live l;
	int ret = hvcma_domain_options(&hvcma_domain_detach_device_command, argc, argv, "cl", 2, &r);

	if (!ret)
		ret = hvcma_live_open(r.connect, argv[optind], &l);
	if (ret)
		return ret;
	ret = choose(&l, &r);
	if (!ret && r.config) {
		struct hvcma_domain_text t;
		struct parsed p = { 0 };

		/* What names it would have no device. */
		ret = hvcma_live_text(&l, false, &t);
		if (!ret)
			ret = parse(&t, &p);
		if (!ret && region_serving(&p.domain, argv[optind + 1])) {
			hvcma_error_set(&err, "region '%s' of the definition names '%s' as client: remove that first",
					region_serving(&p.domain, argv[optind + 1])->name, argv[optind + 1]);
			ret = hvcma_failed(err.text);
		}
		parsed_free(&p);
		hvcma_domain_text_free(&t);
	}
	if (!ret && hvcma_connection_detach(l.connection, argv[optind + 1], r.live, r.config, &err))
		ret = hvcma_failed(err.text);
	hvcma_live_close(&l);
	return ret;
}

const struct hvcma_domain_command hvcma_domain_detach_device_command = {
	.name = "detach-device",
	.usage = "[OPTION...] DOMAIN ALIAS",
	.help = "take a client from a domain, by its alias\n"
		"As virsh detach-device-alias: the guest is asked, and lets go a moment later.\n",
	.run = run_detach_device,
};
