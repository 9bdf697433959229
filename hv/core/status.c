// SPDX-License-Identifier: (GPL-2.0-or-later OR BSD-3-Clause)
/*
 * Names and sentences of the status table in hv/abi.
 */
#include "hv/core/engine.h"

struct status_row {
	uint32_t status;
	const char *name;
	const char *text;
};

#define STATUS_ROW(name, nr, err, text) { nr, #name, text },
static const struct status_row rows[] = { VIRTIO_CMA_STATUS_TABLE(STATUS_ROW) };

static const struct status_row *row_of(uint32_t status)
{
	static const struct status_row unknown = { 0, "?", "unknown status" };

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return &rows[i];
	return &unknown;
}

const char *hvcma_status_name(uint32_t status)
{
	return row_of(status)->name;
}

const char *hvcma_status_text(uint32_t status)
{
	return row_of(status)->text;
}
