/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hvcma status, for who has another way to QEMU's monitor.
 */
#ifndef HVCMA_CLI_STATUS_H
#define HVCMA_CLI_STATUS_H

#include <stdbool.h>

#include "hv/cli/qmp.h"

/**
 * hvcma_status_of() - print the reports of a virtual machine's virtio-cma devices.
 * @device: NULL: all
 * @field: a JSON pointer; NULL: the whole report
 *
 * Return: an exit value; the reason was printed.
 */
int hvcma_status_of(struct hvcma_qmp *qmp, const char *device, const char *field, bool json);

#endif /* HVCMA_CLI_STATUS_H */
