/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may have been meant by a word that is none of those known.
 */
#ifndef HVCMA_CLI_SUGGEST_H
#define HVCMA_CLI_SUGGEST_H

#include <stddef.h>

/**
 * hvcma_suggest() - the known word that is nearest: a letter or two wrong, missing,
 * too many or swapped with its neighbour; or one that begins with the other.
 *
 * Return: an element of @known, NULL if none is near.
 */
const char *hvcma_suggest(const char *word, const char *const known[], size_t nr);

#endif /* HVCMA_CLI_SUGGEST_H */
