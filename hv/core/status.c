// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Names and sentences of the status table in hv/abi.
 */
#include "hv/core/engine.h"

#define NAME(name, nr, err, text) [nr] = #name,
#define TEXT(name, nr, err, text) [nr] = text,

static const char *const names[] = { VIRTIO_CMA_STATUS_TABLE(NAME) };
static const char *const texts[] = { VIRTIO_CMA_STATUS_TABLE(TEXT) };

const char *hvcma_status_name(uint32_t status)
{
	return status < VIRTIO_CMA_NR_STATUS ? names[status] : "?";
}

const char *hvcma_status_text(uint32_t status)
{
	return status < VIRTIO_CMA_NR_STATUS ? texts[status] : "unknown status";
}
