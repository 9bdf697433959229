/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parts of hvcma that are there at once, each of its own version: the same as this command's? How each is asked is
 * not known here.
 */
#ifndef HVCMA_CLI_VERSIONS_H
#define HVCMA_CLI_VERSIONS_H

#include <stdbool.h>
#include <stddef.h>

struct hvcma_version_words {
	char text[160];		/* "hvcmad is hvcma 0.1, this command is hvcma 0.2" */
};

/**
 * hvcma_version_is_other() - is @version not that of this command?
 * @part: which part it is of, as a sentence begins
 * @version: as it says; "": it does not say, as parts of early versions don't
 * @words: out, if so
 */
bool hvcma_version_is_other(const char *part, const char *version, struct hvcma_version_words *words);

#endif /* HVCMA_CLI_VERSIONS_H */
