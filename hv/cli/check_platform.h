/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvcma check, of a platform device: what its node in the host's tree says of passing it through.
 */
#ifndef HVCMA_CLI_CHECK_PLATFORM_H
#define HVCMA_CLI_CHECK_PLATFORM_H

#include "hv/host/host_check.h"

/**
 * hvcma_check_platform_node() - what it needs that a guest can't have, its windows, what resets it.
 * @device: of the bus "platform"
 * @all: findings are added
 */
void hvcma_check_platform_node(const char *root, const struct hvcma_pci *device, struct hvcma_host_findings *all);

#endif /* HVCMA_CLI_CHECK_PLATFORM_H */
