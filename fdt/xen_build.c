// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * What a build of Xen can do. See xen_build.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fdt/xen_build.h"

#define TITLE		"# Xen/"
#define ADDRESS_BITS	48	/* of Arm, 64 bits, where no release says */

struct text {
	const char *at;
	size_t bytes;
};

/* One line, without its end; false: there is no more. */
static bool next_line(struct text *rest, struct text *line)
{
	const char *end;

	if (!rest->bytes)
		return false;
	end = memchr(rest->at, '\n', rest->bytes);
	line->at = rest->at;
	line->bytes = end ? (size_t)(end - rest->at) : rest->bytes;
	rest->at += line->bytes + (end != NULL);
	rest->bytes -= line->bytes + (end != NULL);
	return true;
}

static bool begins(const struct text *line, const char *with)
{
	return line->bytes >= strlen(with) && !memcmp(line->at, with, strlen(with));
}

static bool is_line(const struct text *line, const char *what)
{
	return line->bytes == strlen(what) && begins(line, what);
}

/* A copy to read numbers from. */
static const char *copy(const struct text *line, char buf[128])
{
	snprintf(buf, 128, "%.*s", (int)(line->bytes < 127 ? line->bytes : 127), line->at);
	return buf;
}

struct read {
	struct hvcma_xen_build build;
	bool is_config, is_arm, asks_dom0less;
	char arch[16];
};

static void read_line(struct read *r, const struct text *line)
{
	struct hvcma_xen_build *b = &r->build;
	unsigned int bits;
	char buf[128];

	if (begins(line, TITLE)) {
		sscanf(copy(line, buf), TITLE "%15[^ ] %u.%u", r->arch, &b->major, &b->minor);
		return;
	}
	r->is_config |= begins(line, "CONFIG_");
	r->is_arm |= is_line(line, "CONFIG_ARM=y");
	r->asks_dom0less |= begins(line, "CONFIG_DOM0LESS_BOOT=") || begins(line, "# CONFIG_DOM0LESS_BOOT ");
	b->has_dom0less |= is_line(line, "CONFIG_DOM0LESS_BOOT=y");
	b->has_static_memory |= is_line(line, "CONFIG_STATIC_MEMORY=y");
	b->has_vpl011 |= is_line(line, "CONFIG_SBSA_VUART_CONSOLE=y");
	b->has_passthrough |= is_line(line, "CONFIG_HAS_PASSTHROUGH=y");
	if (begins(line, "CONFIG_PADDR_BITS=") && sscanf(copy(line, buf), "CONFIG_PADDR_BITS=%u", &bits) == 1 &&
	    bits && bits <= 64)
		b->address_bits = bits;
}

int hvcma_xen_build_parse(const char *text, size_t bytes, struct hvcma_xen_build *build,
			  struct hvcma_fdt_error *err)
{
	struct read r = { .build.address_bits = ADDRESS_BITS };
	struct text rest = { text, bytes }, line;

	while (next_line(&rest, &line))
		read_line(&r, &line);
	if (!r.is_config)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "no configuration of Xen: no line begins with CONFIG_");
	if (!r.is_arm)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "a configuration of something else than Xen for Arm: CONFIG_ARM=y is not in it");
	if (!r.build.major)
		return hvcma_fdt_fail(err, -FDT_ERR_BADVALUE, "a configuration of no release of Xen: no line like \"# Xen/arm 4.20.0 Configuration\"");
	if (!r.asks_dom0less && !hvcma_xen_build_is_since(&r.build, 4, 19))
		r.build.has_dom0less = true;
	*build = r.build;
	return 0;
}
