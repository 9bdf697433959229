// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Edit distance between words. See suggest.h.
 */
#include <string.h>

#include "hv/cli/suggest.h"

#define MAX_LETTERS	24		/* longer than any command or option */
#define MIN_PREFIX	3

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to insert, remove, replace, or swap with their neighbour. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t d[MAX_LETTERS + 1][MAX_LETTERS + 1];

	for (size_t i = 0; i <= na; i++) {
		for (size_t j = 0; j <= nb; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
			d[i][j] = least(d[i][j], least(d[i - 1][j], d[i][j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[na][nb];
}

const char *hvcma_suggest(const char *word, const char *const known[], size_t nr)
{
	size_t letters = strlen(word), nearest = letters > 3 ? 3 : 2;
	const char *found = NULL;
	char lower[MAX_LETTERS + 1] = "";

	if (letters < 2 || letters > MAX_LETTERS)
		return NULL;
	for (size_t i = 0; i < letters; i++)
		lower[i] = word[i] >= 'A' && word[i] <= 'Z' ? word[i] - 'A' + 'a' : word[i];
	for (size_t i = 0; i < nr; i++) {
		size_t n = strlen(known[i]), d;

		if (n > MAX_LETTERS)
			continue;
		d = distance(lower, letters, known[i], n);
		if (d < nearest) {
			nearest = d;
			found = known[i];
		}
	}
	for (size_t i = 0; i < nr && !found; i++) {
		size_t n = least(letters, strlen(known[i]));

		if (n >= MIN_PREFIX && !strncmp(lower, known[i], n))
			found = known[i];
	}
	return found;
}
