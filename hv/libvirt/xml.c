// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Trees of domain XML: see xml.h.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <libxml/parser.h>
#include <libxml/xmlsave.h>

#include "hv/libvirt/xml.h"

#define INDENT_BYTES	2		/* libvirt's */

static const xmlChar *x(const char *text)
{
	return (const xmlChar *)text;
}

static const char *c(const xmlChar *text)
{
	return (const char *)text;
}

/* libxml2 prints to stderr unless somebody listens. */
static void nobody(void *opaque, const char *fmt, ...)
{
	(void)opaque;
	(void)fmt;
}

static void find_broken(struct hvcma_findings *f, xmlParserCtxtPtr ctxt)
{
	const xmlError *error = xmlCtxtGetLastError(ctxt);
	char *text = hvcma_text("%s", error && error->message ? error->message : "unknown reason");

	text[strcspn(text, "\n")] = '\0';
	hvcma_find(f, HVCMA_ERROR, error ? error->line : 0, "correct the XML: xmllint shows where",
		   "not well-formed XML: %s", text);
	free(text);
}

xmlDocPtr hvcma_xml_parse(const char *text, size_t bytes, struct hvcma_findings *f)
{
	xmlParserCtxtPtr ctxt;
	xmlDocPtr doc;

	if (bytes > HVCMA_XML_MAX_BYTES) {
		hvcma_find(f, HVCMA_ERROR, 0, "give the XML of one domain",
			   "input of %zu bytes or more, limit: %u", bytes, HVCMA_XML_MAX_BYTES);
		return NULL;
	}
	xmlSetGenericErrorFunc(NULL, nobody);
	ctxt = xmlNewParserCtxt();
	if (!ctxt) {
		hvcma_find(f, HVCMA_ERROR, 0, "free some memory", "no memory for the parser");
		return NULL;
	}
	doc = xmlCtxtReadMemory(ctxt, text, (int)bytes, NULL, NULL,
				XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING |
				XML_PARSE_BIG_LINES);
	if (!doc || !ctxt->wellFormed || !ctxt->nsWellFormed) {
		find_broken(f, ctxt);
	} else if (doc->intSubset || doc->extSubset) {
		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(xmlDocGetRootElement(doc)), "leave <!DOCTYPE> out",
			   "a document type: libvirt's domains have none, and none is read");
	} else if (!hvcma_xml_is(xmlDocGetRootElement(doc), NULL, "domain")) {
		xmlNodePtr root = xmlDocGetRootElement(doc);

		hvcma_find(f, HVCMA_ERROR, hvcma_xml_line(root), "give what 'virsh dumpxml' prints",
			   "the outermost element is <%s>, not <domain>", root ? c(root->name) : "");
	} else {
		xmlFreeParserCtxt(ctxt);
		return doc;
	}
	xmlFreeDoc(doc);
	xmlFreeParserCtxt(ctxt);
	return NULL;
}

char *hvcma_xml_print(xmlDocPtr doc, bool declaration)
{
	xmlBufferPtr buffer = xmlBufferCreate();
	xmlSaveCtxtPtr save = xmlSaveToBuffer(buffer, "UTF-8", declaration ? 0 : XML_SAVE_NO_DECL);
	char *text;

	if (save) {
		xmlSaveDoc(save, doc);
		xmlSaveClose(save);
	}
	text = hvcma_text("%s", c(xmlBufferContent(buffer)));
	xmlBufferFree(buffer);
	return text;
}

/* ---- finding ---- */

bool hvcma_xml_is(const xmlNode *node, const char *ns, const char *name)
{
	return node && node->type == XML_ELEMENT_NODE && !strcmp(c(node->name), name) &&
	       (ns ? node->ns && !strcmp(c(node->ns->href), ns) : !node->ns);
}

xmlNodePtr hvcma_xml_child(xmlNodePtr parent, const char *ns, const char *name)
{
	for (xmlNodePtr node = parent ? parent->children : NULL; node; node = node->next)
		if (hvcma_xml_is(node, ns, name))
			return node;
	return NULL;
}

xmlNodePtr hvcma_xml_next(xmlNodePtr node)
{
	do
		node = node->next;
	while (node && node->type != XML_ELEMENT_NODE);
	return node;
}

xmlNodePtr hvcma_xml_first(xmlNodePtr parent)
{
	xmlNodePtr node = parent ? parent->children : NULL;

	return !node || node->type == XML_ELEMENT_NODE ? node : hvcma_xml_next(node);
}

const char *hvcma_xml_attribute(const xmlNode *node, const char *name)
{
	for (xmlAttrPtr a = node ? node->properties : NULL; a; a = a->next)
		if (!a->ns && !strcmp(c(a->name), name))
			return a->children && a->children->content ? c(a->children->content) : "";
	return NULL;
}

long hvcma_xml_line(const xmlNode *node)
{
	/* From there on libxml2 knows the lines of texts alone, and tells that of the first in it. */
	if (node && node->line == USHRT_MAX && node->prev && node->prev->type == XML_TEXT_NODE)
		node = node->prev;
	return node ? xmlGetLineNo((xmlNodePtr)node) : 0;
}

char *hvcma_xml_content(xmlNodePtr node)
{
	xmlChar *all = node ? xmlNodeGetContent(node) : NULL;
	const char *begin = all ? c(all) : "";
	size_t bytes;
	char *text;

	begin += strspn(begin, " \t\r\n");
	bytes = strlen(begin);
	while (bytes && strchr(" \t\r\n", begin[bytes - 1]))
		bytes--;
	text = hvcma_text("%.*s", (int)bytes, begin);
	xmlFree(all);
	return text;
}

const char *hvcma_xml_alias(xmlNodePtr device)
{
	return hvcma_xml_attribute(hvcma_xml_child(device, NULL, "alias"), "name");
}

bool hvcma_xml_scale(const char *unit, uint64_t *bytes)
{
	static const char suffixes[] = "KMGTPE";
	const char *suffix;
	uint64_t base = 1024, scale = 1;

	if (!unit)
		unit = "KiB";
	if (!strcasecmp(unit, "b") || !strcasecmp(unit, "bytes")) {
		*bytes = 1;
		return true;
	}
	suffix = *unit ? strchr(suffixes, toupper((unsigned char)*unit)) : NULL;
	if (!suffix)
		return false;
	if (!strcasecmp(unit + 1, "B"))
		base = 1000;
	else if (unit[1] && strcasecmp(unit + 1, "iB"))
		return false;
	for (const char *s = suffixes; s <= suffix; s++)
		scale *= base;
	*bytes = scale;
	return true;
}

bool hvcma_xml_number(const char *text, uint64_t *value)
{
	bool is_hex = text && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = text && is_hex ? text + 2 : text;
	unsigned long long n;
	char *end;

	if (!digits || !isxdigit((unsigned char)*digits))
		return false;
	errno = 0;
	n = strtoull(digits, &end, is_hex ? 16 : 10);
	if (errno || *end || end == digits)
		return false;
	*value = n;
	return true;
}

bool hvcma_xml_bytes(xmlNodePtr node, uint64_t *bytes)
{
	char *text = hvcma_xml_content(node);
	uint64_t n, scale;
	bool ok = hvcma_xml_number(text, &n) && hvcma_xml_scale(hvcma_xml_attribute(node, "unit"), &scale) &&
		  n <= UINT64_MAX / scale;

	if (ok)
		*bytes = n * scale;
	free(text);
	return ok;
}

/* ---- editing ---- */

static bool is_blank(const xmlNode *node)
{
	return node && node->type == XML_TEXT_NODE && xmlIsBlankNode(node);
}

static xmlNodePtr line_break(xmlNodePtr parent, int more)
{
	char *text;
	int depth = more;
	xmlNodePtr node;

	for (; parent && parent->type == XML_ELEMENT_NODE; parent = parent->parent)
		depth++;
	text = hvcma_text("\n%*s", (depth - 1) * INDENT_BYTES, "");
	node = xmlNewText(x(text));
	free(text);
	return node;
}

static xmlNsPtr namespace(xmlNodePtr parent, const char *ns)
{
	xmlNodePtr root = xmlDocGetRootElement(parent->doc);
	xmlNsPtr found;

	if (!ns)
		return NULL;
	found = xmlSearchNsByHref(parent->doc, parent, x(ns));
	if (found && found->prefix)
		return found;
	found = xmlNewNs(root, x(ns), x(strcmp(ns, HVCMA_XML_QEMU_NS) ? "hvcma" : "qemu"));
	/* The prefix means something else there. */
	return found ? found : xmlNewNs(root, x(ns), x("hvcma-ns"));
}

static xmlNodePtr element(xmlNodePtr parent, const char *ns, const char *name, const char *text)
{
	xmlNodePtr node = xmlNewDocNode(parent->doc, namespace(parent, ns), x(name), NULL);

	if (text)
		xmlNodeAddContent(node, x(text));
	return node;
}

xmlNodePtr hvcma_xml_add(xmlNodePtr parent, const char *ns, const char *name, const char *text)
{
	xmlNodePtr node = element(parent, ns, name, text), last = parent->last;

	if (is_blank(last)) {
		/* The other way round the blanks would become one text. */
		xmlAddPrevSibling(last, node);
		xmlAddPrevSibling(node, line_break(parent, 1));
	} else {
		xmlAddChild(parent, line_break(parent, 1));
		xmlAddChild(parent, node);
		xmlAddChild(parent, line_break(parent, 0));
	}
	return node;
}

xmlNodePtr hvcma_xml_add_before(xmlNodePtr sibling, const char *name, const char *text)
{
	xmlNodePtr node = element(sibling->parent, NULL, name, text);

	xmlAddPrevSibling(sibling, node);
	xmlAddPrevSibling(sibling, line_break(sibling->parent, 1));
	return node;
}

void hvcma_xml_set(xmlNodePtr node, const char *name, const char *value)
{
	xmlSetProp(node, x(name), x(value));
}

void hvcma_xml_set_content(xmlNodePtr node, const char *text)
{
	xmlNodeSetContent(node, NULL);
	xmlNodeAddContent(node, x(text));
}

void hvcma_xml_set_bytes(xmlNodePtr node, uint64_t bytes)
{
	uint64_t now;
	char *text;

	if (hvcma_xml_bytes(node, &now) && now == bytes)
		return;
	text = hvcma_text("%" PRIu64, bytes / 1024);
	hvcma_xml_set_content(node, text);
	hvcma_xml_set(node, "unit", "KiB");
	free(text);
}

void hvcma_xml_remove(xmlNodePtr node)
{
	xmlNodePtr blank = node->prev;

	if (is_blank(blank)) {
		xmlUnlinkNode(blank);
		xmlFreeNode(blank);
	}
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

void hvcma_xml_remove_empty(xmlNodePtr node)
{
	if (node && !hvcma_xml_first(node) && !node->properties)
		hvcma_xml_remove(node);
}
