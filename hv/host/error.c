// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Error text for people. Says nothing about who shows it, and where.
 */
#include "hv/host/provider.h"

#include <stdarg.h>
#include <stdio.h>

void hvcma_error_set(struct hvcma_error *err, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
}
