/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Domain XML as a tree of libxml2: reading it with lines, finding things, and editing so that
 * everything else stays as it was, blanks and comments included. Knows nothing of regions.
 */
#ifndef HVCMA_LIBVIRT_XML_H
#define HVCMA_LIBVIRT_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libxml/tree.h>

#include "hv/libvirt/finding.h"

#define HVCMA_XML_NS		"https://hvcma.example/schemas/domain/1.0"
#define HVCMA_XML_QEMU_NS	"http://libvirt.org/schemas/domain/qemu/1.0"

/* More than any domain has. */
#define HVCMA_XML_MAX_BYTES	(16u << 20)

/**
 * hvcma_xml_parse() - a domain.
 * @f: gets what is wrong with it
 *
 * Nothing but @text is read: no files, no network, and a document type is refused.
 *
 * Return: to be freed with xmlFreeDoc(); NULL with a finding.
 */
xmlDocPtr hvcma_xml_parse(const char *text, size_t bytes, struct hvcma_findings *f);

/**
 * hvcma_xml_print() - the document as text.
 * @declaration: with the line that says it is XML
 *
 * Return: malloc'ed, never NULL.
 */
char *hvcma_xml_print(xmlDocPtr doc, bool declaration);

/* ---- finding ---- */

/* @ns: NULL: none. */
bool hvcma_xml_is(const xmlNode *node, const char *ns, const char *name);
/* The first such element among the children, NULL without; @parent may be NULL. */
xmlNodePtr hvcma_xml_child(xmlNodePtr parent, const char *ns, const char *name);
/* The next element beside @node, of any name. */
xmlNodePtr hvcma_xml_next(xmlNodePtr node);
/* The first element in it, of any name. */
xmlNodePtr hvcma_xml_first(xmlNodePtr parent);
/* "" or NULL if it has none; valid until the document changes there. */
const char *hvcma_xml_attribute(const xmlNode *node, const char *name);
long hvcma_xml_line(const xmlNode *node);

/** hvcma_xml_content() - its text without blanks around; malloc'ed, "" for NULL. */
char *hvcma_xml_content(xmlNodePtr node);

/**
 * hvcma_xml_alias() - what libvirt's user calls the device: name of its <alias>.
 *
 * Return: NULL without.
 */
const char *hvcma_xml_alias(xmlNodePtr device);

/**
 * hvcma_xml_scale() - "MiB", "M", "MB", "b" ... as libvirt reads them.
 * @unit: NULL: KiB, which is libvirt's default
 */
bool hvcma_xml_scale(const char *unit, uint64_t *bytes);

/** hvcma_xml_number() - all of @text, decimal or after 0x. */
bool hvcma_xml_number(const char *text, uint64_t *value);

/** hvcma_xml_bytes() - <element unit='MiB'>512</element>; false: it is none, or too large. */
bool hvcma_xml_bytes(xmlNodePtr node, uint64_t *bytes);

/* ---- editing ---- */

/**
 * hvcma_xml_add() - a new last element, on a line of its own.
 * @ns: NULL: none; declared on the root, or on @parent, if nothing in scope has it
 * @text: its content, NULL for none
 */
xmlNodePtr hvcma_xml_add(xmlNodePtr parent, const char *ns, const char *name, const char *text);
/* The same, in front of @sibling. */
xmlNodePtr hvcma_xml_add_before(xmlNodePtr sibling, const char *name, const char *text);
void hvcma_xml_set(xmlNodePtr node, const char *name, const char *value);
void hvcma_xml_set_content(xmlNodePtr node, const char *text);
/* A size in KiB, and a multiple of that; what says the same already stays as it is. */
void hvcma_xml_set_bytes(xmlNodePtr node, uint64_t bytes);
/** hvcma_xml_remove() - with what is in it and the blanks before it. */
void hvcma_xml_remove(xmlNodePtr node);
/** hvcma_xml_remove_empty() - unless there is an element or an attribute. */
void hvcma_xml_remove_empty(xmlNodePtr node);

#endif /* HVCMA_LIBVIRT_XML_H */
