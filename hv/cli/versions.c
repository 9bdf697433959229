// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Versions beside each other: see versions.h.
 */
#include "hv/cli/versions.h"

#include <stdio.h>
#include <string.h>

#include "hv/abi/version.h"

bool hvcma_version_is_other(const char *part, const char *version, struct hvcma_version_words *words)
{
	if (!strcmp(version, HVCMA_VERSION))
		return false;
	snprintf(words->text, sizeof(words->text), "%.80s is hvcma %.32s, this command is hvcma " HVCMA_VERSION, part,
		 *version ? version : "of an unknown version");
	return true;
}
