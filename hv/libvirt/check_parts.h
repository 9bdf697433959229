/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of hvcma_check_domain(), for check.c alone: clients, and what the domain is and has beside
 * its regions. They add to @f, and change nothing else.
 */
#ifndef HVCMA_LIBVIRT_CHECK_PARTS_H
#define HVCMA_LIBVIRT_CHECK_PARTS_H

#include "hv/libvirt/domain.h"

/** hvcma_check_clients() - devices that regions name: are there, are named once, may be clients. */
void hvcma_check_clients(const struct hvcma_domain *d, struct hvcma_findings *f);

/** hvcma_check_folder() - can it have the files of regions, and the devices? */
void hvcma_check_folder(const struct hvcma_domain *d, struct hvcma_findings *f);

/** hvcma_check_beside() - machine and emulator, and what is written past libvirt; there are regions. */
void hvcma_check_beside(const struct hvcma_domain *d, struct hvcma_findings *f);

#endif /* HVCMA_LIBVIRT_CHECK_PARTS_H */
