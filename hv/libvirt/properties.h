/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A declared region as properties of the device virtio-cma, see virtio-cma(7). Knows neither
 * where they are written nor whether they make sense.
 */
#ifndef HVCMA_LIBVIRT_PROPERTIES_H
#define HVCMA_LIBVIRT_PROPERTIES_H

#include "hv/libvirt/domain.h"

struct hvcma_property {
	const char *name;		/* constant */
	const char *type;		/* of <qemu:property>: string, bool, unsigned; constant */
	char *value;
};

struct hvcma_properties {
	struct hvcma_property *list;
	size_t nr;
};

/** hvcma_properties_of() - what the region needs said, in one order; freed below. */
void hvcma_properties_of(const struct hvcma_domain *d, const struct hvcma_declared_region *r,
			 struct hvcma_properties *p);
void hvcma_properties_free(struct hvcma_properties *p);

/** hvcma_property_is_ours() - may the function above say this one? */
bool hvcma_property_is_ours(const char *name);

/** hvcma_windows_property() - value of dma-windows; malloc'ed, NULL: none is declared. */
char *hvcma_windows_property(const struct hvcma_domain *d, const struct hvcma_declared_region *r);

/** hvcma_properties_argument() - as value of QEMU's -device, with the region's id; malloc'ed. */
char *hvcma_properties_argument(const struct hvcma_declared_region *r, const struct hvcma_properties *p);

/** hvcma_argument_is_ours() - has that function made the value of -device? */
bool hvcma_argument_is_ours(const char *value);

#endif /* HVCMA_LIBVIRT_PROPERTIES_H */
