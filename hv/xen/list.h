/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The regions of all domains, as xenstore knows them: lines for people, JSON for hvcma. Much of it is
 * written by guests: numbers are checked against the region, and addresses of the machine are what the guest says.
 */
#ifndef HVCMA_XEN_LIST_H
#define HVCMA_XEN_LIST_H

#include <stdbool.h>
#include <stdint.h>

struct xs_handle;

/**
 * hvcma_xen_next_device() - all regions, in the order of domains and numbers.
 * @domid, @id: in and out, both -1 to begin with
 *
 * Return: false at the end.
 */
bool hvcma_xen_next_device(struct xs_handle *xs, int64_t *domid, int64_t *id);

/** hvcma_xen_list_lines() - print a line for each. */
void hvcma_xen_list_lines(struct xs_handle *xs);

/**
 * hvcma_xen_list_json() - print a list: for each an object with "vm" (the domain's name), "device" (its number)
 * and "report", which has the form of a virtio-cma device's as far as it is known, and "xen", what only Xen has.
 *
 * Return: 0, or -ENOMEM: nothing was printed.
 */
int hvcma_xen_list_json(struct xs_handle *xs);

#endif /* HVCMA_XEN_LIST_H */
