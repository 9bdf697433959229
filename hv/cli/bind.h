/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a device may be given to VFIO, for all commands that do.
 */
#ifndef HVCMA_CLI_BIND_H
#define HVCMA_CLI_BIND_H

#include <stdbool.h>

#include "hv/host/host_pci.h"

/**
 * hvcma_bind_judge() - is there something against it?
 * @force: that the host uses it is none
 *
 * Return: 0; HVCMA_EXIT_FAILED, said: an IOMMU protects it, it is a bridge, it is in use.
 */
int hvcma_bind_judge(const char *root, const struct hvcma_pci *pci, bool force);

/** hvcma_bind_is_done() - has VFIO got it, without an IOMMU? */
bool hvcma_bind_is_done(const struct hvcma_pci *pci);

/** hvcma_program_path() - of this program, as a rule for udev is to name it. */
const char *hvcma_program_path(void);

#endif /* HVCMA_CLI_BIND_H */
