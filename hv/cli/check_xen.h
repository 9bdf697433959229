/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a control domain of Xen can give regions to domains: of KVM and VFIO it needs nothing.
 */
#ifndef HVCMA_CLI_CHECK_XEN_H
#define HVCMA_CLI_CHECK_XEN_H

#include <stdbool.h>

#include "hv/host/host_findings.h"

/** hvcma_is_xen_control() - is @root (host_files.h) a control domain? */
bool hvcma_is_xen_control(const char *root);

/**
 * hvcma_check_xen() - judge it.
 * @root: "": this machine, on which hvcma-xen is asked, too; else its files alone are read
 * @all: findings are added
 */
void hvcma_check_xen(const char *root, struct hvcma_host_findings *all);

#endif /* HVCMA_CLI_CHECK_XEN_H */
